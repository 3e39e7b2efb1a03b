// Losses: how wrong an answer is, as a scalar to minimise.
//
//   Value loss = nn::SoftmaxCrossEntropy(logits, label);                              // label i64[?] or f32[?,10]
//   Value robust = nn::Huber(prediction, target, {.delta = 0.5});
//   Value each = nn::MeanSquaredError(x, target, {.reduction = nn::Reduction::kNone});
//
// x and target have one floating dtype and one shape, unless said otherwise. The loss of each example (or element) is
// averaged by default; the mean of no examples is NaN. Definitions are those of torch.nn.functional. Where a
// probability is 0, 0 * infinity is 0.
#ifndef ADRET_NN_LOSSES_H_
#define ADRET_NN_LOSSES_H_

#include <cstdint>

#include "adret/core/graph.h"

namespace adret::nn {

enum class Reduction { kMean, kSum, kNone };

struct LossOptions {
  Reduction reduction = Reduction::kMean;
};

// -sum_c w_c p_c log softmax(logits)_c for each row of logits [n, classes]; label: i64[n] indices, or p itself, [n,
// classes]. With smoothing s, p becomes (1 - s) p + s / classes. The mean is that of rows; if labels are indices,
// ignored rows do not count (NaN if all are), and it is weighted: divided by the sum of the labels' weights.
struct SoftmaxCrossEntropyOptions {
  double label_smoothing = 0;
  int64_t ignore_index = -100;  // rows with this label have loss 0 and gradient 0
  Value class_weights = {};     // w, [classes], of logits' dtype; none: 1
  Reduction reduction = Reduction::kMean;
};
Value SoftmaxCrossEntropy(Operand logits, Operand label, const SoftmaxCrossEntropyOptions& options = {});

// Computes (x - target)^2 for each element.
Value MeanSquaredError(Operand x, Operand target, const LossOptions& options = {});

// Computes |x - target| for each element.
Value MeanAbsoluteError(Operand x, Operand target, const LossOptions& options = {});

// With e = |x - target|: e^2 / 2 where e <= delta, delta (e - delta / 2) elsewhere (Huber 1964). delta is positive.
struct HuberOptions {
  double delta = 1;
  Reduction reduction = Reduction::kMean;
};
Value Huber(Operand x, Operand target, const HuberOptions& options = {});

// Computes -(t log sigmoid(x) + (1 - t) log(1 - sigmoid(x))) for each element, t in [0, 1]; accurate for large |x|.
Value BinaryCrossEntropy(Operand logits, Operand target, const LossOptions& options = {});

// max(0, margin - t x) for each element, t either -1 or 1.
struct HingeOptions {
  double margin = 1;
  Reduction reduction = Reduction::kMean;
};
Value Hinge(Operand x, Operand target, const HingeOptions& options = {});

// Computes sum_c p_c (log p_c - log_q_c) for each row of the last axis; p are probabilities, log_q log-probabilities
// (LogSoftmax). 0 log 0 is 0. Averaged over rows: PyTorch's "batchmean" where there are two axes.
Value KlDivergence(Operand log_q, Operand p, const LossOptions& options = {});

}  // namespace adret::nn

#endif  // ADRET_NN_LOSSES_H_
