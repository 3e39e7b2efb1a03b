// The sum of exponentials that softmax, its logarithm and the cross-entropy share. To be included by kernel files after
// hwy/foreach_target.h, once for each target.
#if defined(ADRET_OPS_KERNELS_EXP_SUM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ADRET_OPS_KERNELS_EXP_SUM_INL_H_
#undef ADRET_OPS_KERNELS_EXP_SUM_INL_H_
#else
#define ADRET_OPS_KERNELS_EXP_SUM_INL_H_
#endif

#include <algorithm>
#include <cmath>
#include <limits>

#include "adret/ops/kernels/row-inl.h"

HWY_BEFORE_NAMESPACE();
namespace adret::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The sum of exp(x - max) in two parts: the maxima, each of which gives 1, and all others. A rest that is too small to
// change the sum still makes its logarithm and the derivatives.
struct ExpSum {
  double maxima = 0, rest = 0;

  double Total() const { return maxima + rest; }
  double Log() const { return std::log1p((maxima - 1) + rest); }
  // What is left of the sum without one of the maxima.
  double Others() const { return (maxima - 1) + rest; }
};

// The ExpSum of a row whose maximum is m. Calls each(i, exp(x - m)) for each vector.
template <class T, class Each>
HWY_INLINE ExpSum SumExpMinus(const Row<T>& row, const T* x, T m, Each&& each) {
  const auto vm = hn::Set(row.d, m), one = hn::Set(row.d, T{1}), zero = hn::Zero(row.d);
  ExpSum sum;
  for (int64_t i = 0; i < row.n;) {
    const int64_t end = std::min(row.n, i + kVectorsPerFlush * row.lanes);
    auto rest = zero, maxima = zero;
    for (; i < end; i += row.lanes) {
      const auto z = hn::Sub(row.Load(x, i, -std::numeric_limits<T>::infinity()), vm);
      const auto e = hn::Exp(row.d, z);
      const auto top = hn::Eq(z, zero);  // never where max is infinite: all becomes NaN
      rest = hn::Add(rest, hn::IfThenZeroElse(top, e));
      maxima = hn::Add(maxima, hn::IfThenElseZero(top, one));
      each(i, e);
    }
    sum.rest += hn::GetLane(hn::SumOfLanes(row.d, rest));
    sum.maxima += hn::GetLane(hn::SumOfLanes(row.d, maxima));
  }
  return sum;
}

}  // namespace HWY_NAMESPACE
}  // namespace adret::kernels
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
