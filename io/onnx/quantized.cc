#include "adret/io/onnx/quantized.h"

#include <optional>
#include <vector>

#include "adret/core/status.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/reshape.h"
#include "adret/ops/slice.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"

namespace adret::onnx {
namespace {

struct Limits {
  double min, max;
};

Limits LimitsOf(DType dtype) {
  const double values = SizeOf(dtype) == 1 ? 256 : 65536;
  const bool has_sign = dtype == DType::kInt8 || dtype == DType::kInt16;
  return has_sign ? Limits{-values / 2, values / 2 - 1} : Limits{0, values - 1};
}

// Above this number, the numbers of a dtype up to twice as large are the integers: adding it rounds what is small
// beside it.
double RoundingOffset(DType dtype) {
  constexpr int64_t kOne = 1;
  return static_cast<double>(dtype == DType::kFloat64 ? kOne << 52 : kOne << 23) * 1.5;
}

const Node& NodeOf(const Value& value) { return value.graph()->node(value.node()); }

Value InputOf(const Value& value, int i) { return Value(value.graph(), NodeOf(value).inputs[i]); }

bool Is(const Value& value, absl::string_view op) { return NodeOf(value).op->name == op; }

// Returns whether a value is this number everywhere, as a constant that may be repeated.
bool IsNumber(Value value, double number) {
  if (Is(value, "broadcast_to")) value = InputOf(value, 0);
  const Attrs& attrs = NodeOf(value).attrs;
  if (!attrs.Is<ConstantAttrs>()) return false;
  const Tensor& tensor = attrs.As<ConstantAttrs>().value;
  return tensor.num_elements() == 1 && tensor.At(0) == number;
}

// Returns whether a value is what RoundStraightThrough() returns of numbers that were cut off.
bool IsRounded(const Value& value) {
  const double offset = RoundingOffset(value.dtype());
  if (!Is(value, "sub") || !IsNumber(InputOf(value, 1), offset)) return false;
  const Value sum = InputOf(value, 0);
  if (!Is(sum, "add") || !IsNumber(InputOf(sum, 1), offset)) return false;
  return Is(InputOf(sum, 0), "minimum") || Is(InputOf(sum, 0), "clip");
}

// Returns whether a zero point consists of integers.
bool HasIntegers(Value value) {
  if (Is(value, "broadcast_to")) value = InputOf(value, 0);
  return (Is(value, "cast") && IsInteger(InputOf(value, 0).dtype())) || IsNumber(value, 0) || IsRounded(value);
}

}  // namespace

Value RoundStraightThrough(const Value& x) {
  const double offset = RoundingOffset(x.dtype());
  return (x + offset) - offset;
}

Value Quantize(const Value& ratio, const Value& zero_point, DType dtype) {
  const Limits limits = LimitsOf(dtype);
  // Limits are integers, so that it makes no difference whether cutting off or rounding comes first.
  const Value inside = Clip(ratio, limits.min - zero_point, limits.max - zero_point);
  return Cast(RoundStraightThrough(inside) + zero_point, dtype);
}

Value NumbersOf(const Value& quantized, DType dtype) {
  if (quantized.valid() && Is(quantized, "cast")) {
    const Value before = InputOf(quantized, 0);
    if (Is(before, "add") && IsRounded(InputOf(before, 0)) && HasIntegers(InputOf(before, 1))) {
      return Cast(before, dtype);
    }
  }
  return Cast(quantized, dtype);
}

absl::StatusOr<Value> ScaleOf(Call& c, int i) {
  if (!c.IsKnown(i)) return c.raw(i);
  AD_ASSIGN_OR_RETURN(const Tensor numbers, c.Known(i));
  return c.graph()->Constant(numbers);
}

absl::StatusOr<Value> SpreadOver(Call& c, const Value& scale, const Shape& x, int64_t axis, int64_t block_size) {
  if (scale.shape().num_elements() == 1 && (block_size == 0 || scale.rank() == 0)) return Reshape(scale, Shape());
  if (axis < -x.rank() || axis >= x.rank()) return c.Error("axis ", axis, " is none of ", x.ToString());
  if (axis < 0) axis += x.rank();
  if (block_size == 0) {
    if (scale.rank() != 1) return c.Error("its scale and zero point must be scalars or have rank 1");
    if (!MayBeEqual(scale.shape()[0], x[axis])) {
      return c.Error("it has ", DimText(scale.shape()[0]), " scales for an axis of size ", DimText(x[axis]));
    }
    std::vector<int64_t> after;
    for (int64_t i = axis + 1; i < x.rank(); ++i) after.push_back(i - axis);
    return after.empty() ? scale : Unsqueeze(scale, after);
  }
  if (block_size < 0) return c.Error("block_size must not be negative");
  if (scale.rank() != x.rank()) return c.Error("scales of blocks must have the rank of what they scale");
  if (x[axis] < 0 || scale.shape()[axis] < 0) return c.Unsupported("the size of an axis with blocks must be known");
  const int64_t blocks = scale.shape()[axis];
  if (block_size > x[axis] && blocks != 1) return c.Error("block_size ", block_size, " is above the size of the axis");
  if (blocks != (x[axis] + block_size - 1) / block_size) {
    return c.Error(blocks, " blocks of ", block_size, " are not what an axis of size ", x[axis], " consists of");
  }
  for (int i = 0; i < x.rank(); ++i) {
    if (i != axis && !MayBeEqual(scale.shape()[i], x[i])) {
      return c.Error("scales of blocks ", scale.shape().ToString(), " do not go with ", x.ToString());
    }
  }
  Shape repeated = scale.shape(), joined = scale.shape();
  repeated.insert(static_cast<int>(axis) + 1, block_size);
  joined.set(static_cast<int>(axis), blocks * block_size);
  if (blocks == 1) return scale;
  const Value all = Reshape(BroadcastTo(Unsqueeze(scale, {axis + 1}), repeated), joined);
  return Slice(all, axis, 0, x[axis]);
}

}  // namespace adret::onnx
