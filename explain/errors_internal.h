// Errors of this folder, as sentences from parts.
#ifndef ADRET_EXPLAIN_ERRORS_INTERNAL_H_
#define ADRET_EXPLAIN_ERRORS_INTERNAL_H_

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace adret::explain {

template <class... Parts>
absl::Status Bad(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

}  // namespace adret::explain

#endif  // ADRET_EXPLAIN_ERRORS_INTERNAL_H_
