// A network that came from elsewhere learns another task: an ONNX file that tells ten digits apart gets a new last
// layer, which tells even digits from odd ones. The rest of it stays as it is.
//
//   adret convert lecture_cnn.adret lecture_cnn.onnx
//   finetune_onnx --model=lecture_cnn.onnx --data=mnist
#include <cstdio>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "adret/adret.h"

ABSL_FLAG(std::string, model, "lecture_cnn.onnx", "ONNX file of a network for pictures of digits");
ABSL_FLAG(std::string, data, "", "folder with MNIST's four files; by default the program draws digits");
ABSL_FLAG(std::string, input, "image", "the network's input");
ABSL_FLAG(std::string, output, "logits", "the output whose layer is replaced");
ABSL_FLAG(int, epochs, 2, "epochs");
ABSL_FLAG(std::string, out, "even.onnx", "ONNX file to write");

namespace {

using namespace adret;

// The digits' parity, in place of the digits.
nn::Examples Parity(const io::Dataset& digits) {
  Tensor labels = digits.labels.Clone();
  for (int64_t& label : labels.mutable_data<int64_t>()) label %= 2;
  return {digits.images, labels};
}

absl::Status Run() {
  const std::string data = absl::GetFlag(FLAGS_data);
  AD_ASSIGN_OR_RETURN(const io::TrainAndTest digits, data.empty() ? io::DrawnDigits() : io::LoadMnist(data));
  AD_ASSIGN_OR_RETURN(io::Model model, io::LoadOnnx(absl::GetFlag(FLAGS_model), {.sizes = {{"batch", kAnyBatch}}}));
  AD_ASSIGN_OR_RETURN(const Value image, model.Input(absl::GetFlag(FLAGS_input)));
  AD_ASSIGN_OR_RETURN(const Value old_logits, model.Output(absl::GetFlag(FLAGS_output)));

  // The new layer reads what the old last one read. Only its variables are trained.
  AD_ASSIGN_OR_RETURN(const Value features, nn::FeaturesOf(old_logits));
  const Values frozen = model.graph->variables();
  const Value logits = nn::Dense(2).Named("even_or_odd")(features);
  const Value label = model.graph->Input("parity", DType::kInt64, {kAnyBatch});
  const Value loss = nn::SoftmaxCrossEntropy(logits, label);
  const Values all = model.graph->variables();
  const Values head(all.begin() + static_cast<int64_t>(frozen.size()), all.end());
  const Updates step = nn::Adam({.learning_rate = 1e-2}).Minimize(loss, head);
  AD_RETURN_IF_ERROR(InitializeMissing(*model.graph, /*seed=*/1, &model.state));
  std::printf("%zu variables stay, %zu are trained, on features %s\n", frozen.size(), head.size(),
              features.type().ToString().c_str());

  AD_ASSIGN_OR_RETURN(
      nn::Trainer trainer,
      nn::Trainer::Create(
          {.x = image, .y = label, .loss = loss, .accuracy = nn::Accuracy(logits, label), .updates = step}));
  const nn::Examples train = Parity(digits.train), test = Parity(digits.test);
  nn::FitOptions options{.epochs = absl::GetFlag(FLAGS_epochs), .test = test};
  AD_ASSIGN_OR_RETURN(const std::vector<nn::EpochRecord> epochs, trainer.Fit(train, &model.state, options));
  for (const nn::EpochRecord& epoch : epochs) {
    std::printf("epoch %d: test accuracy %.2f %%\n", static_cast<int>(epoch.epoch), 100 * epoch.test.accuracy);
  }
  return io::SaveOnnx(absl::GetFlag(FLAGS_out), {.graph = model.graph.get(),
                                                 .state = &model.state,
                                                 .inputs = {{"image", image}},
                                                 .outputs = {{"logits", logits}}});
}

}  // namespace

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("Gives a network in an ONNX file a new last layer, and trains that.");
  absl::ParseCommandLine(argc, argv);
  if (const absl::Status status = Run(); !status.ok()) {
    std::fprintf(stderr, "finetune_onnx: %s\n", std::string(status.message()).c_str());
    return 1;
  }
}
