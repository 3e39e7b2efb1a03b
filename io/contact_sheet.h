// Contact sheets: many small images in one picture.
//
//   Tensor sheet = *io::ContactSheet(filters, {.range = io::PixelRange::kSymmetric, .scale = 8});   // [50,1,3,3]
//   AD_RETURN_IF_ERROR(io::SavePng("filters.png", sheet));
#ifndef ADRET_IO_CONTACT_SHEET_H_
#define ADRET_IO_CONTACT_SHEET_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "adret/core/tensor.h"

namespace adret::io {

// Which numbers become black (0) and white (255).
enum class PixelRange {
  kUnit,       // 0 and 1
  kEach,       // the smallest and the largest of each image
  kAll,        // the smallest and the largest of all images
  kSymmetric,  // -m and m, where m is the largest magnitude of all images: zero is middle grey
};

struct PixelInterval {
  double lo = 0;  // becomes black
  double hi = 1;  // becomes white
};

// Returns what kUnit, kAll or kSymmetric mean for images of u8, f32 or f64; u8 images are 0 to 255 whatever the range.
// Numbers that are not finite do not count; equal ones are in the middle. kEach has one interval for all only where
// there is one image.
PixelInterval IntervalOf(const Tensor& images, PixelRange range);

// Converts floating-point images to u8 of the same shape; numbers outside the range are clipped, NaN is black. u8
// images are returned as they are. InvalidArgument for other dtypes and ranks below 2; the first axis counts images.
absl::StatusOr<Tensor> ToPixels(const Tensor& images, PixelRange range = PixelRange::kUnit);

struct ContactSheetOptions {
  PixelRange range = PixelRange::kUnit;
  int64_t columns = 0;  // 0: about as many as rows
  int64_t gap = 2;      // pixels between and around the images
  int64_t scale = 1;    // each pixel becomes scale x scale
  uint8_t background = 255;
};

// Paints u8 [c,height,width] from images [n,c,h,w] of u8, f32 or f64; c is 1, 3 or 4. Fails for other types, no images,
// and pictures beyond 2^26 pixels.
absl::StatusOr<Tensor> ContactSheet(const Tensor& images, const ContactSheetOptions& options = {});

// Returns the number of columns that makes a grid of n cells nearly square, with as few empty cells as possible at the
// end.
int64_t GridColumns(int64_t n);

}  // namespace adret::io

#endif  // ADRET_IO_CONTACT_SHEET_H_
