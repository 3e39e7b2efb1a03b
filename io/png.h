// PNG pictures, as tensors u8 [channels,height,width]: 1 channel is grey, 3 are red, green, blue, 4 have alpha besides.
//
//   AD_RETURN_IF_ERROR(io::SavePng("sheet.png", picture));
//   AD_ASSIGN_OR_RETURN(Tensor photo, io::LoadPng("photo.png"));
#ifndef ADRET_IO_PNG_H_
#define ADRET_IO_PNG_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "adret/core/tensor.h"

namespace adret::io {

struct PngLimits {
  int64_t max_pixels = int64_t{1} << 26;
  int64_t max_bytes = int64_t{1} << 28;  // of the file
};

// Decodes any PNG: palettes are resolved, 16 bits become 8, grey with alpha becomes RGBA. InvalidArgument for what is
// no complete PNG; ResourceExhausted above the limits, which is known from the header before anything is unpacked.
absl::StatusOr<Tensor> DecodePng(absl::string_view bytes, const PngLimits& limits = {});
absl::StatusOr<Tensor> LoadPng(const std::string& path, const PngLimits& limits = {});

// Encodes a picture; InvalidArgument unless picture is u8 [1, 3 or 4, height, width] with height and width above 0.
absl::StatusOr<std::string> EncodePng(const Tensor& picture);
absl::Status SavePng(const std::string& path, const Tensor& picture);

}  // namespace adret::io

#endif  // ADRET_IO_PNG_H_
