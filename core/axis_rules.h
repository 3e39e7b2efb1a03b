// AxisRules: how a part of an op's result follows from parts of its operands. Ops declare them (Op::axes), plans are
// rewritten by them (core/plan/rewrite.h), and neither knows of the other.
//
//   // y[n, k, ., .] = sum over c of x[n, c, ., .] w[k, c, ., .]
//   .axes = MakeAxisRules({.labels = LabelsOf("nc..,kc..->nk.."), .linear_in = Inputs({0, 1})})
//
// says that filter k of y needs filter k of w and the whole of x; that image n needs image n of x; that channels where
// x or w is zero need not be summed; and that y is zero where an image or a filter is.
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

// Axes with one label run together, as letters do in Einstein's notation: element i along the label, in every output
// that has it, depends on no other elements along the label, in every input that has it. A label that no output has is
// summed over, all its elements alike.
struct AxisLabel {
  int id = -1;       // none: nothing is known of this axis
  int64_t unit = 1;  // this many consecutive elements of the axis make one along the label
};
using AxisLabels = absl::InlinedVector<AxisLabel, 4>;  // one for each axis
struct LabelMap {
  absl::InlinedVector<AxisLabels, 3> inputs, outputs;
};
using LabelRule = std::function<LabelMap(const KernelSpec&)>;

// Elements begin, begin + step, ... along an axis.
struct Window {
  int64_t begin = 0, step = 1, count = 0;
  bool IsWhole(int64_t dim) const { return count == dim && (dim == 1 || (begin == 0 && step == 1)); }
  friend bool operator==(const Window& a, const Window& b) {
    return a.begin == b.begin && a.step == b.step && a.count == b.count;
  }
};
using Windows = absl::InlinedVector<Window, 4>;  // one for each axis
Windows WholeWindows(const Shape& shape);
bool AreWhole(const Windows& windows, const Shape& shape);
Shape CountsOf(const Windows& windows);
// The elements that `inner` names among those that `outer` names.
Windows Compose(const Windows& outer, const Windows& inner);

// Ops that take a window out of a tensor, and those that put it back among zeros.
struct WindowRules {
  enum class Kind : uint8_t { kNone, kSlice, kPad };
  Kind kind = Kind::kNone;
  std::string other = "";  // the op of the opposite kind
  // The windows of the whole tensor: a part's input, an inset's output.
  Windows (*windows)(const Attrs& attrs, const Shape& whole) = nullptr;
  Attrs (*attrs)(const Shape& whole, const Windows& windows) = nullptr;
};

// Everything is optional: what is not said is not used.
struct AxisRules {
  LabelRule labels = nullptr;
  // Inputs in which the op is linear, the others held: zeros along a label in any one of them make zeros in the
  // outputs, or nothing in a sum.
  uint32_t linear_in = 0;
  // Inputs that make the outputs zero where all of them are.
  uint32_t zero_with = 0;
  // The attributes of the op on parts, where they mention shapes: `parts` has the parts' types and the whole's
  // attributes.
  Attrs (*attrs_of_slices)(const KernelSpec& parts) = nullptr;
  WindowRules window = {};
  // The axis along which output 0 is the inputs one after the other.
  int (*joined_axis)(const Attrs& attrs) = nullptr;
  // Output 0 is zero but where input 0's elements are added to it, each to one element, at places that input 1 names
  // within the axes that have no label. The op of this name reads from there: y = x at those places.
  std::string scatter_of = "";
  // Output 0 is what the op of this name reads from input 0 at the places that output 1 names.
  std::string reads_as = "";
};

std::shared_ptr<const AxisRules> MakeAxisRules(AxisRules rules);
// A set of inputs.
uint32_t Inputs(std::initializer_list<int> inputs);
// "nc..,kc..->nk..": a letter for each axis of each input and output, a point for an axis of which nothing is known.
LabelRule LabelsOf(absl::string_view formula);
// Labels for inputs and outputs that all have one rank: each axis its own label, but for those that `opaque` names.
LabelMap LanesExcept(const KernelSpec& spec, absl::Span<const int64_t> opaque);

// What an op declares; what follows for element-wise ops and windows; without inputs when nothing is known.
LabelMap LabelsFor(const KernelSpec& spec);

// Windows along some labels.
class LabelWindows {
 public:
  struct Entry {
    int id;
    Window window;
    int64_t whole;  // elements along the label
  };
  bool empty() const { return entries_.empty(); }
  const absl::InlinedVector<Entry, 2>& entries() const { return entries_; }
  absl::InlinedVector<Entry, 2>& entries() { return entries_; }
  const Window* Find(int id) const;
  // Whether they leave so little that it pays to cut every operand, which may take a copy: at most half.
  bool WorthCutting() const;
  // The same windows along the axes of a tensor; axes without these labels are whole.
  Windows Along(const AxisLabels& labels, const Shape& shape) const;

 private:
  absl::InlinedVector<Entry, 2> entries_;
};
// The window along an axis as one along its label; false when it is whole, cuts units, or the axis has no label.
bool AlongLabel(const AxisLabel& label, const Window& window, int64_t dim, LabelWindows::Entry* entry);

// The op of `whole` on parts of its operands.
struct PartialOp {
  Attrs attrs;
  absl::InlinedVector<Type, 3> inputs;
  Types outputs;
};
// Fails (false) when the op's type rule does not confirm what its labels say.
bool MakePartialOp(const KernelSpec& whole, const LabelMap& labels, const LabelWindows& windows, PartialOp* result);

}  // namespace adret

#endif  // ADRET_CORE_AXIS_RULES_H_
