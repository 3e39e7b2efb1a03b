#include "adret/nn/recurrent.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "adret/autograd/scan.h"
#include "adret/nn/options_internal.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/compare.h"
#include "adret/ops/concat.h"
#include "adret/ops/matmul.h"
#include "adret/ops/random.h"
#include "adret/ops/reshape.h"
#include "adret/ops/scan.h"
#include "adret/ops/slice.h"
#include "adret/ops/transpose.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"

namespace adret::nn {
namespace {

// ---- One step of each kind ----

// Of a kind of layer: how many blocks of `hidden` rows its weights have, how many states a step hands to the next, and
// what the next ones are. x: W_ih x_t with its bias; h: W_hh h_t-1, with its bias where that is not added to x's.
struct Cell {
  int64_t gates;
  int states;
  bool bias_in_x;  // may b_hh be added before the loop?
  Values (*step)(const Value& x, const Value& h, const Values& states);
};

Values Blocks(const Value& x, int64_t n) {
  if (!x.valid()) return Values(n, x);
  return Split(x, std::vector<int64_t>(n, x.shape()[1] / n), 1);
}

Values LstmStep(const Value& x, const Value& h, const Values& states) {
  const Values z = Blocks(x + h, 4);  // i, f, g, o
  const Value c = Sigmoid(z[1]) * states[1] + Sigmoid(z[0]) * Tanh(z[2]);
  return {Sigmoid(z[3]) * Tanh(c), c};
}

Values GruStep(const Value& x, const Value& h, const Values& states) {
  const Values from_x = Blocks(x, 3), from_h = Blocks(h, 3);  // r, z, n
  const Value r = Sigmoid(from_x[0] + from_h[0]), z = Sigmoid(from_x[1] + from_h[1]);
  const Value n = Tanh(from_x[2] + r * from_h[2]);
  return {n + z * (states[0] - n)};
}

constexpr Cell kTanhCell{1, 1, true, [](const Value& x, const Value& h, const Values&) { return Values{Tanh(x + h)}; }};
constexpr Cell kReluCell{1, 1, true, [](const Value& x, const Value& h, const Values&) { return Values{Relu(x + h)}; }};
constexpr Cell kLstmCell{4, 2, true, LstmStep};
constexpr Cell kGruCell{3, 1, false, GruStep};

// ---- Loops over steps ----

bool IsGiven(const Value& v) { return v.graph() != nullptr; }

// What a layer is called with, and what it gives. states: [layers * directions, batch, hidden] each.
struct Inputs {
  Values states;  // as many as the cell has; those left out are zeros
  Value lengths;
};
struct Outputs {
  Value out;
  Values states;
};

// Builds one call of a layer. After an error results are invalid or missing.
class RecurrentBuilder {
 public:
  RecurrentBuilder(LayerCall& call, const Cell& cell, int64_t hidden, const RecurrentOptions& options,
                   const Inputs& inputs)
      : call_(call), cell_(cell), hidden_(hidden), options_(options), inputs_(inputs) {}

  Outputs Build(Value x) {
    if (!CheckOptions() || !CheckTypes(x)) return {};
    if (options_.batch_first) x = Transpose(x, {1, 0, 2});
    if (IsGiven(inputs_.lengths)) x = WithoutPadding(x);
    std::vector<Values> last(cell_.states);
    for (int64_t layer = 0; layer < options_.layers; ++layer) {
      if (layer > 0 && call_.training() && options_.dropout > 0) x = adret::Dropout(x, {.rate = options_.dropout});
      Values outs;
      for (int64_t d = 0; d < directions(); ++d) {
        const ScanResult r = Loop(x, layer, /*reverse=*/d == 1);
        if (r.out.empty() || !r.out[0].valid()) return {};
        outs.push_back(r.out[0]);
        for (int k = 0; k < cell_.states; ++k) last[k].push_back(r.carry[k]);
      }
      x = directions() == 1 ? outs[0] : Concat(outs, 2);
    }
    Outputs result{options_.batch_first ? Transpose(x, {1, 0, 2}) : x, {}};
    for (const Values& states : last) result.states.push_back(Stack(states, 0));
    return result;
  }

