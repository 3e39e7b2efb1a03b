#include "adret/ops/kernels/random.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <numbers>

#include "adret/core/parallel.h"
#include "adret/ops/kernels/elementwise.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "adret/ops/kernels/random.cc"
#include "hwy/foreach_target.h"
//
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace adret::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_SCALAR
void PhiloxWords(const RandomKey& key, uint64_t first, int64_t blocks, uint32_t* out) {
  for (int64_t i = 0; i < blocks; ++i) {
    const auto words = key.Block(first + i);
    std::copy(words.begin(), words.end(), out + 4 * i);
  }
}
#else
// One block in each 64-bit lane: only the lower halves of c0 to c3 count, since MulEven reads no others.
void PhiloxWords(const RandomKey& key, uint64_t first, int64_t blocks, uint32_t* out) {
  const hn::ScalableTag<uint64_t> d;
  const hn::Repartition<uint32_t, decltype(d)> d32;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto mul0 = hn::Set(d32, 0xD2511F53u), mul1 = hn::Set(d32, 0xCD9E8D57u);
  const auto low = hn::Set(d, uint64_t{0xFFFFFFFF});
  const auto step_high = hn::Set(d, (key.step >> 32) << 16), mask16 = hn::Set(d, uint64_t{0xFFFF});
  int64_t i = 0;
  for (; i + lanes <= blocks; i += lanes) {
    const auto index = hn::Iota(d, first + static_cast<uint64_t>(i));
    auto c0 = index;
    auto c1 = hn::Or(hn::And(hn::ShiftRight<32>(index), mask16), step_high);
    auto c2 = hn::Set(d, key.step);
    auto c3 = hn::Set(d, uint64_t{key.stream});
    uint32_t k0 = static_cast<uint32_t>(key.seed), k1 = static_cast<uint32_t>(key.seed >> 32);
    for (int round = 0; round < 10; ++round) {
      const auto p0 = hn::MulEven(hn::BitCast(d32, c0), mul0);
      const auto p1 = hn::MulEven(hn::BitCast(d32, c2), mul1);
      c0 = hn::Xor(hn::Xor(hn::ShiftRight<32>(p1), c1), hn::Set(d, uint64_t{k0}));
      c1 = p1;
      c2 = hn::Xor(hn::Xor(hn::ShiftRight<32>(p0), c3), hn::Set(d, uint64_t{k1}));
      c3 = p0;
      k0 += 0x9E3779B9;
      k1 += 0xBB67AE85;
    }
    const auto words01 = hn::Or(hn::And(c0, low), hn::ShiftLeft<32>(c1));
    const auto words23 = hn::Or(hn::And(c2, low), hn::ShiftLeft<32>(c3));
    hn::StoreInterleaved2(words01, words23, d, reinterpret_cast<uint64_t*>(out + 4 * i));
  }
  for (; i < blocks; ++i) {
    const auto words = key.Block(first + i);
    std::copy(words.begin(), words.end(), out + 4 * i);
  }
}
#endif

// y[i] = min(lo + scale * (bits[i] >> 8) / 2^24, top)
void UniformFloats(const uint32_t* bits, int64_t n, const float* lo_scale_top, float* y) {
  const hn::ScalableTag<float> d;
  const hn::Rebind<int32_t, decltype(d)> di;
  const hn::Rebind<uint32_t, decltype(d)> du;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto lo = hn::Set(d, lo_scale_top[0]), scale = hn::Set(d, lo_scale_top[1] * 0x1p-24f);
  const auto top = hn::Set(d, lo_scale_top[2]);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto unit = hn::ConvertTo(d, hn::BitCast(di, hn::ShiftRight<8>(hn::LoadU(du, bits + i))));
    hn::StoreU(hn::Min(hn::MulAdd(unit, scale, lo), top), d, y + i);
  }
  for (; i < n; ++i) {
    const hn::CappedTag<float, 1> d1;
    const auto unit = hn::Set(d1, static_cast<float>(bits[i] >> 8));
    const auto value = hn::MulAdd(unit, hn::Set(d1, lo_scale_top[1] * 0x1p-24f), hn::Set(d1, lo_scale_top[0]));
    y[i] = std::min(hn::GetLane(value), lo_scale_top[2]);
  }
}

