#include "adret/io/png.h"

#include <png.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "adret/core/status.h"
#include "adret/io/bytes.h"
#include "adret/io/file.h"
#include "adret/io/in_file.h"
#include "adret/io/png_chunks_internal.h"

namespace adret::io {
namespace {

constexpr size_t kHeaderChunk = 13;
constexpr int64_t kMaxSide = 1 << 24;

absl::Status Malformed(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("not a valid PNG picture: ", what));
}

// Frees what libpng's simplified interface holds. That interface catches libpng's longjmp itself, so none crosses ours.
class Image {
 public:
  Image() { image_.version = PNG_IMAGE_VERSION; }
  ~Image() { png_image_free(&image_); }
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;
  png_image* get() { return &image_; }
  png_image* operator->() { return &image_; }

 private:
  png_image image_{};
};

// libpng stops reading at the last pixel: this looks at the frame, so that a truncated file or one with something
// appended is refused.
absl::Status CheckChunks(absl::string_view bytes, const PngLimits& limits) {
  if (!absl::ConsumePrefix(&bytes, kPngSignature)) return Malformed("it does not start with PNG's signature");
  bool first = true;
  while (true) {
    PngChunk chunk;
    if (const absl::string_view wrong = TakePngChunk(&bytes, &chunk); !wrong.empty()) return Malformed(wrong);
    if (first) {
      if (chunk.type != "IHDR" || chunk.data.size() != kHeaderChunk) return Malformed("it has no header");
      const int64_t width = LoadBig<uint32_t>(chunk.data.data()), height = LoadBig<uint32_t>(chunk.data.data() + 4);
      if (width == 0 || height == 0) return Malformed("it has no pixels");
      if (width > kMaxSide || height > kMaxSide || width * height > limits.max_pixels) {
        return absl::ResourceExhaustedError(
            absl::StrCat("has ", width, " x ", height, " pixels, more than the limit of ", limits.max_pixels));
      }
      first = false;
    }
    if (chunk.type == "IEND") break;
  }
  if (!bytes.empty()) return Malformed(absl::StrCat(bytes.size(), " unknown bytes follow its end"));
  return absl::OkStatus();
}

// Between [h,w,c], as files have it, and [c,h,w], as tensors do.
void Deinterleave(const uint8_t* from, int64_t pixels, int64_t channels, uint8_t* to) {
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t i = 0; i < pixels; ++i) to[c * pixels + i] = from[i * channels + c];
  }
}
void Interleave(const uint8_t* from, int64_t pixels, int64_t channels, uint8_t* to) {
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t i = 0; i < pixels; ++i) to[i * channels + c] = from[c * pixels + i];
  }
}

int FormatFor(int64_t channels) {
  return channels == 1 ? PNG_FORMAT_GRAY : channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_RGBA;
}

}  // namespace

absl::StatusOr<Tensor> DecodePng(absl::string_view bytes, const PngLimits& limits) {
  AD_RETURN_IF_ERROR(CheckChunks(bytes, limits));
  Image image;
  if (!png_image_begin_read_from_memory(image.get(), bytes.data(), bytes.size())) return Malformed(image->message);
  image->flags |= PNG_IMAGE_FLAG_16BIT_sRGB;  // 16 bits without a word on gamma are not taken for linear light
  const int64_t channels = image->format & PNG_FORMAT_FLAG_ALPHA ? 4 : image->format & PNG_FORMAT_FLAG_COLOR ? 3 : 1;
  image->format = FormatFor(channels);
  const int64_t height = image->height, width = image->width;
  std::vector<uint8_t> rows(channels * height * width);
  if (!png_image_finish_read(image.get(), nullptr, rows.data(), 0, nullptr)) return Malformed(image->message);
  Tensor picture(DType::kUint8, {channels, height, width});
  Deinterleave(rows.data(), height * width, channels, picture.mutable_data<uint8_t>().data());
  return picture;
}

absl::StatusOr<Tensor> LoadPng(const std::string& path, const PngLimits& limits) {
  AD_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path, limits.max_bytes));
  absl::StatusOr<Tensor> picture = DecodePng(bytes, limits);
  if (!picture.ok()) return InFile(path, picture.status());
  return picture;
}

absl::StatusOr<std::string> EncodePng(const Tensor& picture) {
  const Shape& shape = picture.shape();
  const bool fits = picture.dtype() == DType::kUint8 && picture.rank() == 3 &&
                    (shape[0] == 1 || shape[0] == 3 || shape[0] == 4) && shape[1] > 0 && shape[1] <= kMaxSide &&
                    shape[2] > 0 && shape[2] <= kMaxSide;
  if (!fits) {
    return absl::InvalidArgumentError(
        absl::StrCat("a PNG picture is u8[1, 3 or 4,height,width], not ", picture.type().ToString()));
  }
  const int64_t channels = shape[0], pixels = shape[1] * shape[2];
  std::vector<uint8_t> rows(channels * pixels);
  Interleave(picture.data<uint8_t>().data(), pixels, channels, rows.data());
  Image image;
  image->height = static_cast<png_uint_32>(shape[1]);
  image->width = static_cast<png_uint_32>(shape[2]);
  image->format = FormatFor(channels);
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(*image.get());
  std::string bytes(size, '\0');
  if (!png_image_write_to_memory(image.get(), bytes.data(), &size, 0, rows.data(), 0, nullptr)) {
    return absl::InternalError(absl::StrCat("libpng cannot encode: ", image->message));
  }
  bytes.resize(size);
  return bytes;
}

absl::Status SavePng(const std::string& path, const Tensor& picture) {
  absl::StatusOr<std::string> bytes = EncodePng(picture);
  if (!bytes.ok()) return InFile(path, bytes.status());
  return WriteFile(path, *bytes);
}

}  // namespace adret::io
