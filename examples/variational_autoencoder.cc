// Learns to write digits: a variational autoencoder (Kingma and Welling 2013). One network squeezes an image into a few
// numbers, its code; another draws the image again from the code. As codes are kept close to a normal distribution, a
// random code gives a new digit, and the way between two codes leads from one digit to the other.
//
//   variational_autoencoder --data=mnist --steps=5000 --model=vae.adret
//
// Without --data it learns digits that the program draws itself. The picture is vae_digits.png. The last line of the
// output is for programs.
#include <algorithm>
#include <chrono>
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
#include "adret/plot/sheet.h"

ABSL_FLAG(std::string, data, "", "folder with MNIST's four files; by default the program draws digits");
ABSL_FLAG(int64_t, steps, 3000, "how many batches of 128 images to learn from");
ABSL_FLAG(uint64_t, seed, 1, "of the first weights, the order of the images, and the codes");
ABSL_FLAG(std::optional<int>, threads, std::nullopt, "one per core if not given; the result does not depend on it");
ABSL_FLAG(std::string, model, "vae.adret", "file to write the model to");

namespace {

using namespace adret;

constexpr int64_t kCode = 8, kPixels = 28 * 28, kColumns = 12, kRows = 4;

// Both networks in one graph. The decoder is called twice and has one set of weights: on codes of images, to learn, and
// on codes that are given, to draw.
struct Autoencoder {
  Autoencoder() {
    const Value hidden = encoder(image);
    mean = nn::Dense(kCode).Named("mean")(hidden);
    const Value log_variance = nn::Dense(kCode).Named("log_variance")(hidden);
    // A draw from the image's distribution of codes, as a function that has a derivative by the mean and the variance.
    const Value code = mean + Exp(log_variance * 0.5) * RandomNormalLike(mean);
    // Of an image, on average: how badly it is drawn, and how far its distribution is from the normal one, in nats.
    const Value drawing = nn::BinaryCrossEntropy(decoder(code), Flatten(image)) * kPixels;
    const Value distance = Sum(Square(mean) + Exp(log_variance) - log_variance - 1.0, {.axes = {1}}) * 0.5;
    loss = (drawing + Mean(distance)).Named("loss");
    digit = Reshape(Sigmoid(decoder(given_code)), {kAnyBatch, 1, 28, 28}).Named("digit");
    step = nn::Adam({.learning_rate = 1e-3}).Minimize(loss, graph.variables());
  }

