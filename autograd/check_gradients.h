// CheckGradients(): are the derivatives of a function what finite differences say they are?
//
//   absl::Status s = CheckGradients([](absl::Span<const Value> x) { return Values{Conv2d(x[0], x[1])}; },
//                                   {pixels, filters});      // f64 [1,1,4,4] and [3,1,2,2]
//
// At points in f64: for random directions v and cotangents u, the directional derivative <u, J v> of the function is
// compared with a central difference, and (order 2) the same is asked of the function's own gradient, as HIPS
// autograd's check_grads does. Cotangents are random, so that errors which cancel under a plain sum are seen.
#ifndef ADRET_AUTOGRAD_CHECK_GRADIENTS_H_
#define ADRET_AUTOGRAD_CHECK_GRADIENTS_H_

#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "adret/autograd/gradients.h"
#include "adret/core/tensor.h"

namespace adret {

struct CheckGradientsOptions {
  int order = 2;
  int directions = 3;       // random directions for each order
  double step = 1e-5;       // of the central difference, at order 1
  double tolerance = 1e-6;  // relative to the derivative, or to 0.01 where it is smaller
  uint64_t seed = 1;
  GradientOptions gradients = {};
};

// Checks f, which builds a value from f64 inputs (as many as points, in a graph it may ask them for). Points of other
// dtypes are passed as constants and not differentiated. Returns what was wrong: the order, the direction, both
// numbers.
absl::Status CheckGradients(const std::function<Values(absl::Span<const Value>)>& f, const std::vector<Tensor>& points,
                            const CheckGradientsOptions& options = {});

}  // namespace adret

#endif  // ADRET_AUTOGRAD_CHECK_GRADIENTS_H_
