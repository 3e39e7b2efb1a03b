// The receptive field: the part of an image that one value of a layer's maps is computed from.
//
//   explain::ReceptiveField field = *explain::ReceptiveFieldOf(network, *network.FindLayer("conv2"));
//   std::printf("%d x %d pixels\n", static_cast<int>(field.height), static_cast<int>(field.width));
#ifndef ADRET_EXPLAIN_RECEPTIVE_FIELD_H_
#define ADRET_EXPLAIN_RECEPTIVE_FIELD_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "adret/explain/network.h"

namespace adret::explain {

struct ReceptiveField {
  int64_t height = 0, width = 0;  // in pixels
};

// Finds the field of the value in the middle of the layer's maps; never more than the image. Found by one gradient in
// which what would depend on the numbers in an image lets everything pass: element-wise ops their cotangent, maxima
// that of a mean. A filter's weights that are exactly 0 at its border make it smaller. InvalidArgument for a layer
// without maps.
absl::StatusOr<ReceptiveField> ReceptiveFieldOf(const Network& network, const UnitLayer& layer);

}  // namespace adret::explain

#endif  // ADRET_EXPLAIN_RECEPTIVE_FIELD_H_
