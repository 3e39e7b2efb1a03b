#include "adret/ops/kernels/attention_rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "adret/ops/kernels/attention_rows.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include <algorithm>
#include <cmath>
#include <limits>

#include "adret/ops/kernels/row-inl.h"

HWY_BEFORE_NAMESPACE();
namespace adret::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
void ScaleRowT(int64_t n, T factor, T* y) {
  const Row<T> row(n);
  const auto v = hn::Set(row.d, factor);
  for (int64_t i = 0; i < n; i += row.lanes) row.Store(hn::Mul(row.Load(y, i, 0), v), y, i);
}

template <class T>
T WeighScoresT(int64_t n, T scale, T* s, ScoreSum<T>* sum) {
  constexpr T kInfinity = std::numeric_limits<T>::infinity(), kNan = std::numeric_limits<T>::quiet_NaN();
  if (n == 0) return 1;
  const Row<T> row(n);
  if (scale != 1) ScaleRowT(n, scale, s);
  const T largest = row.Max(s), before = sum->max;
  if (std::isnan(largest) || std::isnan(before) || largest == kInfinity) {
    std::fill(s, s + n, kNan);
    sum->max = kNan, sum->sum = kNan;
    return kNan;
  }
  sum->max = std::max(before, largest);
  if (sum->max == -kInfinity) {
    std::fill(s, s + n, T{0});
    return 1;
  }
  const double weights = row.Sum([&](int64_t i) {
    const auto e = row.ExpMinus(s, i, sum->max);
    row.Store(e, s, i);
    return e;
  });
  const T factor = before == sum->max ? T{1} : std::exp(before - sum->max);
  sum->sum = sum->sum * factor + weights;
  return factor;
}

template <class T>
void WeighScoresGradT(int64_t n, const ScoreGrad<T>& g, T* s, T* dp) {
  // Above this argument the exponential is infinite, or Highway's is not defined.
  constexpr T kLargest = sizeof(T) == 4 ? 88.5 : 706;
  const Row<T> row(n);
  const auto scale = hn::Set(row.d, g.scale), gain = hn::Set(row.d, g.gain);
  const auto lse = hn::Set(row.d, g.lse), delta = hn::Set(row.d, g.delta), largest = hn::Set(row.d, kLargest);
  const auto infinity = hn::Set(row.d, std::numeric_limits<T>::infinity());
  for (int64_t i = 0; i < n; i += row.lanes) {
    const auto score = hn::Mul(row.Load(s, i, 0), scale);
    const auto masked = hn::Eq(score, hn::Neg(infinity));
    const auto x = hn::Sub(score, lse);
    auto p = hn::IfThenElse(hn::Gt(x, largest), infinity, hn::Exp(row.d, x));
    p = hn::IfThenZeroElse(masked, hn::IfThenElse(hn::IsNaN(x), x, p));  // the exponential of NaN need not be NaN
    const auto ds = hn::Mul(hn::Mul(p, hn::Sub(row.Load(dp, i, 0), delta)), gain);
    row.Store(p, s, i);
    row.Store(hn::IfThenZeroElse(masked, ds), dp, i);
  }
}

// The words of a row's lanes, as numbers of its type's size.
template <class D>
auto DrawnBits(D, const uint32_t* bits) {
  const hn::RebindToUnsigned<D> du;
  if constexpr (sizeof(hn::TFromD<D>) == sizeof(uint32_t)) {
    return hn::ShiftRight<8>(hn::LoadU(du, bits));
  } else {
    return hn::ShiftRight<8>(hn::PromoteTo(du, hn::LoadU(hn::Rebind<uint32_t, D>(), bits)));
  }
}

template <class T>
void DropWeightsT(int64_t n, const DropRule<T>& rule, const uint32_t* bits, T* w) {
  const Row<T> row(n);
  const hn::RebindToSigned<decltype(row.d)> di;
  const auto threshold = hn::Set(di, static_cast<hn::TFromD<decltype(di)>>(rule.threshold));
  const auto factor = hn::Set(row.d, rule.factor);
  for (int64_t i = 0; i < n; i += row.lanes) {
    const auto kept = hn::Lt(hn::BitCast(di, DrawnBits(row.d, bits + i)), threshold);
    row.Store(hn::IfThenElseZero(hn::RebindMask(row.d, kept), hn::Mul(row.Load(w, i, 0), factor)), w, i);
  }
}

void DropWeightsF32(int64_t n, const DropRule<float>& rule, const uint32_t* bits, float* w) {
  DropWeightsT(n, rule, bits, w);
}
void DropWeightsF64(int64_t n, const DropRule<double>& rule, const uint32_t* bits, double* w) {
  DropWeightsT(n, rule, bits, w);
}
float WeighScoresF32(int64_t n, float scale, float* s, ScoreSum<float>* sum) { return WeighScoresT(n, scale, s, sum); }
double WeighScoresF64(int64_t n, double scale, double* s, ScoreSum<double>* sum) {
  return WeighScoresT(n, scale, s, sum);
}
void WeighScoresGradF32(int64_t n, const ScoreGrad<float>& g, float* s, float* dp) { WeighScoresGradT(n, g, s, dp); }
void WeighScoresGradF64(int64_t n, const ScoreGrad<double>& g, double* s, double* dp) { WeighScoresGradT(n, g, s, dp); }
void ScaleRowF32(int64_t n, float factor, float* y) { ScaleRowT(n, factor, y); }
void ScaleRowF64(int64_t n, double factor, double* y) { ScaleRowT(n, factor, y); }

}  // namespace HWY_NAMESPACE
}  // namespace adret::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace adret::kernels {
namespace {

HWY_EXPORT(WeighScoresF32);
HWY_EXPORT(WeighScoresF64);
HWY_EXPORT(WeighScoresGradF32);
HWY_EXPORT(WeighScoresGradF64);
HWY_EXPORT(DropWeightsF32);
HWY_EXPORT(DropWeightsF64);
HWY_EXPORT(ScaleRowF32);
HWY_EXPORT(ScaleRowF64);

}  // namespace

float WeighScores(int64_t n, float scale, float* s, ScoreSum<float>* sum) {
  return HWY_DYNAMIC_DISPATCH(WeighScoresF32)(n, scale, s, sum);
}
double WeighScores(int64_t n, double scale, double* s, ScoreSum<double>* sum) {
  return HWY_DYNAMIC_DISPATCH(WeighScoresF64)(n, scale, s, sum);
}
void WeighScoresGrad(int64_t n, const ScoreGrad<float>& g, float* s, float* dp) {
  HWY_DYNAMIC_DISPATCH(WeighScoresGradF32)(n, g, s, dp);
}
void WeighScoresGrad(int64_t n, const ScoreGrad<double>& g, double* s, double* dp) {
  HWY_DYNAMIC_DISPATCH(WeighScoresGradF64)(n, g, s, dp);
}
void DropWeights(int64_t n, const DropRule<float>& rule, const uint32_t* bits, float* w) {
  HWY_DYNAMIC_DISPATCH(DropWeightsF32)(n, rule, bits, w);
}
void DropWeights(int64_t n, const DropRule<double>& rule, const uint32_t* bits, double* w) {
  HWY_DYNAMIC_DISPATCH(DropWeightsF64)(n, rule, bits, w);
}
void ScaleRow(int64_t n, float factor, float* y) { HWY_DYNAMIC_DISPATCH(ScaleRowF32)(n, factor, y); }
void ScaleRow(int64_t n, double factor, double* y) { HWY_DYNAMIC_DISPATCH(ScaleRowF64)(n, factor, y); }

}  // namespace adret::kernels
#endif  // HWY_ONCE
