// Learns to write, character by character, with a recurrent network (Karpathy 2015, "The unreasonable effectiveness of
// recurrent neural networks"): what it has read so far is in its states.
//
//   char_lstm --text=book.txt --cell=gru --steps=2000 --model=book.adret
//
// One graph does both: it learns from lines of 64 characters that start with states of zero, and writes one character a
// run, with the states that the run before left. The model file holds that graph and all that training needs to go on:
// --resume continues to --steps as if there had been no break. Without --text it learns verses by Lewis Carroll. The
// last line of the output is for programs.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "adret/adret.h"
#include "adret/io/in_file.h"
#include "characters.h"

ABSL_FLAG(std::string, text, "", "file to learn from; by default verses by Lewis Carroll");
ABSL_FLAG(std::string, cell, "lstm", "kind of recurrent layer: lstm, gru or rnn");
ABSL_FLAG(int64_t, steps, 1200, "how many batches of 16 lines of 64 characters to learn from");
ABSL_FLAG(uint64_t, seed, 1, "of the first weights, the order of the lines, and what is written");
ABSL_FLAG(std::optional<int>, threads, std::nullopt, "one per core if not given; the result does not depend on it");
ABSL_FLAG(std::string, model, "char_lstm.adret", "file to write the model to");
ABSL_FLAG(bool, resume, false, "go on from the model file");

namespace {

using namespace adret;

constexpr int64_t kBatch = 16, kLine = 64, kWidth = 32, kHidden = 128, kLayers = 2;

struct Network {
  Network(const std::string& cell, int64_t characters)
      : tokens(graph.Input("tokens", DType::kInt64, {kAnyBatch, Dim("time")})),
        next(graph.Input("next", DType::kInt64, {kAnyBatch, Dim("time")})) {
    for (const char* name : {"h", "c"}) {
      if (cell == "lstm" || first.empty()) {
        first.push_back(graph.Input(name, DType::kFloat32, {kLayers, kAnyBatch, kHidden}));
      }
    }
    const Value read = Recur(cell, nn::Embedding(characters, kWidth)(tokens));  // [?,time,128]
    const Value flat = nn::Dense(characters)(Reshape(read, {-1, kHidden}));     // [?*time,characters]
    logits = flat.Named("logits");
    loss = nn::SoftmaxCrossEntropy(logits, Reshape(next, {-1})).Named("loss");
    step = nn::Adam({.learning_rate = 2e-3, .common = {.clip_norm = 1.0}}).Minimize(loss, graph.variables());
  }

  // The recurrent layers, between the states that a run is given and those it returns.
  Value Recur(const std::string& cell, const Value& x) {
    const nn::RecurrentOptions options{.layers = kLayers, .batch_first = true};
    if (cell == "lstm") {
      const nn::LstmResult r = nn::Lstm(kHidden, options)(x, {.h = first[0], .c = first[1]});
      last = {r.h, r.c};
      return r.out;
    }
    const nn::RecurrentInputs inputs{.h = first[0]};
    const nn::RecurrentResult r =
        cell == "gru" ? nn::Gru(kHidden, options)(x, inputs) : nn::Rnn(kHidden, options)(x, inputs);
    last = {r.h};
    return r.out;
  }

  // Feeds tokens to a network that has read nothing yet.
  Feeds Start(const Tensor& x) const {
    Feeds feeds{{tokens, x}};
    for (const Value& v : first) {
      feeds.emplace_back(v, Tensor::Zeros(DType::kFloat32, {kLayers, x.shape()[0], kHidden}));
    }
    return feeds;
  }

