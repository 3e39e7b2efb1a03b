// Heat maps: a matrix as coloured cells with its numbers in them; confusion matrices in particular.
//
//   absl::StatusOr<Tensor> picture = plot::ConfusionMatrix(counts, {.title = "Test images, by class"});
//   AD_RETURN_IF_ERROR(io::SavePng("confusion.png", *picture));
#ifndef ADRET_PLOT_HEAT_MAP_H_
#define ADRET_PLOT_HEAT_MAP_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "adret/core/tensor.h"
#include "adret/plot/color.h"

namespace adret::plot {

struct HeatMapOptions {
  std::string title = {};
  std::string subtitle = {};
  std::string row_title = {};
  std::string column_title = {};
  std::vector<std::string> row_labels = {};  // 0, 1, 2, ... by default
  std::vector<std::string> column_labels = {};
  ColorMap colors = ColorMap::kHeat;
  double cell = 44;  // side in points; two pixels each
};

// Paints u8 [3,height,width] from a matrix [rows,columns] of any dtype; the smallest number has the first colour, the
// largest the last one, NaN kMissing. InvalidArgument for other ranks, empty matrices, and labels that differ in number
// from rows or columns.
absl::StatusOr<Tensor> HeatMap(const Tensor& matrix, const HeatMapOptions& options = {});

// Paints counts [classes,classes]: how many examples of class (row) were taken for class (column). Each row is coloured
// by its share, right ones blue, wrong ones red (already one in a hundred shows); zeros are left out; subtitle is the
// accuracy unless given.
absl::StatusOr<Tensor> ConfusionMatrix(const Tensor& counts, const HeatMapOptions& options = {});

}  // namespace adret::plot

#endif  // ADRET_PLOT_HEAT_MAP_H_
