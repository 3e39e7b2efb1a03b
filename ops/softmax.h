// Softmax along an axis, and the cross-entropy of a softmax.
//
//   Value p = Softmax(logits);                                    // [?,10], along the last axis
//   Value loss = Mean(SoftmaxCrossEntropy(logits, labels));       // labels: i64[?] or f32[?,10]
//   Value smoothed = SoftmaxCrossEntropy(logits, labels, {.label_smoothing = 0.1});
//
// Nothing overflows, and logarithms, losses and first derivatives keep their relative precision where one probability
// rounds to 1. A row with NaN or +infinity, or of -infinity only, gives NaN.
#ifndef ADRET_OPS_SOFTMAX_H_
#define ADRET_OPS_SOFTMAX_H_

#include <cstdint>
#include <vector>

#include "adret/core/graph.h"

namespace adret {

// Computes exp(x) / sum(exp(x)) along the axis; f32, f64.
Value Softmax(Operand x, int64_t axis = -1);
// Computes the softmax over several axes (none: all): the sum runs over all of them.
Value Softmax(Operand x, const std::vector<int64_t>& axes);
// Computes x - log(sum(exp(x))) along the axis; f32, f64.
Value LogSoftmax(Operand x, int64_t axis = -1);

struct SoftmaxCrossEntropyAttrs {
  double label_smoothing = 0;   // in [0, 1]: the target is (1 - s) * labels + s / classes (Szegedy et al. 2016)
  int64_t ignore_index = -100;  // rows with this label, if labels are indices, have loss 0 and gradient 0
  template <class V>
  void Fields(V&& v) {
    v("label_smoothing", label_smoothing), v("ignore_index", ignore_index);
  }
};

// Computes -sum(target * log_softmax(logits)) along the last axis: [N,C] -> [N], [..., C] -> [...]. Labels are either
// class indices, i32 or i64 of the result's shape, or probabilities, of the logits' type; these get a gradient, too. An
// index outside [0, C) that is not ignore_index makes the run fail. A class of probability 0 costs 0, even where its
// logit is -infinity. For classes on another axis, as in [N,C,H,W], transpose the logits first.
Value SoftmaxCrossEntropy(Operand logits, Operand labels, const SoftmaxCrossEntropyAttrs& attrs = {});

}  // namespace adret

#endif  // ADRET_OPS_SOFTMAX_H_
