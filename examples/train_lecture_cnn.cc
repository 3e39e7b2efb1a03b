// Trains the lecture's convolutional network on handwritten digits, and shows how well it learned.
//
//   train_lecture_cnn --data=mnist --epochs=5 --model=lecture_cnn.adret
//
// Without --data it learns digits that the program draws itself. After every epoch the model file holds all that
// training needs to go on: --stop_after=EPOCH ends early, --resume continues to --epochs. The last line of the output
// is for programs.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "adret/adret.h"
#include "adret/io/file.h"
#include "adret/io/in_file.h"
#include "adret/plot/line_plot.h"

ABSL_FLAG(std::string, data, "", "folder with MNIST's four files; by default the program draws digits");
ABSL_FLAG(int64_t, epochs, 5, "how often to go through the training images");
ABSL_FLAG(int64_t, batch, 128, "images per step");
ABSL_FLAG(uint64_t, seed, 1, "of the first weights and the order of the images");
ABSL_FLAG(std::optional<int>, threads, std::nullopt, "one per core if not given; the result does not depend on it");
ABSL_FLAG(std::string, model, "lecture_cnn.adret", "file to write the model to, after every epoch");
ABSL_FLAG(int64_t, stop_after, 0, "end after this epoch; 0: after the last");
ABSL_FLAG(bool, resume, false, "go on from the model file");

namespace {

using namespace adret;

// Everything in one graph: the network, what to minimise, and how.
struct Lecture {
  explicit Lecture(int64_t steps) {
    logits = net(image);
    loss = nn::SoftmaxCrossEntropy(logits, label).Named("loss");
    accuracy = nn::Accuracy(logits, label).Named("accuracy");
    step = nn::Adam({.learning_rate = nn::OneCycle({.max = 4e-3, .steps = steps})}).Minimize(loss, graph.variables());
  }

  Graph graph;
  Value image = graph.Input("image", DType::kFloat32, {kAnyBatch, 1, 28, 28});
  Value label = graph.Input("label", DType::kInt64, {kAnyBatch});
  nn::Sequential net{nn::Conv2d(25, 3), nn::Relu(),     nn::MaxPool2d(2),  //
                     nn::Conv2d(50, 3), nn::Relu(),     nn::MaxPool2d(2),  //
                     nn::Flatten(),     nn::Dense(100), nn::Relu(),       nn::Dense(10).Named("logits")};
  Value logits, loss, accuracy;
  Updates step;
};

absl::Status Save(const Lecture& lecture, const State& state, const nn::TrainingHistory& history) {
  return io::SaveModel(absl::GetFlag(FLAGS_model),
                       {.graph = &lecture.graph,
                        .state = &state,
                        .outputs = {{"logits", lecture.logits}, {"loss", lecture.loss}, {"accuracy", lecture.accuracy}},
                        .updates = lecture.step,
                        .metadata = {{nn::kTrainingHistoryKey, history.ToText()}}});
}

// The training curve, next to the model: lecture_cnn_curve.png.
absl::Status SaveCurve(const nn::TrainingHistory& history) {
  plot::Series train{.name = "training", .markers = true}, test{.name = "test", .markers = true};
  plot::Series test_loss{.name = "test", .markers = true}, batches{.name = "training", .faint = true};
  for (const nn::BatchLoss& batch : history.batches()) {
    batches.x.push_back(batch.epochs_done);
    batches.y.push_back(std::max(batch.loss, 1e-8));  // the axis is logarithmic
  }
  for (const nn::EpochRecord& epoch : history.epochs()) {
    for (plot::Series* series : {&train, &test, &test_loss}) series->x.push_back(static_cast<double>(epoch.epoch));
    train.y.push_back(100 * epoch.train.accuracy);
    test.y.push_back(100 * epoch.test.accuracy);
    test_loss.y.push_back(epoch.test.loss);
  }
  AD_ASSIGN_OR_RETURN(
      Tensor picture,
      plot::LinePlot(
          {{.title = "Loss", .x_label = "epoch", .y_scale = plot::Scale::kLog, .series = {batches, test_loss}},
           {.title = "Accuracy", .x_label = "epoch", .y_unit = "%", .series = {train, test}}},
          {.title = "The lecture's network"}));
  std::filesystem::path path = absl::GetFlag(FLAGS_model);
  path.replace_filename(path.stem().string() + "_curve.png");
  std::printf("\nThe training curve is in %s.\n", path.c_str());
  return io::SavePng(path.string(), picture);
}

absl::Status CheckFlags() {
  const auto at_least = [](const char* flag, int64_t value, int64_t least) {
    if (value >= least) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat("--", flag, " must be at least ", least, ", but is ", value));
  };
  AD_RETURN_IF_ERROR(at_least("epochs", absl::GetFlag(FLAGS_epochs), 1));
  AD_RETURN_IF_ERROR(at_least("batch", absl::GetFlag(FLAGS_batch), 1));
  AD_RETURN_IF_ERROR(at_least("threads", absl::GetFlag(FLAGS_threads).value_or(1), 1));
  AD_RETURN_IF_ERROR(at_least("stop_after", absl::GetFlag(FLAGS_stop_after), 0));
  // A file that cannot be written is better known now than after an epoch. Nothing is written yet.
  return io::AtomicFile::Create(absl::GetFlag(FLAGS_model)).status();
}

