#include "adret/nn/batches.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "adret/core/random.h"

namespace adret::nn {
namespace {

// Random nodes count their streams from 1 and initialisers have the top bit, so 0 is free.
constexpr uint32_t kShuffleStream = 0;

absl::Status CheckExamples(const Tensor& data, const Type& input, absl::string_view what) {
  const Shape example(input.shape.dims().subspan(std::min(1, input.shape.rank())));
  if (input.shape.symbolic_axis() != 0) {
    return absl::InvalidArgumentError(absl::StrCat("batches: the input for ", what,
                                                   " must have a symbolic first axis, "
                                                   "but is ",
                                                   input.ToString()));
  }
  if (data.rank() == 0 || Shape(data.shape().dims().subspan(1)) != example) {
    return absl::InvalidArgumentError(
        absl::StrCat("batches: ", what, " is ", data.type().ToString(), ", but the graph expects ", input.ToString()));
  }
  return absl::OkStatus();
}

template <class T>
void PixelsToFloating(const Tensor& data, absl::Span<const uint32_t> rows, int64_t row_size, Tensor* result) {
  std::array<T, 256> levels;
  for (int i = 0; i < 256; ++i) levels[i] = static_cast<T>(i) / static_cast<T>(255);
  const uint8_t* from = data.data<uint8_t>().data();
  T* to = result->mutable_data<T>().data();
  for (uint32_t row : rows) {
    const uint8_t* pixels = from + row * row_size;
    for (int64_t i = 0; i < row_size; ++i) *to++ = levels[pixels[i]];
  }
}

}  // namespace

Tensor TakeRows(const Tensor& data, absl::Span<const uint32_t> rows, DType dtype, Bytes meaning) {
  Shape shape = data.shape();
  shape.set(0, static_cast<int64_t>(rows.size()));
  const int64_t row_size = data.shape()[0] == 0 ? 0 : data.num_elements() / data.shape()[0];
  if (meaning == Bytes::kPixels && data.dtype() == DType::kUint8 && IsFloating(dtype)) {
    Tensor result(dtype, shape);
    VisitFloating(dtype,
                  [&](auto tag) { PixelsToFloating<typename decltype(tag)::type>(data, rows, row_size, &result); });
    return result;
  }
  Tensor taken(data.dtype(), shape);
  const size_t bytes = static_cast<size_t>(row_size) * SizeOf(data.dtype());
  const char* from = static_cast<const char*>(data.raw());
  char* to = static_cast<char*>(taken.mutable_raw());
  for (size_t i = 0; i < rows.size(); ++i) std::memcpy(to + i * bytes, from + rows[i] * bytes, bytes);
  return taken.Cast(dtype);
}

absl::StatusOr<Batches> Batches::Create(Examples examples, const Type& x_type, const Type& y_type,
                                        const BatchOptions& options) {
  AD_RETURN_IF_ERROR(CheckExamples(examples.x, x_type, "x"));
  AD_RETURN_IF_ERROR(CheckExamples(examples.y, y_type, "y"));
  const int64_t n = examples.size();
  if (n != examples.y.shape()[0]) {
    return absl::InvalidArgumentError(
        absl::StrCat("batches: there are ", n, " examples but ", examples.y.shape()[0], " answers"));
  }
  if (options.batch < 1 || n < 1 || n > std::numeric_limits<uint32_t>::max() ||
      (options.drop_last && n < options.batch)) {
    return absl::InvalidArgumentError(
        absl::StrCat("batches: no batch of ", options.batch, " can be made of ", n, " examples"));
  }
  Batches batches;
  batches.examples_ = std::move(examples);
  batches.x_dtype_ = x_type.dtype;
  batches.y_dtype_ = y_type.dtype;
  batches.options_ = options;
  batches.order_.resize(n);
  std::iota(batches.order_.begin(), batches.order_.end(), 0u);
  return batches;
}

int64_t CountBatches(int64_t n, const BatchOptions& options) {
  return n / options.batch + (!options.drop_last && n % options.batch != 0 ? 1 : 0);
}

int64_t Batches::count() const { return CountBatches(examples_.size(), options_); }

int64_t Batches::num_examples() const { return options_.drop_last ? count() * options_.batch : examples_.size(); }

void Batches::Shuffle(uint64_t seed, int64_t epoch) {
  std::iota(order_.begin(), order_.end(), 0u);
  RandomStream stream(RandomKey{seed, kShuffleStream, static_cast<uint64_t>(epoch)});
  for (uint32_t i = static_cast<uint32_t>(order_.size()); i > 1; --i) std::swap(order_[i - 1], order_[stream.Below(i)]);
}

std::pair<Tensor, Tensor> Batches::Get(int64_t i) const {
  const int64_t begin = i * options_.batch;
  const auto rows = absl::MakeConstSpan(order_).subspan(begin, options_.batch);
  return {TakeRows(examples_.x, rows, x_dtype_), TakeRows(examples_.y, rows, y_dtype_, Bytes::kNumbers)};
}

}  // namespace adret::nn
