// Embedding: a table of vectors, looked up by index.
//
//   nn::Sequential net{nn::Embedding(1000, 64), nn::SinusoidalPositions(), nn::TransformerEncoderLayer(4)};
//   Value y = net(tokens);                                           // i64[?,12] -> [?,12,64]
#ifndef ADRET_NN_EMBEDDING_H_
#define ADRET_NN_EMBEDDING_H_

#include <cstdint>

#include "adret/nn/initializers.h"
#include "adret/nn/layer.h"

namespace adret::nn {

struct EmbeddingOptions {
  int64_t padding_index = -1;  // its vector starts as zeros and has no gradient; -1: there is none
  DType dtype = DType::kFloat32;
  Initializer initializer = Normal(0, 1);
  bool sparse = false;  // optimisers move the rows looked up and touch no others
};

// Makes a layer "embedding": y[..., :] = w[x[...], :] for x of i32 or i64, w [count, width]. An index outside [0,
// count) makes the run fail.
//
// The gradient of w is a tensor of w's shape, zero but for the rows looked up: a scatter_add of what the batch looks up
// into zeros. Filling it, and an optimiser's update of all of w, cost what the table costs, not what the batch does.
// With `sparse` an optimiser takes the gradient's rows instead (SparseRowsOf() in ops/sparse_gradient.h), and a step
// costs what the batch looks up, in time and in memory. nn/optimizers.h says which optimisers do so; the others refuse.
// A table that is also used otherwise (tied to a product that makes logits) has a dense gradient all the same, and is
// moved as a whole.
Layer Embedding(int64_t count, int64_t width, const EmbeddingOptions& options = {});

}  // namespace adret::nn

#endif  // ADRET_NN_EMBEDDING_H_
