#include "adret/core/random.h"

#include <cmath>
#include <numbers>

namespace adret {

std::array<uint32_t, 4> Philox4x32(const std::array<uint32_t, 4>& counter, const std::array<uint32_t, 2>& key) {
  constexpr uint32_t kMul0 = 0xD2511F53, kMul1 = 0xCD9E8D57, kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;
  std::array<uint32_t, 4> c = counter;
  uint32_t k0 = key[0], k1 = key[1];
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{kMul0} * c[0], p1 = uint64_t{kMul1} * c[2];
    c = {static_cast<uint32_t>(p1 >> 32) ^ c[1] ^ k0, static_cast<uint32_t>(p1),
         static_cast<uint32_t>(p0 >> 32) ^ c[3] ^ k1, static_cast<uint32_t>(p0)};
    k0 += kWeyl0;
    k1 += kWeyl1;
  }
  return c;
}

std::array<uint32_t, 4> RandomKey::Block(uint64_t i) const {
  // 48 bits of block, 48 bits of step, 32 bits of stream fill the counter.
  return Philox4x32(
      {static_cast<uint32_t>(i), static_cast<uint32_t>((i >> 32) & 0xFFFF) | static_cast<uint32_t>((step >> 32) << 16),
       static_cast<uint32_t>(step), stream},
      {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
}

uint32_t RandomStream::Bits() {
  if (used_ == 4) {
    words_ = key_.Block(block_++);
    used_ = 0;
  }
  return words_[used_++];
}

double RandomStream::Uniform() {
  const uint32_t hi = Bits(), lo = Bits();
  return UnitDouble(hi, lo);
}

double RandomStream::Normal() {
  if (has_normal_) {
    has_normal_ = false;
    return normal_;
  }
  // 1 - u is in (0, 1], so the logarithm is finite.
  const double radius = std::sqrt(-2.0 * std::log(1.0 - Uniform()));
  const double angle = 2.0 * std::numbers::pi * Uniform();
  normal_ = radius * std::sin(angle);
  has_normal_ = true;
  return radius * std::cos(angle);
}

uint32_t RandomStream::Below(uint32_t n) {
  uint64_t product = uint64_t{Bits()} * n;
  if (static_cast<uint32_t>(product) < n) {
    const uint32_t threshold = -n % n;
    while (static_cast<uint32_t>(product) < threshold) product = uint64_t{Bits()} * n;
  }
  return static_cast<uint32_t>(product >> 32);
}

}  // namespace adret
