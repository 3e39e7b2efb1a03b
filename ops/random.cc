#include "adret/ops/random.h"

#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "adret/ops/batch.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/compare.h"
#include "adret/ops/kernels/random.h"
#include "adret/ops/where.h"

namespace adret {
namespace {

absl::StatusOr<Types> RandomType(const TypeContext& c, const RandomAttrs& random, bool floating) {
  if (floating && !IsFloating(random.dtype)) return c.Error("makes f32 or f64, not ", Name(random.dtype));
  if (random.stream < 0 || random.stream > std::numeric_limits<uint32_t>::max()) {
    return c.Error("stream ", random.stream, " is not in [0, 2^32)");
  }
  return Types{{random.dtype, random.shape}};
}

// A kernel that calls fill(key, dtype, n, out).
template <class Fill>
absl::StatusOr<Kernel> RandomKernel(const KernelSpec& spec, int64_t stream, Fill fill) {
  const DType dtype = spec.outputs[0].dtype;
  const int64_t n = spec.y().num_elements();
  return Kernel{.run = [=](const KernelArgs& args) {
    RandomKey key = args.random;
    key.stream = static_cast<uint32_t>(stream);
    fill(key, dtype, n, args.outputs[0]);
    return absl::OkStatus();
  }};
}

// The op has no input to give a gradient for.
Values NoInputs(const GradientContext&) { return {}; }

// Every example draws numbers of its own.
template <class A>
BatchRule DrawForEachExample() {
  return OneMoreAxis<A>([](A* a, const BatchContext& c) {
    a->random.shape = c.WithExamples(a->random.shape);
    a->random.stream = c.graph()->NewRandomStream();
  });
}

const OpRegistration kUniform({
    .name = "random_uniform",
    .doc = "y is uniform in [lo, hi).",
    .parse_attrs = &ParseAttrs<RandomUniformAttrs>,
    .type = [](const TypeContext& c) -> absl::StatusOr<Types> {
      const auto& a = c.attrs<RandomUniformAttrs>();
      if (!(std::isfinite(a.hi - a.lo) && a.lo < a.hi)) return c.Error("[", a.lo, ", ", a.hi, ") is not an interval");
      return RandomType(c, a.random, true);
    },
    .kernel =
        [](const KernelSpec& spec) {
          const auto& a = spec.As<RandomUniformAttrs>();
          return RandomKernel(spec, a.random.stream,
                              [lo = a.lo, hi = a.hi](const RandomKey& key, DType dtype, int64_t n, void* out) {
                                kernels::FillUniform(key, dtype, {lo, hi}, n, out);
                              });
        },
    .gradient = NoInputs,
    .batch = DrawForEachExample<RandomUniformAttrs>(),
    .traits = {.random = true},
});

const OpRegistration kNormal({
    .name = "random_normal",
    .doc = "y is normal with a mean and a standard deviation.",
    .parse_attrs = &ParseAttrs<RandomNormalAttrs>,
    .type = [](const TypeContext& c) -> absl::StatusOr<Types> {
      const auto& a = c.attrs<RandomNormalAttrs>();
      if (!std::isfinite(a.mean)) return c.Error("mean must be finite, not ", a.mean);
      if (!std::isfinite(a.stddev) || a.stddev < 0) return c.Error("stddev must be finite and >= 0, not ", a.stddev);
      return RandomType(c, a.random, true);
    },
    .kernel =
        [](const KernelSpec& spec) {
          const auto& a = spec.As<RandomNormalAttrs>();
          return RandomKernel(spec, a.random.stream,
                              [mean = a.mean, dev = a.stddev](const RandomKey& key, DType dtype, int64_t n, void* out) {
                                kernels::FillNormal(key, dtype, {mean, dev}, n, out);
                              });
        },
    .gradient = NoInputs,
    .batch = DrawForEachExample<RandomNormalAttrs>(),
    .traits = {.random = true},
});

const OpRegistration kBernoulli({
    .name = "random_bernoulli",
    .doc = "y is 1 with probability p, else 0.",
    .parse_attrs = &ParseAttrs<RandomBernoulliAttrs>,
    .type = [](const TypeContext& c) -> absl::StatusOr<Types> {
      const auto& a = c.attrs<RandomBernoulliAttrs>();
      if (!(a.p >= 0 && a.p <= 1)) return c.Error("p must be in [0, 1], not ", a.p);
      return RandomType(c, a.random, false);
    },
    .kernel =
        [](const KernelSpec& spec) {
          const auto& a = spec.As<RandomBernoulliAttrs>();
          return RandomKernel(spec, a.random.stream,
                              [p = a.p](const RandomKey& key, DType dtype, int64_t n, void* out) {
                                kernels::FillBernoulli(key, dtype, p, n, out);
                              });
        },
    .gradient = NoInputs,
    .batch = DrawForEachExample<RandomBernoulliAttrs>(),
    .traits = {.random = true},
});

absl::StatusOr<Kernel> BernoulliOfKernel(const KernelSpec& spec) {
  const auto& a = spec.As<BernoulliOfAttrs>();
  const int64_t keys = spec.x(0).num_elements(), n = keys == 0 ? 0 : spec.y().num_elements() / keys;
  return Kernel{.run = [=, p = a.p, dtype = a.dtype](const KernelArgs& args) {
    for (int64_t k = 0; k < keys; ++k) {
      char* const y = args.out<char>() + k * n * static_cast<int64_t>(SizeOf(dtype));
      kernels::FillBernoulli({.seed = static_cast<uint64_t>(args.in<int64_t>(0)[k])}, dtype, p, n, y);
    }
    return absl::OkStatus();
  }};
}

// Not a random node, since the key decides: what random_bernoulli drew cannot be drawn a second time elsewhere.
const OpRegistration kBernoulliOf({
    .name = "bernoulli_of",
    .doc = "y[key.., i..] is 1 with probability p, else 0: a function of the key and of the place i.",
    .inputs = {"key"},
    .parse_attrs = &ParseAttrs<BernoulliOfAttrs>,
    .type = [](const TypeContext& c) -> absl::StatusOr<Types> {
      const auto& a = c.attrs<BernoulliOfAttrs>();
      if (c.dtype(0) != DType::kInt64) return c.Error("key must be i64");
      if (!(a.p >= 0 && a.p <= 1)) return c.Error("p must be in [0, 1], not ", a.p);
      Shape y = c.shape(0);
      for (int64_t dim : a.shape) y.push_back(dim);
      if (absl::Status status = y.Validate(); !status.ok()) return c.Error(status.message());
      return Types{{a.dtype, y}};
    },
    .kernel = BernoulliOfKernel,
    .gradient = [](const GradientContext&) { return Values{Value()}; },
    .batch = [](const BatchContext& c) { return BuildStacked(c, c.node().attrs); },
});

template <class A>
Value AddRandom(Graph* graph, absl::string_view op, const Type& type, A attrs, std::source_location location) {
  attrs.random = {type.dtype, type.shape, graph->NewRandomStream()};
  const NodeId node = graph->AddNode(*FindOp(op), {}, Attrs(std::move(attrs)), location);
  return Value(graph, {node, 0});
}

template <class A>
Value AddRandomLike(const Operand& x, absl::string_view op, const A& attrs) {
  if (x.is_number() || !x.value().valid()) return Identity(x);
  return AddRandom(x.graph(), op, x->type(), attrs, x.location());
}

}  // namespace

Value RandomUniform(Graph* graph, DType dtype, const Shape& shape, RandomUniformAttrs attrs,
                    std::source_location location) {
  return AddRandom(graph, "random_uniform", {dtype, shape}, std::move(attrs), location);
}
Value RandomNormal(Graph* graph, DType dtype, const Shape& shape, RandomNormalAttrs attrs,
                   std::source_location location) {
  return AddRandom(graph, "random_normal", {dtype, shape}, std::move(attrs), location);
}
Value RandomBernoulli(Graph* graph, DType dtype, const Shape& shape, RandomBernoulliAttrs attrs,
                      std::source_location location) {
  return AddRandom(graph, "random_bernoulli", {dtype, shape}, std::move(attrs), location);
}
Value RandomUniformLike(Operand x, RandomUniformAttrs attrs) { return AddRandomLike(x, "random_uniform", attrs); }
Value RandomNormalLike(Operand x, RandomNormalAttrs attrs) { return AddRandomLike(x, "random_normal", attrs); }
Value RandomBernoulliLike(Operand x, RandomBernoulliAttrs attrs) { return AddRandomLike(x, "random_bernoulli", attrs); }

Value DrawKey(Graph* graph, std::source_location location) {
  const LocationScope scope(graph, location);
  return Cast(RandomUniform(graph, DType::kFloat64, {}, {.lo = 0, .hi = 0x1p53}), DType::kInt64);
}

Value BernoulliOf(Operand key, const BernoulliOfAttrs& attrs) { return Build("bernoulli_of", {key}, Attrs(attrs)); }

Value Dropout(Operand x, DropoutOptions options) {
  if (x.is_number() || !x.value().valid()) return Identity(x);
  LocationScope scope(x.graph(), x.location());
  const double rate = options.rate;
  if (!(rate >= 0 && rate <= 1) || !IsFloating(x->dtype())) {
    x.graph()->Fail(
        absl::InvalidArgumentError(absl::StrCat("dropout: expects a rate in [0, 1] and f32 or f64, but has ", rate,
                                                " and ", x->type().ToString())),
        x.location());
    return Value(x.graph(), {});
  }
  if (rate == 0) return x;
  if (rate == 1) return ZerosLike(x);
  // What is dropped is 0, also where x is infinite or NaN.
  const Value kept = RandomBernoulliLike(x, {.p = 1 - rate});
  return Where(Equal(kept, 0.0), 0.0, x * (kept * (1 / (1 - rate))));
}

}  // namespace adret
