// Places in a flattened tensor that indices name, for rows that gather or scatter along several axes at once.
#ifndef ADRET_IO_ONNX_PLACES_H_
#define ADRET_IO_ONNX_PLACES_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "adret/core/graph.h"
#include "adret/io/onnx/call.h"

namespace adret::onnx {

struct Places {
  Value value;                                               // i64
  Value inside = {};                                         // bool, of value's shape: whether the indices are in range
  std::optional<std::vector<int64_t>> known = std::nullopt;  // the numbers; then all are in range

  // Returns the places, with -1, which gathers and scatters refuse in a run, for what is out of range.
  Value Checked() const;
};

// Returns the places that input i, [.., k], names in axes `first` to first + k - 1 of x, which are taken as one.
absl::StatusOr<Places> TuplePlaces(Call& c, int i, const Value& x, int first);
// Returns the places of the elements that input i names along an axis, in all of x: element [.., j, ..] is in place
// [.., indices[.., j, ..], ..].
absl::StatusOr<Places> ElementPlaces(Call& c, int i, const Value& x, int axis);

}  // namespace adret::onnx

#endif  // ADRET_IO_ONNX_PLACES_H_
