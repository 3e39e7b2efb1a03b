#include "adret/ops/kernels/machine_rates.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "adret/ops/kernels/machine_rates.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace adret::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Twelve independent sums: enough to hide the latency of a multiply-add (4 cycles on 2 ports need 8), and they fit the
// 16 registers of AVX2 beside the two factors.
template <class T>
double MultiplyAddLoop(int64_t rounds, T* result) {
  const hn::ScalableTag<T> d;
  // Sums go towards addend / (1 - factor) = 1: no denormals, no overflow.
  const auto factor = hn::Set(d, T(0.5)), addend = hn::Set(d, T(0.5));
  // Different ones: equal sums would be merged into one.
  auto a0 = hn::Iota(d, T(0)), a1 = hn::Iota(d, T(1)), a2 = hn::Iota(d, T(2)), a3 = hn::Iota(d, T(3));
  auto a4 = hn::Iota(d, T(4)), a5 = hn::Iota(d, T(5)), a6 = hn::Iota(d, T(6)), a7 = hn::Iota(d, T(7));
  auto a8 = hn::Iota(d, T(8)), a9 = hn::Iota(d, T(9)), a10 = hn::Iota(d, T(10)), a11 = hn::Iota(d, T(11));
  for (int64_t i = 0; i < rounds; ++i) {
    a0 = hn::MulAdd(a0, factor, addend), a1 = hn::MulAdd(a1, factor, addend);
    a2 = hn::MulAdd(a2, factor, addend), a3 = hn::MulAdd(a3, factor, addend);
    a4 = hn::MulAdd(a4, factor, addend), a5 = hn::MulAdd(a5, factor, addend);
    a6 = hn::MulAdd(a6, factor, addend), a7 = hn::MulAdd(a7, factor, addend);
    a8 = hn::MulAdd(a8, factor, addend), a9 = hn::MulAdd(a9, factor, addend);
    a10 = hn::MulAdd(a10, factor, addend), a11 = hn::MulAdd(a11, factor, addend);
  }
  const auto low = hn::Add(hn::Add(hn::Add(a0, a1), hn::Add(a2, a3)), hn::Add(a4, a5));
  const auto high = hn::Add(hn::Add(hn::Add(a6, a7), hn::Add(a8, a9)), hn::Add(a10, a11));
  *result = hn::GetLane(hn::SumOfLanes(d, hn::Add(low, high)));
  return 2.0 * 12 * static_cast<double>(hn::Lanes(d)) * static_cast<double>(rounds);
}
double MultiplyAddF32(int64_t rounds, float* result) { return MultiplyAddLoop(rounds, result); }
double MultiplyAddF64(int64_t rounds, double* result) { return MultiplyAddLoop(rounds, result); }

float Read(const float* HWY_RESTRICT x, int64_t n) {
  const hn::ScalableTag<float> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  auto a = hn::Zero(d), b = a, c = a, e = a, f = a, g = a, h = a, i = a;
  for (int64_t k = 0; k < n; k += 8 * lanes) {
    a = hn::Add(a, hn::Load(d, x + k)), b = hn::Add(b, hn::Load(d, x + k + lanes));
    c = hn::Add(c, hn::Load(d, x + k + 2 * lanes)), e = hn::Add(e, hn::Load(d, x + k + 3 * lanes));
    f = hn::Add(f, hn::Load(d, x + k + 4 * lanes)), g = hn::Add(g, hn::Load(d, x + k + 5 * lanes));
    h = hn::Add(h, hn::Load(d, x + k + 6 * lanes)), i = hn::Add(i, hn::Load(d, x + k + 7 * lanes));
  }
  a = hn::Add(hn::Add(hn::Add(a, b), hn::Add(c, e)), hn::Add(hn::Add(f, g), hn::Add(h, i)));
  return hn::GetLane(hn::SumOfLanes(d, a));
}

void Write(float value, float* HWY_RESTRICT x, int64_t n) {
  const hn::ScalableTag<float> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto v = hn::Set(d, value);
  for (int64_t k = 0; k < n; k += 4 * lanes) {
    for (int64_t j = 0; j < 4; ++j) hn::Store(v, d, x + k + j * lanes);
  }
}

void Copy(const float* HWY_RESTRICT from, float* HWY_RESTRICT to, int64_t n) {
  const hn::ScalableTag<float> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t k = 0; k < n; k += 4 * lanes) {
    for (int64_t j = 0; j < 4; ++j) hn::Store(hn::Load(d, from + k + j * lanes), d, to + k + j * lanes);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace adret::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace adret::kernels {
namespace {
HWY_EXPORT(MultiplyAddF32);
HWY_EXPORT(MultiplyAddF64);
HWY_EXPORT(Read);
HWY_EXPORT(Write);
HWY_EXPORT(Copy);
}  // namespace

double MultiplyAdd(int64_t rounds, float* result) { return HWY_DYNAMIC_DISPATCH(MultiplyAddF32)(rounds, result); }
double MultiplyAdd(int64_t rounds, double* result) { return HWY_DYNAMIC_DISPATCH(MultiplyAddF64)(rounds, result); }
float ReadPass(const float* x, int64_t n) { return HWY_DYNAMIC_DISPATCH(Read)(x, n); }
void WritePass(float value, float* x, int64_t n) { HWY_DYNAMIC_DISPATCH(Write)(value, x, n); }
void CopyPass(const float* from, float* to, int64_t n) { HWY_DYNAMIC_DISPATCH(Copy)(from, to, n); }

}  // namespace adret::kernels
#endif  // HWY_ONCE
