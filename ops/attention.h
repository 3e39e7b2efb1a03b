// Scaled dot-product attention (Vaswani et al. 2017).
//
//   Value y = ScaledDotProductAttention(q, k, v);                          // [?,4,12,64], [?,4,15,64] -> [?,4,12,64]
//   Value z = ScaledDotProductAttention(q, q, q, {.causal = true});        // each query sees itself and what is before
//   Value w = ScaledDotProductAttention(q, k, v, {.mask = seen});          // seen bool[?,1,1,15]: true takes part
//   Value u = ScaledDotProductAttention(q, k, v, {.dropout = 0.1});        // as in training
//
// Nothing of the size queries x keys is kept: the kernel works on blocks of scores, and its gradient computes them
// again from the logarithm of each row's sum (FlashAttention, Dao et al. 2022). What dropout drops is a pure function
// of a key, which each run draws anew (DrawKey() in ops/random.h), and of the weight's place: so the gradient's kernel
// draws it again, too. Second derivatives are composed of ordinary matrix products and do hold such matrices; so does
// the gradient of an additive mask.
#ifndef ADRET_OPS_ATTENTION_H_
#define ADRET_OPS_ATTENTION_H_

#include "adret/core/graph.h"

namespace adret {

struct AttentionOptions {
  // bool, of keys that take part (as in PyTorch's function; its layer has it the other way round), or numbers of q's
  // dtype that are added to the scores. Broadcasts to [..., queries, keys].
  Value mask = {};
  bool causal = false;  // query i sees keys 0 .. i, whatever their numbers
  double scale = 0;     // of the scores; 0: 1 / sqrt(features)
  // Each weight p[i, j] is 0 with this probability, in [0, 1), and else divided by 1 - dropout. In inference leave it
  // out.
  double dropout = 0;
};

// Computes y[..., i, :] = sum_j p[i, j] v[..., j, :], where p[i, :] is the softmax of scale q[..., i, :] k[..., j, :] +
// mask[..., i, j] over the keys j that take part. q [..., queries, features], k [..., keys, features] and v [..., keys,
// values] are all f32 or all f64; leading axes broadcast. A query for which no key takes part gives zeros, as in
// PyTorch 2; so does one whose scores all are -infinity. What a query does not see does not count, even where it is
// infinite or NaN; a score of NaN or +infinity makes the query's row NaN. Neither does a value count whose weight has
// been dropped.
Value ScaledDotProductAttention(Operand q, Operand k, Operand v, const AttentionOptions& options = {});

}  // namespace adret

#endif  // ADRET_OPS_ATTENTION_H_
