// Suggesting names for a misspelt one.
#ifndef ADRET_CORE_NEAREST_NAMES_H_
#define ADRET_CORE_NEAREST_NAMES_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace adret {

// Returns Levenshtein's distance: insertions, deletions and replacements of one character.
int EditDistance(absl::string_view a, absl::string_view b);

// Returns at most `count` of the names, nearest first; names of equal distance in alphabetical order.
std::vector<std::string> NearestNames(absl::string_view name, std::vector<std::string> names, int count);

}  // namespace adret

#endif  // ADRET_CORE_NEAREST_NAMES_H_
