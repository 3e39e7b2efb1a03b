#include "adret/explain/dream.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "adret/core/executor.h"
#include "adret/core/status.h"
#include "adret/explain/maximize.h"
#include "adret/explain/resize_images.h"
#include "adret/ops/binary.h"
#include "adret/ops/unary.h"

namespace adret::explain {
namespace {

constexpr int kMostOctaves = 100;

struct Size {
  int64_t height, width;
  friend bool operator==(const Size& a, const Size& b) { return a.height == b.height && a.width == b.width; }
};

absl::Status Check(const Network& network, const Tensor& photo, const DreamOptions& o) {
  if (photo.rank() != 4 || photo.dtype() != network.dtype() || photo.shape()[0] != 1 || photo.num_elements() == 0) {
    return absl::InvalidArgumentError(absl::StrCat("a dream begins with ", Name(network.dtype()),
                                                   " [1, channels, height, width], not ", photo.type().ToString()));
  }
  if (o.octaves < 1 || o.octaves > kMostOctaves || !(o.octave_scale > 1 && o.octave_scale <= 16)) {
    return absl::InvalidArgumentError(
        absl::StrCat("a dream has 1 to ", kMostOctaves,
                     " octaves, each more than 1 and at most 16 times as large as the one "
                     "before, not ",
                     o.octaves, " by ", o.octave_scale));
  }
  if (o.roll < 0) return absl::InvalidArgumentError("a dream's roll must be at least 0");
  return absl::OkStatus();
}

// Ok when the objective can be seen in images of this size.
absl::Status Fits(const Network& network, const Objective& objective, const Shape& photo, Size size) {
  Graph graph;
  const NameScope names(&graph, network.FreeScope("dream"));
  const Value x = graph.Input("photo", network.dtype(), {1, photo[1], size.height, size.width});
  return Activation(network, {objective}, x).status();
}

// The sizes of the octaves, from small to large; the last one is the photograph's, which must fit.
absl::StatusOr<std::vector<Size>> Octaves(const Network& network, const Objective& objective, const Shape& photo,
                                          const DreamOptions& options) {
  const Size whole{photo[2], photo[3]};
  AD_RETURN_IF_ERROR(Fits(network, objective, photo, whole));
  std::vector<Size> sizes{whole};
  for (int octave = 1; octave < options.octaves; ++octave) {
    const double shrink = std::pow(options.octave_scale, -static_cast<double>(octave));
    const Size size{std::llround(static_cast<double>(whole.height) * shrink),
                    std::llround(static_cast<double>(whole.width) * shrink)};
    if (size == sizes.back()) continue;
    if (size.height < 2 || size.width < 2 || !Fits(network, objective, photo, size).ok()) break;
    sizes.push_back(size);
  }
  std::reverse(sizes.begin(), sizes.end());
  return sizes;
}

absl::StatusOr<Tensor> At(const Tensor& images, Size size) { return ResizeImages(images, size.height, size.width); }

// The dream of an octave at the next size, with what the photograph had and lost at this one.
absl::StatusOr<Tensor> Enlarge(const Tensor& dream, const Tensor& photo, Size from, Size to) {
  AD_ASSIGN_OR_RETURN(const Tensor larger, At(dream, to));
  AD_ASSIGN_OR_RETURN(const Tensor whole, At(photo, to));
  AD_ASSIGN_OR_RETURN(const Tensor small, At(photo, from));
  AD_ASSIGN_OR_RETURN(const Tensor lossy, At(small, to));
  Graph graph;
  const Value sum = graph.Constant(larger) + (graph.Constant(whole) - graph.Constant(lossy));
  return Evaluate(Clip(sum, {.min = 0, .max = 1}));
}

}  // namespace

absl::StatusOr<Tensor> Dream(const Network& network, const Tensor& photo, const Objective& objective,
                             const DreamOptions& options) {
  AD_RETURN_IF_ERROR(Check(network, photo, options));
  AD_ASSIGN_OR_RETURN(const std::vector<Size> sizes, Octaves(network, objective, photo.shape(), options));
  AD_ASSIGN_OR_RETURN(Tensor dream, At(photo, sizes[0]));
  for (size_t i = 0; i < sizes.size(); ++i) {
    MaximizeOptions climb{.steps = options.steps,
                          .rate = options.rate,
                          .start = dream,
                          .transforms = {Roll(options.roll)},
                          .seed = options.seed + i,
                          .threads = options.threads};
    if (options.on_step) {
      climb.on_step = [&, i](int64_t step, int64_t steps) {
        return options.on_step(static_cast<int64_t>(i) * steps + step, static_cast<int64_t>(sizes.size()) * steps);
      };
    }
    AD_ASSIGN_OR_RETURN(const Ascent ascent, Maximize(network, {objective}, climb));
    dream = ascent.images;
    if (i + 1 == sizes.size()) break;
    AD_ASSIGN_OR_RETURN(dream, Enlarge(dream, photo, sizes[i], sizes[i + 1]));
  }
  return dream;
}

}  // namespace adret::explain
