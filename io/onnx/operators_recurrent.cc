// Recurrent layers: RNN, GRU and LSTM. What the input contributes to all steps is one matrix product before the loop.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "adret/autograd/scan.h"
#include "adret/core/status.h"
#include "adret/io/onnx/activations.h"
#include "adret/io/onnx/bodies.h"
#include "adret/io/onnx/call.h"
#include "adret/io/onnx/operators.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/compare.h"
#include "adret/ops/concat.h"
#include "adret/ops/matmul.h"
#include "adret/ops/reshape.h"
#include "adret/ops/slice.h"
#include "adret/ops/transpose.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"

namespace adret::onnx {
namespace {

using Results = absl::StatusOr<Values>;

// ---- One step ----

// What a step of one direction needs beside the states and what x contributes.
struct Direction {
  Value w, r;               // [gates * hidden, in], [gates * hidden, hidden]
  Value x_bias = {};        // [gates * hidden], or no value: added before the loop
  Value h_bias = {};        // the same, added to what the state contributes
  Value peepholes[3] = {};  // of the input, output and forget gate: [hidden], or no values
  std::vector<Activation> activations;
  double clip = 0;  // 0: none
  bool coupled = false, linear_before_reset = false;

  // Applies activation `i` to a sum, which is clipped first.
  Value Gate(int i, const Value& sum) const {
    return activations[i](clip > 0 ? Clip(sum, {.min = -clip, .max = clip}) : sum);
  }
};

Value PlusIfValid(const Value& x, const Value& y) { return y.graph() == nullptr ? x : x + y; }

Values Blocks(const Value& x, int64_t n) {
  if (!x.valid()) return Values(n, x);
  return Split(x, std::vector<int64_t>(n, x.shape()[1] / n), 1);
}

Value FromState(const Direction& d, const Value& h, const Value& r) {
  return PlusIfValid(MatMul(h, r, {.transpose_b = true}), d.h_bias);
}

Values RnnStep(const Direction& d, const Value& x, const Values& states) {
  return {d.Gate(0, x + FromState(d, states[0], d.r))};
}

Values LstmStep(const Direction& d, const Value& x, const Values& states) {
  const Values z = Blocks(x + FromState(d, states[0], d.r), 4);  // i, o, f, c
  const auto peep = [&](int gate, const Value& c) {
    return d.peepholes[gate].graph() == nullptr ? z[gate] : z[gate] + d.peepholes[gate] * c;
  };
  const Value i = d.Gate(0, peep(0, states[1]));
  const Value f = d.coupled ? 1.0 - i : d.Gate(0, peep(2, states[1]));
  const Value c = f * states[1] + i * d.Gate(1, z[3]);
  return {d.Gate(0, peep(1, c)) * d.activations[2](c), c};
}

Values GruStep(const Direction& d, const Value& x, const Values& states) {
  const Value& h = states[0];
  const Values from_x = Blocks(x, 3);  // z, r, h
  Value z, next;
  if (d.linear_before_reset) {
    const Values from_h = Blocks(FromState(d, h, d.r), 3);
    z = d.Gate(0, from_x[0] + from_h[0]);
    next = d.Gate(1, from_x[2] + d.Gate(0, from_x[1] + from_h[1]) * from_h[2]);
  } else {
    const int64_t hidden = h.shape()[1];
    const Values from_h = Blocks(FromState(d, h, Slice(d.r, 0, 0, 2 * hidden)), 2);
    z = d.Gate(0, from_x[0] + from_h[0]);
    const Value reset = d.Gate(0, from_x[1] + from_h[1]) * h;
    next = d.Gate(1, from_x[2] + FromState(d, reset, Slice(d.r, 0, 2 * hidden, 3 * hidden)));
  }
  return {next + z * (h - next)};
}

// ---- A node ----

// A kind of layer: how many blocks of `hidden` rows its weights have, how many states a step hands to the next.
struct Cell {
  int64_t gates;
  int states;
  std::vector<std::string> activations;
  Values (*step)(const Direction& d, const Value& x, const Values& states);
};

class Layer {
 public:
  Layer(Call& c, Cell cell) : c_(c), cell_(std::move(cell)) {}

