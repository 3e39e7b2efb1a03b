// Dataset: labelled pictures in memory.
#ifndef ADRET_IO_DATASET_H_
#define ADRET_IO_DATASET_H_

#include "adret/core/tensor.h"

namespace adret::io {

struct Dataset {
  Tensor images;  // u8 [n,1,height,width]; 0 is background, 255 is ink
  Tensor labels;  // i64 [n]

  int64_t size() const { return images.rank() == 0 ? 0 : images.shape()[0]; }
};

struct TrainAndTest {
  Dataset train;
  Dataset test;
};

}  // namespace adret::io

#endif  // ADRET_IO_DATASET_H_
