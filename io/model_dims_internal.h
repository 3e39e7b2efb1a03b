// Dimensions in model files. A number, and -k for k times the batch, stand for themselves. Other symbolic dimensions
// are texts ("time - 1"): the k-th of them is written as kFirstText - k among the numbers, since their codes differ
// from process to process (core/dim.h).
#ifndef ADRET_IO_MODEL_DIMS_INTERNAL_H_
#define ADRET_IO_MODEL_DIMS_INTERNAL_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "adret/core/dim.h"
#include "adret/core/shape.h"
#include "adret/core/status.h"

namespace adret::io {

inline constexpr int64_t kFirstText = -(int64_t{1} << 40) - 1;
// Dimensions beyond are refused before any arithmetic on them. Elements of a tensor, as Shape::Validate() has it.
inline constexpr int64_t kMaxDimension = int64_t{1} << 58;

// Adds the dimensions to a message with `dims` and `symbolic`.
template <class Message>
void WriteDims(const Shape& shape, Message* message) {
  for (int64_t dim : shape) {
    if (!HasNamedSymbol(dim)) {
      message->add_dims(dim);
    } else {
      message->add_dims(kFirstText - message->symbolic_size());
      message->add_symbolic(DimText(dim));
    }
  }
}

// Reads such a message. Fails when a dimension is out of range or a text is no dimension.
template <class Message>
absl::StatusOr<Shape> ReadDims(const Message& message) {
  const auto bad = [](const auto&... parts) { return absl::InvalidArgumentError(absl::StrCat(parts...)); };
  if (message.dims_size() > kMaxRank) return bad("rank ", message.dims_size(), " is above the limit of ", kMaxRank);
  Shape shape;
  int texts = 0;
  for (int64_t dim : message.dims()) {
    if (texts < message.symbolic_size() && dim == kFirstText - texts) {
      AD_ASSIGN_OR_RETURN(const Dim symbolic, Dim::Parse(message.symbolic(texts++)));
      shape.push_back(symbolic);
      if (shape[shape.rank() - 1] == kNoDim) return bad("the dimension ", symbolic.ToString(), " is out of range");
    } else if (dim > kMaxDimension || dim <= kFirstText) {
      return bad("the dimension ", dim, " is out of range");
    } else {
      shape.push_back(dim);
    }
  }
  if (texts != message.symbolic_size()) return bad("symbolic dimension ", texts, " stands nowhere");
  return shape;
}

}  // namespace adret::io

#endif  // ADRET_IO_MODEL_DIMS_INTERNAL_H_