  Results Build() {
    AD_RETURN_IF_ERROR(ReadAttributes());
    AD_RETURN_IF_ERROR(ReadX());
    AD_RETURN_IF_ERROR(CheckInputs());
    Values outs;
    std::vector<Values> last(cell_.states);
    for (int d = 0; d < directions_; ++d) {
      const ScanResult r = Loop(d, DirectionOf(d));
      AD_RETURN_IF_ERROR(c_.graph()->status());
      if (!r.out[0].valid()) return r.out;
      outs.push_back(r.out[0]);
      for (int k = 0; k < cell_.states; ++k) last[k].push_back(r.carry[k]);
    }
    Values results = {Stack(outs, 1)};  // [time, directions, batch, hidden]
    if (batch_first_) results[0] = Transpose(results[0], {2, 0, 1, 3});
    for (const Values& states : last) results.push_back(Stack(states, batch_first_ ? 1 : 0));
    return results;
  }

 private:
  enum Input { kX, kW, kR, kB, kLengths, kH, kC, kP };

  absl::Status ReadAttributes() {
    const std::string direction = c_.String("direction", "forward");
    if (direction != "forward" && direction != "reverse" && direction != "bidirectional") {
      return c_.Error("direction is \"", direction, "\" where forward, reverse or bidirectional is expected");
    }
    reverse_ = direction == "reverse";
    directions_ = direction == "bidirectional" ? 2 : 1;
    batch_first_ = c_.Int("layout", 0) != 0;
    clip_ = c_.Float("clip", 0);
    if (!(clip_ >= 0)) return c_.Error("clip is ", clip_);
    coupled_ = cell_.states == 2 && c_.Int("input_forget", 0) != 0;
    linear_before_reset_ = cell_.gates == 3 && c_.Int("linear_before_reset", 0) != 0;
    if (c_.version() < 7) c_.Ignore("output_sequence");  // who reads the sequence says so by its name
    AD_ASSIGN_OR_RETURN(activations_, ReadActivations(c_, cell_.activations, directions_));
    return absl::OkStatus();
  }

  // Reads the sequences as [time, batch, in], and the sizes that everything has to go with.
  absl::Status ReadX() {
    x_ = c_.x(kX);
    if (!IsFloating(x_.dtype()) || x_.rank() != 3) {
      return c_.Error("X is ", x_.type().ToString(), " where floating-point numbers of rank 3 are expected");
    }
    if (batch_first_) x_ = Transpose(x_, {1, 0, 2});
    const Shape& r = c_.shape(kR);
    hidden_ = r.rank() == 3 ? r[2] : 0;
    if (hidden_ < 1) return c_.Error("R is ", c_.raw(kR).type().ToString());
    const int64_t said = c_.Int("hidden_size", hidden_);
    if (said != hidden_) return c_.Error("hidden_size is ", said, ", but R is ", c_.raw(kR).type().ToString());
    return absl::OkStatus();
  }

  // Fails where an input that is there has another shape.
  absl::Status Check(int i, absl::string_view name, const Shape& expected) {
    if (!c_.has(i)) return absl::OkStatus();
    const Shape& shape = c_.shape(i);
    bool same = shape.rank() == expected.rank();
    for (int axis = 0; same && axis < shape.rank(); ++axis) same = MayBeEqual(shape[axis], expected[axis]);
    if (same) return absl::OkStatus();
    return c_.Error(name, " is ", c_.raw(i).type().ToString(), " where ", expected.ToString(), " is expected");
  }

  absl::Status CheckInputs() {
    const int64_t n = directions_, rows = cell_.gates * hidden_, batch = x_.shape()[1];
    AD_RETURN_IF_ERROR(Check(kW, "W", {n, rows, x_.shape()[2]}));
    AD_RETURN_IF_ERROR(Check(kR, "R", {n, rows, hidden_}));
    AD_RETURN_IF_ERROR(Check(kB, "B", {n, 2 * rows}));
    AD_RETURN_IF_ERROR(Check(kLengths, "sequence_lens", {batch}));
    const Shape state = batch_first_ ? Shape{batch, n, hidden_} : Shape{n, batch, hidden_};
    AD_RETURN_IF_ERROR(Check(kH, "initial_h", state));
    if (c_.has(kLengths) && !IsInteger(c_.dtype(kLengths))) return c_.Error("sequence_lens are no integers");
    if (cell_.states < 2) return absl::OkStatus();
    AD_RETURN_IF_ERROR(Check(kC, "initial_c", state));
    return Check(kP, "P", {n, 3 * hidden_});
  }

