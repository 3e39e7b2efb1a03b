// Constants, conversions, shapes as numbers, and tensors made of nothing but a shape.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "adret/core/status.h"
#include "adret/io/onnx/call.h"
#include "adret/io/onnx/operators.h"
#include "adret/io/onnx/shapes.h"
#include "adret/ops/binary.h"
#include "adret/ops/bitwise.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/compare.h"
#include "adret/ops/range.h"
#include "adret/ops/reshape.h"
#include "adret/ops/shape_of.h"
#include "adret/ops/slice.h"
#include "adret/ops/where.h"

namespace adret::onnx {
namespace {

using Results = absl::StatusOr<Values>;

template <class To, class From>
Tensor Row(const std::vector<From>& numbers) {
  return Tensor::From<To>({static_cast<int64_t>(numbers.size())}, std::vector<To>(numbers.begin(), numbers.end()));
}

absl::StatusOr<Tensor> ConstantOf(Call& c) {
  if (c.HasAttr("value")) return c.TensorAttr("value");
  if (c.HasAttr("sparse_value")) return c.TensorAttr("sparse_value");
  if (c.HasAttr("value_float")) return Tensor::From<float>({}, {static_cast<float>(c.Float("value_float", 0))});
  if (c.HasAttr("value_floats")) return Row<float>(c.Floats("value_floats"));
  if (c.HasAttr("value_int")) return Tensor::From<int64_t>({}, {c.Int("value_int", 0)});
  if (c.HasAttr("value_ints")) return Row<int64_t>(c.Ints("value_ints"));
  if (c.HasAttr("value_string") || c.HasAttr("value_strings")) return c.Unsupported("strings are not read");
  return c.Error("has no attribute with its value");
}

Results ConstantFrom(Call& c) {
  AD_ASSIGN_OR_RETURN(Tensor value, ConstantOf(c));
  return c.Weight(std::move(value), Entry::kConstantNode);
}

// An initialiser under another name stays what it is.
Results IdentityFrom(Call& c) {
  c.Forward(0);
  return Values();
}

Results ConstantOfShapeFrom(Call& c) {
  Tensor value;
  if (c.HasAttr("value")) {
    AD_ASSIGN_OR_RETURN(value, c.TensorAttr("value"));
  }
  if (value.num_elements() != 1) return c.Error("value must be one number, but is ", value.type().ToString());
  AD_ASSIGN_OR_RETURN(const std::vector<Dim> dims, c.KnownDims(0));
  AD_ASSIGN_OR_RETURN(const Shape shape, ShapeFrom(c, dims));
  return Values{BroadcastTo(c.graph()->Constant(value.Reshaped({})), shape)};
}

// ---- Conversions ------------------------------------------------------------------------------------------------

bool IsSigned(DType dtype) {
  return dtype == DType::kInt8 || dtype == DType::kInt16 || dtype == DType::kInt32 || dtype == DType::kInt64;
}

// Returns whether each number of an integer dtype is one of another.
bool HoldsAll(DType from, DType to) {
  if (from == to) return true;
  const size_t a = adret::SizeOf(from), b = adret::SizeOf(to);
  return IsSigned(from) ? IsSigned(to) && b > a : b > a;
}

// Returns whether x are a few numbers of a shape that lie in the dtype, as far as they are known.
bool AreDimsIn(const Value& x, DType dtype) {
  const absl::StatusOr<std::vector<Dim>> dims = KnownDims(x);
  if (!dims.ok() || (dtype != DType::kInt32 && dtype != DType::kInt64)) return false;
  return std::all_of(dims->begin(), dims->end(), [&](const Dim& dim) {
    const int64_t n = dim.number().value_or(0);
    return dtype == DType::kInt64 || n == static_cast<int32_t>(n);
  });
}

// Converts integers as ONNX does: the bits that the dtype has no place for are dropped.
Value DropHighBits(const Value& x, DType to) {
  const Value wide = x.dtype() == DType::kUint64 ? Bitcast(x, DType::kInt64) : Cast(x, DType::kInt64);
  if (to == DType::kInt64) return wide;
  if (to == DType::kUint64) return Bitcast(wide, to);
  const int64_t range = int64_t{1} << (8 * adret::SizeOf(to)), half = IsSigned(to) ? range / 2 : 0;
  const Value moved = half == 0 ? wide : wide + half;
  const Value rest = moved - moved / range * range;
  const Value in_range = Where(Less(rest, 0), rest + range, rest);
  return Cast(half == 0 ? in_range : in_range - half, to);
}

Value CastTo(const Value& x, DType to) {
  const bool integers = IsInteger(x.dtype()) && IsInteger(to);
  return !integers || HoldsAll(x.dtype(), to) || AreDimsIn(x, to) ? Cast(x, to) : DropHighBits(x, to);
}

absl::StatusOr<DType> TargetOf(Call& c, int64_t otherwise) {
  const int64_t element_type = c.Int("to", otherwise);
  const std::optional<DType> to = DTypeOf(element_type);
  if (!to.has_value()) {
    return c.Unsupported("it converts to ", ElementTypeName(element_type), ", which adret has no dtype for");
  }
  return *to;
}

Results CastFrom(Call& c) {
  c.Ignore("saturate");  // they are for 8 bits and less
  c.Ignore("round_mode");
  AD_ASSIGN_OR_RETURN(const DType to, TargetOf(c, 0));
  // Weights that are stored in fewer bits than they are computed in.
  const Tensor* stored = c.Stored(0);
  if (stored != nullptr && SizeOf(stored->dtype()) < SizeOf(to) && IsFloating(to) && stored->rank() > 1) {
    return c.Weight(stored->Cast(to), Entry::kInitializer);
  }
  return Values{CastTo(c.raw(0), to)};
}

// In the first operator sets the dtype is a name: "FLOAT".
Results CastFromName(Call& c) {
  constexpr absl::string_view kNames[] = {"UNDEFINED", "FLOAT",  "UINT8", "INT8",    "UINT16", "INT16",  "INT32",
                                          "INT64",     "STRING", "BOOL",  "FLOAT16", "DOUBLE", "UINT32", "UINT64"};
  const std::string name = c.String("to", "");
  const auto found = std::find(std::begin(kNames), std::end(kNames), name);
  const std::optional<DType> to = found == std::end(kNames) ? std::nullopt : DTypeOf(found - std::begin(kNames));
  if (!to.has_value()) return c.Unsupported("it converts to ", name, ", which adret has no dtype for");
  return Values{CastTo(c.raw(0), *to)};
}

Results CastLikeFrom(Call& c) {
  c.Ignore("saturate");
  c.Ignore("round_mode");
  const DType to = c.dtype(1);
  return Values{CastTo(c.raw(0), to)};
}

Results BitCastFrom(Call& c) {
  AD_ASSIGN_OR_RETURN(const DType to, TargetOf(c, 0));
  return Values{Bitcast(c.raw(0), to)};
}

// ---- Shapes as numbers ------------------------------------------------------------------------------------------

Results ShapeFromValue(Call& c) {
  const Value x = c.raw(0);
  const int64_t rank = x.rank();
  const auto clamped = [&](int64_t i) { return std::clamp<int64_t>(i < 0 ? i + rank : i, 0, rank); };
  const int64_t begin = clamped(c.Int("start", 0)), end = std::max(begin, clamped(c.Int("end", rank)));
  return Values{Folded(Slice(ShapeOf(x), 0, begin, end))};
}

Results SizeFrom(Call& c) {
  const Value x = c.raw(0);
  return Values{SizeOfAxes(x, 0, x.rank())};
}

// ---- Range and EyeLike --------------------------------------------------------------------------------------------

// Returns the numbers from start on, each larger than the one before by step: as many as a run says.
Results SymbolicRange(Call& c) {
  AD_ASSIGN_OR_RETURN(const Dim start, KnownDim(c, 0));
  AD_ASSIGN_OR_RETURN(const Dim limit, KnownDim(c, 1));
  AD_ASSIGN_OR_RETURN(const Dim delta, KnownDim(c, 2));
  const int64_t step = delta.number().value_or(0);
  if (step == 0 || step == INT64_MIN) return c.Error("delta is ", delta.ToString());
  const Dim way = step > 0 ? limit - start : start - limit;
  const Dim count = (way + (std::abs(step) - 1)) / std::abs(step);
  if (!IsDimCode(count.code())) return c.Error("its size is ", count.ToString());
  const Value first = Cast(Reshape(c.raw(0), {}), DType::kInt64);
  return Values{Cast(first + Counting(c.graph(), count) * step, c.dtype(0))};
}

Results RangeFrom(Call& c) {
  c.Ignore("stash_type");  // the precision of sums on the way; here there are none
  if (!(c.IsKnown(0) && c.IsKnown(1) && c.IsKnown(2))) return SymbolicRange(c);
  double numbers[3];
  for (int i = 0; i < 3; ++i) {
    AD_ASSIGN_OR_RETURN(const Tensor known, c.Known(i));
    if (known.num_elements() != 1) return c.Error("input ", i, " must be one number");
    numbers[i] = known.At(0);
    if (IsInteger(known.dtype()) && std::abs(numbers[i]) > 0x1p53) return c.Unsupported("numbers above 2^53");
  }
  const DType dtype = c.dtype(0);
  const Value y = Range(
      c.graph(),
      {.dtype = IsHalf(dtype) ? DType::kFloat32 : dtype, .start = numbers[0], .limit = numbers[1], .step = numbers[2]});
  return Values{Cast(y, dtype)};
}

Results EyeLikeFrom(Call& c) {
  const Value x = c.raw(0);
  if (x.rank() != 2) return c.Error("its input must be a matrix, but is ", x.type().ToString());
  const int64_t element_type = c.Int("dtype", ElementTypeOf(x.dtype())), k = c.Int("k", 0);
  const std::optional<DType> dtype = DTypeOf(element_type);
  if (!dtype.has_value()) return c.Unsupported("adret has no dtype for ", ElementTypeName(element_type));
  const Value rows = Along(Counting(c.graph(), x.shape().dim(0)), 0, 2);
  const Value columns = Along(Counting(c.graph(), x.shape().dim(1)), 1, 2);
  return Values{Cast(Equal(columns - rows, k), *dtype)};
}

const OperatorRegistration kConstants({
    {.name = "Constant", .since = 1, .from = ConstantFrom, .halves = Halves::kMove},
    {.name = "ConstantOfShape", .since = 9, .from = ConstantOfShapeFrom, .halves = Halves::kMove},
    {.name = "Identity", .since = 1, .from = IdentityFrom, .halves = Halves::kMove},
    {.name = "Cast", .since = 1, .from = CastFromName, .halves = Halves::kMove},
    {.name = "Cast", .since = 6, .from = CastFrom, .halves = Halves::kMove},
    {.name = "CastLike", .since = 15, .from = CastLikeFrom, .halves = Halves::kMove},
    {.name = "BitCast", .since = 26, .from = BitCastFrom, .halves = Halves::kMove, .gradient = "bits are no numbers"},
    {.name = "Shape", .since = 1, .from = ShapeFromValue, .halves = Halves::kMove, .gradient = "shapes are integers"},
    {.name = "Size", .since = 1, .from = SizeFrom, .halves = Halves::kMove, .gradient = "sizes are integers"},
    {.name = "Range",
     .since = 11,
     .from = RangeFrom,
     .halves = Halves::kMove,
     .gradient = "how many numbers there are depends on its operands, which must be known"},
    {.name = "EyeLike", .since = 9, .from = EyeLikeFrom, .halves = Halves::kMove, .gradient = "only the shape counts"},
});

}  // namespace
}  // namespace adret::onnx