 private:
  int64_t directions() const { return options_.bidirectional ? 2 : 1; }

  bool Fail(absl::string_view message) {
    call_.Fail(message);
    return false;
  }

  bool CheckOptions() {
    const absl::Status status = OptionCheck("")
                                    .Count("hidden", hidden_)
                                    .Count("layers", options_.layers)
                                    .Below1("dropout", options_.dropout)
                                    .That(!options_.relu || &cell_ == &kReluCell, "relu is for nn::Rnn")
                                    .status();
    return status.ok() || Fail(status.message());
  }

  bool CheckTypes(const Value& x) {
    if (!IsFloating(x.dtype()) || x.rank() != 3 || x.shape()[2] < 1) {
      return Fail(absl::StrCat("expects floating-point ", options_.batch_first ? "[batch, time" : "[time, batch",
                               ", features], but x is ", x.type().ToString()));
    }
    const int64_t batch = x.shape()[options_.batch_first ? 0 : 1];
    const Type state{x.dtype(), {options_.layers * directions(), batch, hidden_}};
    for (int k = 0; k < cell_.states; ++k) {
      if (!CheckType(k == 0 ? "h" : "c", inputs_.states[k], state)) return false;
    }
    const DType integers = inputs_.lengths.dtype() == DType::kInt32 ? DType::kInt32 : DType::kInt64;
    return CheckType("lengths", inputs_.lengths, {integers, {batch}});
  }

  bool CheckType(absl::string_view name, const Value& v, const Type& expected) {
    if (!IsGiven(v)) return true;
    if (!v.valid()) return InvalidResult("recurrent", {v}).valid();
    if (v.type() == expected) return true;
    return Fail(absl::StrCat(name, " is ", v.type().ToString(), ", expected ", expected.ToString()));
  }

  Value Variable(absl::string_view stem, absl::string_view suffix, const Shape& shape, DType dtype) {
    const double bound = 1 / std::sqrt(static_cast<double>(hidden_));
    return call_.Variable(absl::StrCat(stem, suffix), {dtype, shape},
                          options_.initializer ? options_.initializer : Uniform(-bound, bound));
  }

  // Returns x with zeros where an example has ended: what is there may be anything, and must not reach a gradient.
  Value WithoutPadding(const Value& x) {
    const Value one = call_.graph()->Constant(Tensor::Full(DType::kInt64, {}, 1));
    const Value steps = CumSum(BroadcastTo(one, {x.shape()[0], 1}), {.axis = 0, .exclusive = true});
    const Value own = Less(steps, Cast(inputs_.lengths, DType::kInt64));
    return Where(Unsqueeze(own, {2}), x, 0.0);
  }

  // Returns a loop's first state number k.
  Value First(const Value& x, int k, int64_t loop) const {
    const Value& given = inputs_.states[k];
    if (IsGiven(given)) return Squeeze(Slice(given, 0, loop, loop + 1), {0});
    return BroadcastTo(call_.graph()->Constant(Tensor::Zeros(x.dtype(), {})), {x.shape()[1], hidden_});
  }

