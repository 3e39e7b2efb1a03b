// Loops of the smooth activation functions and of their derivatives times dy.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "adret/ops/kernels/elementwise_activations.cc"
#include "hwy/foreach_target.h"
//
#include "adret/ops/kernels/elementwise_sigmoid-inl.h"

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
struct SigmoidXGrad {
  template <class D, class V>
  static V Run(D d, Params, V dy, V x) {
    return hn::Mul(dy, SigmoidSlope(d, x, 1));
  }
};
struct TanhXGrad {  // tanh x = 2 sigmoid(2 x) - 1
  template <class D, class V>
  static V Run(D d, Params, V dy, V x) {
    return hn::Mul(dy, SigmoidSlope(d, x, 2));
  }
};
struct Silu {
  template <class D, class V>
  static V Run(D d, Params, V x) {
    return GateOf(d, x, Precise<V>{x, hn::Zero(d)});
  }
};
struct SiluXGrad {
  template <class D, class V>
  static V Run(D d, Params, V dy, V x) {
    const V bounded = Clamp(d, x, FloatingOf<D>::kExpLow, -FloatingOf<D>::kExpLow);
    return hn::Mul(dy, GateSlope(d, Precise<V>{bounded, hn::Zero(d)}, bounded));
  }
};
struct Softplus {
  template <class D, class V>
  static V Run(D d, Params, V x) {
    const V zero = hn::Zero(d), log = Log1pFinite(d, ExpOf(d, hn::Neg(hn::Abs(x))));
    return hn::IfThenElse(hn::IsNaN(x), x, hn::Add(hn::IfThenElse(hn::Gt(x, zero), x, zero), log));
  }
};
struct Elu {  // p[0]: alpha
  template <class D, class V>
  static V Run(D d, Params p, V x) {
    return hn::IfThenElse(hn::Gt(x, hn::Zero(d)), x, hn::Mul(Num(d, p.p[0]), Expm1Of(d, x)));
  }
};
struct EluXGrad {  // p[0]: alpha
  template <class D, class V>
  static V Run(D d, Params p, V dy, V y) {
    return hn::IfThenElse(hn::Gt(y, hn::Zero(d)), dy, hn::Mul(dy, hn::Add(y, Num(d, p.p[0]))));
  }
};
struct Erf {
  template <class D, class V>
  static V Run(D d, Params, V x) {
    return ErfOf(d, x);
  }
};
struct ErfXGrad {
  template <class D, class V>
  static V Run(D d, Params, V dy, V x) {
    return hn::Mul(dy, ErfSlope(d, x));
  }
};
struct Gelu {
  template <class D, class V>
  static V Run(D d, Params, V x) {
    return GeluOf(d, x);
  }
};
struct GeluXGrad {
  template <class D, class V>
  static V Run(D d, Params, V dy, V x) {
    return hn::Mul(dy, GeluSlope(d, x));
  }
};
struct GeluApproximate {
  template <class D, class V>
  static V Run(D d, Params, V x) {
    return GateOf(d, x, ApproximateGeluArgument(d, x).u);
  }
};
struct GeluApproximateXGrad {
  template <class D, class V>
  static V Run(D d, Params, V dy, V x) {
    const GeluArgument<V> argument = ApproximateGeluArgument(d, x);
    return hn::Mul(dy, GateSlope(d, argument.u, argument.x_du));
  }
};

std::vector<SpanRow> MakeRows() {
  std::vector<SpanRow> rows;
  AddRows<Sigmoid, 1>("sigmoid", rows);
  AddRows<SigmoidXGrad, 2>("sigmoid_x_grad", rows);
  AddRows<TanhXGrad, 2>("tanh_x_grad", rows);
  AddRows<Silu, 1>("silu", rows);
  AddRows<SiluXGrad, 2>("silu_x_grad", rows);
  AddRows<Softplus, 1>("softplus", rows);
  AddRows<Elu, 1>("elu", rows);
  AddRows<EluXGrad, 2>("elu_x_grad", rows);
  AddRows<Erf, 1>("erf", rows);
  AddRows<ErfXGrad, 2>("erf_x_grad", rows);
  AddRows<Gelu, 1>("gelu", rows);
  AddRows<GeluXGrad, 2>("gelu_x_grad", rows);
  AddRows<GeluApproximate, 1>("gelu_approximate", rows);
  AddRows<GeluApproximateXGrad, 2>("gelu_approximate_x_grad", rows);
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
