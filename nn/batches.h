// Batches: examples in memory, a few at a time, in an order that depends on a seed and the epoch only.
//
//   nn::Batches batches = *nn::Batches::Create({images, labels}, image.type(), label.type(), {.batch = 128});
//   batches.Shuffle(/*seed=*/1, /*epoch=*/0);
//   for (int64_t i = 0; i < batches.count(); ++i) {
//     auto [x, y] = batches.Get(i);
//   }
//
// Data stays as it is stored (bytes); each batch is converted to what the graph's inputs expect. An x of u8 that
// becomes floating-point numbers is taken for pixels, which are divided by 255. Answers keep their numbers.
#ifndef ADRET_NN_BATCHES_H_
#define ADRET_NN_BATCHES_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "adret/core/tensor.h"

namespace adret::nn {

// n examples: x [n, ...] and what to answer, y [n, ...].
struct Examples {
  Tensor x;
  Tensor y;
  int64_t size() const { return x.rank() == 0 ? 0 : x.shape()[0]; }
};

struct BatchOptions {
  int64_t batch = 128;
  // What to do with the last examples when they do not fill a batch: leave them out, or make a smaller batch.
  bool drop_last = false;
};

// Returns how many batches n examples make: the steps of an epoch. options.batch must be at least 1.
int64_t CountBatches(int64_t n, const BatchOptions& options = {});

class Batches {
 public:
  // Makes batches. x_type and y_type are those of the inputs that batches will be fed to, with a symbolic first axis.
  // Fails when an example has another shape, x and y have different lengths, or there is nothing.
  static absl::StatusOr<Batches> Create(Examples examples, const Type& x_type, const Type& y_type,
                                        const BatchOptions& options = {});

  // Returns the number of batches, and of the examples in them.
  int64_t count() const;
  int64_t num_examples() const;

  // Sets the order of this epoch: a permutation drawn from (seed, epoch). Without it the order is that of the examples.
  void Shuffle(uint64_t seed, int64_t epoch);

  // Returns batch i: x and y.
  std::pair<Tensor, Tensor> Get(int64_t i) const;

 private:
  Batches() = default;

  Examples examples_;
  DType x_dtype_ = DType::kFloat32, y_dtype_ = DType::kInt64;
  BatchOptions options_;
  std::vector<uint32_t> order_;
};

// What numbers of u8 become as floating-point numbers: themselves, or the pixels that they are, divided by 255.
enum class Bytes { kNumbers, kPixels };
// Returns rows `rows` of data [n, ...], as dtype.
Tensor TakeRows(const Tensor& data, absl::Span<const uint32_t> rows, DType dtype, Bytes bytes = Bytes::kPixels);

}  // namespace adret::nn

#endif  // ADRET_NN_BATCHES_H_
