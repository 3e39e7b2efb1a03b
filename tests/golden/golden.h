// Arrays of tests/golden/*.npz, which scripts beside them took from PyTorch.
#ifndef ADRET_TESTS_GOLDEN_GOLDEN_H_
#define ADRET_TESTS_GOLDEN_GOLDEN_H_

#include <map>
#include <string>

#include "adret/core/tensor.h"
#include "adret/io/npy.h"
#include "gtest/gtest.h"

namespace adret {

// The array called name in tests/golden/<file>.npz; a scalar 0 and a failed test if there is none. Tests run from the
// top of the source tree.
inline Tensor GoldenArray(const std::string& file, const std::string& name) {
  static auto* files = new std::map<std::string, absl::StatusOr<io::NamedTensors>>;
  const std::string path = "tests/golden/" + file + ".npz";
  auto it = files->find(file);
  if (it == files->end()) it = files->emplace(file, io::LoadNpz(path)).first;
  const absl::StatusOr<io::NamedTensors>& arrays = it->second;
  if (!arrays.ok() || !arrays->contains(name)) {
    ADD_FAILURE() << name << ": " << (arrays.ok() ? "not in " + path : arrays.status().ToString());
    return Tensor::Scalar(DType::kFloat64, 0);
  }
  return arrays->at(name);
}

}  // namespace adret

#endif  // ADRET_TESTS_GOLDEN_GOLDEN_H_
