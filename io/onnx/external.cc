#include "adret/io/onnx/external.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "adret/core/status.h"
#include "adret/io/onnx/onnx.pb.h"

namespace adret::onnx {
namespace {

// Where a tensor may begin: whoever maps the file finds its numbers aligned for any instruction.
constexpr int64_t kAlignment = 64;

void AddEntry(absl::string_view key, std::string value, proto::Tensor* to) {
  proto::Entry* entry = to->add_external_data();
  entry->set_key(std::string(key));
  entry->set_value(std::move(value));
}

}  // namespace

int64_t TotalBytes(const std::vector<LargeTensor>& tensors) {
  int64_t total = 0;
  for (const LargeTensor& large : tensors) total += static_cast<int64_t>(large.tensor.num_bytes());
  return total;
}

void KeepInside(const std::vector<LargeTensor>& tensors) {
  for (const LargeTensor& large : tensors) large.to->set_raw_data(large.tensor.raw(), large.tensor.num_bytes());
}

absl::StatusOr<io::AtomicFile> KeepBeside(const std::vector<LargeTensor>& tensors, const std::string& folder,
                                          const std::string& name) {
  AD_ASSIGN_OR_RETURN(io::AtomicFile file, io::AtomicFile::Create(absl::StrCat(folder, "/", name)));
  for (const LargeTensor& large : tensors) {
    const int64_t padding = (kAlignment - file.size() % kAlignment) % kAlignment;
    AD_RETURN_IF_ERROR(file.Append(std::string(static_cast<size_t>(padding), '\0')));
    large.to->set_data_location(1);
    AddEntry("location", name, large.to);
    AddEntry("offset", absl::StrCat(file.size()), large.to);
    AddEntry("length", absl::StrCat(large.tensor.num_bytes()), large.to);
    AD_RETURN_IF_ERROR(
        file.Append(absl::string_view(static_cast<const char*>(large.tensor.raw()), large.tensor.num_bytes())));
  }
  return file;
}

}  // namespace adret::onnx
