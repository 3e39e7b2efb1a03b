// Recurrent layers, for sequences [time, batch, features]: Rnn (Elman 1990), Lstm (Hochreiter and Schmidhuber 1997,
// with the forget gate of Gers et al. 2000) and Gru (Cho et al. 2014).
//
//   nn::Lstm lstm(/*hidden=*/128, {.layers = 2, .bidirectional = true, .dropout = 0.2});
//   Value y = lstm(x);                                              // [time,?,64] -> [time,?,256]
//   nn::LstmResult r = lstm(x, {.h = h0, .c = c0, .lengths = lengths});   // r.out as y; last states r.h, r.c [4,?,128]
//
// They are layers as in nn/layer.h; what PyTorch's nn.RNN, nn.LSTM and nn.GRU compute, with the same variables. With
// h_t the state after step t, W for weight and b for bias,
//
//  Rnn    h_t = tanh(W_ih x_t + b_ih + W_hh h_t-1 + b_hh), or relu in the place of tanh
//  Lstm   i, f, g, o = the parts of W_ih x_t + b_ih + W_hh h_t-1 + b_hh, each with `hidden` rows, in this order
//         c_t = sigmoid(f) c_t-1 + sigmoid(i) tanh(g)
//         h_t = sigmoid(o) tanh(c_t)
//  Gru    r, z, n = the parts of W_ih x_t + b_ih;  r', z', n' = those of W_hh h_t-1 + b_hh
//         h_t = (1 - z'') tanh(n + sigmoid(r + r') n') + z'' h_t-1, with z'' = sigmoid(z + z')
//
// Variables: weight_ih_l0 [gates * hidden, features], weight_hh_l0 [gates * hidden, hidden], bias_ih_l0 and bias_hh_l0
// [gates * hidden], with 1, 4 and 3 gates; of layer k "_lk", of the direction backwards "_l0_reverse". A later layer's
// features are what the layer before gives. All start uniformly in +-1/sqrt(hidden).
//
// A layer is one Scan (autograd/scan.h) for each direction: its plan is as long for ten steps as for a thousand. The
// products with W_ih are one, for all steps, before the loop. The time may be symbolic.
#ifndef ADRET_NN_RECURRENT_H_
#define ADRET_NN_RECURRENT_H_

#include <cstdint>
#include <string>

#include "adret/nn/initializers.h"
#include "adret/nn/layer.h"

namespace adret::nn {

struct RecurrentOptions {
  int64_t layers = 1;          // one above the other
  bool bidirectional = false;  // each layer has a second loop, from the end to the start; results side by side
  double dropout = 0;          // in training, of what each layer but the last gives
  bool bias = true;
  bool batch_first = false;           // x and the result are [batch, time, features]; states are as ever
  bool relu = false;                  // in the place of tanh; of Rnn alone
  Initializer initializer = nullptr;  // of all variables; empty: Uniform(-1/sqrt(hidden), 1/sqrt(hidden))
};

// What sequences begin with, and how long they are.
struct RecurrentInputs {
  // [layers * directions, batch, hidden]: layer 0 forwards, layer 0 backwards, layer 1 forwards, ...; left out: zeros.
  Value h = {};
  // i32[batch] or i64[batch], each in 0 .. time: so many steps are an example's own. At the others its result is zero
  // and its state stays, whatever x is there; the way back begins at its own last step. PyTorch's packed sequences are
  // the same. Another length makes the run fail. Left out: all steps are.
  Value lengths = {};
};
struct RecurrentResult {
  Value out;  // [time, batch, directions * hidden]: the last layer's h of every step
  Value h;    // [layers * directions, batch, hidden]: the last of every loop
};

// A layer "rnn".
class Rnn : public Layer {
 public:
  explicit Rnn(int64_t hidden, const RecurrentOptions& options = {});
  // Names the layer (before its first call) and returns it.
  Rnn Named(std::string name) const;

  using Layer::operator();
  // Returns the last states, too. Without any inputs: rnn(x, nn::RecurrentInputs()).
  RecurrentResult operator()(Operand x, const RecurrentInputs& inputs, Mode mode = Mode::kTraining) const;

 private:
  int64_t hidden_;
  RecurrentOptions options_;
};

// A layer "gru".
class Gru : public Layer {
 public:
  explicit Gru(int64_t hidden, const RecurrentOptions& options = {});
  // Names the layer (before its first call) and returns it.
  Gru Named(std::string name) const;

  using Layer::operator();
  // Returns the last states, too. Without any inputs: gru(x, nn::RecurrentInputs()).
  RecurrentResult operator()(Operand x, const RecurrentInputs& inputs, Mode mode = Mode::kTraining) const;

 private:
  int64_t hidden_;
  RecurrentOptions options_;
};

// As for the other layers, with two states.
struct LstmInputs {
  Value h = {}, c = {};
  Value lengths = {};
};
struct LstmResult {
  Value out;
  Value h, c;
};

// A layer "lstm".
class Lstm : public Layer {
 public:
  explicit Lstm(int64_t hidden, const RecurrentOptions& options = {});
  // Names the layer (before its first call) and returns it.
  Lstm Named(std::string name) const;

  using Layer::operator();
  // Returns the last states, too. Without any inputs: lstm(x, nn::LstmInputs()).
  LstmResult operator()(Operand x, const LstmInputs& inputs, Mode mode = Mode::kTraining) const;

 private:
  int64_t hidden_;
  RecurrentOptions options_;
};

}  // namespace adret::nn

#endif  // ADRET_NN_RECURRENT_H_
