// Fill(): like std::fill_n, but with wide stores at every optimisation level. At -O2, GCC makes std::fill_n a loop of
// single elements.
#ifndef ADRET_CORE_FILL_H_
#define ADRET_CORE_FILL_H_

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace adret {

template <class T>
void Fill(T* out, int64_t n, T value) {
  constexpr int64_t kStep = 64 / sizeof(T);
  T pattern[kStep];
  std::fill_n(pattern, kStep, value);
  int64_t i = 0;
  for (; i + kStep <= n; i += kStep) std::memcpy(out + i, pattern, sizeof(pattern));
  for (; i < n; ++i) out[i] = value;
}

}  // namespace adret

#endif  // ADRET_CORE_FILL_H_
