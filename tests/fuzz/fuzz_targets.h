// What the fuzzers run. Each takes bytes that claim to be a file, and must return whatever they are; corpus_test
// replays the corpora as ordinary tests.
#ifndef ADRET_TESTS_FUZZ_FUZZ_TARGETS_H_
#define ADRET_TESTS_FUZZ_FUZZ_TARGETS_H_

#include "absl/strings/string_view.h"

namespace adret::fuzz {

// A model file. Checksums are repaired, so that mutations reach what lies behind them; what loads is saved, loaded
// again with the same state, and run within narrow limits.
void FuzzModel(absl::string_view bytes);

// An ONNX file. What loads is written in both formats, loaded again, and run within narrow limits.
void FuzzOnnx(absl::string_view bytes);

void FuzzIdx(absl::string_view bytes);
void FuzzCsv(absl::string_view bytes);
void FuzzPng(absl::string_view bytes);
// .npy, and the .npz archive around it.
void FuzzNpz(absl::string_view bytes);
// A safetensors file. Where it is none, it is tried again with the size of its header put right. What loads is saved,
// and loaded again.
void FuzzSafetensors(absl::string_view bytes);

}  // namespace adret::fuzz

#endif  // ADRET_TESTS_FUZZ_FUZZ_TARGETS_H_
