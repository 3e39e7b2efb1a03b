// Contours: the lines along which a matrix, taken as heights at the points of a grid, has a given value.
//
//   absl::StatusOr<std::vector<plot::Contour>> lines = plot::Contours(heights, {0.25, 0.5});
//
// Marching squares. Between two neighbours of which one is below the level, the line crosses where the straight line
// between their numbers does. In a square whose corners alternate (a saddle), the mean of the four decides: where it
// reaches the level, the high corners are connected, otherwise the low ones. Squares with a corner that is not finite
// have no line.
#ifndef ADRET_PLOT_CONTOUR_H_
#define ADRET_PLOT_CONTOUR_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "adret/core/tensor.h"
#include "adret/plot/painter.h"

namespace adret::plot {

struct Contour {
  double level = 0;
  // x is the column, y the row, both counted from 0, of element centres. Higher numbers are on the left, as one walks
  // on paper where y grows downwards. A closed line ends on its first point; others end at the edge or at a gap.
  std::vector<Point> points = {};
  bool closed = false;
};

// Returns the lines of every level in turn. InvalidArgument unless heights is a matrix of f32 or f64 and levels are
// finite.
absl::StatusOr<std::vector<Contour>> Contours(const Tensor& heights, absl::Span<const double> levels);

}  // namespace adret::plot

#endif  // ADRET_PLOT_CONTOUR_H_
