// A model file as commands see it: which of its inputs takes the pictures, and which output is the network's answer.
//
//   AD_ASSIGN_OR_RETURN(const io::Model model, tools::OpenModel(path));
//   AD_ASSIGN_OR_RETURN(const io::NamedValue input, tools::ChooseInput(model));
//   AD_ASSIGN_OR_RETURN(const io::NamedValue output, tools::ChooseOutput(model, input.value));
//
// The flags --input_name and --output choose by name, where the file has several.
#ifndef ADRET_TOOLS_MODEL_FILE_H_
#define ADRET_TOOLS_MODEL_FILE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/flags/declare.h"
#include "absl/status/statusor.h"
#include "adret/io/model.h"

ABSL_DECLARE_FLAG(std::string, input_name);
ABSL_DECLARE_FLAG(std::string, output);

namespace adret::tools {

// The signature's input that takes the pictures: --input_name, or the only floating-point one with the batch on axis 0,
// or among several the only one of four axes. NotFound lists what there is.
absl::StatusOr<io::NamedValue> ChooseInput(const io::Model& model);

// The output that answers: the given name or else --output, which may also be any value of the graph; or the one called
// "logits", or the first [?, classes] that follows from the input alone, or the only one that does; or, where none
// does, the last such value of the graph. NotFound lists what there is.
absl::StatusOr<io::NamedValue> ChooseOutput(const io::Model& model, Value input, const std::string& given = "");

// The value to describe a file by: the output that ChooseOutput() finds, or the file's first output, or none. Fails
// only when --output asks for what is not there.
absl::StatusOr<std::optional<io::NamedValue>> MainOutput(const io::Model& model);

}  // namespace adret::tools

#endif  // ADRET_TOOLS_MODEL_FILE_H_