  // Returns what input i has for a direction, along an axis which then is gone.
  Value Part(int i, int d, int64_t axis = 0) {
    const Value all = c_.x(i);
    return Squeeze(directions_ == 1 ? all : Slice(all, axis, d, d + 1), {axis});
  }

  Direction DirectionOf(int d) {
    const auto first = activations_.begin() + d * cell_.activations.size();
    Direction one{.w = Part(kW, d),
                  .r = Part(kR, d),
                  .activations = {first, first + cell_.activations.size()},
                  .clip = clip_,
                  .coupled = coupled_,
                  .linear_before_reset = linear_before_reset_};
    if (c_.has(kB)) {
      const Values b = Split(Part(kB, d), {cell_.gates * hidden_, cell_.gates * hidden_}, 0);
      one.x_bias = linear_before_reset_ ? b[0] : b[0] + b[1];
      if (linear_before_reset_) one.h_bias = b[1];
    }
    if (cell_.states == 2 && c_.has(kP)) {
      const Values p = Split(Part(kP, d), {hidden_, hidden_, hidden_}, 0);
      std::copy(p.begin(), p.end(), one.peepholes);
    }
    return one;
  }

  // Returns the lengths of the sequences; no value where all have every step.
  Value Lengths() {
    if (!c_.has(kLengths)) return Value();
    const absl::StatusOr<std::vector<Dim>> known = c_.KnownDims(kLengths);
    const Dim time = x_.shape().dim(0);
    if (known.ok() && std::all_of(known->begin(), known->end(), [&](const Dim& n) { return n == time; }))
      return Value();
    return Cast(c_.raw(kLengths), DType::kInt64);
  }

  Value First(int k, int d) {
    const Shape shape{x_.shape()[1], hidden_};
    if (!c_.has(kH + k)) return Placeholder(c_.graph(), {x_.dtype(), shape});
    return Reshape(Part(kH + k, d, batch_first_ ? 1 : 0), shape);
  }

  ScanResult Loop(int d, const Direction& direction) {
    const Value lengths = Lengths();
    Value x = x_;
    if (lengths.valid()) {
      // What is there after the end may be anything, and must not reach a gradient.
      const Value steps = Unsqueeze(StepNumbers(c_.graph(), x.shape().dim(0)), {1});
      x = Where(Unsqueeze(Less(steps, lengths), {2}), x, 0.0);
    }
    const Value from_x = PlusIfValid(MatMul(x, direction.w, {.transpose_b = true}), direction.x_bias);
    Values first;
    for (int k = 0; k < cell_.states; ++k) first.push_back(First(k, d));
    return Scan({.carry = first, .each = {from_x}, .reverse = reverse_ || d == 1, .lengths = lengths},
                [&](const Values& states, const Values& each) {
                  const Values next = cell_.step(direction, each[0], states);
                  return ScanStep{.carry = next, .out = {next[0]}};
                });
  }

  Call& c_;
  const Cell cell_;
  Value x_;
  int directions_ = 1;
  bool reverse_ = false, batch_first_ = false, coupled_ = false, linear_before_reset_ = false;
  double clip_ = 0;
  int64_t hidden_ = 0;
  std::vector<Activation> activations_;
};

const OperatorRegistration kRecurrent({
    {.name = "RNN",
     .from = [](Call& c) -> Results {
       return Layer(c, {1, 1, {"Tanh"}, RnnStep}).Build();
     }},
    {.name = "GRU",
     .from = [](Call& c) -> Results {
       return Layer(c, {3, 1, {"Sigmoid", "Tanh"}, GruStep}).Build();
     }},
    {.name = "LSTM",
     .from = [](Call& c) -> Results {
       return Layer(c, {4, 2, {"Sigmoid", "Tanh", "Tanh"}, LstmStep}).Build();
     },
     .note =
         "clip bounds what the gates' activations are applied to, and leaves the cell as it is, as in ONNX Runtime."},
});

}  // namespace
}  // namespace adret::onnx
