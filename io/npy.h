// NumPy's files: .npy (one array) and .npz (a zip of named arrays), so that numbers travel to and from Python.
//
//   io::NamedTensors arrays = *io::LoadNpz("golden.npz");     // numpy.savez("golden.npz", x=x, y=y)
//   AD_RETURN_IF_ERROR(io::SaveNpy("x.npy", x));              // numpy.load("x.npy")
//
// Element types: float16, float32, float64, the integers of 8 to 64 bits with and without a sign, bool, little-endian.
// NumPy has no bf16: such tensors are written as float32, which holds the same numbers. Fortran-ordered arrays are read
// into row-major tensors.
#ifndef ADRET_IO_NPY_H_
#define ADRET_IO_NPY_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "adret/core/tensor.h"
#include "adret/io/named_tensors.h"

namespace adret::io {

struct NpyLimits {
  int64_t max_bytes = int64_t{4} << 30;  // of all arrays together
  int64_t max_arrays = 65535;
};

// Reads an array, or all of an archive. The readers fail with InvalidArgument on anything malformed: another magic or
// version, a header that is not NumPy's, an unsupported element type, a shape that does not match the number of bytes.
// Names lack the ".npy" of the archive.
absl::StatusOr<Tensor> ParseNpy(absl::string_view bytes);
absl::StatusOr<NamedTensors> ParseNpz(absl::string_view bytes, const NpyLimits& limits = {});
absl::StatusOr<Tensor> LoadNpy(const std::string& path, const NpyLimits& limits = {});
absl::StatusOr<NamedTensors> LoadNpz(const std::string& path, const NpyLimits& limits = {});

struct NpzOptions {
  bool compress = false;
};

std::string FormatNpy(const Tensor& tensor);
absl::StatusOr<std::string> FormatNpz(const NamedTensors& tensors, const NpzOptions& options = {});
absl::Status SaveNpy(const std::string& path, const Tensor& tensor);
absl::Status SaveNpz(const std::string& path, const NamedTensors& tensors, const NpzOptions& options = {});

}  // namespace adret::io

#endif  // ADRET_IO_NPY_H_
