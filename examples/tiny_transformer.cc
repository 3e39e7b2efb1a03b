// Learns to write verses, character by character: a transformer (Vaswani et al. 2017; the decoder alone, as in Radford
// et al. 2018). Every place of a line sees the characters before it and guesses the next one.
//
//   tiny_transformer --text=book.txt --steps=2000 --model=transformer.adret
//
// The length of a line is a symbolic dimension: one graph learns from lines of 64 characters, and writes from as many
// as there are. Without --text it learns verses by Lewis Carroll. The last line of the output is for programs.
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
#include "characters.h"

ABSL_FLAG(std::string, text, "", "file to learn from; by default verses by Lewis Carroll");
ABSL_FLAG(int64_t, steps, 800, "how many batches of 16 lines of 64 characters to learn from");
ABSL_FLAG(uint64_t, seed, 1, "of the first weights, the order of the lines, and what is written");
ABSL_FLAG(std::optional<int>, threads, std::nullopt, "one per core if not given; the result does not depend on it");
ABSL_FLAG(std::string, model, "transformer.adret", "file to write the model to");

namespace {

using namespace adret;

constexpr int64_t kBatch = 16, kLine = 64, kWidth = 64, kHeads = 4, kLayers = 2;

struct Transformer {
  explicit Transformer(int64_t characters, int64_t steps)
      : tokens(graph.Input("tokens", DType::kInt64, {kAnyBatch, Dim("time")})),
        next(graph.Input("next", DType::kInt64, {kAnyBatch, Dim("time")})) {
    const Value table = graph.Variable("table", DType::kFloat32, {characters, kWidth}, nn::Normal(0, 0.05));
    Value x = nn::SinusoidalPositions()(Gather(table, tokens) * 8.0);  // [?,time,64]
    for (int i = 0; i < kLayers; ++i) {
      x = nn::TransformerEncoderLayer(kHeads,
                                      {.hidden = 4 * kWidth, .dropout = 0, .norm_first = true, .causal = true})(x);
    }
    x = nn::LayerNorm()(x);
    // What a character looks like going in is what it looks like coming out (Press and Wolf 2017).
    logits = MatMul(Reshape(x, {-1, kWidth}), table, {.transpose_b = true}).Named("logits");  // [?*time,characters]
    loss = nn::SoftmaxCrossEntropy(logits, Reshape(next, {-1})).Named("loss");
    const nn::Schedule rate = nn::WarmUp(std::max<int64_t>(1, steps / 20), nn::Cosine({.start = 3e-3, .steps = steps}));
    step = nn::AdamW({.learning_rate = rate, .common = {.clip_norm = 1.0}}).Minimize(loss, graph.variables());
  }

  Graph graph;
  Value tokens, next, logits, loss;
  Updates step;
};

// Writes so many characters, each drawn by its probability after those before it (with a temperature of 0.7).
absl::StatusOr<std::string> Write(const Executor& writer, const Transformer& net, const Text& text, int64_t n,
                                  const State& state) {
  std::vector<int64_t> written{text.codes[0]};
  RandomStream random(RandomKey{state.seed, 2, static_cast<uint64_t>(state.step)});
  while (static_cast<int64_t>(written.size()) <= n) {
    const int64_t time = std::min<int64_t>(static_cast<int64_t>(written.size()), kLine);
    const Tensor line = Tensor::From<int64_t>({1, time}, std::vector<int64_t>(written.end() - time, written.end()));
    AD_ASSIGN_OR_RETURN(const std::vector<Tensor> results, writer.Run({{net.tokens, line}}, state));
    written.push_back(DrawCharacter(results[0].data<float>().last(text.num_characters()), &random));
  }
  return text.Spell(written);
}

absl::Status Run() {
  const int64_t steps = absl::GetFlag(FLAGS_steps), rows = std::max<int64_t>(1, steps / 8);
  if (steps < 1) return absl::InvalidArgumentError("--steps must be at least 1");
  const std::string model = absl::GetFlag(FLAGS_model);
  AD_RETURN_IF_ERROR(io::AtomicFile::Create(model).status());  // known now rather than after the training
  AD_ASSIGN_OR_RETURN(const Text text, ReadText(absl::GetFlag(FLAGS_text), kLine));
  const Transformer net(text.num_characters(), steps);
  AD_RETURN_IF_ERROR(net.graph.status());
  AD_ASSIGN_OR_RETURN(State state, InitialState(net.graph, absl::GetFlag(FLAGS_seed)));
  ExecutorOptions options{.threads = absl::GetFlag(FLAGS_threads)};
  AD_ASSIGN_OR_RETURN(const Executor trainer, Executor::Create({net.loss}, net.step, options));
  options.max_plans = kLine;  // one for each length of what has been written
  AD_ASSIGN_OR_RETURN(const Executor writer, Executor::Create({net.logits}, {}, options));
  std::printf("%d characters, of which %d are different; the loss is in nats per character\n\n",
              static_cast<int>(text.size()), static_cast<int>(text.num_characters()));
  nn::ProgressBar bar;
  double sum = 0, seconds = 0, loss = 0;
  for (int64_t s = 0; s < steps; ++s) {
    const auto [x, y] = Lines(text, kBatch, kLine, state.seed, s);
    const auto start = std::chrono::steady_clock::now();
    AD_ASSIGN_OR_RETURN(const std::vector<Tensor> results, trainer.Run({{net.tokens, x}, {net.next, y}}, &state));
    seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    sum += results[0].At(0);
    bar.Show(absl::StrFormat("%s  loss %.2f", nn::Bar(static_cast<double>(s + 1) / steps), results[0].At(0)));
    if ((s + 1) % rows != 0) continue;
    loss = sum / rows, sum = 0;
    bar.Clear();
    AD_ASSIGN_OR_RETURN(const std::string written, Write(writer, net, text, 120, state));
    std::printf("---- step %d, loss %.3f ----\n%s\n\n", static_cast<int>(s + 1), loss, written.c_str());
    std::fflush(stdout);
  }
  bar.Clear();
  AD_RETURN_IF_ERROR(io::SaveModel(model, {.graph = &net.graph,
                                           .state = &state,
                                           .outputs = {{"logits", net.logits}, {"loss", net.loss}},
                                           .updates = net.step,
                                           .metadata = {{"characters", absl::CEscape(text.characters)}}}));
  std::printf("{\"loss\": %.4f, \"examples_per_second\": %.0f, \"peak_rss_mib\": %.1f, \"state_digest\": \"%s\"}\n",
              loss, kBatch * steps / seconds, nn::PeakRssMib(), state.Digest().c_str());
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("Learns to write verses with a transformer.");
  const std::vector<char*> arguments = absl::ParseCommandLine(argc, argv);
  const absl::Status status =
      arguments.size() > 1
          ? absl::InvalidArgumentError(absl::StrCat("unknown argument '", arguments[1], "'; see --help"))
          : Run();
  if (status.ok()) return 0;
  std::fprintf(stderr, "tiny_transformer: %s\n", std::string(status.message()).c_str());
  return 1;
}
