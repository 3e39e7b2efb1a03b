// The methods that look at the target's value without parts of an image.
#include <algorithm>
#include <array>
#include <functional>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/strings/str_cat.h"
#include "adret/core/rounding.h"
#include "adret/explain/attribution_internal.h"
#include "adret/explain/errors_internal.h"

namespace adret::explain {
namespace {

template <class... Parts>
absl::Status Bad(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat("attribution: ", parts...));
}

// Parts of an image, which may overlap: each is some elements of a map [channels, height, width], or [1, height, width]
// where every channel goes with its pixel.
struct Parts {
  int64_t map_channels = 1;
  int64_t count = 0;
  std::function<void(int64_t part, absl::FunctionRef<void(int64_t element)> visit)> for_each;
};

// An element of the map has the mean, over the parts that hold it, of how much the value drops when the baseline is in
// the part's place: Captum's Occlusion, and, where no parts overlap, FeatureAblation. Copy 0 is the image itself.
absl::StatusOr<Attribution> Ablate(const AttributionProblem& problem, const Parts& parts) {
  AD_ASSIGN_OR_RETURN(const Tensor baselines, Baselines(problem));
  AD_ASSIGN_OR_RETURN(CopyRunner runner, CopyRunner::Create(problem));
  Attribution result = NewAttribution(problem, parts.map_channels);
  const int64_t size = result.maps.num_elements() / problem.num_images();
  for (int64_t image = 0; image < problem.num_images(); ++image) {
    const std::vector<double> baseline = Row(baselines, image % baselines.shape()[0]);
    std::vector<double> drops(size), covers(size);
    double whole = 0;
    AD_RETURN_IF_ERROR(runner.Run(
        image, parts.count + 1,
        [&](int64_t k, absl::Span<double> pixels) {
          if (k == 0) return;
          parts.for_each(k - 1, [&](int64_t element) {
            for (size_t i = element; i < pixels.size(); i += size) pixels[i] = baseline[i];
          });
        },
        [&](int64_t k, double y, absl::Span<const double>) {
          if (k == 0) {
            whole = y;
            return;
          }
          parts.for_each(k - 1, [&](int64_t element) { drops[element] += whole - y, covers[element] += 1; });
        }));
    for (int64_t i = 0; i < size; ++i) drops[i] /= covers[i];
    StoreRow(drops, &result.maps, image);
    result.values.push_back(whole);
  }
  return result;
}

// ---- A sliding window ----------------------------------------------------------------------------------------------

struct WindowAxis {
  int64_t size, window, stride;
  // As many places as cover the axis; the last window may stick out (Captum).
  int64_t places() const { return (size - window + stride - 1) / stride + 1; }
  int64_t begin(int64_t place) const { return place * stride; }
  int64_t end(int64_t place) const { return std::min(size, begin(place) + window); }
};

absl::StatusOr<WindowAxis> MakeWindowAxis(const char* what, int64_t size, int64_t window, int64_t stride) {
  constexpr int64_t kWindowsAcross = 7;
  if (window == 0) window = CeilDiv(size, kWindowsAcross);
  if (window < 1 || window > size) {
    return Bad("the window's ", what, " must be in [1, ", size, "], as the image's is ", size, ", but is ", window);
  }
  if (stride == 0) stride = (window + 1) / 2;
  if (stride < 1 || stride > window) {
    return Bad("the stride along the ", what, " must be in [1, ", window, "], as the window's ", what, " is ", window,
               ", but is ", stride);
  }
  return WindowAxis{size, window, stride};
}

// ---- Groups of pixels ----------------------------------------------------------------------------------------------

// The cells of a grid; no more rows or columns than the image has.
Tensor GridFeatures(const AttributionProblem& problem, std::array<int64_t, 2> grid) {
  const int64_t height = problem.height(), width = problem.width();
  const int64_t rows = std::min(grid[0], height), columns = std::min(grid[1], width);
  Tensor features(DType::kInt64, {height, width});
  for (int64_t i = 0; i < height * width; ++i) {
    features.mutable_data<int64_t>()[i] = i / width * rows / height * columns + i % width * columns / width;
  }
  return features;
}

absl::StatusOr<Tensor> Features(const AttributionProblem& problem) {
  const auto& [rows, columns] = problem.options.grid;
  if (!problem.options.features.has_value()) {
    if (rows >= 1 && columns >= 1) return GridFeatures(problem, problem.options.grid);
    return Bad("the grid of features must have at least 1 row and 1 column, but has ", rows, " and ", columns);
  }
  const Tensor& features = *problem.options.features;
  const int64_t size = features.num_elements();
  const bool fits = size == problem.image_size() || size == problem.height() * problem.width();
  if (IsInteger(features.dtype()) && fits) return features.Cast(DType::kInt64);
  return Bad("features must be integers [", problem.height(), ",", problem.width(), "] or [", problem.channels(), ",",
             problem.height(), ",", problem.width(), "], but are ", features.type().ToString());
}

}  // namespace

absl::StatusOr<Attribution> AttributeOcclusion(const AttributionProblem& problem) {
  const AttributeOptions& options = problem.options;
  AD_ASSIGN_OR_RETURN(const WindowAxis rows,
                      MakeWindowAxis("height", problem.height(), options.window[0], options.stride[0]));
  AD_ASSIGN_OR_RETURN(const WindowAxis columns,
                      MakeWindowAxis("width", problem.width(), options.window[1], options.stride[1]));
  const auto for_each = [&](int64_t part, absl::FunctionRef<void(int64_t)> visit) {
    const int64_t i = part / columns.places(), j = part % columns.places();
    for (int64_t y = rows.begin(i); y < rows.end(i); ++y) {
      for (int64_t x = columns.begin(j); x < columns.end(j); ++x) visit(y * columns.size + x);
    }
  };
  return Ablate(problem, {.count = rows.places() * columns.places(), .for_each = for_each});
}

absl::StatusOr<Attribution> AttributeFeatureAblation(const AttributionProblem& problem) {
  AD_ASSIGN_OR_RETURN(const Tensor features, Features(problem));
  absl::btree_map<int64_t, std::vector<int64_t>> elements;
  for (int64_t i = 0; i < features.num_elements(); ++i) elements[features.data<int64_t>()[i]].push_back(i);
  std::vector<std::vector<int64_t>> parts;
  for (auto& [feature, members] : elements) parts.push_back(std::move(members));
  const auto for_each = [&](int64_t part, absl::FunctionRef<void(int64_t)> visit) {
    for (int64_t element : parts[part]) visit(element);
  };
  return Ablate(problem, {.map_channels = features.num_elements() / (problem.height() * problem.width()),
                          .count = static_cast<int64_t>(parts.size()),
                          .for_each = for_each});
}

}  // namespace adret::explain
