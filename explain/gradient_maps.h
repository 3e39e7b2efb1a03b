// Maps over an input that say what a value depends on, by one gradient each: functions of values of any graph.
//
//   Value map = explain::Saliency(y, image);                                   // y [n], image [n, c, h, w]
//   Value guided = explain::GuidedBackprop(y, image);
//   Value cam = explain::GradCam(y, conv2, {.height = 28, .width = 28});        // [n, 1, 28, 28]
//
// y has one number per example, [n], or is their sum: of either, the gradient at an example is that of its own number.
// Definitions follow the papers. (Grad-CAM is cut off at 0 and resized bilinearly, as the paper does; Captum leaves
// both to its caller.)
#ifndef ADRET_EXPLAIN_GRADIENT_MAPS_H_
#define ADRET_EXPLAIN_GRADIENT_MAPS_H_

#include <cstdint>

#include "adret/core/graph.h"
#include "adret/ops/resize.h"

namespace adret::explain {

// Returns |dy/dx|: what would change y most (Simonyan et al. 2014, "Deep inside convolutional networks").
Value Saliency(Operand y, Operand x);

// Returns x dy/dx: what each pixel adds to y, were y linear (Shrikumar et al. 2016, "Not just a black box").
Value InputXGradient(Operand y, Operand x);

// Returns dy/dx by the rule GuidedRelu.
Value GuidedBackprop(Operand y, Operand x);

// Returns dy/dx by the rule DeconvnetRelu. Max pooling goes back to where the maximum was, as the deconvnet's switches
// do.
Value Deconvnet(Operand y, Operand x);

// Computes max(sum_k alpha_k A_k, 0) with alpha_k = mean over positions of dy/dA_k, A_k the maps [n, k, h', w'] of a
// layer before y, at another size (Selvaraju et al. 2017, "Grad-CAM", equations 1 and 2): [n, 1, height, width].
// Bilinear, as in the paper's pictures.
Value GradCam(Operand y, Operand maps, const ResizeBilinearAttrs& size);

// Computes GuidedBackprop(y, x) * GradCam(y, maps) at x's size (the same paper, section 3.2); x is [n, c, h, w].
Value GuidedGradCam(Operand y, Operand x, Operand maps);

}  // namespace adret::explain

#endif  // ADRET_EXPLAIN_GRADIENT_MAPS_H_
