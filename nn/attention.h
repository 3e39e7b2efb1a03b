// Layers for sequences [batch, time, features]: multi-head attention, transformer encoders, positions.
//
//   nn::MultiHeadAttention attention(/*heads=*/4);
//   Value y = attention(q);                                          // self-attention: [?,12,64] -> [?,12,64]
//   Value z = attention(q, {.key = k, .value = v, .mask = m});       // k [?,15,64], m bool[?,1,1,15]: true takes part
//   nn::Sequential encoder{nn::SinusoidalPositions(), nn::TransformerEncoderLayer(4, {.causal = true}),
//                          nn::TransformerEncoderLayer(4, {.causal = true}), nn::Dense(10)};
//
// They are layers as in nn/layer.h; called with one value they attend to that value.
#ifndef ADRET_NN_ATTENTION_H_
#define ADRET_NN_ATTENTION_H_

#include <cstdint>
#include <memory>
#include <string>

#include "adret/nn/initializers.h"
#include "adret/nn/layer.h"

namespace adret::nn {

// What queries attend to, and which of it.
struct AttentionInputs {
  Value key = {};    // [batch, keys, any features]; left out: the queries
  Value value = {};  // [batch, keys, any features]; left out: the keys
  // bool (true takes part) or numbers that are added to the scores; broadcasts to [batch, heads, queries, keys]. A mask
  // of padding is [batch, 1, 1, keys]. PyTorch's layer calls true what does not take part.
  Value mask = {};
};

struct MultiHeadAttentionOptions {
  int64_t width = 0;  // features of the result, and of all heads together; 0: as many as the queries have
  bool bias = true;
  bool causal = false;  // query i sees keys 0 .. i
  double dropout = 0;   // of the weights, in training
  Initializer initializer = GlorotUniform();
  Initializer bias_initializer = Zeros();
};

// A layer "attention": out(concat over heads of attention(q(query), k(key), v(value))) (Vaswani et al. 2017), where q,
// k, v and out are x w^T + b. Each head takes width / heads neighbouring features. Variables: q_w, k_w, v_w [width,
// features], out_w [width, width]; q_b, k_b, v_b, out_b [width]. PyTorch's in_proj_weight is q_w, k_w and v_w one below
// the other.
class MultiHeadAttention : public Layer {
 public:
  explicit MultiHeadAttention(int64_t heads, const MultiHeadAttentionOptions& options = {});
  // Names the layer (before its first call) and returns it.
  MultiHeadAttention Named(std::string name) const;

  using Layer::operator();
  // Returns [batch, queries, width].
  Value operator()(Operand query, const AttentionInputs& inputs, Mode mode = Mode::kTraining) const;

 private:
  int64_t heads_;
  MultiHeadAttentionOptions options_;
};

struct TransformerEncoderLayerOptions {
  int64_t hidden = 2048;    // features between the two linear maps
  double dropout = 0.1;     // of attention's weights and what it gives, and of what both linear maps give, in training
  bool gelu = false;        // in place of relu
  bool norm_first = false;  // pre-norm: x + f(norm(x)); else post-norm: norm(x + f(x))
  bool causal = false;
  double epsilon = 1e-5;  // of the norms
};

// A layer "encoder": self-attention, then out(relu(hidden(x))) of each place, each with a shortcut and a norm (Vaswani
// et al. 2017; with norm_first Xiong et al. 2020). As PyTorch's. It has the layers attention, norm1 and norm2, and
// variables hidden_w [hidden, features], hidden_b, out_w [features, hidden], out_b.
class TransformerEncoderLayer : public Layer {
 public:
  explicit TransformerEncoderLayer(int64_t heads, const TransformerEncoderLayerOptions& options = {});
  // Names the layer (before its first call) and returns it.
  TransformerEncoderLayer Named(std::string name) const;

  using Layer::operator();
  // Attends with a mask that broadcasts to [batch, heads, time, time].
  Value operator()(Operand x, const AttentionInputs& inputs, Mode mode = Mode::kTraining) const;

 private:
  struct Parts;
  explicit TransformerEncoderLayer(std::shared_ptr<const Parts> parts);
  static Value Build(const Parts& parts, LayerCall& call, Value x, const AttentionInputs& inputs);

  std::shared_ptr<const Parts> parts_;
};

struct SinusoidalPositionsOptions {
  double base = 10000;  // the longest wave is 2 pi times that
};
// Makes a layer "positions": x + p with p[t, 2i] = sin(t / base^(2i / features)), p[t, 2i + 1] = cos(the same) (Vaswani
// et al. 2017). x is [..., time, features].
Layer SinusoidalPositions(const SinusoidalPositionsOptions& options = {});

}  // namespace adret::nn

#endif  // ADRET_NN_ATTENTION_H_
