// The filter gradient by its definition, for the few results that fast methods leave open.
#ifndef ADRET_OPS_KERNELS_CONV_FILTER_GRADIENT_H_
#define ADRET_OPS_KERNELS_CONV_FILTER_GRADIENT_H_

#include "adret/ops/kernels/conv/conv2d.h"

namespace adret::kernels {

// Computes again, as sums in order, the elements of dw that are not finite.
//
// Fast methods multiply more pairs of numbers than the definition names, with factors that are zero or cancel. Numbers
// of x and dy that are not finite show there, and sums of large ones overflow. All that the definition makes infinite
// or NaN is so in their results too, so that after this dw is infinite or NaN exactly where the definition is. Padding
// is zeros: times an infinite dy it is NaN.
//
// A sum ends once it is NaN, so gradients full of NaN cost little; one NaN among numbers costs the share of dw that it
// reaches, at the speed of a plain loop.
template <class T>
void RecomputeNonFinite(const Conv2dShape& shape, const T* x, const T* dy, T* dw);

}  // namespace adret::kernels

#endif  // ADRET_OPS_KERNELS_CONV_FILTER_GRADIENT_H_
