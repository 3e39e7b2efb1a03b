// ParseTransforms(): --transforms as text, "lucid" or "pad:4,jitter:4,rotate:10".
#ifndef ADRET_TOOLS_TRANSFORMS_FLAG_H_
#define ADRET_TOOLS_TRANSFORMS_FLAG_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "adret/explain/transform.h"

namespace adret::tools {

// "none", "lucid", or a list of pad:PIXELS, jitter:PIXELS, roll:PIXELS, scale:PERCENT (by up to so much either way) and
// rotate:DEGREES (likewise), in the order in which they are applied.
absl::StatusOr<std::vector<explain::Transform>> ParseTransforms(absl::string_view text);

}  // namespace adret::tools

#endif  // ADRET_TOOLS_TRANSFORMS_FLAG_H_
