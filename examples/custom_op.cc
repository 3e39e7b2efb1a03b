// An op of your own, from outside the library: softsign, y = x / (1 + |x|).
//
// Its loop over spans makes it element-wise: the executor fuses it with its neighbours. Its gradient rule adds nodes,
// so derivatives of every order follow, and CheckGradients() compares the first two with finite differences.
#include <cmath>
#include <cstdio>

#include "adret/adret.h"

using namespace adret;

namespace {

template <class T>
void SoftsignLoop(const void* const* in, void* out, int64_t n, const double* /*params*/) {
  const T* x = static_cast<const T*>(in[0]);
  T* y = static_cast<T*>(out);
  for (int64_t i = 0; i < n; ++i) y[i] = x[i] / (1 + std::abs(x[i]));
}

const OpRegistration kSoftsign({
    .name = "softsign",
    .doc = "y = x / (1 + |x|).",
    .inputs = {"x"},
    .type = SameTypeFloating,
    .span_kernel =
        [](const KernelSpec& spec) {
          return SpanKernel{spec.dtype() == DType::kFloat64 ? &SoftsignLoop<double> : &SoftsignLoop<float>};
        },
    // dy/dx = 1 / (1 + |x|)^2.
    .gradient = [](const GradientContext& c) { return Values{c.dy() / Square(1.0 + Abs(c.x()))}; },
});

Value Softsign(Operand x) { return Build("softsign", {x}); }

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}

}  // namespace

int main() {
  const Tensor points = Tensor::From<double>({5}, {-4, -1, 0.25, 1, 4});
  const auto softsign = [](absl::Span<const Value> x) { return Values{Softsign(x[0])}; };
  if (absl::Status status = CheckGradients(softsign, {points}); !status.ok()) return Fail(status);
  std::printf("The gradients of orders 1 and 2 agree with finite differences.\n");

  Graph graph;
  Value x = graph.Constant(points);
  Value y = Softsign(x);
  auto results = Evaluate({y, Gradients(y, {x})[0]});
  if (!results.ok()) return Fail(results.status());
  std::printf("x  = %s\ny  = %s\ny' = %s\n", points.ToString().c_str(), (*results)[0].ToString().c_str(),
              (*results)[1].ToString().c_str());
}
