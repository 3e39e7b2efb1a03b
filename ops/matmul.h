// Matrix products.
//
//   Value y = MatMul(x, w);                              // [?,784] x [784,10] -> [?,10]
//   Value gram = MatMul(x, x, {.transpose_a = true});    // [?,784] -> [784,784]
#ifndef ADRET_OPS_MATMUL_H_
#define ADRET_OPS_MATMUL_H_

#include "adret/core/graph.h"

namespace adret {

struct MatMulAttrs {
  bool transpose_a = false;  // swap the last two axes of a
  bool transpose_b = false;  // swap the last two axes of b
  template <class V>
  void Fields(V&& v) {
    v("transpose_a", transpose_a), v("transpose_b", transpose_b);
  }
};

// Computes y[..., i, j] = sum_k a[..., i, k] b[..., k, j] for f32 or f64 matrices of rank 2 or more; leading axes are
// batches and broadcast against each other as in NumPy. One dimension of the result may be symbolic.
Value MatMul(Operand a, Operand b, MatMulAttrs attrs = {});

}  // namespace adret

#endif  // ADRET_OPS_MATMUL_H_
