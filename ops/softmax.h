// Softmax along an axis, and the cross-entropy of a softmax.
//
//   Value p = Softmax(logits);                                    // [?,10], along the last axis
//   Value loss = Mean(SoftmaxCrossEntropy(logits, labels));       // labels: i64[?] or f32[?,10]
//   Value smoothed = SoftmaxCrossEntropy(logits, labels, {.label_smoothing = 0.1});
#ifndef ADRET_OPS_SOFTMAX_H_
#define ADRET_OPS_SOFTMAX_H_

#include <cstdint>

#include "adret/core/graph.h"

namespace adret {

// Computes exp(x) / sum(exp(x)) along the axis; f32, f64.
Value Softmax(Operand x, int64_t axis = -1);
// Computes x - log(sum(exp(x))) along the axis; f32, f64.
Value LogSoftmax(Operand x, int64_t axis = -1);

struct SoftmaxCrossEntropyAttrs {
  double label_smoothing = 0;  // in [0, 1]: the target is (1 - s) * labels + s / classes (Szegedy et al. 2016)
  template <class V>
  void Fields(V&& v) {
    v("label_smoothing", label_smoothing);
  }
};

// Computes -sum(target * log_softmax(logits)) along the last axis: [N,C] -> [N], [..., C] -> [...]. Labels are either
// class indices, i32 or i64 of the result's shape, or probabilities, of the logits' type; these get a gradient, too. An
// index outside [0, C) makes the run fail. For classes on another axis, as in [N,C,H,W], transpose the logits first.
Value SoftmaxCrossEntropy(Operand logits, Operand labels, const SoftmaxCrossEntropyAttrs& attrs = {});

}  // namespace adret

#endif  // ADRET_OPS_SOFTMAX_H_
