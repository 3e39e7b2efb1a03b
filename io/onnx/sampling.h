// Images read at points between their pixels.
#ifndef ADRET_IO_ONNX_SAMPLING_H_
#define ADRET_IO_ONNX_SAMPLING_H_

#include <utility>
#include <vector>

#include "adret/core/graph.h"

namespace adret::onnx {

// The pixels of images [N, C, ...], as rows of C numbers.
class Pixels {
 public:
  explicit Pixels(const Value& x);

  int axes() const { return static_cast<int>(sizes_.size()); }
  // Returns the size of axis i behind the channels, as a scalar i64.
  const Value& size(int i) const { return sizes_[i]; }
  // Returns rows [n, C] of pixels: of image[k], at index[i][k] along axis i. All are i64[n], and in range.
  Value At(const Value& image, const std::vector<Value>& index) const;

 private:
  Value rows_;
  std::vector<Value> sizes_;
};

// What a point reads along one axis: pixels, and how much each of them counts.
struct Tap {
  Value index;   // i64, in range
  Value weight;  // of the dtype of the pixels; invalid: 1
};
using Taps = std::vector<Tap>;

// Sums pixels over all combinations of the taps along the axes: [n, C].
Value Interpolate(const Pixels& pixels, const Value& image, const std::vector<Taps>& taps);

// Returns the two pixels around a place along an axis of this size. What lies outside counts as zero.
Taps LinearTaps(const Value& place, const Value& size);

}  // namespace adret::onnx

#endif  // ADRET_IO_ONNX_SAMPLING_H_