  Graph graph;
  Value image = graph.Input("image", DType::kFloat32, {kAnyBatch, 1, 28, 28});
  Value given_code = graph.Input("code", DType::kFloat32, {kAnyBatch, kCode});
  nn::Sequential encoder{nn::Flatten(), nn::Dense(400), nn::Relu()};
  nn::Sequential decoder{nn::Dense(400), nn::Relu(), nn::Dense(kPixels)};
  Value mean, loss, digit;
  Updates step;
};

absl::StatusOr<nn::Batches> MakeBatches(const io::Dataset& digits, const Autoencoder& net) {
  return nn::Batches::Create({digits.images, digits.labels}, net.image.type(), {DType::kInt64, {kAnyBatch}});
}

// Trains for so many steps and returns the images per second.
absl::StatusOr<double> Train(const Autoencoder& net, nn::Batches batches, const ExecutorOptions& options,
                             State* state) {
  AD_ASSIGN_OR_RETURN(Executor executor, Executor::Create({net.loss}, net.step, options));
  const int64_t steps = absl::GetFlag(FLAGS_steps), rows = std::max<int64_t>(1, steps / 10);
  nn::ProgressBar bar;
  int64_t images = 0;
  double sum = 0;
  const auto start = std::chrono::steady_clock::now();
  std::printf("   step      loss\n");
  for (int64_t s = 0; s < steps; ++s) {
    if (s % batches.count() == 0) batches.Shuffle(state->seed, s / batches.count());
    const Tensor x = batches.Get(s % batches.count()).first;
    AD_ASSIGN_OR_RETURN(const std::vector<Tensor> results, executor.Run({{net.image, x}}, state));
    images += x.shape()[0];
    sum += results[0].At(0);
    bar.Show(absl::StrFormat("%s  loss %.1f", nn::Bar(static_cast<double>(s + 1) / steps), results[0].At(0)));
    if ((s + 1) % rows != 0) continue;
    bar.Clear();
    std::printf("%7d  %8.2f\n", static_cast<int>(s + 1), sum / rows);
    std::fflush(stdout);
    sum = 0;
  }
  bar.Clear();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  return images / seconds.count();
}

// The mean loss over images that training has not seen.
absl::StatusOr<double> TestLoss(const Autoencoder& net, const nn::Batches& batches, const ExecutorOptions& options,
                                const State& state) {
  AD_ASSIGN_OR_RETURN(Executor executor, Executor::Create({net.loss}, {}, options));
  double sum = 0;
  for (int64_t i = 0; i < batches.count(); ++i) {
    const Tensor x = batches.Get(i).first;
    AD_ASSIGN_OR_RETURN(const std::vector<Tensor> results, executor.Run({{net.image, x}}, state));
    sum += results[0].At(0) * static_cast<double>(x.shape()[0]);
  }
  return sum / static_cast<double>(batches.num_examples());
}

// Rows of digits from random codes, then rows on the way from one test image to another.
absl::Status SavePicture(const Autoencoder& net, const nn::Batches& test, const State& state) {
  Tensor codes(DType::kFloat32, {2 * kRows * kColumns, kCode});
  const absl::Span<float> numbers = codes.mutable_data<float>();
  RandomStream random(state.seed);
  for (float& v : numbers.first(kRows * kColumns * kCode)) v = static_cast<float>(random.Normal());
  AD_ASSIGN_OR_RETURN(const Tensor ends, Evaluate(net.mean, {{net.image, test.Get(0).first}}, &state));
  for (int64_t row = 0; row < kRows; ++row) {
    for (int64_t column = 0; column < kColumns; ++column) {
      const double way = static_cast<double>(column) / (kColumns - 1);
      for (int64_t k = 0; k < kCode; ++k) {
        const double from = ends.At(2 * row * kCode + k), to = ends.At((2 * row + 1) * kCode + k);
        numbers[((kRows + row) * kColumns + column) * kCode + k] = static_cast<float>(from + way * (to - from));
      }
    }
  }
  AD_ASSIGN_OR_RETURN(const Tensor digits, Evaluate(net.digit, {{net.given_code, codes}}, &state));
  AD_ASSIGN_OR_RETURN(const Tensor sheet,
                      plot::LabelledSheet(digits, {},
                                          {.title = "Digits that nobody wrote",
                                           .subtitle = absl::StrCat(kRows, " rows of random codes, then ", kRows,
                                                                    " ways from one test image to another"),
                                           .columns = kColumns,
                                           .cell = 56}));
  std::filesystem::path path = absl::GetFlag(FLAGS_model);
  path.replace_filename(path.stem().string() + "_digits.png");
  std::printf("\nThe picture is %s.\n", path.c_str());
  return io::SavePng(path.string(), sheet);
}

absl::Status Run() {
  if (absl::GetFlag(FLAGS_steps) < 1) return absl::InvalidArgumentError("--steps must be at least 1");
  const ExecutorOptions options{.threads = absl::GetFlag(FLAGS_threads)};
  const std::string data = absl::GetFlag(FLAGS_data), model = absl::GetFlag(FLAGS_model);
  AD_RETURN_IF_ERROR(io::AtomicFile::Create(model).status());  // known now rather than after the training
  AD_ASSIGN_OR_RETURN(const io::TrainAndTest digits, data.empty() ? io::DrawnDigits() : io::LoadMnist(data));
  const Autoencoder net;
  AD_RETURN_IF_ERROR(net.graph.status());
  AD_ASSIGN_OR_RETURN(nn::Batches train, MakeBatches(digits.train, net));
  AD_ASSIGN_OR_RETURN(const nn::Batches test, MakeBatches(digits.test, net));
  if (test.Get(0).first.shape()[0] < 2 * kRows) return absl::InvalidArgumentError("there are too few test images");
  AD_ASSIGN_OR_RETURN(State state, InitialState(net.graph, absl::GetFlag(FLAGS_seed)));
  AD_ASSIGN_OR_RETURN(const double speed, Train(net, std::move(train), options, &state));
  AD_ASSIGN_OR_RETURN(const double loss, TestLoss(net, test, options, state));
  AD_RETURN_IF_ERROR(io::SaveModel(model, {.graph = &net.graph,
                                           .state = &state,
                                           .outputs = {{"digit", net.digit}, {"code", net.mean}, {"loss", net.loss}},
                                           .updates = net.step}));
  AD_RETURN_IF_ERROR(SavePicture(net, test, state));
  std::printf("{\"loss\": %.4f, \"examples_per_second\": %.0f, \"peak_rss_mib\": %.1f, \"state_digest\": \"%s\"}\n",
              loss, speed, nn::PeakRssMib(), state.Digest().c_str());
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("Learns to write digits with a variational autoencoder.");
  const std::vector<char*> arguments = absl::ParseCommandLine(argc, argv);
  const absl::Status status =
      arguments.size() > 1
          ? absl::InvalidArgumentError(absl::StrCat("unknown argument '", arguments[1], "'; see --help"))
          : Run();
  if (status.ok()) return 0;
  std::fprintf(stderr, "variational_autoencoder: %s\n", std::string(status.message()).c_str());
  return 1;
}
