// Arrays of tests/golden/*.npz, which scripts beside them took from PyTorch.
#ifndef ADRET_TESTS_GOLDEN_GOLDEN_H_
#define ADRET_TESTS_GOLDEN_GOLDEN_H_

#include <map>
#include <string>

#include "adret/core/tensor.h"
#include "adret/io/npy.h"
#include "gtest/gtest.h"

namespace adret {

// The arrays of tests/golden/<file>.npz. Tests run from the top of the source tree.
inline const absl::StatusOr<io::NamedTensors>& GoldenFile(const std::string& file) {
  static auto* files = new std::map<std::string, absl::StatusOr<io::NamedTensors>>;
  auto it = files->find(file);
  if (it == files->end()) it = files->emplace(file, io::LoadNpz("tests/golden/" + file + ".npz")).first;
  return it->second;
}

inline bool HasGoldenArray(const std::string& file, const std::string& name) {
  return GoldenFile(file).ok() && GoldenFile(file)->contains(name);
}

// The array called name; a scalar 0 and a failed test if there is none.
inline Tensor GoldenArray(const std::string& file, const std::string& name) {
  const absl::StatusOr<io::NamedTensors>& arrays = GoldenFile(file);
  if (!HasGoldenArray(file, name)) {
    ADD_FAILURE() << name << ": " << (arrays.ok() ? "not in " + file + ".npz" : arrays.status().ToString());
    return Tensor::Scalar(DType::kFloat64, 0);
  }
  return arrays->at(name);
}

}  // namespace adret

#endif  // ADRET_TESTS_GOLDEN_GOLDEN_H_