  ScanResult Loop(const Value& x, int64_t layer, bool reverse) {
    if (!x.valid()) return {};
    const std::string suffix = absl::StrCat("_l", layer, reverse ? "_reverse" : "");
    const int64_t rows = cell_.gates * hidden_;
    const Value w_x = Variable("weight_ih", suffix, {rows, x.shape()[2]}, x.dtype());
    const Value w_h = Variable("weight_hh", suffix, {rows, hidden_}, x.dtype());
    Value from_x = MatMul(x, w_x, {.transpose_b = true}), bias_in_loop;
    if (options_.bias) {
      const Value b_x = Variable("bias_ih", suffix, {rows}, x.dtype());
      const Value b_h = Variable("bias_hh", suffix, {rows}, x.dtype());
      from_x = from_x + (cell_.bias_in_x ? b_x + b_h : b_x);
      if (!cell_.bias_in_x) bias_in_loop = b_h;
    }
    Values first;
    for (int k = 0; k < cell_.states; ++k) first.push_back(First(x, k, layer * directions() + (reverse ? 1 : 0)));
    return Scan({.carry = first, .each = {from_x}, .reverse = reverse, .lengths = inputs_.lengths},
                [&](const Values& states, const Values& xt) {
                  Value h = MatMul(states[0], w_h, {.transpose_b = true});
                  if (IsGiven(bias_in_loop)) h = h + bias_in_loop;
                  const Values next = cell_.step(xt[0], h, states);
                  return ScanStep{.carry = next, .out = {next[0]}};
                });
  }

  LayerCall& call_;
  const Cell& cell_;
  const int64_t hidden_;
  const RecurrentOptions& options_;
  const Inputs& inputs_;
};

// A layer's function when it is called with one value.
Layer::Function OfOneValue(const Cell& cell, int64_t hidden, const RecurrentOptions& options) {
  return [&cell, hidden, options](LayerCall& call, Value x) {
    return RecurrentBuilder(call, cell, hidden, options, {Values(cell.states), Value()}).Build(x).out;
  };
}

const Cell& RnnCell(const RecurrentOptions& options) { return options.relu ? kReluCell : kTanhCell; }

// Makes one call with more than one value: `make` is the layer's Call(), given what to build.
template <class Make>
Outputs CallWith(const Cell& cell, int64_t hidden, const RecurrentOptions& options, const Inputs& inputs, Make make) {
  Outputs outputs;
  outputs.out = make([&](LayerCall& call, Value x) {
    outputs = RecurrentBuilder(call, cell, hidden, options, inputs).Build(x);
    return outputs.out;
  });
  outputs.states.resize(cell.states, outputs.out);  // after an error: invalid, as the result is
  return outputs;
}

}  // namespace

Rnn::Rnn(int64_t hidden, const RecurrentOptions& options)
    : Layer("rnn", OfOneValue(RnnCell(options), hidden, options)), hidden_(hidden), options_(options) {}

Rnn Rnn::Named(std::string name) const {
  Layer::Named(std::move(name));
  return *this;
}

RecurrentResult Rnn::operator()(Operand x, const RecurrentInputs& inputs, Mode mode) const {
  const Outputs y = CallWith(RnnCell(options_), hidden_, options_, {{inputs.h}, inputs.lengths},
                             [&](const Function& build) { return Call(x, mode, build); });
  return {y.out, y.states[0]};
}

Gru::Gru(int64_t hidden, const RecurrentOptions& options)
    : Layer("gru", OfOneValue(kGruCell, hidden, options)), hidden_(hidden), options_(options) {}

Gru Gru::Named(std::string name) const {
  Layer::Named(std::move(name));
  return *this;
}

RecurrentResult Gru::operator()(Operand x, const RecurrentInputs& inputs, Mode mode) const {
  const Outputs y = CallWith(kGruCell, hidden_, options_, {{inputs.h}, inputs.lengths},
                             [&](const Function& build) { return Call(x, mode, build); });
  return {y.out, y.states[0]};
}

Lstm::Lstm(int64_t hidden, const RecurrentOptions& options)
    : Layer("lstm", OfOneValue(kLstmCell, hidden, options)), hidden_(hidden), options_(options) {}

Lstm Lstm::Named(std::string name) const {
  Layer::Named(std::move(name));
  return *this;
}

LstmResult Lstm::operator()(Operand x, const LstmInputs& inputs, Mode mode) const {
  const Outputs y = CallWith(kLstmCell, hidden_, options_, {{inputs.h, inputs.c}, inputs.lengths},
                             [&](const Function& build) { return Call(x, mode, build); });
  return {y.out, y.states[0], y.states[1]};
}

}  // namespace adret::nn
