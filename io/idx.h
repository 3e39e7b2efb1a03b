// IDX files, the format of MNIST (LeCun, Cortes and Burges, http://yann.lecun.com/exdb/mnist): plain or
// gzip-compressed.
//
//   io::TrainAndTest mnist = *io::LoadMnist("mnist");
//   Tensor pixels = *io::LoadIdx("train-images-idx3-ubyte.gz");     // u8 [60000,28,28]
//
// A file is two zero bytes, a type, a rank, the dimensions (32 bits each, big-endian) and the numbers (big-endian).
// Read and written are u8, i8, i16, i32, f32 and f64.
#ifndef ADRET_IO_IDX_H_
#define ADRET_IO_IDX_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "adret/core/tensor.h"
#include "adret/io/dataset.h"

namespace adret::io {

struct IdxLimits {
  int64_t max_bytes = int64_t{2} << 30;  // of a file, packed and unpacked
};

// Fails with InvalidArgument when the header is not IDX's or does not match the number of bytes, DataLoss when a gzip
// stream is damaged, ResourceExhausted above the limits. A gzip stream is unpacked up to the size that its header
// implies, never further.
absl::StatusOr<Tensor> ParseIdx(absl::string_view bytes, const IdxLimits& limits = {});
absl::StatusOr<Tensor> LoadIdx(const std::string& path, const IdxLimits& limits = {});

struct IdxOptions {
  bool gzip = false;
};

// Writes a tensor as IDX; InvalidArgument for i64 and bool, which IDX does not know.
absl::StatusOr<std::string> FormatIdx(const Tensor& tensor, const IdxOptions& options = {});
absl::Status SaveIdx(const std::string& path, const Tensor& tensor, const IdxOptions& options = {});

struct MnistOptions {
  int64_t classes = 10;
  IdxLimits limits = {};
};

// Reads the four files of MNIST in a folder: {train,t10k}-images-idx3-ubyte and {train,t10k}-labels-idx1-ubyte, each
// also as .gz. Fails when one is missing or malformed, has no images, labels and images differ in number, a label is
// not in [0, classes), or training and test images differ in size.
absl::StatusOr<TrainAndTest> LoadMnist(const std::string& folder, const MnistOptions& options = {});

// Joins u8 images [n,h,w] and u8 labels [n] to a dataset; fails as LoadMnist does.
absl::StatusOr<Dataset> MakeDataset(const Tensor& images, const Tensor& labels, int64_t classes = 10);

}  // namespace adret::io

#endif  // ADRET_IO_IDX_H_
