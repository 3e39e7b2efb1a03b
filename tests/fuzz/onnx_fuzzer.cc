#include <cstddef>
#include <cstdint>

#include "adret/tests/fuzz/fuzz_targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  adret::fuzz::FuzzOnnx(absl::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
