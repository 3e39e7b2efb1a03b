// Transformations of images: each step of an ascent sees them a little shifted, scaled and turned, so that what is
// found does not hang on single pixels (Olah, Mordvintsev and Schubert, "Feature visualization", Distill 2017).
//
//   explain::Ascent robust = *explain::Maximize(network, objectives, {.transforms = explain::LucidTransforms()});
//   explain::Ascent steady = *explain::Maximize(network, objectives, {.transforms = {explain::Jitter(4)}});
//
// A transform is a function from images to images (of any number, channels and size), built of differentiable ops.
// Random ones draw one number for all images of a batch, anew at each step, from the run's seed. Afterwards FitTo
// brings images back to the size that the network expects.
#ifndef ADRET_EXPLAIN_TRANSFORM_H_
#define ADRET_EXPLAIN_TRANSFORM_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "adret/core/graph.h"

namespace adret::explain {

// images [n, c, h, w], f32 or f64, to [n, c, h', w'].
using Transform = std::function<Value(Value images)>;

// Adds a border of `pixels` on each side.
Transform Pad(int64_t pixels, double value = 0.5);
// Cuts out a random part, smaller by `pixels` in height and width.
Transform Jitter(int64_t pixels);
// Moves images by up to `pixels` either way, round the edges.
Transform Roll(int64_t pixels);
// Enlarges by one of the factors, drawn at random, about the centre, bilinearly; the size stays, and what comes from
// outside is the nearest edge.
Transform Scale(std::vector<double> factors);
// Turns about the centre by one of the angles, in degrees, in the same way.
Transform Rotate(std::vector<double> degrees);

// Returns Lucid's standard transforms (tensorflow/lucid, optvis/transform.py): pad by 12 with grey, jitter 8, scale by
// 0.9 to 1.1 in steps of 0.02, rotate by -10 to 10 degrees, of which 0 is drawn six times as often as each other,
// jitter 4.
std::vector<Transform> LucidTransforms();

// Applies the transforms, one after the other, and then the middle of the image: cut out where it is too large, framed
// with its edge where it is too small.
Value ApplyTransforms(const std::vector<Transform>& transforms, Value images);
Value FitTo(Value images, int64_t height, int64_t width);

}  // namespace adret::explain

#endif  // ADRET_EXPLAIN_TRANSFORM_H_
