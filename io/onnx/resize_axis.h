// Resizing along one axis: from which places of x each element of the result is made, and with which weights.
#ifndef ADRET_IO_ONNX_RESIZE_AXIS_H_
#define ADRET_IO_ONNX_RESIZE_AXIS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "adret/core/tensor.h"

namespace adret::onnx {

// What a Resize node says for all axes.
struct ResizeRule {
  std::string mode = "nearest";            // or "linear", "cubic"
  std::string coordinates = "half_pixel";  // coordinate_transformation_mode
  // nearest_mode. "floor_or_ceil": up where the axis shrinks, as the first operator sets do.
  std::string rounding = "round_prefer_floor";
  double cubic_a = -0.75;
  bool exclude_outside = false;
  bool antialias = false;

  // Fails, in a word that is unknown, with its name.
  absl::Status Check() const;
};

struct ResizeAxis {
  int64_t in = 0, out = 0;
  std::optional<double> scale = {};  // where a scale is given, not a size; then out is rounded
  double roi_begin = 0, roi_end = 1;

  double factor() const { return scale.value_or(static_cast<double>(out) / static_cast<double>(in)); }
  // Returns the length of the result before it was rounded.
  double length() const { return scale.has_value() ? *scale * static_cast<double>(in) : static_cast<double>(out); }
  bool is_identity() const;
};

// Returns where in x element i of the result lies.
double SourceOf(const ResizeRule& rule, const ResizeAxis& axis, int64_t i);
// Returns the place in x that mode "nearest" takes for each element of the result.
std::vector<int64_t> NearestPlaces(const ResizeRule& rule, const ResizeAxis& axis);
// Returns the weights of modes "linear" and "cubic": f64[out, in].
absl::StatusOr<Tensor> ResizeWeights(const ResizeRule& rule, const ResizeAxis& axis);
// Returns for each element of the result whether it lies outside x, where "tf_crop_and_resize" extrapolates.
std::vector<bool> Outside(const ResizeRule& rule, const ResizeAxis& axis);

}  // namespace adret::onnx

#endif  // ADRET_IO_ONNX_RESIZE_AXIS_H_
