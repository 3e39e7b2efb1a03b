#include <cstddef>
#include <cstdint>
#include <cstring>

#include "adret/tests/fuzz/fuzz_targets.h"
#include "adret/tests/fuzz/model_mutator.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  adret::fuzz::FuzzModel(absl::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}

// One mutation in four is of bytes, the others are of the structure's fields.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned int seed) {
  if (seed % 4 != 0) {
    const std::string mutated =
        adret::fuzz::MutateModel(absl::string_view(reinterpret_cast<const char*>(data), size), seed);
    if (!mutated.empty() && mutated.size() <= max_size) {
      std::memcpy(data, mutated.data(), mutated.size());
      return mutated.size();
    }
  }
  return LLVMFuzzerMutate(data, size, max_size);
}