absl::Status Run() {
  AD_RETURN_IF_ERROR(CheckFlags());
  const std::string data = absl::GetFlag(FLAGS_data);
  AD_ASSIGN_OR_RETURN(const io::TrainAndTest digits, data.empty() ? io::DrawnDigits() : io::LoadMnist(data));
  const nn::Examples train{digits.train.images, digits.train.labels}, test{digits.test.images, digits.test.labels};

  const int64_t batch = absl::GetFlag(FLAGS_batch), epochs = absl::GetFlag(FLAGS_epochs);
  Lecture lecture(epochs * nn::CountBatches(train.size(), {.batch = batch}));
  std::printf("%s\n", nn::Summary(lecture.logits).c_str());
  AD_ASSIGN_OR_RETURN(State state, InitialState(lecture.graph, absl::GetFlag(FLAGS_seed)));
  nn::TrainingHistory history;
  if (absl::GetFlag(FLAGS_resume)) {
    AD_ASSIGN_OR_RETURN(io::Model model, io::LoadModel(absl::GetFlag(FLAGS_model)));
    AD_RETURN_IF_ERROR(io::InFile(absl::GetFlag(FLAGS_model), nn::CheckSameVariables(state, model.state)));
    state = std::move(model.state);
    auto earlier = nn::TrainingHistory::FromText(model.metadata[nn::kTrainingHistoryKey]);
    if (!earlier.ok()) return io::InFile(absl::GetFlag(FLAGS_model), earlier.status());
    history = *std::move(earlier);
  }

  const nn::TrainerOptions options{.batch = batch, .threads = absl::GetFlag(FLAGS_threads)};
  AD_ASSIGN_OR_RETURN(nn::Trainer trainer, nn::Trainer::Create({.x = lecture.image,
                                                                .y = lecture.label,
                                                                .loss = lecture.loss,
                                                                .accuracy = lecture.accuracy,
                                                                .updates = lecture.step},
                                                               options));
  nn::ProgressBar bar;
  std::puts(nn::EpochHeading().c_str());
  AD_ASSIGN_OR_RETURN(const std::vector<nn::EpochRecord> epochs_run,
                      trainer.Fit(train, &state,
                                  {.epochs = epochs,
                                   .stop_after = absl::GetFlag(FLAGS_stop_after),
                                   .test = test,
                                   .on_batch =
                                       [&](const nn::BatchRecord& b) {
                                         bar.Show(b);
                                         history.Add(b);
                                       },
                                   .on_epoch =
                                       [&](const nn::EpochRecord& e) {
                                         bar.Clear();
                                         std::puts(nn::EpochRow(e).c_str());
                                         std::fflush(stdout);
                                         history.Add(e);
                                         return Save(lecture, state, history);
                                       }}));
  if (!history.epochs().empty()) AD_RETURN_IF_ERROR(SaveCurve(history));

  AD_ASSIGN_OR_RETURN(const Tensor answers,
                      nn::RunInBatches(ArgMax(lecture.logits, {.axis = 1}), lecture.image, test.x, state, options));
  nn::ConfusionMatrix confusion(10);
  AD_RETURN_IF_ERROR(confusion.Add(test.y, answers));
  std::printf("\n%s\n", confusion.ToString().c_str());
  std::printf(
      "{\"test_accuracy\": %.4f, \"images_per_second\": %.0f, \"peak_rss_mib\": %.1f, \"state_digest\": \"%s\"}\n",
      confusion.accuracy(), nn::TrainingSpeed(epochs_run), nn::PeakRssMib(), state.Digest().c_str());
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("Trains the lecture's convolutional network on handwritten digits.");
  const std::vector<char*> arguments = absl::ParseCommandLine(argc, argv);
  const absl::Status status =
      arguments.size() > 1
          ? absl::InvalidArgumentError(absl::StrCat("unknown argument '", arguments[1], "'; see --help"))
          : Run();
  if (status.ok()) return 0;
  std::fprintf(stderr, "train_lecture_cnn: %s\n", std::string(status.message()).c_str());
  return 1;
}
