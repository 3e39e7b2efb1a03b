// Loops that take a few instructions per vector: arithmetic, piecewise linear functions, choices and f32 comparisons.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "adret/ops/kernels/elementwise_arithmetic.cc"
#include "hwy/foreach_target.h"
//
#include "adret/ops/kernels/elementwise-inl.h"

HWY_BEFORE_NAMESPACE();
namespace adret::kernels {
namespace HWY_NAMESPACE {
namespace {

struct Neg {
  template <class D, class V>
  static V Run(D, Params, V x) {
    return hn::Neg(x);
  }
};
struct Abs {
  template <class D, class V>
  static V Run(D, Params, V x) {
    return hn::Abs(x);
  }
};
struct Sign {
  template <class D, class V>
  static V Run(D d, Params, V x) {  // 0 and NaN stay what they are
    const V zero = hn::Zero(d);
    return hn::IfThenElse(hn::Gt(x, zero), Num(d, 1), hn::IfThenElse(hn::Lt(x, zero), Num(d, -1), x));
  }
};
// The result has x's sign, a zero, too, which some instruction sets give the other one.
struct Floor {
  template <class D, class V>
  static V Run(D, Params, V x) {
    return hn::CopySign(hn::Floor(x), x);
  }
};
struct Ceil {
  template <class D, class V>
  static V Run(D, Params, V x) {
    return hn::CopySign(hn::Ceil(x), x);
  }
};
struct Round {  // of a tie, the even one
  template <class D, class V>
  static V Run(D, Params, V x) {
    return hn::Round(x);
  }
};
struct Square {
  template <class D, class V>
  static V Run(D, Params, V x) {
    return hn::Mul(x, x);
  }
};
struct Reciprocal {
  template <class D, class V>
  static V Run(D d, Params, V x) {
    return hn::Div(Num(d, 1), x);
  }
};
struct Sqrt {
  template <class D, class V>
  static V Run(D, Params, V x) {
    return hn::Sqrt(x);
  }
};
struct Rsqrt {
  template <class D, class V>
  static V Run(D d, Params, V x) {
    return hn::Div(Num(d, 1), hn::Sqrt(x));
  }
};

struct Add {
  template <class D, class V>
  static V Run(D, Params, V a, V b) {
    return hn::Add(a, b);
  }
};
struct Sub {
  template <class D, class V>
  static V Run(D, Params, V a, V b) {
    return hn::Sub(a, b);
  }
};
struct Mul {
  template <class D, class V>
  static V Run(D, Params, V a, V b) {
    return hn::Mul(a, b);
  }
};
struct Div {
  template <class D, class V>
  static V Run(D, Params, V a, V b) {
    return hn::Div(a, b);
  }
};
// NaN where either is; a where they are equal.
struct Maximum {
  template <class D, class V>
  static V Run(D, Params, V a, V b) {
    return hn::IfThenElse(hn::Or(hn::Lt(a, b), hn::IsNaN(b)), b, a);
  }
};
struct Minimum {
  template <class D, class V>
  static V Run(D, Params, V a, V b) {
    return hn::IfThenElse(hn::Or(hn::Gt(a, b), hn::IsNaN(b)), b, a);
  }
};

// Comparisons are written so that NaN passes through.
struct Relu {
  template <class D, class V>
  static V Run(D d, Params, V x) {
    return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Zero(d), x);
  }
};
struct ReluXGrad {
  template <class D, class V>
  static V Run(D d, Params, V dy, V y) {
    return hn::IfThenZeroElse(hn::Le(y, hn::Zero(d)), dy);
  }
};
struct LeakyRelu {  // p[0]: slope
  template <class D, class V>
  static V Run(D d, Params p, V x) {
    return hn::IfThenElse(hn::Gt(x, hn::Zero(d)), x, hn::Mul(x, Num(d, p.p[0])));
  }
};
struct LeakyReluXGrad {  // p[0]: slope
  template <class D, class V>
  static V Run(D d, Params p, V dy, V x) {
    return hn::IfThenElse(hn::Gt(x, hn::Zero(d)), dy, hn::Mul(dy, Num(d, p.p[0])));
  }
};
struct Clip {  // p[0]: min, p[1]: max
  template <class D, class V>
  static V Run(D d, Params p, V x) {
    return Clamp(d, x, p.p[0], p.p[1]);
  }
};
struct ClipXGrad {  // p[0]: min, p[1]: max
  template <class D, class V>
  static V Run(D d, Params p, V dy, V x) {
    return hn::IfThenElseZero(hn::And(hn::Ge(x, Num(d, p.p[0])), hn::Le(x, Num(d, p.p[1]))), dy);
  }
};
struct HardSigmoid {  // p[0]: alpha, p[1]: beta
  template <class D, class V>
  static V Run(D d, Params p, V x) {
    return Clamp(d, hn::MulAdd(x, Num(d, p.p[0]), Num(d, p.p[1])), 0, 1);
  }
};

// ---- f32 comparisons: four bytes in, one byte out ------------------------------------------------------------------

struct Equal {
  template <class V>
  static auto Test(V a, V b) {
    return hn::Eq(a, b);
  }
};
struct NotEqual {
  template <class V>
  static auto Test(V a, V b) {
    return hn::Not(hn::Eq(a, b));  // hn::Ne is false for NaN on x86
  }
};
struct Less {
  template <class V>
  static auto Test(V a, V b) {
    return hn::Lt(a, b);
  }
};
struct LessEqual {
  template <class V>
  static auto Test(V a, V b) {
    return hn::Le(a, b);
  }
};
struct Greater {
  template <class V>
  static auto Test(V a, V b) {
    return hn::Gt(a, b);
  }
};
struct GreaterEqual {
  template <class V>
  static auto Test(V a, V b) {
    return hn::Ge(a, b);
  }
};

// As many elements as a vector has.
template <class F>
HWY_INLINE void CompareVector(const float* a, const float* b, uint8_t* y) {
  const hn::ScalableTag<float> d;
  const hn::Rebind<int32_t, decltype(d)> di;
  const hn::Rebind<uint8_t, decltype(d)> d8;
  const auto holds = hn::RebindMask(di, F::Test(hn::LoadU(d, a), hn::LoadU(d, b)));
  hn::StoreU(hn::DemoteTo(d8, hn::IfThenElseZero(holds, hn::Set(di, 1))), d8, y);
}

template <class F>
void Compare(const void* const* in, void* out, int64_t n, const double*) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(hn::ScalableTag<float>()));
  const float* a = static_cast<const float*>(in[0]);
  const float* b = static_cast<const float*>(in[1]);
  uint8_t* y = static_cast<uint8_t*>(out);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) CompareVector<F>(a + i, b + i, y + i);
  if (i >= n) return;
  const size_t left = static_cast<size_t>(n - i);
  float tail_a[HWY_MAX_BYTES / sizeof(float)] = {}, tail_b[HWY_MAX_BYTES / sizeof(float)] = {};
  uint8_t tail_y[HWY_MAX_BYTES / sizeof(float)];
  std::memcpy(tail_a, a + i, left * sizeof(float));
  std::memcpy(tail_b, b + i, left * sizeof(float));
  CompareVector<F>(tail_a, tail_b, tail_y);
  std::memcpy(y + i, tail_y, left);
}

