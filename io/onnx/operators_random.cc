// Random numbers. They are adret's: a function of the run's seed and step.
#include <cmath>
#include <cstdint>

#include "adret/core/status.h"
#include "adret/io/onnx/call.h"
#include "adret/io/onnx/operators.h"
#include "adret/ops/binary.h"
#include "adret/ops/compare.h"
#include "adret/ops/random.h"
#include "adret/ops/reduce.h"
#include "adret/ops/reshape.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"

namespace adret::onnx {
namespace {

using Results = absl::StatusOr<Values>;

constexpr absl::string_view kSeed = "the attribute seed is ignored: a run's seed decides (ExecutorOptions)";
constexpr absl::string_view kRandom = "random numbers have no gradient";

// Reads attribute dtype, the number of an element type.
absl::StatusOr<DType> DTypeFrom(Call& c, DType otherwise) {
  c.Ignore("seed");
  const int64_t number = c.Int("dtype", ElementTypeOf(otherwise));
  const std::optional<DType> dtype = DTypeOf(number);
  if (!dtype.has_value()) return c.Unsupported("adret has no dtype for ", ElementTypeName(number));
  return *dtype;
}

// Reads attribute shape.
absl::StatusOr<Shape> ShapeFrom(Call& c) {
  const std::vector<int64_t> dims = c.Ints("shape");
  for (const int64_t dim : dims) {
    if (dim < 0) return c.Error("its shape has a negative dimension");
  }
  return Shape(dims);
}

// Draws in a floating dtype, and converts to the one that is asked for.
template <class Draw>
Results Drawn(Call& c, DType dtype, const Draw& draw) {
  if (!IsAnyFloating(dtype)) return c.Error("random numbers are floating-point numbers, not ", Name(dtype));
  return Values{Cast(draw(dtype == DType::kFloat64 ? dtype : DType::kFloat32), dtype)};
}

Results Normal(Call& c, DType dtype, const Shape& shape) {
  const RandomNormalAttrs attrs{.mean = c.Float("mean", 0), .stddev = c.Float("scale", 1)};
  return Drawn(c, dtype, [&](DType drawn) { return RandomNormal(c.graph(), drawn, shape, attrs); });
}
Results Uniform(Call& c, DType dtype, const Shape& shape) {
  const RandomUniformAttrs attrs{.lo = c.Float("low", 0), .hi = c.Float("high", 1)};
  return Drawn(c, dtype, [&](DType drawn) { return RandomUniform(c.graph(), drawn, shape, attrs); });
}

template <Results (*draw)(Call&, DType, const Shape&)>
Results DrawnFrom(Call& c) {
  AD_ASSIGN_OR_RETURN(const DType dtype, DTypeFrom(c, DType::kFloat32));
  AD_ASSIGN_OR_RETURN(const Shape shape, ShapeFrom(c));
  return draw(c, dtype, shape);
}
template <Results (*draw)(Call&, DType, const Shape&)>
Results DrawnLikeFrom(Call& c) {
  AD_ASSIGN_OR_RETURN(const DType dtype, DTypeFrom(c, c.dtype(0)));
  return draw(c, dtype, c.shape(0));
}

Results BernoulliFrom(Call& c) {
  AD_ASSIGN_OR_RETURN(const DType dtype, DTypeFrom(c, c.dtype(0)));
  const Value p = IsHalf(c.dtype(0)) ? Cast(c.raw(0), DType::kFloat32) : c.raw(0);
  return Values{Cast(Less(RandomUniformLike(p), p), dtype)};
}

// Draws by the Gumbel-max trick: the largest of log p - log(-log(u)) is class i with probability p_i.
Results MultinomialFrom(Call& c) {
  AD_ASSIGN_OR_RETURN(const DType dtype, DTypeFrom(c, DType::kInt32));
  const int64_t samples = c.Int("sample_size", 1);
  if (samples < 1) return c.Error("sample_size must be at least 1");
  if (dtype != DType::kInt32 && dtype != DType::kInt64) return c.Error("its dtype must be int32 or int64");
  const Value logits = IsHalf(c.dtype(0)) ? Cast(c.raw(0), DType::kFloat32) : c.raw(0);
  if (logits.rank() != 2) return c.Error("its input must have rank 2");
  const Shape shape{logits.shape()[0], samples, logits.shape()[1]};
  const Value u = RandomUniform(c.graph(), logits.dtype(), shape);
  return Values{Cast(ArgMax(Unsqueeze(logits, {1}) - Log(-Log(u)), {.axis = 2}), dtype)};
}

const OperatorRegistration kRandomOperators({
    {.name = "RandomNormal", .since = 1, .from = DrawnFrom<Normal>, .note = kSeed},
    {.name = "RandomUniform", .since = 1, .from = DrawnFrom<Uniform>, .note = kSeed},
    {.name = "RandomNormalLike",
     .since = 1,
     .from = DrawnLikeFrom<Normal>,
     .halves = Halves::kMove,
     .gradient = kRandom,
     .note = kSeed},
    {.name = "RandomUniformLike",
     .since = 1,
     .from = DrawnLikeFrom<Uniform>,
     .halves = Halves::kMove,
     .gradient = kRandom,
     .note = kSeed},
    {.name = "Bernoulli",
     .since = 15,
     .from = BernoulliFrom,
     .halves = Halves::kMove,
     .gradient = kRandom,
     .note = kSeed},
    {.name = "Multinomial",
     .since = 7,
     .from = MultinomialFrom,
     .halves = Halves::kMove,
     .gradient = kRandom,
     .note = kSeed},
});

}  // namespace
}  // namespace adret::onnx
