// Attribution sheets: what several methods say about several examples, as a table of pictures with their scales.
//
//   absl::StatusOr<Tensor> sheet = plot::AttributionSheet(
//       images, {"7\ntaken for 9\n83 %", "1\nright\n99 %"},
//       {{.title = "gradient", .maps = gradients},
//        {.title = "occlusion", .maps = drops, .scale = {.sign = plot::MapSign::kPositive}}},
//       {.title = "Why these?", .contours = {0.5}});
//   AD_RETURN_IF_ERROR(io::SavePng("why.png", *sheet));
#ifndef ADRET_PLOT_ATTRIBUTION_SHEET_H_
#define ADRET_PLOT_ATTRIBUTION_SHEET_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "adret/core/tensor.h"
#include "adret/io/contact_sheet.h"
#include "adret/plot/map_tile.h"

namespace adret::plot {

// One column: maps of f32 or f64 [n, 1 or the images' channels, h, w], on one scale.
struct AttributionColumn {
  std::string title = {};
  Tensor maps = {};
  MapScaleOptions scale = {};
};

struct AttributionSheetOptions {
  std::string title = {};
  std::string subtitle = {};
  std::string image_title = "input";
  io::PixelRange range = io::PixelRange::kUnit;  // of the images
  double cell = 96;                              // width of a picture in points; two pixels each
  double opacity = 0.7;                          // of a map's colours over the grey image
  std::vector<double> contours = {};             // lines at these shares, in (0, 1], of a column's scale
};

// Paints u8 [3,height,width]: a row per example of images [n, 1 or 3, h, w] (u8, f32 or f64) with its caption, whose
// first line is set in the text colour and further ones (after "\n") muted; the image, then a column per method; below
// each column its colour bar, of the colours before they are mixed with the image. InvalidArgument when there are no
// images or no columns, captions (unless there are none) differ in number from the images, or maps do not fit them.
absl::StatusOr<Tensor> AttributionSheet(const Tensor& images, const std::vector<std::string>& captions,
                                        const std::vector<AttributionColumn>& columns,
                                        const AttributionSheetOptions& options = {});

}  // namespace adret::plot

#endif  // ADRET_PLOT_ATTRIBUTION_SHEET_H_
