// The loop that all SIMD element-wise kernels share. Included once for each instruction set.
//
//   struct Square {
//     template <class D, class V>
//     static V Run(D, Params, V x) { return hn::Mul(x, x); }
//   };
//   AddRows<Square, 1>("square", rows);      // f32 and f64

#if defined(ADRET_OPS_KERNELS_ELEMENTWISE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ADRET_OPS_KERNELS_ELEMENTWISE_INL_H_
#undef ADRET_OPS_KERNELS_ELEMENTWISE_INL_H_
#else
#define ADRET_OPS_KERNELS_ELEMENTWISE_INL_H_
#endif

#include <cstring>
#include <utility>
#include <vector>

#include "adret/ops/kernels/elementwise.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace adret::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// A copy of the loop's parameters that the compiler knows nobody else writes to.
struct Params {
  double p[3];
};

// out[i] = F::Run(in[0][i], ...). The tail goes through a buffer, so that nothing is read or written beyond n.
template <class F, class T, size_t... I>
HWY_INLINE void Loop(const void* const* in, T* HWY_RESTRICT out, int64_t n, Params params, std::index_sequence<I...>) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const T* x[] = {static_cast<const T*>(in[I])...};
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(F::Run(d, params, hn::LoadU(d, x[I] + i)...), d, out + i);
  if (i >= n) return;
  const size_t bytes = static_cast<size_t>(n - i) * sizeof(T);
  HWY_ALIGN T tail[sizeof...(I)][HWY_MAX_BYTES / sizeof(T)] = {};
  (std::memcpy(tail[I], x[I] + i, bytes), ...);
  hn::Store(F::Run(d, params, hn::Load(d, tail[I])...), d, tail[0]);
  std::memcpy(out + i, tail[0], bytes);
}

template <class F, class T, int kInputs>
void Span(const void* const* in, void* out, int64_t n, const double* params) {
  Loop<F, T>(in, static_cast<T*>(out), n, {{params[0], params[1], params[2]}}, std::make_index_sequence<kInputs>());
}

template <class F, int kInputs>
void AddRows(const char* name, std::vector<SpanRow>& rows) {
  rows.push_back({name, DType::kFloat32, &Span<F, float, kInputs>});
  rows.push_back({name, DType::kFloat64, &Span<F, double, kInputs>});
}

// A number as a vector of d.
template <class D>
HWY_INLINE hn::Vec<D> Num(D d, double value) {
  return hn::Set(d, static_cast<hn::TFromD<D>>(value));
}

// x between bounds; NaN stays NaN.
template <class D, class V>
HWY_INLINE V Clamp(D d, V x, double min, double max) {
  const V lo = Num(d, min), hi = Num(d, max);
  return hn::IfThenElse(hn::Lt(x, lo), lo, hn::IfThenElse(hn::Gt(x, hi), hi, x));
}

// Element by element through a function of the standard library.
template <class D, class V, class F>
HWY_INLINE V Scalar(D d, V x, F f) {
  HWY_ALIGN hn::TFromD<D> lanes[HWY_MAX_BYTES / sizeof(hn::TFromD<D>)];
  hn::Store(x, d, lanes);
  for (size_t i = 0; i < hn::Lanes(d); ++i) lanes[i] = f(lanes[i]);
  return hn::Load(d, lanes);
}

}  // namespace HWY_NAMESPACE
}  // namespace adret::kernels
HWY_AFTER_NAMESPACE();

#endif
