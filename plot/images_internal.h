// What sheets of images share: batches of images, one after the other.
#ifndef ADRET_PLOT_IMAGES_INTERNAL_H_
#define ADRET_PLOT_IMAGES_INTERNAL_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "adret/core/tensor.h"
#include "adret/plot/color.h"

namespace adret::plot {

// InvalidArgument unless images are some [n, 1 or 3, height, width], with as many captions or none; sheet says in the
// error who shows them.
absl::Status CheckImages(absl::string_view sheet, const Tensor& images, size_t captions);

// Element i of [n,...], by itself.
Tensor Element(const Tensor& many, int64_t i);

// An image u8 [1 or 3,h,w] in colours, u8 [3,h,w]: its own if it has some.
Tensor InColors(const Tensor& image, ColorMap colors);

}  // namespace adret::plot

#endif  // ADRET_PLOT_IMAGES_INTERNAL_H_
