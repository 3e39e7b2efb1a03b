// Loops of the elementary functions.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "adret/ops/kernels/elementwise_math.cc"
#include "hwy/foreach_target.h"
//
#include "adret/ops/kernels/elementwise_math-inl.h"

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

// Highway reduces angles up to 39,000; vectors with larger ones go through the standard library.
template <class D, class V>
HWY_INLINE bool IsLargeAngle(D d, V x) {
  return !hn::AllFalse(d, hn::Gt(hn::Abs(x), Num(d, 39000)));
}
struct Sin {
  template <class D, class V>
  static V Run(D d, Params, V x) {
    using T = hn::TFromD<D>;
    return IsLargeAngle(d, x) ? Scalar(d, x, static_cast<T (*)(T)>(std::sin)) : hn::Sin(d, x);
  }
};
struct Cos {
  template <class D, class V>
  static V Run(D d, Params, V x) {
    using T = hn::TFromD<D>;
    return IsLargeAngle(d, x) ? Scalar(d, x, static_cast<T (*)(T)>(std::cos)) : hn::Cos(d, x);
  }
};
struct Tan {
  template <class D, class V>
  static V Run(D d, Params, V x) {
    using T = hn::TFromD<D>;
    if (IsLargeAngle(d, x)) return Scalar(d, x, static_cast<T (*)(T)>(std::tan));
    return hn::Div(hn::Sin(d, x), hn::Cos(d, x));
  }
};
struct Tanh {
  template <class D, class V>
  static V Run(D d, Params, V x) {
    return hn::Tanh(d, hn::IfThenElse(hn::Gt(hn::Abs(x), Num(d, 40)), hn::CopySign(Num(d, 40), x), x));
  }
};
struct Erf {
  template <class D, class V>
  static V Run(D d, Params, V x) {
    return ErfOf(d, x);
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
  AddRows<Erf, 1>("erf", rows);
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
