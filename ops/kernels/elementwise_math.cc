// Loops of the elementary functions.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "adret/ops/kernels/elementwise_math.cc"
#include "hwy/foreach_target.h"
//
#include "adret/ops/kernels/elementwise_angles-inl.h"

HWY_BEFORE_NAMESPACE();
namespace adret::kernels {
namespace HWY_NAMESPACE {
namespace {

struct Exp {
  template <class D, class V>
  static V Run(D d, Params, V x) {
    return ExpOf(d, x);
  }
};
struct Expm1 {
  template <class D, class V>
  static V Run(D d, Params, V x) {
    return Expm1Of(d, x);
  }
};
struct Log {
  template <class D, class V>
  static V Run(D d, Params, V x) {
    return LogOf(d, x);
  }
};
struct Log1p {
  template <class D, class V>
  static V Run(D d, Params, V x) {
    return Log1pOf(d, x);
  }
};

struct Sin {
  template <class D, class V>
  static V Run(D d, Params, V x) {
    return SinOf(d, x);
  }
};
struct Cos {
  template <class D, class V>
  static V Run(D d, Params, V x) {
    return CosOf(d, x);
  }
};
struct Tan {
  template <class D, class V>
  static V Run(D d, Params, V x) {
    return TanOf(d, x);
  }
};
// An odd polynomial near 0, 1 - 2 / (e^(2 |x|) + 1) elsewhere.
struct Tanh {
  template <class D, class V>
  static V Run(D d, Params, V x) {
    const V a = ClampedAbs(d, x, 25), z = hn::Mul(a, a), one = Num(d, 1);
    V series;
    if constexpr (sizeof(hn::TFromD<D>) == 4) {
      constexpr double c[] = {-3.33332819422e-1, 1.33314422036e-1, -5.37397155531e-2, 2.06390887954e-2,
                              -5.70498872745e-3};
      series = Polynomial(d, z, c);
    } else {
      constexpr double c[] = {-0.33333333333333298,   0.13333333333311589,    -0.053968253945033219,
                              0.02186948757159066,    -0.008863215111566217,  0.0035918785709861865,
                              -0.0014539650247857134, 0.00058124652798130592, -0.00021357100352660963,
                              5.316148378992012e-05};
      series = Polynomial(d, z, c);
    }
    const V small = hn::MulAdd(hn::Mul(z, a), series, a);
    const V large = hn::Sub(one, hn::Div(Num(d, 2), hn::Add(ExpOf(d, hn::Add(a, a)), one)));
    return hn::CopySign(hn::IfThenElse(hn::Gt(a, Num(d, 0.55)), large, small), x);
  }
};

// Powers are rare where speed counts (the builder takes out squares and roots), and hard to get right at the edges.
template <class T>
void Pow(const void* const* in, void* out, int64_t n, const double*) {
  const T* a = static_cast<const T*>(in[0]);
  const T* b = static_cast<const T*>(in[1]);
  T* y = static_cast<T*>(out);
  for (int64_t i = 0; i < n; ++i) y[i] = std::pow(a[i], b[i]);
}

std::vector<SpanRow> MakeRows() {
  std::vector<SpanRow> rows;
  AddRows<Exp, 1>("exp", rows);
  AddRows<Expm1, 1>("expm1", rows);
  AddRows<Log, 1>("log", rows);
  AddRows<Log1p, 1>("log1p", rows);
  AddRows<Sin, 1>("sin", rows);
  AddRows<Cos, 1>("cos", rows);
  AddRows<Tan, 1>("tan", rows);
  AddRows<Tanh, 1>("tanh", rows);
  rows.push_back({"pow", DType::kFloat32, &Pow<float>});
  rows.push_back({"pow", DType::kFloat64, &Pow<double>});
  return rows;
}

}  // namespace
absl::Span<const SpanRow> MathRows() {
  static const auto* rows = new std::vector<SpanRow>(MakeRows());
  return *rows;
}
}  // namespace HWY_NAMESPACE
}  // namespace adret::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace adret::kernels {
namespace {
HWY_EXPORT(MathRows);
}  // namespace
absl::Span<const SpanRow> MathLoops() { return HWY_DYNAMIC_DISPATCH(MathRows)(); }
}  // namespace adret::kernels
#endif
