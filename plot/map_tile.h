// Maps over an image's pixels (gradients, attributions, activations) as colours, alone or over the image.
//
//   absl::StatusOr<plot::ColorScale> scale = plot::MapScale(maps);                       // maps [n,c,h,w]
//   absl::StatusOr<Tensor> tile = plot::PaintMapOver(image, map, *scale, {.scale = 8, .contours = {0.5}});
//
// A map of several channels is shown as their sum.
#ifndef ADRET_PLOT_MAP_TILE_H_
#define ADRET_PLOT_MAP_TILE_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "adret/core/tensor.h"
#include "adret/plot/color.h"
#include "adret/plot/painter.h"

namespace adret::plot {

enum class MapSign {
  kAsFound,   // signed where a number is negative
  kSigned,    // ColorMap::kDiverging, the same on both sides of 0
  kPositive,  // ColorMap::kViridis from 0 on
};

struct MapScaleOptions {
  MapSign sign = MapSign::kAsFound;
  // Few pixels with huge numbers would leave the rest of a map without colour. So the scale ends at the magnitude up
  // to which the smaller ones make this share of all magnitudes' sum, as in Captum, whose outlier_perc is 100 times
  // what is missing to 1. What is beyond has the end's colour; 1 shows the largest number as it is.
  double share = 0.99;
};

// Returns one scale for all maps [n,c,h,w] or for one [c,h,w], of f32 or f64. Numbers that are not finite do not count;
// maps of zeros are shown on a scale to 1. InvalidArgument for other tensors and a share outside (0, 1].
absl::StatusOr<ColorScale> MapScale(const Tensor& maps, const MapScaleOptions& options = {});

struct MapTileOptions {
  int64_t scale = 1;                  // each element becomes scale x scale pixels
  double opacity = 0.7;               // of the colours over an image
  std::vector<double> contours = {};  // lines at these shares, in (0, 1], of the scale's ends
};

// Paints u8 [3,h*scale,w*scale] of a map [c,h,w]. NaN is kMissing.
absl::StatusOr<Tensor> PaintMap(const Tensor& map, const ColorScale& colors, const MapTileOptions& options = {});

// Paints the map over an image [1 or 3,h,w], of u8 or, in [0, 1], f32 or f64, which is made grey; where the map is NaN,
// the image is seen alone.
absl::StatusOr<Tensor> PaintMapOver(const Tensor& image, const Tensor& map, const ColorScale& colors,
                                    const MapTileOptions& options = {});

// Paints the contours of a map [c,h,w] that fills rect: what PaintMap draws, for pictures with more in them.
absl::Status PaintMapContours(const Tensor& map, const ColorScale& colors, absl::Span<const double> contours, Rect rect,
                              Painter* painter);

}  // namespace adret::plot

#endif  // ADRET_PLOT_MAP_TILE_H_
