// Borders around tensors, and the sum of what lies over each element when a border is folded back.
#ifndef ADRET_OPS_KERNELS_PAD_H_
#define ADRET_OPS_KERNELS_PAD_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace adret::kernels {

enum class Border { kConstant, kEdge, kReflect };

// One axis: `size` elements with `before` and `after` more around them.
struct PadAxis {
  int64_t size, before, after;
  int64_t padded() const { return before + size + after; }
};

// Axes are outermost first, at least one; the last one counts blocks of `block` elements that stay together.
struct PadPlan {
  std::vector<PadAxis> axes;
  int64_t block = 1;
  Border border = Border::kConstant;
};

// y = x with its border; an element is 1, 4 or 8 bytes, and *value is one (for kConstant).
void Pad(const PadPlan& plan, const void* x, const void* value, void* y, size_t element_size);

// dx[i] = sum of dy over the places where Pad puts x[i], added in the order of their index. For kEdge and kReflect.
template <class T>
void PadGrad(const PadPlan& plan, const T* dy, T* dx);

}  // namespace adret::kernels

#endif  // ADRET_OPS_KERNELS_PAD_H_
