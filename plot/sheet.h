// Labelled contact sheets: many images in a grid, each with a caption, under one title.
//
//   absl::StatusOr<Tensor> sheet = plot::LabelledSheet(
//       images, captions,
//       {.title = "conv2: what each filter looks for", .colors = plot::ColorMap::kViridis, .legend = "activation"});
//   AD_RETURN_IF_ERROR(io::SavePng("conv2.png", *sheet));
#ifndef ADRET_PLOT_SHEET_H_
#define ADRET_PLOT_SHEET_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "adret/core/tensor.h"
#include "adret/io/contact_sheet.h"
#include "adret/plot/color.h"

namespace adret::plot {

struct SheetOptions {
  std::string title = {};
  std::string subtitle = {};
  int64_t columns = 0;  // 0: a nearly square grid
  double cell = 84;     // width of an image in points; two pixels each
  io::PixelRange range = io::PixelRange::kUnit;
  ColorMap colors = ColorMap::kGrey;  // of images with one channel
  // Below the images, a colour bar of this title (which may be empty) with the range of their numbers. Images of three
  // channels show colours, not numbers, and get none.
  std::optional<std::string> legend = {};
};

// Paints u8 [3,height,width] from images [n, 1 or 3, h, w] of u8, f32 or f64. A caption's first line is set in the text
// colour, further ones (after "\n") muted; long ones go on in the next line. InvalidArgument when there are no images,
// or captions, unless there are none, differ in number from the images.
absl::StatusOr<Tensor> LabelledSheet(const Tensor& images, const std::vector<std::string>& captions,
                                     const SheetOptions& options = {});

}  // namespace adret::plot

#endif  // ADRET_PLOT_SHEET_H_
