// Conversion of numbers between dtypes: one rule for Tensor::Cast(), the op `cast` and everything else.
//
//  to bool      whether it is nonzero; NaN is
//  to integers  truncated towards 0; the nearest number that the dtype holds where it is out of range; NaN becomes 0
//  to floats    rounded once, to the nearest, a tie to the even one; too large becomes infinity; NaN stays NaN
//
// So nothing is undefined, and what the dtype can hold stays the same number.
#ifndef ADRET_CORE_CONVERT_H_
#define ADRET_CORE_CONVERT_H_

#include <concepts>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include "adret/core/dtype.h"

namespace adret {

template <class T>
inline constexpr bool kIsHalf = std::is_same_v<T, BFloat16> || std::is_same_v<T, Float16>;

template <class To, class From>
To ConvertTo(From x) {
  using Limits = std::numeric_limits<To>;
  if constexpr (kIsHalf<From>) {
    return ConvertTo<To>(static_cast<float>(x));
  } else if constexpr (std::is_same_v<To, bool>) {
    return x != From{0};
  } else if constexpr (kIsHalf<To> || std::floating_point<To> || std::is_same_v<From, bool>) {
    return static_cast<To>(x);
  } else if constexpr (std::floating_point<From>) {
    if (!(x == x)) return 0;
    // The limits as From may round to powers of two, which are outside To at the upper end.
    if (x >= static_cast<From>(Limits::max())) return Limits::max();
    if (x <= static_cast<From>(Limits::min())) return Limits::min();
    return static_cast<To>(x);
  } else {
    if (std::cmp_less(x, Limits::min())) return Limits::min();
    if (std::cmp_greater(x, Limits::max())) return Limits::max();
    return static_cast<To>(x);
  }
}

// Returns element i. A bool may be any byte, as a file or a feed has it: all but 0 are true.
template <class T>
T LoadElement(const void* data, int64_t i) {
  if constexpr (std::is_same_v<T, bool>) {
    return static_cast<const uint8_t*>(data)[i] != 0;
  } else {
    return static_cast<const T*>(data)[i];
  }
}

// A loop over n elements of the array in[0]. Its form is that of an element-wise op's loop (SpanKernel); there are no
// parameters.
using ConvertFn = void (*)(const void* const* in, void* out, int64_t n, const double* params);

// Returns the loop that converts from one dtype to another.
ConvertFn FindConversion(DType from, DType to);

}  // namespace adret

#endif  // ADRET_CORE_CONVERT_H_
