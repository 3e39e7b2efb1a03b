#include "adret/io/onnx/places.h"

#include <utility>

#include "adret/core/status.h"
#include "adret/io/onnx/shapes.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/compare.h"
#include "adret/ops/reshape.h"
#include "adret/ops/slice.h"
#include "adret/ops/where.h"

namespace adret::onnx {
namespace {

// Adds up indices along single axes, of one shape.
class Sum {
 public:
  Sum(const Value& x, int end) : x_(x), end_(end) {}

  // checked: indices that are no constants may be out of range.
  void Add(const Indices& indices, int axis, bool checked) {
    const Value stride = SizeOfAxes(x_, axis + 1, end_);
    const Value step = Cast(indices.value, DType::kInt64) * stride;
    sum_.value = sum_.value.graph() == nullptr ? step : sum_.value + step;
    if (checked && !indices.known.has_value()) {
      const Value size = SizeOfAxes(x_, axis, axis + 1), k = Cast(indices.value, DType::kInt64);
      const Value inside = LogicalAnd(GreaterEqual(k, 0), Less(k, size));
      sum_.inside = sum_.inside.graph() == nullptr ? inside : LogicalAnd(sum_.inside, inside);
    }
    AddNumbers(indices, axis);
  }

  Places Take(const Shape& shape) {
    if (numbers_known_) {
      sum_.value = x_.graph()->Constant(Tensor::From<int64_t>(shape, numbers_));
      sum_.known = std::move(numbers_);
    }
    return std::move(sum_);
  }

 private:
  void AddNumbers(const Indices& indices, int axis) {
    Dim stride(1);
    for (int a = axis + 1; a < end_; ++a) stride = stride * x_.shape().dim(a);
    numbers_known_ = numbers_known_ && indices.known.has_value() && stride.number().has_value() &&
                     x_.shape().dim(axis).number().has_value();
    if (!numbers_known_) return;
    const auto more = indices.known->data<int64_t>();
    numbers_.resize(more.size(), 0);
    for (size_t m = 0; m < more.size(); ++m) numbers_[m] += more[m] * *stride.number();
  }

  const Value x_;
  const int end_;
  Places sum_;
  bool numbers_known_ = true;
  std::vector<int64_t> numbers_;
};

// Element j of every k numbers.
Tensor Every(const Tensor& tuples, int64_t k, int64_t j, const Shape& shape) {
  std::vector<int64_t> numbers;
  const auto all = tuples.data<int64_t>();
  for (int64_t m = j; m < static_cast<int64_t>(all.size()); m += k) numbers.push_back(all[m]);
  return Tensor::From<int64_t>(shape, numbers);
}

// Returns what is wrong where an index of axis `other` could be outside x without saying so.
absl::Status CheckOtherAxis(const Call& c, const Value& x, const Value& indices, int other) {
  const Dim size = x.shape().dim(other), count = indices.shape().dim(other);
  if (size == count) return absl::OkStatus();
  const bool numbers = size.number().has_value() && count.number().has_value();
  if (numbers && *count.number() <= *size.number()) return absl::OkStatus();
  return c.Error("axis ", other, " of its indices, ", indices.type().ToString(), ", does not fit ",
                 x.type().ToString());
}

}  // namespace

Value Places::Checked() const { return inside.graph() == nullptr ? value : Where(inside, value, -1); }

absl::StatusOr<Places> TuplePlaces(Call& c, int i, const Value& x, int first) {
  const Value tuples = c.raw(i);
  const int last = tuples.rank() - 1;
  if (last < 0) return c.Error("its indices must be a list, but are ", tuples.type().ToString());
  const int64_t k = tuples.shape()[last];
  if (!IsInteger(tuples.dtype()) || k < 1 || first + k > x.rank()) {
    return c.Error("its indices, ", tuples.type().ToString(), ", name no places in ", x.type().ToString());
  }
  std::optional<Tensor> known;
  if (c.IsKnown(i)) {
    AD_ASSIGN_OR_RETURN(known, c.Known(i));
    known = known->Cast(DType::kInt64);
  }
  Shape shape = tuples.shape();
  shape.erase(last);
  Sum sum(x, first + static_cast<int>(k));
  for (int j = 0; j < k; ++j) {
    std::optional<Tensor> numbers;
    if (known.has_value()) numbers = Every(*known, k, j, shape);
    const Value one = Squeeze(Slice(tuples, last, j, j + 1), {last});
    if (!one.valid()) return Places{one};
    AD_ASSIGN_OR_RETURN(const Indices indices, IndicesInto(c, one, numbers, x, first + j));
    sum.Add(indices, first + j, /*checked=*/true);
  }
  return sum.Take(shape);
}

absl::StatusOr<Places> ElementPlaces(Call& c, int i, const Value& x, int axis) {
  AD_ASSIGN_OR_RETURN(const Indices indices, IndicesInto(c, i, x, axis));
  const Shape shape = c.shape(i);
  const int rank = x.rank();
  if (shape.rank() != rank) return c.Error("indices and x must have one rank: ", rank, " and ", shape.rank());
  Sum sum(x, rank);
  for (int a = 0; a < rank; ++a) {
    if (a == axis) {
      sum.Add(indices, a, /*checked=*/true);
      continue;
    }
    AD_RETURN_IF_ERROR(CheckOtherAxis(c, x, c.raw(i), a));
    const Value place = BroadcastTo(Along(Counting(x.graph(), shape.dim(a)), a, rank), shape);
    Indices own{place};
    if (!shape.is_symbolic() && indices.known.has_value()) {
      const auto strides = Strides(shape);
      std::vector<int64_t> numbers(shape.num_elements());
      for (int64_t m = 0; m < static_cast<int64_t>(numbers.size()); ++m) numbers[m] = m / strides[a] % shape[a];
      own.known = Tensor::From<int64_t>(shape, numbers);
    }
    sum.Add(own, a, /*checked=*/false);
  }
  return sum.Take(shape);
}

}  // namespace adret::onnx
