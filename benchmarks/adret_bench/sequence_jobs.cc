// Layers for sequences: attention alone, a block of a transformer, and a recurrent network.
#include "absl/strings/str_cat.h"
#include "adret/adret.h"
#include "bench.h"

namespace adret::bench {
namespace {

// Queries, keys and values of a job: batch, heads, places, features of a head.
struct AttentionSize {
  int64_t batch, heads, time, features;
};

Value Attention(Session& session, const AttentionSize& size, const AttentionOptions& options, Values* operands) {
  const Shape shape{size.batch, size.heads, size.time, size.features};
  for (const char* name : {"q", "k", "v"}) operands->push_back(FedInput(session, name, Normal(shape)));
  return ScaledDotProductAttention((*operands)[0], (*operands)[1], (*operands)[2], options);
}

void AttentionAlone(Bench& bench, const AttentionSize& size, const std::string& kind, const AttentionOptions& options) {
  const std::string name =
      absl::StrCat("attention/b", size.batch, "h", size.heads, "s", size.time, "d", size.features, "/", kind);
  const Work work{static_cast<double>(size.batch * size.time), "token"};
  bench.Run(name + "forward", work, [&] {
    auto session = std::make_shared<Session>();
    Values operands;
    return OneRun(session, {Attention(*session, size, options, &operands)}, {}, bench);
  });
  bench.Run(name + "train", work, [&] {
    auto session = std::make_shared<Session>();
    Values operands;
    const Value y = Attention(*session, size, options, &operands);
    const Value dy = FedInput(*session, "dy", Normal(y.shape()));
    Values fetches = Gradients(Values{y}, operands, {.seeds = {dy}});
    fetches.push_back(y);
    return OneRun(session, fetches, {}, bench);
  });
}

// Normalisation first, no mask; the squared distance from a target, and Adam.
void TransformerBlock(Bench& bench) {
  constexpr int64_t kBatch = 16, kTime = 128, kWidth = 256, kHeads = 4;
  const nn::TransformerEncoderLayer block(kHeads,
                                          {.hidden = 4 * kWidth, .dropout = 0, .gelu = true, .norm_first = true});
  bench.Run("transformer_block/train/batch:16", {kBatch * kTime, "token"}, [&] {
    auto session = std::make_shared<Session>();
    const auto tokens = [&](const char* name) {
      return FedInput(*session, name, Normal({kBatch, kTime, kWidth}), Batch::kSymbolic);
    };
    const Value loss = nn::MeanSquaredError(block(tokens("x")), tokens("target"));
    return OneRun(session, {loss}, nn::Adam({.learning_rate = 1e-3}).Minimize(loss, session->graph.variables()), bench);
  });
}

// Characters: 96 of them, embedded; one layer of 128, 100 steps, batch 64; a guess of the next one at every step.
void LstmOverCharacters(Bench& bench) {
  constexpr int64_t kSteps = 100, kExamples = 64, kHidden = 128, kCharacters = 96;
  bench.Run("lstm/train/batch:64", {kSteps * kExamples, "character"}, [&] {
    auto session = std::make_shared<Session>();
    const auto characters = [&](const char* name) {
      return FedInput(*session, name, Labels(kSteps * kExamples, kCharacters).Reshaped({kSteps, kExamples}));
    };
    const nn::Sequential net{nn::Embedding(kCharacters, kHidden), nn::Lstm(kHidden), nn::Dense(kCharacters)};
    const Value logits = Reshape(net(characters("characters")), {-1, kCharacters});
    const Value loss = nn::SoftmaxCrossEntropy(logits, Reshape(characters("next"), {-1}));
    return OneRun(session, {loss}, nn::Adam({.learning_rate = 1e-3}).Minimize(loss, session->graph.variables()), bench);
  });
}

}  // namespace

void SequenceJobs(Bench& bench) {
  for (const AttentionSize& size : {AttentionSize{16, 4, 128, 64}, AttentionSize{2, 8, 1024, 64}}) {
    AttentionAlone(bench, size, "", {});
  }
  AttentionAlone(bench, {16, 4, 128, 64}, "causal/", {.causal = true});
  AttentionAlone(bench, {16, 4, 128, 64}, "dropout/", {.dropout = 0.1});
  TransformerBlock(bench);
  LstmOverCharacters(bench);
}

}  // namespace adret::bench
