// AxisRules: what an op declares of its axes, so that a plan computes no more of it than is looked at.
//
//   // y[n, k, ., .] = sum over c of x[n, c, ., .] w[k, c, ., .]
//   auto axes = MakeAxisRules({.labels = LabelsOf("nc..,kc..->nk.."), .linear_in = Inputs({0, 1})});  // Op::axes
//
// Each axis of x, w and y has a letter, its label, or a point where nothing is said. A planner that has never heard of
// convolutions concludes:
//  k  y[:, k] needs only w[k], so a slice of y along k is the convolution with that slice of w, and all of x;
//  n  y[n] needs only x[n];
//  c  y has no c, so c is summed over: where x or w is zero (linear_in), the terms of the sum can be left out;
//  n, k  where an image or a filter is zero, y is zero.
// Ops declare these rules (Op::axes), plans are rewritten by them (core/plan/rewrite.h), and neither knows of the
// other.
#ifndef ADRET_CORE_AXIS_RULES_H_
#define ADRET_CORE_AXIS_RULES_H_

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>

#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "adret/core/op.h"

namespace adret {

// A letter of an axis, as in Einstein's notation. In a convolution, y[:, k] needs only w[k], so axis 1 of y and axis 0
// of w both carry the label k. In general: an output at position i along a label needs the inputs that have the label
// at position i only (and all of the inputs that lack it). A label that no output has is summed over, and the sum
// treats all its positions alike.
//
// unit: several neighbouring elements of an axis may make one position. A [n, 4, 5] flattened to [n, 20] has label k
// with unit 1 on its axis of 4 and with unit 5 on its axis of 20: position 2 is element 2 of the one, 10 .. 14 of the
// other.
struct AxisLabel {
  int id = -1;       // -1: nothing is known of this axis
  int64_t unit = 1;  // elements of the axis for each position along the label
};
using AxisLabels = absl::InlinedVector<AxisLabel, 4>;  // one for each axis
// The labels of all inputs and outputs of an op. Without inputs: nothing is known.
struct LabelMap {
  absl::InlinedVector<AxisLabels, 3> inputs, outputs;
};
using LabelRule = std::function<LabelMap(const KernelSpec&)>;

// The elements begin, begin + step, ... of an axis: `count` of them.
struct Window {
  int64_t begin = 0, step = 1, count = 0;
  // Whether it is the whole of an axis of `dim` elements.
  bool IsWhole(int64_t dim) const { return count == dim && (dim == 1 || (begin == 0 && step == 1)); }
  friend bool operator==(const Window& a, const Window& b) {
    return a.begin == b.begin && a.step == b.step && a.count == b.count;
  }
};
using Windows = absl::InlinedVector<Window, 4>;  // one for each axis
// Returns the windows that leave nothing of the shape out.
Windows WholeWindows(const Shape& shape);
// Returns whether these windows leave nothing of the shape out.
bool AreWhole(const Windows& windows, const Shape& shape);
// Returns the shape of what the windows leave.
Shape CountsOf(const Windows& windows);
// Returns the windows of a slice of a slice: `inner` counts in what `outer` leaves, the result in the whole.
Windows Compose(const Windows& outer, const Windows& inner);

// What an op declares that only moves a window: a slice takes it out of a tensor (its input is the whole), a padding
// puts a tensor there and zeros everywhere else (its output is the whole). They are each other's gradients.
struct WindowRules {
  enum class Kind : uint8_t { kNone, kSlice, kPad };
  Kind kind = Kind::kNone;
  std::string other = "";  // the name of the op of the opposite kind
  // Returns the windows that these attributes stand for, in a whole of this shape.
  Windows (*windows)(const Attrs& attrs, const Shape& whole) = nullptr;
  // Returns the attributes that stand for these windows: the inverse.
  Attrs (*attrs)(const Shape& whole, const Windows& windows) = nullptr;
};

// All that an op may declare of its axes. Every field is optional: a rewrite that would need it is not made without it.
struct AxisRules {
  LabelRule labels = nullptr;
  // The inputs (a set of bits, Inputs()) in each of which the op is linear while the others are held. Where such an
  // input is zero along a label, the outputs are zero there, or a sum over the label loses nothing.
  uint32_t linear_in = 0;
  // The inputs that make the outputs zero where all of them are zero: x and y in x + y. (In x * y one suffices:
  // linear_in.)
  uint32_t zero_with = 0;
  // Returns the attributes of the op on parts of its operands, for attributes that mention shapes. `parts` holds the
  // parts' types and the attributes of the whole. Absent: the attributes stay.
  Attrs (*attrs_of_slices)(const KernelSpec& parts) = nullptr;
  WindowRules window = {};
  // Returns the axis along which output 0 is the inputs one after the other (concat).
  int (*joined_axis)(const Attrs& attrs) = nullptr;
  // Says that the op scatters: output 0 is zero, and each element of input 0 is added to one of its elements, at the
  // place that input 1 names within the axes that have no label. The value is the name of the op that reads from such
  // places (y = x at those places).
  std::string scatter_of = "";
  // Says that output 0 is picked from input 0: it is what the op of this name reads at the places that output 1 names.
  std::string reads_as = "";
};

std::shared_ptr<const AxisRules> MakeAxisRules(AxisRules rules);
// Returns a set of inputs, as the bits of a number.
uint32_t Inputs(std::initializer_list<int> inputs);
// Returns the rule that a formula like "nc..,kc..->nk.." spells: a letter for each axis of each input and output, a
// point for an axis of which nothing is known.
LabelRule LabelsOf(absl::string_view formula);
// Returns labels for inputs and outputs that all have one rank: axis a has label a in each of them, but for the axes
// that `opaque` names, which have none (an axis that a softmax runs along).
LabelMap LanesExcept(const KernelSpec& spec, absl::Span<const int64_t> opaque);

// Returns the labels of an op's operands and results: those that it declares, or those that follow for element-wise ops
// (all axes run together) and for windows (all axes that are not cut do). Without inputs when nothing is known.
LabelMap LabelsFor(const KernelSpec& spec);

// Windows along some of an op's labels: "position 3 of k". Labels that are not mentioned are whole.
class LabelWindows {
 public:
  struct Entry {
    int id;
    Window window;  // counts positions along the label, not elements of an axis
    int64_t whole;  // positions along the label
  };
  bool empty() const { return entries_.empty(); }
  const absl::InlinedVector<Entry, 2>& entries() const { return entries_; }
  absl::InlinedVector<Entry, 2>& entries() { return entries_; }
  // Returns the window along a label, or nullptr where the label is whole.
  const Window* Find(int id) const;
  // Returns whether these windows leave at most half of the op's work. Only then does it pay to cut the operands, since
  // a cut operand may have to be copied.
  bool WorthCutting() const;
  // Returns what these windows are in a tensor whose axes have these labels.
  Windows Along(const AxisLabels& labels, const Shape& shape) const;

 private:
  absl::InlinedVector<Entry, 2> entries_;
};
// Translates a window of an axis into one along the axis's label. Returns false when the axis has no label, and when
// the window is whole, has steps, or cuts a position of several elements apart.
bool AlongLabel(const AxisLabel& label, const Window& window, int64_t dim, LabelWindows::Entry* entry);

// An op on parts of its operands: what core/plan/rewrite.h puts in place of the op on whole ones.
struct PartialOp {
  Attrs attrs;
  absl::InlinedVector<Type, 3> inputs;
  Types outputs;
};
// Computes the op of `whole` on the parts that the windows leave. Returns false when the op's type rule does not
// confirm that the parts of the operands give the parts of the results: then its labels promise too much, and nothing
// is cut.
bool MakePartialOp(const KernelSpec& whole, const LabelMap& labels, const LabelWindows& windows, PartialOp* result);

}  // namespace adret

#endif  // ADRET_CORE_AXIS_RULES_H_