// y[i] = one if bits[i] >> 8 is below the threshold, else 0: for numbers of 4 bytes, whatever their type.
void BernoulliWords(const uint32_t* bits, int64_t n, uint32_t threshold, uint32_t one, void* y) {
  char* out = static_cast<char*>(y);
  const hn::ScalableTag<int32_t> d;
  const hn::Rebind<uint32_t, decltype(d)> du;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto limit = hn::Set(d, static_cast<int32_t>(threshold)), ones = hn::Set(d, static_cast<int32_t>(one));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto drawn = hn::BitCast(d, hn::ShiftRight<8>(hn::LoadU(du, bits + i)));
    const auto word = hn::BitCast(du, hn::IfThenElseZero(hn::Lt(drawn, limit), ones));
    hn::StoreU(word, du, reinterpret_cast<uint32_t*>(out + 4 * i));
  }
  for (; i < n; ++i) {
    const uint32_t word = (bits[i] >> 8) < threshold ? one : 0;
    std::memcpy(out + 4 * i, &word, sizeof(word));
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace adret::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace adret::kernels {
namespace {

HWY_EXPORT(PhiloxWords);
HWY_EXPORT(UniformFloats);
HWY_EXPORT(BernoulliWords);

constexpr int64_t kGrain = 16384;  // elements of a parallel chunk: a multiple of a buffer
constexpr int64_t kBuffer = 1024;  // words made at a time: they stay in L1

// Calls use(words, first, count) for consecutive pieces of [0, n), with the `per_element` words of each element.
template <class Use>
void ForWords(const RandomKey& key, int64_t n, int per_element, Use use) {
  const int64_t piece = kBuffer / per_element;
  ParallelFor(n, kGrain, [&](int64_t begin, int64_t end) {
    alignas(64) uint32_t words[kBuffer];
    for (int64_t first = begin; first < end; first += piece) {
      const int64_t count = std::min(piece, end - first);
      RandomWords(key, static_cast<uint64_t>(first) * per_element / 4, (count * per_element + 3) / 4, words);
      use(words, first, count);
    }
  });
}

// Makes normal numbers from pairs: y[2k], y[2k+1] = mean + stddev * r cos a, mean + stddev * r sin a with r = sqrt(-2
// log u).
template <class T>
class BoxMuller {
 public:
  explicit BoxMuller(Gaussian g) : mean_(static_cast<T>(g.mean)), stddev_(static_cast<T>(g.stddev)) {}

  // u and angle are overwritten. count may be odd.
  void Run(T* u, T* angle, int64_t count, T* y) const {
    const int64_t pairs = (count + 1) / 2;
    T sine[kBuffer / 2];
    Apply(log_, u, u, pairs);
    for (int64_t i = 0; i < pairs; ++i) u[i] *= T{-2};
    Apply(sqrt_, u, u, pairs);
    Apply(sin_, angle, sine, pairs);
    Apply(cos_, angle, angle, pairs);
    for (int64_t i = 0; i < pairs; ++i) {
      const T radius = stddev_ * u[i];
      y[2 * i] = mean_ + radius * angle[i];
      if (2 * i + 1 < count) y[2 * i + 1] = mean_ + radius * sine[i];
    }
  }

 private:
  static void Apply(SpanFn fn, const T* x, T* y, int64_t n) {
    const void* in[] = {x};
    const double none[3] = {};
    fn(in, y, n, none);
  }

  const T mean_, stddev_;
  const SpanFn log_ = FindElementwise("log", kDTypeOf<T>), sqrt_ = FindElementwise("sqrt", kDTypeOf<T>);
  const SpanFn sin_ = FindElementwise("sin", kDTypeOf<T>), cos_ = FindElementwise("cos", kDTypeOf<T>);
};

}  // namespace

void RandomWords(const RandomKey& key, uint64_t first, int64_t blocks, uint32_t* out) {
  HWY_DYNAMIC_DISPATCH(PhiloxWords)(key, first, blocks, out);
}

void FillUniform(const RandomKey& key, DType dtype, Interval interval, int64_t n, void* out) {
  if (dtype == DType::kFloat32) {
    const float lo = static_cast<float>(interval.lo), hi = static_cast<float>(interval.hi);
    const float lo_scale_top[] = {lo, hi - lo, std::nextafter(hi, lo)};
    ForWords(key, n, 1, [&](const uint32_t* words, int64_t first, int64_t count) {
      HWY_DYNAMIC_DISPATCH(UniformFloats)(words, count, lo_scale_top, static_cast<float*>(out) + first);
    });
    return;
  }
  const double top = std::nextafter(interval.hi, interval.lo), scale = interval.hi - interval.lo;
  ForWords(key, n, 2, [&](const uint32_t* words, int64_t first, int64_t count) {
    double* y = static_cast<double*>(out) + first;
    for (int64_t i = 0; i < count; ++i) {
      y[i] = std::min(interval.lo + scale * UnitDouble(words[2 * i], words[2 * i + 1]), top);
    }
  });
}

void FillNormal(const RandomKey& key, DType dtype, Gaussian gaussian, int64_t n, void* out) {
  if (dtype == DType::kFloat32) {
    const BoxMuller<float> box_muller(gaussian);
    ForWords(key, n, 1, [&](const uint32_t* words, int64_t first, int64_t count) {
      float u[kBuffer / 2], angle[kBuffer / 2];
      for (int64_t i = 0; i < (count + 1) / 2; ++i) {
        u[i] = (static_cast<float>(words[2 * i]) + 0.5f) * 0x1p-32f;  // in (0, 1]: its logarithm is finite
        angle[i] = UnitFloat(words[2 * i + 1]) * (2 * std::numbers::pi_v<float>);
      }
      box_muller.Run(u, angle, count, static_cast<float*>(out) + first);
    });
    return;
  }
  const BoxMuller<double> box_muller(gaussian);
  ForWords(key, n, 2, [&](const uint32_t* words, int64_t first, int64_t count) {
    double u[kBuffer / 4], angle[kBuffer / 4];
    for (int64_t i = 0; i < (count + 1) / 2; ++i) {
      u[i] = 1.0 - UnitDouble(words[4 * i], words[4 * i + 1]);
      angle[i] = UnitDouble(words[4 * i + 2], words[4 * i + 3]) * (2 * std::numbers::pi);
    }
    box_muller.Run(u, angle, count, static_cast<double*>(out) + first);
  });
}

void FillBernoulli(const RandomKey& key, DType dtype, double p, int64_t n, void* out) {
  const uint32_t threshold = static_cast<uint32_t>(std::lround(p * 0x1p24));
  VisitDType(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    ForWords(key, n, 1, [&](const uint32_t* words, int64_t first, int64_t count) {
      T* y = static_cast<T*>(out) + first;
      if constexpr (sizeof(T) == sizeof(uint32_t)) {
        HWY_DYNAMIC_DISPATCH(BernoulliWords)(words, count, threshold, std::bit_cast<uint32_t>(T{1}), y);
      } else {
        // Through int, so that the compiler takes no branch that cannot be predicted.
        for (int64_t i = 0; i < count; ++i) y[i] = static_cast<T>(static_cast<int>((words[i] >> 8) < threshold));
      }
    });
  });
}

}  // namespace adret::kernels
#endif
