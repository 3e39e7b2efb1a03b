// Synthetic digits in MNIST's format, for use when MNIST is not available.
//
//   io::TrainAndTest digits = *io::DrawnDigits({.seed = 1});       // 28x28, some 20,000 images per second and core
//
// A digit is the pen's way in one of several styles (digit_strokes.h), its points shaken; then it is rotated, slanted,
// stretched and moved at random, bent by an elastic field (Simard, Steinkraus and Platt, "Best practices for
// convolutional neural networks applied to visual document analysis", ICDAR 2003), drawn with a pen of random and
// varying width, and blurred; noise is added. Image i is a pure function of (seed, part, i), whatever the number of
// threads or images.
#ifndef ADRET_IO_DRAWN_DIGITS_H_
#define ADRET_IO_DRAWN_DIGITS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "adret/io/dataset.h"

namespace adret::io {

struct DrawnDigitsOptions {
  int64_t train = 60000;
  int64_t test = 10000;
  uint64_t seed = 1;
};

// Draws images u8 [n,1,28,28] and labels i64 [n] in 0 to 9, all digits equally likely. No image of one part is in the
// other. InvalidArgument unless both sizes are in [1, 10 million].
absl::StatusOr<TrainAndTest> DrawnDigits(const DrawnDigitsOptions& options = {});

}  // namespace adret::io

#endif  // ADRET_IO_DRAWN_DIGITS_H_
