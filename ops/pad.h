// pad: a border around a tensor.
//
//   Value framed = Pad(image, {.before = {0, 0, 1, 1}, .after = {0, 0, 1, 1}});           // zeros
//   Value mirrored = Pad(image, {.before = {0, 0, 2, 2}, .after = {0, 0, 2, 2}, .mode = "reflect"});
#ifndef ADRET_OPS_PAD_H_
#define ADRET_OPS_PAD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "adret/core/graph.h"

namespace adret {

struct PadAttrs {
  std::vector<int64_t> before = {};  // how many elements before the first, for every axis
  std::vector<int64_t> after = {};   // and after the last
  // What is in the border: "constant" is `value`; "edge" the nearest element; "reflect" the elements mirrored at the
  // outermost one, which is not repeated (so the border must be narrower than the axis is long).
  std::string mode = "constant";
  double value = 0;
  template <class V>
  void Fields(V&& v) {
    v("before", before), v("after", after), v("mode", mode), v("value", value);
  }
};

// Pads x, of any dtype. A symbolic axis becomes symbolically longer. Errors: negative widths, a value that the dtype
// cannot hold.
Value Pad(Operand x, const PadAttrs& attrs);

}  // namespace adret

#endif  // ADRET_OPS_PAD_H_
