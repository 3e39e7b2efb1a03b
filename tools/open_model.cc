#include "adret/tools/open_model.h"

#include <algorithm>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "adret/core/status.h"
#include "adret/io/file.h"
#include "adret/io/onnx.h"

ABSL_FLAG(std::string, dims, "",
          "sizes of dimensions of an ONNX file's inputs: time=128,batch=?; ? frees a batch that the file has frozen");
ABSL_FLAG(int64_t, opset, adret::io::OnnxSaveOptions().version,
          "operator set of the ONNX file that is written, 13 to 27");

namespace adret::tools {
namespace {

absl::StatusOr<io::OnnxOptions> Options() {
  io::OnnxOptions options;
  for (absl::string_view given : absl::StrSplit(absl::GetFlag(FLAGS_dims), ',', absl::SkipEmpty())) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(given, absl::MaxSplits('=', 1));
    int64_t size = kAnyBatch;
    if (parts.second != "?" && (!absl::SimpleAtoi(parts.second, &size) || size < 0)) {
      return absl::InvalidArgumentError(
          absl::StrCat("--dims must be a list such as time=128,batch=?, but has \"", absl::CEscape(given), "\""));
    }
    options.sizes[parts.first] = size;
  }
  return options;
}

}  // namespace

absl::StatusOr<bool> IsOnnxFile(const std::string& path) {
  AD_ASSIGN_OR_RETURN(const io::InputFile file, io::InputFile::Open(path));
  if (absl::EndsWithIgnoreCase(path, ".onnx")) return true;
  char begin = 0;
  AD_RETURN_IF_ERROR(file.ReadAt(0, std::min<int64_t>(file.size(), 1), &begin));
  return begin == 8;  // field 1, a number
}

absl::StatusOr<io::Model> OpenModel(const std::string& path) {
  AD_ASSIGN_OR_RETURN(const bool is_onnx, IsOnnxFile(path));
  if (is_onnx) {
    AD_ASSIGN_OR_RETURN(const io::OnnxOptions options, Options());
    return io::LoadOnnx(path, options);
  }
  if (!absl::GetFlag(FLAGS_dims).empty()) {
    return absl::InvalidArgumentError(absl::StrCat("--dims is for ONNX files, which ", path, " is not"));
  }
  return io::LoadModel(path);
}

absl::Status SaveAnyModel(const std::string& path, const io::ModelContents& contents) {
  if (!absl::EndsWithIgnoreCase(path, ".onnx")) return io::SaveModel(path, contents);
  return io::SaveOnnx(path, contents, {.version = absl::GetFlag(FLAGS_opset)});
}

std::vector<io::Finding> CheckAnyModel(const std::string& path) {
  if (const absl::StatusOr<bool> is_onnx = IsOnnxFile(path); !is_onnx.ok() || !*is_onnx) return io::CheckModel(path);
  const absl::StatusOr<io::Model> model = OpenModel(path);
  if (!model.ok()) return {{io::Finding::kError, std::string(model.status().message())}};
  const absl::StatusOr<std::string> bytes = io::SerializeModel(model->contents());
  if (!bytes.ok()) return {{io::Finding::kError, std::string(bytes.status().message())}};
  return io::CheckSerializedModel(*bytes);
}

}  // namespace adret::tools
