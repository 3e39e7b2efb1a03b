// Windows that slide over the axes of images behind the channels, as ONNX's convolutions and poolings describe them:
// kernel_shape, strides, dilations, pads and auto_pad.
#ifndef ADRET_IO_ONNX_WINDOWS_H_
#define ADRET_IO_ONNX_WINDOWS_H_

#include <array>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "adret/core/graph.h"

namespace adret::onnx {

class Call;

// One number for each axis.
struct Windows {
  std::vector<int64_t> kernel = {}, stride = {}, dilation = {}, before = {}, after = {};
  bool ceil = false;           // the last window may stick out of the end
  bool lower = false;          // of auto_pad = SAME_LOWER: an odd element goes before the image
  std::vector<int> open = {};  // axes whose padding depends on a size that only a run knows: PadOpen() adds it

  int axes() const { return static_cast<int>(kernel.size()); }
  int64_t extent(int i) const { return (kernel[i] - 1) * dilation[i] + 1; }
  int64_t kernel_elements() const;
  bool dilated() const;
};

// Reads the windows of a node over x, which must have one, two or three axes behind the channels. `kernel` is the size
// of the filters; where it is empty, kernel_shape must say it.
absl::StatusOr<Windows> ReadWindows(Call& c, const Value& x, std::vector<int64_t> kernel = {});

// Returns an attribute of one number for each axis, each in [least, 2^24].
absl::StatusOr<std::vector<int64_t>> PerAxis(Call& c, absl::string_view name, int axes, int64_t otherwise,
                                             int64_t least);

// Returns x with the padding that Windows::open still lacks, made of `fill`. `axes` are left for windows without it.
Value PadOpen(const Value& x, const Windows& w, double fill);

// Returns windows of the same places, with padding instead of `ceil`. Where sizes are symbolic, strides must not be
// longer than what windows cover of the image.
absl::StatusOr<Windows> WithoutCeil(Windows w, const Shape& x);
// Returns the number of places along axis i.
absl::StatusOr<int64_t> Places(const Windows& w, const Shape& x, int i);

// Convolves x [N, C, ...] with filters [M, C / groups, ...], in as many dimensions as the windows have.
Value Convolve(const Value& x, const Value& filters, const Windows& w, int64_t groups);
// Sums x [N, C, ...] over each window. w.ceil must not be set.
Value SumWindows(const Value& x, const Windows& w);
// Averages x over each window, which must not be dilated.
Value AverageWindows(const Value& x, const Windows& w, bool count_include_pad);

// Returns the first n numbers.
template <size_t n>
std::array<int64_t, n> Array(const std::vector<int64_t>& numbers) {
  std::array<int64_t, n> array{};
  for (size_t i = 0; i < n && i < numbers.size(); ++i) array[i] = numbers[i];
  return array;
}

}  // namespace adret::onnx

#endif  // ADRET_IO_ONNX_WINDOWS_H_
