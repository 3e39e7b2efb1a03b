// Canvas: images as variables, in a basis that makes climbing to them easy.
//
//   Graph graph;
//   absl::StatusOr<explain::Canvas> canvas = explain::Canvas::Create(&graph, {DType::kFloat32, {50, 1, 28, 28}});
//   Value activation = Sum((*network.Apply({network.layers()[0].value}, canvas->images()))[0]);
//   Value slope = Gradients(activation, {canvas->parameters()})[0];
//
// What is climbed are parameters z; what is seen are images x = bounds(colours(basis(z))).
//
//  basis    kPixels: x itself. kFourier: sums of waves whose amplitudes fall as 1 / f^decay, as photographs' do
//           (Olah et al., "Feature visualization", 2017): low frequencies move first, and no noise of single pixels
//           grows. The waves are products of real sines and cosines along the two axes, orthonormal; the spectrum is
//           scaled to a mean square of 1, so that steps are of the size that they have with pixels.
//  colours  decorrelate: z's three channels are the directions in which the colours of ImageNet's photographs vary
//           independently (the matrix is Lucid's, tensorflow/lucid, optvis/param/color.py).
//  bounds   kClip: images are clipped after each step, kSigmoid: lo + (hi - lo) sigmoid(.), kNone.
#ifndef ADRET_EXPLAIN_CANVAS_H_
#define ADRET_EXPLAIN_CANVAS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "adret/core/graph.h"
#include "adret/core/tensor.h"

namespace adret::explain {

enum class Basis { kPixels, kFourier };
enum class Bounds { kClip, kSigmoid, kNone };

struct CanvasOptions {
  Basis basis = Basis::kPixels;
  double decay = 1;  // of the spectrum: kFourier only
  bool decorrelate = false;
  Bounds bounds = Bounds::kClip;
  double lo = 0, hi = 1;  // darkest and brightest
  // How images start: even, with faint noise, since at an even grey many units have no slope.
  // Before bounds, pixels are uniform in level +- noise; with waves, noise is normal, and this is the pixels'
  // deviation.
  double level = 0.05;
  double noise = 0.05;
};

class Canvas {
 public:
  // Adds a variable for images of this type, [n, channels, height, width] with everything known. Fails for other types,
  // for decorrelate with other than 3 channels, and for figures that make no sense.
  static absl::StatusOr<Canvas> Create(Graph* graph, const Type& images, const CanvasOptions& options = {});

  Value parameters() const { return parameters_; }
  Value images() const { return images_; }

  // Returns what to store as the parameters' next value: `next`, within the bounds.
  Value Bounded(Value next) const;
  // Returns a slope of the parameters, without what would only push them out of their bounds.
  Value Inward(Value slope) const;
  // Parameters of the images blurred by a Gaussian of this standard deviation, in pixels (before bounds).
  Value Blurred(Value parameters, double sigma) const;

  // Returns where to start: image i is drawn from (seed, first + i), whatever else is drawn.
  absl::StatusOr<Tensor> Start(uint64_t seed, int64_t first = 0) const;
  // Returns the parameters of given images: images() at them are these, within the bounds (where sigmoid is one:
  // nearly).
  absl::StatusOr<Tensor> ParametersOf(const Tensor& images) const;

 private:
  Canvas() = default;
  Value Decode(Value parameters) const;
  Value Encode(Value images) const;
  bool Clips() const;

  CanvasOptions options_;
  Type type_;
  Value parameters_, images_;
};

}  // namespace adret::explain

#endif  // ADRET_EXPLAIN_CANVAS_H_
