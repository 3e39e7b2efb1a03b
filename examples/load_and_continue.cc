// Loads a model file and trains it for one more epoch. Nothing here knows what the model is: the file holds its graph,
// and a graph can be differentiated.
//
//   load_and_continue --model=lecture_cnn.adret --data=mnist
#include <cstdio>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/str_cat.h"
#include "adret/adret.h"
#include "adret/io/in_file.h"

ABSL_FLAG(std::string, model, "lecture_cnn.adret", "model file, made by train_lecture_cnn");
ABSL_FLAG(std::string, out, "", "file to write; by default the model file");
ABSL_FLAG(std::string, data, "", "folder with MNIST's four files; by default the program draws digits");
ABSL_FLAG(int64_t, batch, 128, "images per step");
ABSL_FLAG(double, learning_rate, 1e-4, "of the steps");

namespace {

using namespace adret;

absl::Status Run() {
  const std::string path = absl::GetFlag(FLAGS_model), data = absl::GetFlag(FLAGS_data), out = absl::GetFlag(FLAGS_out);
  AD_ASSIGN_OR_RETURN(io::Model model, io::LoadModel(path));
  AD_ASSIGN_OR_RETURN(const io::TrainAndTest digits, data.empty() ? io::DrawnDigits() : io::LoadMnist(data));
  const nn::Examples train{digits.train.images, digits.train.labels}, test{digits.test.images, digits.test.labels};
  AD_ASSIGN_OR_RETURN(const Value image, model.Input("image"));
  AD_ASSIGN_OR_RETURN(const Value label, model.Input("label"));
  AD_ASSIGN_OR_RETURN(const Value loss, model.Output("loss"));
  AD_ASSIGN_OR_RETURN(const Value accuracy, model.Output("accuracy"));
  std::printf("%s\n", nn::Summary(loss).c_str());

  // The file's own training step is at the end of its schedule. A new one, under the old one's name, goes on with its
  // moments.
  const nn::Optimizer adam =
      nn::Adam({.learning_rate = absl::GetFlag(FLAGS_learning_rate), .common = {.name = "adam"}});
  model.updates = adam.Minimize(loss, model.graph->variables());
  AD_RETURN_IF_ERROR(InitializeMissing(*model.graph, model.state.seed, &model.state));

  AD_ASSIGN_OR_RETURN(
      nn::Trainer trainer,
      nn::Trainer::Create({.x = image, .y = label, .loss = loss, .accuracy = accuracy, .updates = model.updates},
                          {.batch = absl::GetFlag(FLAGS_batch)}));
  AD_ASSIGN_OR_RETURN(const nn::Score before, trainer.Evaluate(test, model.state));
  nn::ProgressBar bar;
  std::string& history_text = model.metadata[nn::kTrainingHistoryKey];
  auto earlier = nn::TrainingHistory::FromText(history_text);
  if (!earlier.ok()) return io::InFile(path, earlier.status());
  nn::TrainingHistory history = *std::move(earlier);
  AD_ASSIGN_OR_RETURN(const int64_t epochs_done, trainer.EpochsDone(train, model.state));
  nn::FitOptions options{.epochs = epochs_done + 1, .test = test};
  options.on_batch = [&](const nn::BatchRecord& b) {
    bar.Show(b);
    history.Add(b);
  };
  options.on_epoch = [&](const nn::EpochRecord& e) {
    history.Add(e);
    return absl::OkStatus();
  };
  AD_ASSIGN_OR_RETURN(const std::vector<nn::EpochRecord> epochs_run, trainer.Fit(train, &model.state, options));
  bar.Clear();
  history_text = history.ToText();
  io::ModelContents contents = model.contents();
  contents.only_needed = true;  // without the old training step's nodes
  AD_RETURN_IF_ERROR(io::SaveModel(out.empty() ? path : out, contents));
  std::printf("{\"test_accuracy_before\": %.4f, \"test_accuracy\": %.4f, \"epochs\": %d, \"state_digest\": \"%s\"}\n",
              before.accuracy, epochs_run.back().test.accuracy, static_cast<int>(epochs_run.back().epoch),
              model.state.Digest().c_str());
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("Loads a model file, trains one more epoch, and saves it.");
  const std::vector<char*> arguments = absl::ParseCommandLine(argc, argv);
  const absl::Status status =
      arguments.size() > 1
          ? absl::InvalidArgumentError(absl::StrCat("unknown argument '", arguments[1], "'; see --help"))
          : Run();
  if (status.ok()) return 0;
  std::fprintf(stderr, "load_and_continue: %s\n", std::string(status.message()).c_str());
  return 1;
}
