// The rules for names: of nodes, inputs, variables, and of what else a model file names.
#ifndef ADRET_CORE_NAMES_H_
#define ADRET_CORE_NAMES_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace adret {

inline constexpr size_t kMaxNameBytes = 1024;

// Fails unless name has 1 to kMaxNameBytes bytes, is UTF-8 and has no control characters. The error says
// "<what> has an empty name", where what is "the node", say. Graphs refuse such names where they are given, and model
// files where they are read.
absl::Status CheckName(absl::string_view name, absl::string_view what);

// Returns the name in quotes, escaped and shortened, for messages.
std::string Quoted(absl::string_view name);

}  // namespace adret

#endif  // ADRET_CORE_NAMES_H_
