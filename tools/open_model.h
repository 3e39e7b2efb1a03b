// Model files of any kind, as commands open them: adret's own and ONNX.
//
//   AD_ASSIGN_OR_RETURN(const io::Model model, tools::OpenModel("resnet18.onnx"));
#ifndef ADRET_TOOLS_OPEN_MODEL_H_
#define ADRET_TOOLS_OPEN_MODEL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/flags/declare.h"
#include "absl/status/statusor.h"
#include "adret/io/model.h"

ABSL_DECLARE_FLAG(std::string, dims);
ABSL_DECLARE_FLAG(int64_t, opset);

namespace adret::tools {

// Returns whether a file is taken for ONNX, which has no mark: it is called so, or begins with the version of ONNX's
// format, as all but the strangest of them do.
absl::StatusOr<bool> IsOnnxFile(const std::string& path);

// Loads a model file, whatever its name. --dims gives dimensions of an ONNX file's inputs their sizes.
absl::StatusOr<io::Model> OpenModel(const std::string& path);

// Writes a model file: ONNX where the path ends with .onnx, in operator set --opset, and adret's own otherwise.
absl::Status SaveAnyModel(const std::string& path, const io::ModelContents& contents);

// Lists what is wrong with a model file, as io::CheckModel does. Of an ONNX file that does not load there is one error:
// the first, or all operators that are not read.
std::vector<io::Finding> CheckAnyModel(const std::string& path);

}  // namespace adret::tools

#endif  // ADRET_TOOLS_OPEN_MODEL_H_
