// Layers for sequences: attention alone, a block of a transformer (batch 16, 128 places, 256 features, 4 heads), and a
// recurrent network.
#include "adret/adret.h"
#include "bench.h"

namespace adret::bench {
namespace {

constexpr int64_t kBatch = 16, kTime = 128, kWidth = 256, kHeads = 4;
const Work kWork{static_cast<double>(kBatch * kTime), "token"};

Value Attention(Session& session, const AttentionOptions& options, Values* operands) {
  const Shape shape{kBatch, kHeads, kTime, kWidth / kHeads};
  for (const char* name : {"q", "k", "v"}) operands->push_back(FedInput(session, name, Normal(shape)));
  return ScaledDotProductAttention((*operands)[0], (*operands)[1], (*operands)[2], options);
}

void AttentionAlone(Bench& bench, const std::string& name, const AttentionOptions& options) {
  bench.Run(name + "/forward", kWork, [&] {
    auto session = std::make_shared<Session>();
    Values operands;
    return OneRun(session, {Attention(*session, options, &operands)}, {}, bench);
  });
  bench.Run(name + "/train", kWork, [&] {
    auto session = std::make_shared<Session>();
    Values operands;
    const Value y = Attention(*session, options, &operands);
    const Value dy = FedInput(*session, "dy", Normal(y.shape()));
    Values fetches = Gradients(Values{y}, operands, {.seeds = {dy}});
    fetches.push_back(y);
    return OneRun(session, fetches, {}, bench);
  });
}

void TransformerBlock(Bench& bench) {
  const nn::TransformerEncoderLayer block(
      kHeads, {.hidden = 4 * kWidth, .dropout = 0, .gelu = true, .norm_first = true, .causal = true});
  bench.Run("transformer_block/train", kWork, [&] {
    auto session = std::make_shared<Session>();
    const Value x = FedInput(*session, "x", Normal({kBatch, kTime, kWidth}), Batch::kSymbolic);
    const Value loss = Mean(Square(block(x)));
    return OneRun(session, {loss}, nn::Sgd({.learning_rate = 1e-3}).Minimize(loss, session->graph.variables()), bench);
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
  AttentionAlone(bench, "attention", {});
  AttentionAlone(bench, "attention/causal", {.causal = true});
  AttentionAlone(bench, "attention/dropout", {.dropout = 0.1});
  TransformerBlock(bench);
  LstmOverCharacters(bench);
}

}  // namespace adret::bench
