// transpose: the axes of a tensor in another order.
//
//   Value nhwc = Transpose(nchw, {0, 2, 3, 1});
//   Value w_t = Transpose(w);                    // all axes reversed: a matrix's transpose
#ifndef ADRET_OPS_TRANSPOSE_H_
#define ADRET_OPS_TRANSPOSE_H_

#include <cstdint>
#include <vector>

#include "adret/core/graph.h"

namespace adret {

struct TransposeAttrs {
  std::vector<int64_t> permutation;
  template <class V>
  void Fields(V&& v) {
    v("permutation", permutation);
  }
};

// Computes y[i_p0, i_p1, ...] = x[i_0, i_1, ...]: axis a of y is axis permutation[a] of x, of any dtype. Negative axes
// count from the end; an empty permutation reverses the axes. Errors: not a permutation of x's axes.
Value Transpose(Operand x, const std::vector<int64_t>& permutation = {});

}  // namespace adret

#endif  // ADRET_OPS_TRANSPOSE_H_
