#include "adret/io/onnx/resize_axis.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "adret/core/status.h"

namespace adret::onnx {
namespace {

template <size_t N>
bool IsOneOf(const std::string& word, const absl::string_view (&words)[N]) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

double Linear(double distance) { return std::max(0.0, 1 - std::abs(distance)); }

// Keys 1981, equation 4.
double Cubic(double distance, double a) {
  const double x = std::abs(distance);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((x - 5) * x + 8) * x * a - 4 * a : 0;
}

double Round(const std::string& rounding, double x, bool shrinks) {
  if (rounding == "round_prefer_floor") return std::ceil(x - 0.5);
  if (rounding == "round_prefer_ceil") return std::floor(x + 0.5);
  if (rounding == "ceil" || (rounding == "floor_or_ceil" && shrinks)) return std::ceil(x);
  return std::floor(x);
}

// Adds the weights of one element of the result to its row.
void AddRow(const ResizeRule& rule, const ResizeAxis& axis, double source, double* row) {
  const bool cubic = rule.mode == "cubic";
  // Where an axis shrinks, antialiasing makes the filter as much wider.
  const double squeeze = rule.antialias ? std::min(1.0, axis.factor()) : 1.0, reach = (cubic ? 2 : 1) / squeeze;
  const auto first = static_cast<int64_t>(std::floor(source - reach)), last = static_cast<int64_t>(source + reach) + 1;
  double sum = 0;
  const auto weight_at = [&](int64_t k) {
    const bool outside = k < 0 || k >= axis.in;
    if (outside && rule.exclude_outside) return 0.0;
    const double distance = (static_cast<double>(k) - source) * squeeze;
    return cubic ? Cubic(distance, rule.cubic_a) : Linear(distance);
  };
  for (int64_t k = first; k <= last; ++k) sum += weight_at(k);
  const double scale = (rule.exclude_outside || rule.antialias) && sum != 0 ? 1 / sum : 1;
  for (int64_t k = first; k <= last; ++k) row[std::clamp<int64_t>(k, 0, axis.in - 1)] += scale * weight_at(k);
}

}  // namespace

absl::Status ResizeRule::Check() const {
  constexpr absl::string_view kModes[] = {"nearest", "linear", "cubic"};
  constexpr absl::string_view kCoordinates[] = {"half_pixel",          "half_pixel_symmetric", "pytorch_half_pixel",
                                                "align_corners",       "asymmetric",           "tf_crop_and_resize",
                                                "tf_half_pixel_for_nn"};
  constexpr absl::string_view kRoundings[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil",
                                              "floor_or_ceil"};
  const auto unknown = [](absl::string_view what, const std::string& word) {
    return absl::InvalidArgumentError(absl::StrCat("there is no ", what, " ", word));
  };
  if (!IsOneOf(mode, kModes)) return unknown("mode", mode);
  if (!IsOneOf(coordinates, kCoordinates)) return unknown("coordinate_transformation_mode", coordinates);
  if (!IsOneOf(rounding, kRoundings)) return unknown("nearest_mode", rounding);
  if (antialias && mode == "nearest") return absl::InvalidArgumentError("mode nearest has no antialias");
  return absl::OkStatus();
}

bool ResizeAxis::is_identity() const {
  return in == out && roi_begin == 0 && roi_end == 1 && std::abs(factor() - 1) < 1e-9;
}

double SourceOf(const ResizeRule& rule, const ResizeAxis& axis, int64_t i) {
  const auto x = static_cast<double>(i), in = static_cast<double>(axis.in), length = axis.length();
  // Sizes make a quotient of whole numbers, which is rounded once.
  const auto shrink = [&](double place) {
    return axis.scale.has_value() ? place / *axis.scale : place * in / static_cast<double>(axis.out);
  };
  if (rule.coordinates == "asymmetric") return shrink(x);
  if (rule.coordinates == "tf_half_pixel_for_nn") return shrink(x + 0.5);
  if (rule.coordinates == "align_corners") return length == 1 ? 0 : x * (in - 1) / (length - 1);
  if (rule.coordinates == "pytorch_half_pixel" && length <= 1) return 0;
  if (rule.coordinates == "tf_crop_and_resize") {
    const double span = (axis.roi_end - axis.roi_begin) * (in - 1);
    return axis.roi_begin * (in - 1) + (axis.out > 1 ? x * span / (length - 1) : span / 2);
  }
  const double offset =
      rule.coordinates == "half_pixel_symmetric" ? in / 2 * (1 - static_cast<double>(axis.out) / length) : 0;
  return offset + shrink(x + 0.5) - 0.5;
}

std::vector<int64_t> NearestPlaces(const ResizeRule& rule, const ResizeAxis& axis) {
  std::vector<int64_t> places;
  for (int64_t i = 0; i < axis.out; ++i) {
    const double place = Round(rule.rounding, SourceOf(rule, axis, i), axis.factor() < 1);
    places.push_back(static_cast<int64_t>(std::clamp(place, 0.0, static_cast<double>(axis.in - 1))));
  }
  return places;
}

absl::StatusOr<Tensor> ResizeWeights(const ResizeRule& rule, const ResizeAxis& axis) {
  AD_ASSIGN_OR_RETURN(Tensor weights, Tensor::Allocate(DType::kFloat64, {axis.out, axis.in}));
  const auto rows = weights.mutable_data<double>();
  std::fill(rows.begin(), rows.end(), 0.0);
  const std::vector<bool> outside = Outside(rule, axis);
  for (int64_t i = 0; i < axis.out; ++i) {
    if (!outside[i]) AddRow(rule, axis, SourceOf(rule, axis, i), rows.data() + i * axis.in);
  }
  return weights;
}

std::vector<bool> Outside(const ResizeRule& rule, const ResizeAxis& axis) {
  std::vector<bool> outside(axis.out, false);
  if (rule.coordinates != "tf_crop_and_resize") return outside;
  for (int64_t i = 0; i < axis.out; ++i) {
    const double source = SourceOf(rule, axis, i);
    outside[i] = source < 0 || source > static_cast<double>(axis.in - 1);
  }
  return outside;
}

}  // namespace adret::onnx
