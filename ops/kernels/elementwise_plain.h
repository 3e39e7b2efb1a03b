// The loop of element-wise kernels that are written for one number: integers, bits, functions of the standard library.
//
//   struct IsEven {
//     template <class T>
//     static bool Run(const double* params, T x) { return x % 2 == 0; }
//   };
//   constexpr auto kIsEven = &kernels::PlainSpan<IsEven, int32_t, bool, 1>;   // a SpanFn
#ifndef ADRET_OPS_KERNELS_ELEMENTWISE_PLAIN_H_
#define ADRET_OPS_KERNELS_ELEMENTWISE_PLAIN_H_

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace adret::kernels {

template <class F, class In, class Out, size_t... I>
void PlainLoop(const void* const* in, Out* out, int64_t n, const double* params, std::index_sequence<I...>) {
  const In* x[] = {static_cast<const In*>(in[I])...};
  for (int64_t i = 0; i < n; ++i) out[i] = F::Run(params, x[I][i]...);
}
// out[i] = F::Run(params, in[0][i], ...). A SpanFn.
template <class F, class In, class Out, int kInputs>
void PlainSpan(const void* const* in, void* out, int64_t n, const double* params) {
  PlainLoop<F, In>(in, static_cast<Out*>(out), n, params, std::make_index_sequence<kInputs>());
}

// The integer that has the lowest of these bits: integers wrap around, and are computed with as uint64_t.
template <class T>
T Wrap(uint64_t bits) {
  return static_cast<T>(static_cast<std::make_unsigned_t<T>>(bits));
}

}  // namespace adret::kernels

#endif  // ADRET_OPS_KERNELS_ELEMENTWISE_PLAIN_H_
