// Whole-number division that rounds up, and rounding up to a multiple: sizes of blocks, paddings and alignments.
//
//   int64_t blocks = CeilDiv(int64_t{1000}, 64);   // 16
//   int64_t padded = RoundUp(int64_t{1000}, 64);   // 1024
#ifndef ADRET_CORE_ROUNDING_H_
#define ADRET_CORE_ROUNDING_H_

#include <concepts>

namespace adret {

// Returns n / divisor, rounded up, for n >= 0 and divisor > 0. T must be able to hold n + divisor, and is no smaller
// than the divisor's type.
template <std::integral T, std::integral U>
requires(sizeof(U) <= sizeof(T)) constexpr T CeilDiv(T n, U divisor) {
  return (n + static_cast<T>(divisor) - 1) / static_cast<T>(divisor);
}

// Returns the smallest multiple of `multiple` that is not less than n. Its arguments are as CeilDiv's.
template <std::integral T, std::integral U>
requires(sizeof(U) <= sizeof(T)) constexpr T RoundUp(T n, U multiple) {
  return CeilDiv(n, multiple) * static_cast<T>(multiple);
}

}  // namespace adret

#endif  // ADRET_CORE_ROUNDING_H_
