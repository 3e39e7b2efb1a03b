// Images [N, C, H, W] (f32 or f64) at another height and width.
//
//   Value large = ResizeBilinear(x, {.height = 224, .width = 224});   // [?,3,28,28] -> [?,3,224,224]
//   Value blocks = ResizeNearest(x, {.height = 56, .width = 56});
//
// Numbers equal PyTorch's interpolate in mode bilinear up to rounding, and in mode nearest but for the sizes named
// below. Both maps are linear; each op's gradient is its transpose, an op whose gradient is the first again.
#ifndef ADRET_OPS_RESIZE_H_
#define ADRET_OPS_RESIZE_H_

#include <cstdint>

#include "adret/core/graph.h"

namespace adret {

struct ResizeBilinearAttrs {
  int64_t height = 0, width = 0;  // of the result, positive
  bool align_corners = false;     // the centres of the corner pixels stay; otherwise the outer edges of the image
  template <class V>
  void Fields(V&& v) {
    v("height", height), v("width", width), v("align_corners", align_corners);
  }
};

struct ResizeNearestAttrs {
  int64_t height = 0, width = 0;
  template <class V>
  void Fields(V&& v) {
    v("height", height), v("width", width);
  }
};

// Makes each pixel a mean of the four that surround its place in x, weighted by nearness.
Value ResizeBilinear(Operand x, ResizeBilinearAttrs attrs);

// Computes y[i, j] = x[floor(i H / H'), floor(j W / W')], exactly: no quotient is rounded, in f32 or f64. PyTorch's
// mode nearest is the same formula with H / H' rounded to f32. So at some sizes, where i H / H' is whole, it takes the
// pixel before (2 rows to 82: row 41 is x's row 0 there, and row 1 here). Its mode nearest-exact, which is
// floor((i + 1/2) H / H'), is another map.
Value ResizeNearest(Operand x, ResizeNearestAttrs attrs);

}  // namespace adret

#endif  // ADRET_OPS_RESIZE_H_
