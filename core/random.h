// Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
//
// The numbers are a pure function of (seed, stream, step, index), so they are the same for any number of threads and
// can be continued from a file.
#ifndef ADRET_CORE_RANDOM_H_
#define ADRET_CORE_RANDOM_H_

#include <array>
#include <cstdint>

namespace adret {

// Computes the block function itself: four 32-bit random words for a 128-bit counter and a 64-bit key.
std::array<uint32_t, 4> Philox4x32(const std::array<uint32_t, 4>& counter, const std::array<uint32_t, 2>& key);

// Names one sequence of random numbers.
struct RandomKey {
  uint64_t seed = 0;
  uint32_t stream = 0;  // which consumer: a random node, a shuffle, an initialiser
  uint64_t step = 0;    // which run, at most 2^48 - 1

  // Returns block i of the sequence: words 4i .. 4i+3.
  std::array<uint32_t, 4> Block(uint64_t i) const;
};

// Turns 32 random bits into a float in [0, 1), 64 to a double in [0, 1).
inline float UnitFloat(uint32_t bits) { return static_cast<float>(bits >> 8) * 0x1p-24f; }
inline double UnitDouble(uint32_t hi, uint32_t lo) {
  return static_cast<double>(((uint64_t{hi} << 32) | lo) >> 11) * 0x1p-53;
}

// A sequential reader of one sequence, for shuffles, initialisers and tests.
class RandomStream {
 public:
  explicit RandomStream(RandomKey key) : key_(key) {}
  explicit RandomStream(uint64_t seed, uint32_t stream = 0) : key_{seed, stream, 0} {}

  uint32_t Bits();
  // Returns a number in [0, 1).
  double Uniform();
  double Uniform(double lo, double hi) { return lo + (hi - lo) * Uniform(); }
  // Returns a standard normal number (Box and Muller 1958).
  double Normal();
  // Returns a number in [0, n), without bias (Lemire 2019). n > 0.
  uint32_t Below(uint32_t n);

 private:
  RandomKey key_;
  uint64_t block_ = 0;
  int used_ = 4;
  std::array<uint32_t, 4> words_{};
  bool has_normal_ = false;
  double normal_ = 0;
};

}  // namespace adret

#endif  // ADRET_CORE_RANDOM_H_
