// ResizeImages(): pictures at another size, as numbers.
//
//   absl::StatusOr<Tensor> small = explain::ResizeImages(photo, 28, 28);       // [1,3,480,640] -> [1,3,28,28]
#ifndef ADRET_EXPLAIN_RESIZE_IMAGES_H_
#define ADRET_EXPLAIN_RESIZE_IMAGES_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "adret/core/tensor.h"

namespace adret::explain {

// Resizes images [n, c, height, width], f32 or f64, at another height and width. Enlarged, pixels are interpolated
// bilinearly; made smaller, each is a mean of all that it covers, weighted by a triangle twice as wide as itself (as
// Pillow's BILINEAR does), so that nothing is skipped. InvalidArgument for other types and sizes below 1.
absl::StatusOr<Tensor> ResizeImages(const Tensor& images, int64_t height, int64_t width);

}  // namespace adret::explain

#endif  // ADRET_EXPLAIN_RESIZE_IMAGES_H_
