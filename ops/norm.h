// Normalisation: of batches, layers, groups of channels, and by the root of the mean square.
//
//   BatchNormResult norm = BatchNormTraining(x, scale, bias);       // [?,16,32,32]; scale, bias: [16]
//   Value y = norm.y;                                               // norm.mean, norm.variance: of this batch
//   Value z = BatchNormInference(x, {.scale = scale, .bias = bias, .mean = mean, .variance = variance});
//   Value w = LayerNorm(tokens, gain, offset);                      // [?,32,64]; gain, offset: [64]
//   Value v = GroupNorm(x, scale, bias, /*groups=*/4);              // also InstanceNorm(x, 1.0, 0.0)
//
// All of them are f32 or f64. They are accurate wherever x is: far from zero (the mean is known to more digits than x's
// type has), and where squares leave the range of the type (1e30 in f32). A variance that leaves it is infinite as a
// result, and y is right all the same. The statistics of nothing are NaN.
#ifndef ADRET_OPS_NORM_H_
#define ADRET_OPS_NORM_H_

#include "adret/core/graph.h"

namespace adret {

struct NormAttrs {
  double epsilon = 1e-5;  // added to the variance; finite, at least 0
  template <class V>
  void Fields(V&& v) {
    v("epsilon", epsilon);
  }
};

struct BatchNormResult {
  Value y;         // of x's type
  Value mean;      // [C]
  Value variance;  // [C], biased: divided by the number of elements
};

// Computes y = (x - mean) / sqrt(variance + epsilon) * scale + bias, with the statistics of each channel (axis 1) over
// all other axes (Ioffe and Szegedy 2015). x: [N,C,...]; scale, bias: [C]. All three results have gradients.
BatchNormResult BatchNormTraining(Operand x, Operand scale, Operand bias, const NormAttrs& attrs = {});

struct BatchNormParameters {
  Value scale, bias, mean, variance;  // [C]
};

// Normalises like BatchNormTraining, with given statistics; a composition of element-wise ops.
Value BatchNormInference(Operand x, const BatchNormParameters& parameters, const NormAttrs& attrs = {});

// Computes y = (x - mean) / sqrt(variance + epsilon) * scale + bias, with statistics over x's trailing axes, as many as
// scale has (Ba et al. 2016). scale, bias: x's trailing dimensions.
Value LayerNorm(Operand x, Operand scale, Operand bias, const NormAttrs& attrs = {});

// Computes y = x / sqrt(mean(x^2) + epsilon) * scale, with the mean over x's trailing axes, as many as scale has (Zhang
// and Sennrich 2019). scale: x's trailing dimensions.
Value RmsNorm(Operand x, Operand scale, const NormAttrs& attrs = {});

// Computes y = (x - mean) / sqrt(variance + epsilon) * scale + bias, with statistics over each sample's groups of
// neighbouring channels and all axes behind (Wu and He 2018). x [N,C,...]; scale, bias: [C], or numbers. groups divides
// C. A composition of LayerNorm and element-wise ops.
Value GroupNorm(Operand x, Operand scale, Operand bias, int64_t groups, const NormAttrs& attrs = {});

// Normalises each channel of each sample by itself (Ulyanov et al. 2016): as many groups as channels.
Value InstanceNorm(Operand x, Operand scale, Operand bias, const NormAttrs& attrs = {});

}  // namespace adret

#endif  // ADRET_OPS_NORM_H_
