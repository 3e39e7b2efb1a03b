// Loops of the smooth activation functions.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "adret/ops/kernels/elementwise_activations.cc"
#include "hwy/foreach_target.h"
//
#include "adret/ops/kernels/elementwise_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace adret::kernels {
namespace HWY_NAMESPACE {
namespace {

struct Sigmoid {
  template <class D, class V>
  static V Run(D d, Params, V x) {
    return SigmoidOf(d, x);
  }
};
struct Silu {
  template <class D, class V>
  static V Run(D d, Params, V x) {
    return hn::Mul(x, SigmoidOf(d, x));
  }
};
struct Softplus {
  template <class D, class V>
  static V Run(D d, Params, V x) {
    const V y = hn::Add(hn::Max(x, hn::Zero(d)), hn::Log1p(d, ExpOf(d, hn::Neg(hn::Abs(x)))));
    return hn::IfThenElse(hn::IsNaN(x), x, y);
  }
};
struct Elu {  // p[0]: alpha
  template <class D, class V>
  static V Run(D d, Params p, V x) {
    return hn::IfThenElse(hn::Gt(x, hn::Zero(d)), x, hn::Mul(Num(d, p.p[0]), Expm1Of(d, x)));
  }
};
struct Gelu {
  template <class D, class V>
  static V Run(D d, Params, V x) {
    const V half = hn::Mul(x, Num(d, 0.5));
    return hn::MulAdd(half, ErfOf(d, hn::Mul(x, Num(d, 0.70710678118654752440))), half);
  }
};
struct GeluApproximate {  // x sigmoid(2 sqrt(2 / pi) (x + 0.044715 x^3))
  template <class D, class V>
  static V Run(D d, Params, V x) {
    const double k = 1.59576912160573071176;  // 2 sqrt(2 / pi)
    const V u = hn::Mul(x, hn::MulAdd(Num(d, k * 0.044715), hn::Mul(x, x), Num(d, k)));
    return hn::Mul(x, SigmoidOf(d, u));
  }
};

std::vector<SpanRow> MakeRows() {
  std::vector<SpanRow> rows;
  AddRows<Sigmoid, 1>("sigmoid", rows);
  AddRows<Silu, 1>("silu", rows);
  AddRows<Softplus, 1>("softplus", rows);
  AddRows<Elu, 1>("elu", rows);
  AddRows<Gelu, 1>("gelu", rows);
  AddRows<GeluApproximate, 1>("gelu_approximate", rows);
  return rows;
}

}  // namespace
absl::Span<const SpanRow> ActivationRows() {
  static const auto* rows = new std::vector<SpanRow>(MakeRows());
  return *rows;
}
}  // namespace HWY_NAMESPACE
}  // namespace adret::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace adret::kernels {
namespace {
HWY_EXPORT(ActivationRows);
}  // namespace
absl::Span<const SpanRow> ActivationLoops() { return HWY_DYNAMIC_DISPATCH(ActivationRows)(); }
}  // namespace adret::kernels
#endif
