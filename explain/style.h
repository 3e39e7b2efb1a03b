// Style transfer: the content of one picture in the style of another (Gatys, Ecker and Bethge, "Image style transfer
// using convolutional neural networks", CVPR 2016).
//
//   explain::StyleResult result = *explain::TransferStyle(network, content, style);
//
// What is in a picture is what a layer's maps are, place by place; how it is painted is which maps go together wherever
// that is: their Gram matrices. An image is found, by Adam on its pixels, whose maps are like the content's and whose
// Gram matrices are like the style's:
//
//  loss = content_weight mean_l |F_l - C_l|^2 / |C_l|^2 + style_weight mean_l |G_l - S_l|^2 / |S_l|^2 + tv TV(x) / n
//
// with Gram matrices divided by the number of places. Each term is relative to what it is to become, so that
// weights mean the same for every network and layer.
#ifndef ADRET_EXPLAIN_STYLE_H_
#define ADRET_EXPLAIN_STYLE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "adret/core/tensor.h"
#include "adret/explain/network.h"

namespace adret::explain {

struct StyleOptions {
  // Layers with maps. None: for style at most five of all, from the first to the last; for content the middle one of
  // those.
  std::vector<std::string> content_layers = {};
  std::vector<std::string> style_layers = {};
  double content_weight = 1;
  double style_weight = 10;
  double total_variation = 0.1;  // per pixel
  int steps = 200;
  double rate = 0.02;  // Adam's
  std::optional<int> threads = {};
  std::function<absl::Status(int64_t step, int64_t steps)> on_step = nullptr;  // an error ends it and is returned
};

struct StyleResult {
  Tensor image;                                           // of the content's type
  std::vector<double> content_losses, style_losses;       // before each step, and at the end; not weighted
  std::vector<std::string> content_layers, style_layers;  // which were used
};

// Paints content in the style of another image. Both are [1, channels, height, width], of any two sizes that the layers
// fit, with pixels in [0, 1] and of the network's dtype. Fails for other pictures, and for layers that the network
// lacks or that have no maps.
absl::StatusOr<StyleResult> TransferStyle(const Network& network, const Tensor& content, const Tensor& style,
                                          const StyleOptions& options = {});

}  // namespace adret::explain

#endif  // ADRET_EXPLAIN_STYLE_H_