  Graph graph;
  Value tokens, next;
  Values first, last;  // states before the first character and after the last one
  Value logits, loss;
  Updates step;
};

// Writes so many characters, each drawn by its probability after those before it.
absl::StatusOr<std::string> Write(const Executor& writer, const Network& net, const Text& text, int64_t n,
                                  const State& state) {
  std::vector<int64_t> written{text.codes[0]};
  RandomStream random(RandomKey{state.seed, 2, static_cast<uint64_t>(state.step)});
  Feeds feeds = net.Start(Tensor::From<int64_t>({1, 1}, written));
  for (int64_t i = 0; i < n; ++i) {
    AD_ASSIGN_OR_RETURN(const std::vector<Tensor> results, writer.Run(feeds, state));
    written.push_back(DrawCharacter(results[0].data<float>(), &random));
    feeds[0].second = Tensor::From<int64_t>({1, 1}, {written.back()});
    for (size_t k = 1; k < results.size(); ++k) feeds[k].second = results[k];
  }
  return text.Spell(written);
}

absl::Status CheckFlags() {
  const std::string cell = absl::GetFlag(FLAGS_cell);
  if (cell != "lstm" && cell != "gru" && cell != "rnn") {
    return absl::InvalidArgumentError(absl::StrCat("--cell must be lstm, gru or rnn, but is '", cell, "'"));
  }
  if (absl::GetFlag(FLAGS_steps) < 1) return absl::InvalidArgumentError("--steps must be at least 1");
  return io::AtomicFile::Create(absl::GetFlag(FLAGS_model)).status();  // known now rather than after the training
}

// Where training goes on from: the model file, or the first weights.
absl::StatusOr<State> FirstState(const Network& net, const Text& text) {
  AD_ASSIGN_OR_RETURN(State state, InitialState(net.graph, absl::GetFlag(FLAGS_seed)));
  if (!absl::GetFlag(FLAGS_resume)) return state;
  const std::string file = absl::GetFlag(FLAGS_model);
  AD_ASSIGN_OR_RETURN(io::Model model, io::LoadModel(file));
  AD_RETURN_IF_ERROR(io::InFile(file, nn::CheckSameVariables(state, model.state)));
  if (model.metadata["characters"] != absl::CEscape(text.characters)) {
    return io::InFile(file, absl::InvalidArgumentError("the model has learned other characters than the text has"));
  }
  return std::move(model.state);
}

absl::Status Save(const Network& net, const Text& text, const State& state) {
  io::ModelContents contents{.graph = &net.graph,
                             .state = &state,
                             .outputs = {{"logits", net.logits}, {"loss", net.loss}},
                             .updates = net.step,
                             .metadata = {{"characters", absl::CEscape(text.characters)}}};
  for (size_t k = 0; k < net.last.size(); ++k) {
    contents.outputs.push_back({"next_" + net.first[k].name(), net.last[k]});
  }
  return io::SaveModel(absl::GetFlag(FLAGS_model), contents);
}

absl::Status Run() {
  AD_RETURN_IF_ERROR(CheckFlags());
  const int64_t steps = absl::GetFlag(FLAGS_steps), rows = std::max<int64_t>(1, steps / 8);
  AD_ASSIGN_OR_RETURN(const Text text, ReadText(absl::GetFlag(FLAGS_text), kLine));
  const Network net(absl::GetFlag(FLAGS_cell), text.num_characters());
  AD_RETURN_IF_ERROR(net.graph.status());
  AD_ASSIGN_OR_RETURN(State state, FirstState(net, text));
  const ExecutorOptions options{.threads = absl::GetFlag(FLAGS_threads)};
  AD_ASSIGN_OR_RETURN(const Executor trainer, Executor::Create({net.loss}, net.step, options));
  Values one_character = {net.logits};
  one_character.insert(one_character.end(), net.last.begin(), net.last.end());
  AD_ASSIGN_OR_RETURN(const Executor writer, Executor::Create(one_character, {}, options));
  std::printf("%d characters, of which %d are different; the loss is in nats per character\n\n",
              static_cast<int>(text.size()), static_cast<int>(text.num_characters()));
  nn::ProgressBar bar;
  double sum = 0, seconds = 0, loss = 0;
  int64_t count = 0, since = 0;
  while (static_cast<int64_t>(state.step) < steps) {
    const auto [x, y] = Lines(text, kBatch, kLine, state.seed, static_cast<int64_t>(state.step));
    Feeds feeds = net.Start(x);
    feeds.emplace_back(net.next, y);
    const auto start = std::chrono::steady_clock::now();
    AD_ASSIGN_OR_RETURN(const std::vector<Tensor> results, trainer.Run(feeds, &state));
    seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const auto done = static_cast<int64_t>(state.step);
    sum += results[0].At(0), ++since, ++count;
    bar.Show(absl::StrFormat("%s  loss %.2f", nn::Bar(static_cast<double>(done) / steps), results[0].At(0)));
    if (done % rows != 0 && done < steps) continue;
    loss = sum / since, sum = 0, since = 0;
    bar.Clear();
    AD_ASSIGN_OR_RETURN(const std::string written, Write(writer, net, text, 120, state));
    std::printf("---- step %d, loss %.3f ----\n%s\n\n", static_cast<int>(done), loss, written.c_str());
    std::fflush(stdout);
    AD_RETURN_IF_ERROR(Save(net, text, state));
  }
  bar.Clear();
  std::printf("{\"loss\": %.4f, \"examples_per_second\": %.0f, \"peak_rss_mib\": %.1f, \"state_digest\": \"%s\"}\n",
              loss, seconds > 0 ? kBatch * count / seconds : 0, nn::PeakRssMib(), state.Digest().c_str());
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("Learns to write with a recurrent network.");
  const std::vector<char*> arguments = absl::ParseCommandLine(argc, argv);
  const absl::Status status =
      arguments.size() > 1
          ? absl::InvalidArgumentError(absl::StrCat("unknown argument '", arguments[1], "'; see --help"))
          : Run();
  if (status.ok()) return 0;
  std::fprintf(stderr, "char_lstm: %s\n", std::string(status.message()).c_str());
  return 1;
}
