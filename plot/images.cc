#include <algorithm>
#include <array>
#include <vector>

#include "absl/strings/str_cat.h"
#include "adret/plot/images_internal.h"

namespace adret::plot {

absl::Status CheckImages(absl::string_view sheet, const Tensor& images, size_t captions) {
  if (images.rank() != 4 || images.num_elements() == 0 || (images.shape()[1] != 1 && images.shape()[1] != 3)) {
    return absl::InvalidArgumentError(
        absl::StrCat(sheet, " shows images [n, 1 or 3, height, width], not ", images.type().ToString()));
  }
  if (captions != 0 && static_cast<int64_t>(captions) != images.shape()[0]) {
    return absl::InvalidArgumentError(absl::StrCat(captions, " captions for ", images.shape()[0], " images"));
  }
  return absl::OkStatus();
}

Tensor Element(const Tensor& many, int64_t i) {
  std::vector<int64_t> dims;
  for (int axis = 1; axis < many.rank(); ++axis) dims.push_back(many.shape()[axis]);
  Tensor one(many.dtype(), Shape(dims));
  const auto* from = static_cast<const char*>(many.raw());
  std::copy_n(from + i * one.num_bytes(), one.num_bytes(), static_cast<char*>(one.mutable_raw()));
  return one;
}

Tensor InColors(const Tensor& image, ColorMap colors) {
  if (image.shape()[0] == 3) return image;
  const int64_t plane = image.num_elements();
  const uint8_t* from = image.data<uint8_t>().data();
  Tensor picture(DType::kUint8, {3, image.shape()[1], image.shape()[2]});
  uint8_t* to = picture.mutable_data<uint8_t>().data();
  for (int64_t k = 0; k < plane; ++k) {
    const std::array<uint8_t, 3> color = Bytes(Map(colors, from[k] / 255.0));
    for (int64_t c = 0; c < 3; ++c) to[c * plane + k] = color[c];
  }
  return picture;
}

}  // namespace adret::plot
