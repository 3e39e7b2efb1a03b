// Quantisation: floating-point numbers to integers and back.
#include <cstdint>
#include <optional>

#include "adret/core/executor.h"
#include "adret/core/status.h"
#include "adret/io/onnx/call.h"
#include "adret/io/onnx/operators.h"
#include "adret/io/onnx/quantized.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/compare.h"
#include "adret/ops/reduce.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"

namespace adret::onnx {
namespace {

using Results = absl::StatusOr<Values>;

// Reads an attribute that names a dtype; 0 stands for none.
absl::StatusOr<std::optional<DType>> DTypeAttr(Call& c, absl::string_view name) {
  const int64_t type = c.Int(name, 0);
  if (type == 0) return std::optional<DType>();
  const std::optional<DType> dtype = DTypeOf(type);
  if (!dtype.has_value()) return c.Unsupported(name, " is ", ElementTypeName(type), ", which adret has no dtype for");
  return dtype;
}

bool IsQuantized(DType dtype) { return IsInteger(dtype) && SizeOf(dtype) <= 2; }

// Returns x in the precision in which ONNX computes with it: rounded to it, in f32 or f64.
Value InPrecision(const Value& x, DType precision) {
  const Value rounded = Cast(x, precision);
  return IsHalf(precision) ? Cast(rounded, DType::kFloat32) : rounded;
}

struct Scaling {
  Value scale;
  std::optional<Value> zero;
};

// Returns the scale and the zero point, inputs 1 and 2, spread over x.
absl::StatusOr<Scaling> ScalingFrom(Call& c, const Shape& x) {
  const int64_t axis = c.Int("axis", 1), block_size = c.Int("block_size", 0);
  AD_ASSIGN_OR_RETURN(Value scale, ScaleOf(c, 1));
  if (!IsAnyFloating(scale.dtype())) return c.Error("its scale must consist of floating-point numbers");
  const Shape given = scale.shape();
  AD_ASSIGN_OR_RETURN(scale, SpreadOver(c, scale, x, axis, block_size));
  if (!c.has(2)) return Scaling{scale, std::nullopt};
  AD_ASSIGN_OR_RETURN(Value zero, ScaleOf(c, 2));
  if (zero.shape().num_elements() != given.num_elements()) return c.Error("it has other scales than zero points");
  AD_ASSIGN_OR_RETURN(zero, SpreadOver(c, zero, x, axis, block_size));
  return Scaling{scale, zero};
}

Results QuantizeLinearFrom(Call& c) {
  c.Ignore("saturate");  // of floating-point numbers of 8 bits
  const Value x = c.raw(0);
  AD_ASSIGN_OR_RETURN(const Scaling scaling, ScalingFrom(c, x.shape()));
  const auto& [scale, zero] = scaling;
  AD_ASSIGN_OR_RETURN(const std::optional<DType> output, DTypeAttr(c, "output_dtype"));
  AD_ASSIGN_OR_RETURN(const std::optional<DType> precision, DTypeAttr(c, "precision"));
  const DType dtype = zero.has_value() ? zero->dtype() : output.value_or(DType::kUint8);
  if (output.value_or(dtype) != dtype) return c.Error("output_dtype is not the dtype of the zero point");
  if (!IsQuantized(dtype))
    return c.Unsupported("it quantises to ", Name(dtype), "; integers of 8 and 16 bits are read");
  const DType computed = precision.value_or(scale.dtype());
  if (!IsAnyFloating(computed)) return c.Error("its precision must be a floating-point dtype");
  const Value ratio = InPrecision(InPrecision(x, computed) / InPrecision(scale, computed), computed);
  const Value offset =
      zero.has_value() ? Cast(*zero, ratio.dtype()) : c.graph()->Constant(Tensor::Scalar(ratio.dtype(), 0));
  return Values{Quantize(ratio, offset, dtype)};
}

Results DequantizeLinearFrom(Call& c) {
  const Value x = c.raw(0);
  AD_ASSIGN_OR_RETURN(const Scaling scaling, ScalingFrom(c, x.shape()));
  const auto& [scale, zero] = scaling;
  AD_ASSIGN_OR_RETURN(const std::optional<DType> output, DTypeAttr(c, "output_dtype"));
  if (!IsQuantized(x.dtype()) && x.dtype() != DType::kInt32) {
    return c.Unsupported("it takes ", Name(x.dtype()), "; integers of 8, 16 and 32 bits are read");
  }
  if (zero.has_value() && zero->dtype() != x.dtype()) return c.Error("its zero point has another dtype");
  const DType dtype = output.value_or(scale.dtype());
  if (!IsAnyFloating(dtype)) return c.Error("output_dtype must be a floating-point dtype");
  const DType computed = scale.dtype() == DType::kFloat64 ? DType::kFloat64 : DType::kFloat32;
  Value y = NumbersOf(x, computed);
  if (zero.has_value()) y = y - Cast(*zero, computed);
  y = Cast(y * Cast(scale, computed), dtype);
  if (c.Stored(0) == nullptr) return Values{y};
  AD_ASSIGN_OR_RETURN(Tensor numbers, Evaluate(y));  // weights that are stored as integers
  return c.Weight(std::move(numbers), Entry::kInitializer);
}

// The scale is such that the numbers, and 0, become 0 to 255. In gradients it counts as a constant.
Results DynamicQuantizeLinearFrom(Call& c) {
  const Value x = c.x(0);
  const Value given = StopGradient(x);
  const Value min = Minimum(Min(given), 0.0), max = Maximum(Max(given), 0.0);
  const Value range = max - min;
  const Value scale = Where(Equal(range, 0.0), OnesLike(range), range) / 255.0;
  const Value zero = RoundStraightThrough(Clip(-min / scale, {.min = 0, .max = 255}));
  return Values{Quantize(x / scale, zero, DType::kUint8), scale, Cast(zero, DType::kUint8)};
}

constexpr absl::string_view kNote =
    "integers of 8 and 16 bits, to and from f32, f64, f16 and bf16; gradients pass as if nothing was rounded, from "
    "DequantizeLinear to the QuantizeLinear right before it; scales and zero points are constants";

const OperatorRegistration kQuantization({
    {.name = "QuantizeLinear", .since = 10, .from = QuantizeLinearFrom, .halves = Halves::kMove, .note = kNote},
    {.name = "DequantizeLinear", .since = 10, .from = DequantizeLinearFrom, .halves = Halves::kMove, .note = kNote},
    {.name = "DynamicQuantizeLinear",
     .since = 11,
     .from = DynamicQuantizeLinearFrom,
     .note = "the scale counts as a constant in gradients"},
});

}  // namespace
}  // namespace adret::onnx
