#include <cmath>

#include "adret/autograd/if.h"
#include "adret/autograd/scan.h"
#include "adret/autograd/while.h"
#include "adret/ops/binary.h"
#include "adret/ops/check_bounds.h"
#include "adret/ops/compare.h"
#include "adret/ops/reduce.h"
#include "adret/ops/unary.h"
#include "adret/tests/ops/op_suite.h"
#include "adret/tests/ops/picked.h"

namespace adret {
namespace {

// A leaky sum along the steps, and its sine at each of them.
Values LeakySum(Args x, bool reverse = false, int64_t checkpoint_every = 0, Value lengths = {}) {
  const ScanInputs inputs{
      .carry = {x[1]}, .each = {x[0]}, .reverse = reverse, .checkpoint_every = checkpoint_every, .lengths = lengths};
  const ScanResult r = Scan(inputs, [&](const Values& sum, const Values& xt) {
    const Value next = sum[0] * x[2] + xt[0];
    return ScanStep{.carry = {next}, .out = {Sin(next)}};
  });
  return {r.carry[0], r.out[0]};
}

// The same, written as a loop. lengths: of the examples, or none.
std::vector<Tensor> LeakySumReference(absl::Span<const Tensor> x, bool reverse, const std::vector<int64_t>& lengths) {
  const int64_t steps = x[0].shape()[0], n = x[1].num_elements();
  std::vector<Tensor> y = {x[1].Clone(), Tensor::Zeros(DType::kFloat64, x[0].shape())};
  for (int64_t s = 0; s < steps; ++s) {
    const int64_t t = reverse ? steps - 1 - s : s;
    for (int64_t i = 0; i < n; ++i) {
      if (!lengths.empty() && t >= lengths[i]) continue;
      double& sum = y[0].mutable_data<double>()[i];
      sum = sum * x[2].At(0) + x[0].At(t * n + i);
      y[1].mutable_data<double>()[t * n + i] = std::sin(sum);
    }
  }
  return y;
}

const std::vector<InputSpec> kSteps = {{.shape = {5, 3}}, {.shape = {3}}, {.shape = {}}};

Values Halve(Args x, int64_t bound) {
  const WhileResult r = While(
      {.carry = {x[0]}, .max_iterations = bound}, [](const Values& v) { return Greater(Sum(v[0] * v[0]), 0.05); },
      [&](const Values& v) { return Values{v[0] * 0.5 + Sin(x[1]) * 0.01}; });
  return r.carry;
}

const OpCases kCases({
    {.name = "scan",
     .build = [](Args x) { return LeakySum(x); },
     .inputs = kSteps,
     .reference = [](absl::Span<const Tensor> x) { return LeakySumReference(x, false, {}); },
     .bad =
         [](Graph* g) {
           const Value h = g->Input("h", DType::kFloat32, {2});
           Scan({.carry = {h}, .each = {h}},
                [](const Values& c, const Values&) { return ScanStep{.carry = {Sum(c[0])}}; });
         },
     .bad_message = "scan: carry 0 is f32[2] but the body returns f32[]"},
    {.name = "scan/reverse",
     .build = [](Args x) { return LeakySum(x, true); },
     .inputs = kSteps,
     .reference = [](absl::Span<const Tensor> x) { return LeakySumReference(x, true, {}); }},
    {.name = "scan/blocks",
     .build = [](Args x) { return LeakySum(x, false, 2); },
     .inputs = kSteps,
     .reference = [](absl::Span<const Tensor> x) { return LeakySumReference(x, false, {}); }},
    {.name = "scan/lengths",
     .build =
         [](Args x) {
           const Value n = x[0].graph()->Constant(Tensor::From<int64_t>({3}, {2, 0, 5}));
           return LeakySum(x, true, 0, n);
         },
     .inputs = kSteps,
     .reference =
         [](absl::Span<const Tensor> x) {
           return LeakySumReference(x, true, {2, 0, 5});
         }},
    {.name = "scan/no steps",
     .build = [](Args x) { return LeakySum(x); },
     .inputs = {{.shape = {0, 3}}, {.shape = {3}}, {.shape = {}}},
     .reference = [](absl::Span<const Tensor> x) { return LeakySumReference(x, false, {}); }},
    {.name = "if",
     .build =
         [](Args x) {
           return If(
               Greater(Sum(x[0]), 0.0), [&] { return Values{x[0] * x[1]}; }, [&] { return Values{Sin(x[0])}; });
         },
     .inputs = {{.shape = {3, 2}, .lo = 0.1, .batch = true}, {.shape = {2}}},
     .reference = Picked({3, 2}, [](auto x, const Index& i) { return At(x[0], i) * At(x[1], {i[1]}); }),
     .bad =
         [](Graph* g) {
           const Value h = g->Input("h", DType::kFloat32, {2});
           If(
               h, [&] { return Values{h}; }, [&] { return Values{h}; });
         },
     .bad_message = "if: the condition has to be bool[], but is f32[2]"},
    {.name = "if/else",
     .build =
         [](Args x) {
           return If(
               Greater(Sum(x[0]), 0.0), [&] { return Values{x[0] * x[1]}; }, [&] { return Values{Sin(x[0])}; });
         },
     .inputs = {{.shape = {3, 2}, .lo = -2, .hi = -0.1, .batch = true}, {.shape = {2}}},
     .reference = Picked({3, 2}, [](auto x, const Index& i) { return std::sin(At(x[0], i)); })},
    {.name = "while",
     .build = [](Args x) { return Halve(x, 6); },
     .inputs = {{.shape = {3}, .lo = 0.5, .hi = 1}, {.shape = {3}}},
     .reference =
         [](absl::Span<const Tensor> x) {
           Tensor y = x[0].Clone();
           auto v = y.mutable_data<double>();
           for (int n = 0; n < 6 && v[0] * v[0] + v[1] * v[1] + v[2] * v[2] > 0.05; ++n) {
             for (int i = 0; i < 3; ++i) v[i] = v[i] * 0.5 + std::sin(x[1].At(i)) * 0.01;
           }
           return std::vector<Tensor>{y};
         },
     .bad =
         [](Graph* g) {
           const Value h = g->Input("h", DType::kFloat32, {2});
           While(
               {.carry = {h}}, [](const Values& v) { return v[0]; }, [](const Values& v) { return v; });
         },
     .bad_message = "while: the condition has to be bool[], but is f32[2]"},
    {.name = "check_bounds",
     .build = [](Args x) { return Values{CheckBounds(x[0], Dim(int64_t{9}))}; },
     .inputs = {{.shape = {4, 2}, .dtype = DType::kInt64, .lo = 0, .hi = 10, .batch = true}},
     .reference = Picked({4, 2}, [](auto x, const Index& i) { return At(x[0], i); }),
     .differentiable = false,
     .bad = [](Graph* g) { CheckBounds(g->Input("x", DType::kFloat32, {2}), Dim(int64_t{1})); },
     .bad_message = "check_bounds: x must be i64"},
});

}  // namespace
}  // namespace adret
