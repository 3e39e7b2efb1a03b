// Layouts and sliding windows: where the axes of images and filters are, and how large the result of a window is.
//
// Images are NCHW: [batch, channels, height, width]. Filters are OIHW: [filters, channels, height, width].
//
//   Value y = Conv2d(x, w, {.padding = Padding::Same()});    // also Valid(), Explicit(1), Explicit(1, 2, 1, 2)
#ifndef ADRET_OPS_LAYOUT_H_
#define ADRET_OPS_LAYOUT_H_

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "adret/core/dim.h"
#include "adret/core/op.h"

namespace adret {

// Axes of images.
inline constexpr int kBatchAxis = 0, kChannelAxis = 1, kHeightAxis = 2, kWidthAxis = 3;
// Axes of filters; height and width are where they are in images.
inline constexpr int kFilterAxis = 0, kFilterChannelAxis = 1;

// Kernel sizes, strides, dilations and paddings above this are refused, so that no sum or product of them overflows.
inline constexpr int64_t kMaxWindow = int64_t{1} << 24;
// Refused are images that are higher or wider than this, too.
inline constexpr int64_t kMaxExtent = int64_t{1} << 31;

// Rows and columns added around images before a window slides over them. Nodes hold explicit paddings only: builders
// replace the other modes.
struct Padding {
  std::string mode = "explicit";  // or "same": ceil(size / stride) outputs, an odd row or column goes after the image
  int64_t top = 0, left = 0, bottom = 0, right = 0;

  static Padding Valid() { return {}; }
  static Padding Same() { return {.mode = "same"}; }
  static Padding Explicit(int64_t top, int64_t left, int64_t bottom, int64_t right) {
    return {.mode = "explicit", .top = top, .left = left, .bottom = bottom, .right = right};
  }
  static Padding Explicit(int64_t height, int64_t width) { return Explicit(height, width, height, width); }
  static Padding Explicit(int64_t all) { return Explicit(all, all); }

  template <class V>
  void Fields(V&& v) {
    v("mode", mode), v("top", top), v("left", left), v("bottom", bottom), v("right", right);
  }
};

// A window along one axis.
struct WindowAxis {
  int64_t input;  // may be symbolic, a code (core/dim.h)
  int64_t kernel, stride = 1, dilation = 1, before = 0, after = 0;
  bool same = false;  // the padding is to be as PadSame() makes it

  // Returns the distance from a window's first to behind its last element.
  int64_t extent() const { return (kernel - 1) * dilation + 1; }

  // Returns ok when no figure is out of its range. The message continues a sentence about `what`, such as "the height".
  absl::Status Check(absl::string_view what) const {
    const auto in = [](int64_t v, int64_t low, int64_t high) { return v >= low && v <= high; };
    if (input > kMaxExtent) return Error(what, " must be at most 2^31, but is ", input);
    if (!in(kernel, 1, kMaxWindow)) return Error("the window along ", what, " must be in [1, 2^24], but is ", kernel);
    if (!in(stride, 1, kMaxWindow)) return Error("the stride along ", what, " must be in [1, 2^24], but is ", stride);
    if (!in(dilation, 1, kMaxWindow)) {
      return Error("the dilation along ", what, " must be in [1, 2^24], but is ", dilation);
    }
    if (same && SameIsSymbolic()) {
      return Error("padding \"same\" with a stride above 1 needs a known size, but ", what, " is ", DimText(input));
    }
    if (!in(before, 0, kMaxWindow) || !in(after, 0, kMaxWindow)) {
      return Error("the padding along ", what, " must be in [0, 2^24], but is ", before, " and ", after);
    }
    return absl::OkStatus();
  }

  // Returns the number of places where the window fits, at least 1. ceil: a last window that begins inside the image or
  // its first padding but sticks out of the end counts too (PyTorch's ceil_mode). Symbolic where the input is.
  absl::StatusOr<int64_t> Output(absl::string_view what, bool ceil = false) const {
    AD_RETURN_IF_ERROR(Check(what));
    if (input < 0) return SymbolicOutput(what, ceil);
    const int64_t room = input + before + after - extent();
    if (room < 0) {
      return Error("the window covers ", extent(), " along ", what, " but only ", input, " + ", before + after,
                   " padding are there");
    }
    int64_t output = (ceil ? room + stride - 1 : room) / stride + 1;
    if (ceil && (output - 1) * stride >= input + before) --output;
    return output;
  }

  // Returns whether the padding for ceil(input / stride) outputs is known in a run only.
  bool SameIsSymbolic() const { return input < 0 && stride > 1; }
  // Sets the padding for ceil(input / stride) outputs; not where that is symbolic.
  void PadSame() {
    if (input < 0) {
      before = (extent() - 1) / 2, after = extent() - 1 - before;  // as many outputs as inputs
      return;
    }
    const int64_t output = (input + stride - 1) / stride;
    const int64_t total = std::max<int64_t>(0, (output - 1) * stride + extent() - input);
    before = total / 2, after = total - before;
  }

 private:
  // That the window fits at all is for a run to see.
  absl::StatusOr<int64_t> SymbolicOutput(absl::string_view what, bool ceil) const {
    if (ceil && stride > 1) return Error(what, " is symbolic, so what sticks out of its end (ceil) cannot be told");
    AssumeOfSizes();
    const Dim output = (Dim::Of(input) + (before + after - extent())) / stride + 1;
    return (ceil && after >= extent() ? output - 1 : output).code();
  }

  template <class... Parts>
  static absl::Status Error(const Parts&... parts) {
    return absl::InvalidArgumentError(absl::StrCat(parts...));
  }
};

}  // namespace adret

#endif  // ADRET_OPS_LAYOUT_H_
