// What writing and reading the texts of dimensions share.
#ifndef ADRET_CORE_DIM_INTERNAL_H_
#define ADRET_CORE_DIM_INTERNAL_H_

#include <cstddef>

namespace adret {

// The longest text of a sum that has a code: what a file may hold is what a graph may say.
inline constexpr size_t kLongestDimText = 1024;

}  // namespace adret

#endif  // ADRET_CORE_DIM_INTERNAL_H_
