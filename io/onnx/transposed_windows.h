// The transpose of a convolution as ConvTranspose, for the rows that write gradients of windows.
#ifndef ADRET_IO_ONNX_TRANSPOSED_WINDOWS_H_
#define ADRET_IO_ONNX_TRANSPOSED_WINDOWS_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "adret/core/dim.h"
#include "adret/io/onnx/emitter.h"

namespace adret::onnx {

// A window that slides along an axis of an image, and how many places it has there.
struct Slide {
  Dim size, places;
  int64_t kernel = 1, stride = 1, dilation = 1, before = 0, after = 0;

  int64_t extent() const { return (kernel - 1) * dilation + 1; }
  // Returns how many elements behind the last window no window reaches, in [0, stride); nothing where a run decides.
  std::optional<int64_t> rest() const;
};

// Returns the slides of a node with attributes kernel, stride, dilation (where it has them) and padding along height
// and width of images x, whose windows are at the places of y.
using Slides = std::array<Slide, 2>;
Slides SlidesOf(const Node& node, const Shape& x, const Shape& y, const std::array<int64_t, 2>& kernel);

// Returns a list of one number of both slides, and that of paddings before and after both.
std::vector<int64_t> Both(const Slides& slides, int64_t Slide::*number);
std::vector<int64_t> Paddings(const Slides& slides);

// Returns the transpose, as a linear map of images [N, C, H, W], of the convolution with filters w [K, C / groups, R,
// S], of dy [N, K, H', W']. H and W are slides' sizes.
std::string ConvTranspose(Emitter& e, const std::string& dy, const std::string& w, Slides slides, int64_t groups);

}  // namespace adret::onnx

#endif  // ADRET_IO_ONNX_TRANSPOSED_WINDOWS_H_
