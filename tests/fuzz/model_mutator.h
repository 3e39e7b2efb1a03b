// Mutations of model files that keep the container and the protobuf intact, so that a fuzzer gets past both.
#ifndef ADRET_TESTS_FUZZ_MODEL_MUTATOR_H_
#define ADRET_TESTS_FUZZ_MODEL_MUTATOR_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace adret::fuzz {

// The file with one to three fields of its structure changed; empty when the bytes are no model file.
std::string MutateModel(absl::string_view file, uint32_t seed);

}  // namespace adret::fuzz

#endif  // ADRET_TESTS_FUZZ_MODEL_MUTATOR_H_
