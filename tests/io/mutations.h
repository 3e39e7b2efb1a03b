// Damaged copies of a valid file, for the tests of readers.
#ifndef ADRET_TESTS_IO_MUTATIONS_H_
#define ADRET_TESTS_IO_MUTATIONS_H_

#include <functional>
#include <string>

#include "absl/strings/string_view.h"

namespace adret::io {

// Calls f with every proper prefix of bytes.
inline void ForEachTruncation(absl::string_view bytes, const std::function<void(const std::string&)>& f) {
  for (size_t n = 0; n < bytes.size(); ++n) f(std::string(bytes.substr(0, n)));
}

// Calls f with every copy of bytes in which one bit differs.
inline void ForEachBitFlip(absl::string_view bytes, const std::function<void(const std::string&)>& f) {
  std::string copy(bytes);
  for (size_t i = 0; i < 8 * copy.size(); ++i) {
    const char bit = static_cast<char>(1 << (i % 8));
    copy[i / 8] ^= bit;
    f(copy);
    copy[i / 8] ^= bit;
  }
}

}  // namespace adret::io

#endif  // ADRET_TESTS_IO_MUTATIONS_H_
