// safetensors: named tensors in one file, as PyTorch's and JAX's users exchange weights.
//
//   AD_ASSIGN_OR_RETURN(io::Safetensors file, io::LoadSafetensors("bert.safetensors"));
//   Tensor table = file.tensors.at("embeddings.weight");     // numbers of the mapped file: nothing is copied
//   AD_RETURN_IF_ERROR(io::SaveSafetensors("half.safetensors", {{"table", table.Cast(DType::kBFloat16)}},
//                                          {{"format", "pt"}}));
//
// io/load_state.h puts the tensors of such a file into a state.
//
// Element types are all that Tensor has. Others (F8_E4M3, C64, ...) are refused by name, all such tensors at once.
// Files are not trusted: what a file states is checked before anything is allocated from it.
//
//  offset  bytes
//       0      8  size N of the header, little-endian
//       8      N  header: a JSON object, white space after it; for each tensor
//                 "name": {"dtype": "F32", "shape": [2,3], "data_offsets": [begin, end]}, and perhaps
//                 "__metadata__": {"key": "text"}
//     8+N         the tensors' elements, little-endian and row-major, at [begin, end) from here: one after the other,
//                 without overlap, without a gap, and nothing after the last
#ifndef ADRET_IO_SAFETENSORS_H_
#define ADRET_IO_SAFETENSORS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "adret/io/metadata.h"
#include "adret/io/named_tensors.h"

namespace adret::io {

struct Safetensors {
  NamedTensors tensors;
  Metadata metadata;
};

// What a reader accepts; above a limit it answers ResourceExhausted.
struct SafetensorsLimits {
  int64_t header_bytes = 100'000'000;         // the most that the format allows
  int64_t memory_budget = int64_t{16} << 30;  // bytes of all tensors together
  int64_t tensors = 1'000'000;
  int64_t metadata = 1'000'000;  // entries
};

struct SafetensorsOptions {
  SafetensorsLimits limits = {};
  // Whether tensors are the pages of the file, which are read when they are needed (InputFile::Map says what that
  // means). Bools, and tensors whose place in the file is not aligned to their elements, are copied all the same.
  // Otherwise each has memory of its own.
  bool map = true;
};

// Reads a file, or the contents of one (and copies what it needs). The readers fail with InvalidArgument on whatever is
// not as the format says, on names that are empty, longer than 1 KiB or hold control characters, on bools other than 0
// and 1, and on more than 32 dimensions. Tensors without elements, and NaN and Inf, are allowed.
absl::StatusOr<Safetensors> LoadSafetensors(const std::string& path, const SafetensorsOptions& options = {});
absl::StatusOr<Safetensors> ParseSafetensors(absl::string_view bytes, const SafetensorsLimits& limits = {});

// Writes what the reference implementation writes: tensors by the size of their elements, the largest first, so that
// all are aligned; by dtype; by name. Fails on names that the readers refuse, on text that is not UTF-8, and when the
// header is larger than the format allows. Saving replaces the file in one step (io/file.h).
absl::Status SaveSafetensors(const std::string& path, const NamedTensors& tensors, const Metadata& metadata = {});
absl::StatusOr<std::string> SerializeSafetensors(const NamedTensors& tensors, const Metadata& metadata = {});

}  // namespace adret::io

#endif  // ADRET_IO_SAFETENSORS_H_
