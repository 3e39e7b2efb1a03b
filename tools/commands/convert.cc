// adret convert: a model file in another format.
#include <cstdio>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "adret/core/status.h"
#include "adret/io/model.h"
#include "adret/tools/command.h"
#include "adret/tools/open_model.h"
#include "adret/tools/output.h"

namespace adret::tools {
namespace {

absl::StatusOr<int> Convert(const std::vector<std::string>& arguments) {
  const std::string &from = arguments[0], &to = arguments[1];
  {
    // Whether the file can be written is found out before anything is read.
    OutputFiles outputs({from});
    AD_RETURN_IF_ERROR(outputs.Create(to, "").status());
  }
  AD_ASSIGN_OR_RETURN(const io::Model model, OpenModel(from));
  AD_RETURN_IF_ERROR(SaveAnyModel(to, model.contents()));
  std::fprintf(stderr, "wrote %s\n", to.c_str());
  return kSuccess;
}

const CommandRegistration kConvert(
    {.name = "convert",
     .summary = "Writes a model file in another format: ONNX to adret's own, or the other way round.",
     .description =
         "What a file is follows from what it holds, and what is written from the name of OUT: ONNX where it\n"
         "ends with .onnx. A training step is written with an output NAME_next for each variable NAME that\n"
         "it updates.",
     .arguments = {"IN", "OUT"},
     .examples = {{"resnet18.onnx resnet18.adret", "a graph that can be trained, edited and differentiated"},
                  {"digits.adret digits.onnx", "a file that every runtime reads"},
                  {"frozen.onnx free.onnx --dims=batch=?", "the same network for any number of examples"},
                  {"net.onnx fixed.onnx --dims=time=128,batch=1 --opset=17", "sizes put in the place of names"}},
     .flags = {"dims", "opset"},
     .run = Convert});

}  // namespace
}  // namespace adret::tools
