// How images become pictures of a report.
#include <algorithm>
#include <cstring>

#include "adret/core/status.h"
#include "adret/explain/resize_images.h"
#include "adret/tools/report/gather_internal.h"

namespace adret::report {

absl::StatusOr<Tensor> Shrunk(const Tensor& images, int64_t most) {
  const int64_t height = images.shape()[2], width = images.shape()[3], longer = std::max(height, width);
  if (longer <= most) return images;
  return explain::ResizeImages(images, std::max<int64_t>(1, height * most / longer),
                               std::max<int64_t>(1, width * most / longer));
}

absl::StatusOr<Tensor> Pixels(const Tensor& images, io::PixelRange range, int64_t most) {
  AD_ASSIGN_OR_RETURN(const Tensor shrunk, Shrunk(images, most));
  return io::ToPixels(shrunk, range);
}

io::PixelRange RangeOf(const Tensor& images) {
  if (images.dtype() == DType::kUint8) return io::PixelRange::kUnit;
  for (int64_t i = 0; i < images.num_elements(); ++i) {
    if (!(images.At(i) >= -1e-6 && images.At(i) <= 1 + 1e-6)) return io::PixelRange::kEach;
  }
  return io::PixelRange::kUnit;
}

Tensor Row(const Tensor& rows, int64_t i) {
  Shape shape;
  for (int axis = 1; axis < rows.rank(); ++axis) shape.push_back(rows.shape()[axis]);
  Tensor row(rows.dtype(), shape);
  std::memcpy(row.mutable_raw(), static_cast<const char*>(rows.raw()) + i * row.num_bytes(), row.num_bytes());
  return row;
}

}  // namespace adret::report