// ---- where: on words of 4 and 8 bytes ------------------------------------------------------------------------------

// A mask for words of 4 or 8 bytes from as many bools.
HWY_INLINE auto LoadCondition(hn::ScalableTag<int32_t> d, const uint8_t* condition) {
  const hn::Rebind<uint8_t, decltype(d)> d8;
  return hn::Ne(hn::PromoteTo(d, hn::LoadU(d8, condition)), hn::Zero(d));
}
HWY_INLINE auto LoadCondition(hn::ScalableTag<int64_t> d, const uint8_t* condition) {
  const hn::Rebind<uint8_t, decltype(d)> d8;
  const hn::Rebind<int32_t, decltype(d)> d32;
  return hn::Ne(hn::PromoteTo(d, hn::PromoteTo(d32, hn::LoadU(d8, condition))), hn::Zero(d));
}

template <class T>
void Where(const void* const* in, void* out, int64_t n, const double*) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const uint8_t* condition = static_cast<const uint8_t*>(in[0]);
  const T* a = static_cast<const T*>(in[1]);
  const T* b = static_cast<const T*>(in[2]);
  T* y = static_cast<T*>(out);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    hn::StoreU(hn::IfThenElse(LoadCondition(d, condition + i), hn::LoadU(d, a + i), hn::LoadU(d, b + i)), d, y + i);
  }
  for (; i < n; ++i) y[i] = condition[i] != 0 ? a[i] : b[i];
}

std::vector<SpanRow> MakeRows() {
  std::vector<SpanRow> rows;
  AddRows<Neg, 1>("neg", rows);
  AddRows<Abs, 1>("abs", rows);
  AddRows<Sign, 1>("sign", rows);
  AddRows<Floor, 1>("floor", rows);
  AddRows<Ceil, 1>("ceil", rows);
  AddRows<Round, 1>("round", rows);
  AddRows<Square, 1>("square", rows);
  AddRows<Reciprocal, 1>("reciprocal", rows);
  AddRows<Sqrt, 1>("sqrt", rows);
  AddRows<Rsqrt, 1>("rsqrt", rows);
  AddRows<Add, 2>("add", rows);
  AddRows<Sub, 2>("sub", rows);
  AddRows<Mul, 2>("mul", rows);
  AddRows<Div, 2>("div", rows);
  AddRows<Maximum, 2>("maximum", rows);
  AddRows<Minimum, 2>("minimum", rows);
  AddRows<Relu, 1>("relu", rows);
  AddRows<ReluXGrad, 2>("relu_x_grad", rows);
  AddRows<LeakyRelu, 1>("leaky_relu", rows);
  AddRows<LeakyReluXGrad, 2>("leaky_relu_x_grad", rows);
  AddRows<Clip, 1>("clip", rows);
  AddRows<ClipXGrad, 2>("clip_x_grad", rows);
  AddRows<HardSigmoid, 1>("hard_sigmoid", rows);
  rows.push_back({"equal", DType::kFloat32, &Compare<Equal>});
  rows.push_back({"not_equal", DType::kFloat32, &Compare<NotEqual>});
  rows.push_back({"less", DType::kFloat32, &Compare<Less>});
  rows.push_back({"less_equal", DType::kFloat32, &Compare<LessEqual>});
  rows.push_back({"greater", DType::kFloat32, &Compare<Greater>});
  rows.push_back({"greater_equal", DType::kFloat32, &Compare<GreaterEqual>});
  for (DType dtype : kAllDTypes) {
    if (SizeOf(dtype) == 4) rows.push_back({"where", dtype, &Where<int32_t>});
    if (SizeOf(dtype) == 8) rows.push_back({"where", dtype, &Where<int64_t>});
  }
  return rows;
}

}  // namespace
absl::Span<const SpanRow> ArithmeticRows() {
  static const auto* rows = new std::vector<SpanRow>(MakeRows());
  return *rows;
}
}  // namespace HWY_NAMESPACE
}  // namespace adret::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace adret::kernels {
namespace {
HWY_EXPORT(ArithmeticRows);
}  // namespace
absl::Span<const SpanRow> ArithmeticLoops() { return HWY_DYNAMIC_DISPATCH(ArithmeticRows)(); }
}  // namespace adret::kernels
#endif
