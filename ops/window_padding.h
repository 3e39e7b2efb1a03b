// Padding of windows along any number of axes, for convolutions and poolings in 1 and 3 dimensions. (Images have
// Padding, in ops/layout.h.)
//
//   Value y = Conv1d(sound, filters, {.padding = Padding1d::Same()});
//   Value z = MaxPool3d(volume, {.padding = Padding3d::Explicit(1)});
#ifndef ADRET_OPS_WINDOW_PADDING_H_
#define ADRET_OPS_WINDOW_PADDING_H_

#include <array>
#include <cstdint>

#include "adret/ops/layout.h"

namespace adret {

// What is added before and after each axis.
template <int kAxes>
struct WindowPadding {
  std::array<int64_t, kAxes> before{}, after{};
  bool same = false;  // ceil(size / stride) outputs instead, an odd element goes behind

  static WindowPadding Valid() { return {}; }
  static WindowPadding Same() { return {.same = true}; }
  static WindowPadding Explicit(const std::array<int64_t, kAxes>& both) { return {both, both}; }
  static WindowPadding Explicit(const std::array<int64_t, kAxes>& before, const std::array<int64_t, kAxes>& after) {
    return {before, after};
  }
  static WindowPadding Explicit(int64_t all) {
    WindowPadding padding;
    padding.before.fill(all), padding.after.fill(all);
    return padding;
  }
};
using Padding1d = WindowPadding<1>;
using Padding3d = WindowPadding<3>;

// Returns the window along axis i of a padding, with the padding that `same` asks for. The stride must be positive
// where it does; what else is out of range, WindowAxis::Check() names.
template <int kAxes>
WindowAxis PaddedWindow(WindowAxis window, const WindowPadding<kAxes>& padding, int i) {
  window.before = padding.before[i], window.after = padding.after[i];
  if (!padding.same) return window;
  window.before = window.after = 0;
  window.same = true;
  if (window.Check("").ok()) window.PadSame();
  return window;
}

}  // namespace adret

#endif  // ADRET_OPS_WINDOW_PADDING_H_
