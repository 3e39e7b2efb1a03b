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
bool HasNanT(int64_t n, const T* x) {
  const Row<T> row(n);
  auto nan = hn::Zero(row.d);
  for (int64_t i = 0; i < n; i += row.lanes) {
    const auto v = row.Load(x, i, 0);
    nan = hn::IfThenElse(hn::IsNaN(v), v, nan);
  }
  return !hn::AllFalse(row.d, hn::IsNaN(nan));
}

// Returns the maximum of scale * s; NaN if there is one.
template <class T>
HWY_INLINE T MaxScaled(const Row<T>& row, T scale, const T* s) {
  const T lowest = -std::numeric_limits<T>::infinity();
  const auto factor = hn::Set(row.d, scale), padding = hn::Set(row.d, lowest);
  auto largest = padding, nan = hn::Zero(row.d);
  for (int64_t i = 0; i < row.n; i += row.lanes) {
    auto v = hn::Mul(row.Load(s, i, 0), factor);
    if (i + row.lanes > row.n) v = hn::IfThenElse(hn::FirstN(row.d, row.n - i), v, padding);
    nan = hn::IfThenElse(hn::IsNaN(v), v, nan);
    largest = hn::Max(largest, v);
  }
  if (!hn::AllFalse(row.d, hn::IsNaN(nan))) return std::numeric_limits<T>::quiet_NaN();
  return hn::GetLane(hn::MaxOfLanes(row.d, largest));
}

// Returns exp(x) for x below 88.5, within 2 units in the last place; 0 in f32 where that is less than the smallest
// normal number. In f32 half the work of Highway's, which is defined everywhere: exp(x) = 2^n exp(r) for n = round(x /
// log 2), and Cephes' polynomial (Moshier, 1984) for exp(r).
template <class D>
HWY_INLINE hn::Vec<D> ExpOfWeight(D d, hn::Vec<D> x) {
  if constexpr (sizeof(hn::TFromD<D>) == sizeof(double)) {
    return hn::Exp(d, x);
  } else {
    const hn::RebindToSigned<D> di;
    const auto lowest = hn::Set(d, -87.0f);    // above the log of the smallest normal number
    const auto shift = hn::Set(d, 0x1.8p23f);  // rounds to a whole number, which the last bits then are
    const auto bounded = hn::Max(x, lowest);
    const auto shifted = hn::MulAdd(bounded, hn::Set(d, 1.44269504f), shift);
    const auto n = hn::Sub(shifted, shift);
    auto r = hn::NegMulAdd(n, hn::Set(d, 0.693359375f), bounded);
    r = hn::NegMulAdd(n, hn::Set(d, -2.12194440e-4f), r);
    auto p = hn::MulAdd(hn::Set(d, 1.9875691500e-4f), r, hn::Set(d, 1.3981999507e-3f));
    p = hn::MulAdd(p, r, hn::Set(d, 8.3334519073e-3f));
    p = hn::MulAdd(p, r, hn::Set(d, 4.1665795894e-2f));
    p = hn::MulAdd(p, r, hn::Set(d, 1.6666665459e-1f));
    p = hn::MulAdd(p, r, hn::Set(d, 5.0000001201e-1f));
    const auto e = hn::Add(hn::MulAdd(p, hn::Mul(r, r), r), hn::Set(d, 1.0f));
    const auto scaled = hn::Add(hn::BitCast(di, e), hn::ShiftLeft<23>(hn::BitCast(di, shifted)));
    return hn::IfThenElseZero(hn::Ge(x, lowest), hn::BitCast(d, scaled));
  }
}

// Makes s = exp(scale * s - max), and returns its sum. Written out, since a function of one vector that is not inlined
// loads the constants of the exponential anew for each.
template <class T>
HWY_INLINE double ExpScaledMinus(const Row<T>& row, T scale, T max, T* s) {
  const auto factor = hn::Set(row.d, scale), largest = hn::Set(row.d, max);
  double total = 0;
  for (int64_t i = 0; i < row.n;) {
    const int64_t end = std::min(row.n, i + kVectorsPerFlush * row.lanes);
    auto sum = hn::Zero(row.d);
    for (; i + row.lanes <= end; i += row.lanes) {
      const auto e = ExpOfWeight(row.d, hn::Sub(hn::Mul(hn::LoadU(row.d, s + i), factor), largest));
      hn::StoreU(e, row.d, s + i);
      sum = hn::Add(sum, e);
    }
    if (i < end) {
      const auto e = ExpOfWeight(row.d, hn::Sub(hn::Mul(row.Load(s, i, 0), factor), largest));
      row.Store(e, s, i);
      sum = hn::Add(sum, hn::IfThenElseZero(hn::FirstN(row.d, row.n - i), e));
      i = end;
    }
    total += hn::GetLane(hn::SumOfLanes(row.d, sum));
  }
  return total;
}

template <class T>
T WeighScoresT(int64_t n, T scale, T* s, ScoreSum<T>* sum) {
  constexpr T kInfinity = std::numeric_limits<T>::infinity(), kNan = std::numeric_limits<T>::quiet_NaN();
  if (n == 0) return 1;
  const Row<T> row(n);
  const T largest = MaxScaled(row, scale, s), before = sum->max;
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
  const double weights = ExpScaledMinus(row, scale, sum->max, s);
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
    auto p = hn::IfThenElse(hn::Gt(x, largest), infinity, ExpOfWeight(row.d, x));
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
bool HasNanF32(int64_t n, const float* x) { return HasNanT(n, x); }
bool HasNanF64(int64_t n, const double* x) { return HasNanT(n, x); }
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
HWY_EXPORT(HasNanF32);
HWY_EXPORT(HasNanF64);

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
bool HasNan(int64_t n, const float* x) { return HWY_DYNAMIC_DISPATCH(HasNanF32)(n, x); }
bool HasNan(int64_t n, const double* x) { return HWY_DYNAMIC_DISPATCH(HasNanF64)(n, x); }
void ScaleRow(int64_t n, double factor, double* y) { HWY_DYNAMIC_DISPATCH(ScaleRowF64)(n, factor, y); }

}  // namespace adret::kernels
#endif  // HWY_ONCE
