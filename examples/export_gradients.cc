// Writes a saliency map as a plain ONNX file: the network's answer, and how it depends on each pixel. Any runtime
// that reads ONNX then explains the network, too.
//
//   export_gradients --model=lecture_cnn.adret --out=saliency.onnx        # a model file of adret, or ONNX
#include <cstdio>
#include <string>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/match.h"
#include "adret/adret.h"

ABSL_FLAG(std::string, model, "lecture_cnn.adret", "model file, made by train_lecture_cnn, or an ONNX file");
ABSL_FLAG(std::string, input, "image", "the input to differentiate with respect to");
ABSL_FLAG(std::string, output, "logits", "the scores of the classes, [?, classes]");
ABSL_FLAG(std::string, out, "saliency.onnx", "file to write");

namespace {

using namespace adret;

absl::Status Run() {
  const std::string path = absl::GetFlag(FLAGS_model);
  AD_ASSIGN_OR_RETURN(io::Model model, absl::EndsWith(path, ".onnx") ? io::LoadOnnx(path) : io::LoadModel(path));
  AD_ASSIGN_OR_RETURN(const Value image, model.Input(absl::GetFlag(FLAGS_input)));
  AD_ASSIGN_OR_RETURN(const Value logits, model.Output(absl::GetFlag(FLAGS_output)));

  // How the largest score of each picture depends on its pixels: one gradient for all pictures, since no picture's
  // score depends on another's pixels.
  const Value best = Max(logits, {.axes = {1}});
  const Value slope = Gradients(Sum(best), {image})[0];
  const Value saliency = Max(Abs(slope), {.axes = {1}});  // over the colours: [?, height, width]

  const io::ModelContents contents{
      .graph = model.graph.get(), .state = &model.state, .outputs = {{"logits", logits}, {"saliency", saliency}}};
  AD_RETURN_IF_ERROR(io::SaveOnnx(absl::GetFlag(FLAGS_out), contents));

  // The file is read back, as any other program would read it.
  AD_ASSIGN_OR_RETURN(const io::Model back, io::LoadOnnx(absl::GetFlag(FLAGS_out)));
  AD_ASSIGN_OR_RETURN(const Value map, back.Output("saliency"));
  std::printf("%s: saliency %s\n", absl::GetFlag(FLAGS_out).c_str(), map.type().ToString().c_str());
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("Writes a network's saliency map as an ONNX file.");
  absl::ParseCommandLine(argc, argv);
  if (const absl::Status status = Run(); !status.ok()) {
    std::fprintf(stderr, "export_gradients: %s\n", std::string(status.message()).c_str());
    return 1;
  }
}
