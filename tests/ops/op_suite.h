// The op suite: one row of data per case of an op, and everything that must hold for every op.
//
//   const OpCases kCases({
//       {.name = "tanh", .build = [](Args x) { return Values{Tanh(x[0])}; }, .inputs = {{.shape = {4, 3}}},
//        .reference = Elementwise([](double v) { return std::tanh(v); })},
//   });
//
// Each row is put through: forward in f64 against the naive reference; gradients of order 1 and 2 in f64 against finite
// differences; f32 against f64; one thread against several; the fused plan against one step per node; a symbolic batch
// against a concrete one; save, load and run with the same bits; and the message for bad input. A test fails for every
// registered op that no row reaches.
#ifndef ADRET_TESTS_OPS_OP_SUITE_H_
#define ADRET_TESTS_OPS_OP_SUITE_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "adret/core/graph.h"
#include "adret/core/tensor.h"

namespace adret {

struct InputSpec {
  Shape shape;
  // kFloat64 stands for the row's floating type: it becomes f32 where the suite asks for that.
  DType dtype = DType::kFloat64;
  // Numbers are uniform in [lo, hi); whole numbers for integer dtypes.
  double lo = -1, hi = 1;
  // Axis 0 is the batch: symbolic where the suite asks for that.
  bool batch = false;
  // Fixed numbers instead of random ones.
  std::vector<double> values = {};
};

struct OpCase {
  std::string name;  // unique; "conv2d/stride"
  std::function<Values(Args)> build;
  std::vector<InputSpec> inputs;
  // Naive results from f64 inputs, one tensor for each output; may be empty where a golden case or another row stands
  // for it.
  std::function<std::vector<Tensor>(absl::Span<const Tensor>)> reference = nullptr;
  bool differentiable = true;
  double tolerance = 1e-12;     // of the f64 forward, relative to max(1, |expected|)
  double f32_tolerance = 1e-5;  // of f32 against f64, likewise
  double gradient_tolerance = 1e-6;
  int order = 2;
  // Something that must fail, and a part of its message.
  std::function<void(Graph*)> bad = nullptr;
  std::string bad_message = "";
};

// All rows, in order of registration.
std::vector<OpCase>& AllCases();

// Numbers for the inputs of a row, with `floating` as its floating type.
std::vector<Tensor> MakeInputs(const OpCase& c, DType floating, uint64_t seed = 7);

// The row's name with the characters that names of tests may have.
std::string CaseName(const std::string& name);

// Registers rows.
struct OpCases {
  explicit OpCases(std::vector<OpCase> cases);
};

// A reference for element-wise functions of inputs of one shape.
std::function<std::vector<Tensor>(absl::Span<const Tensor>)> Elementwise(std::function<double(double)> f);
std::function<std::vector<Tensor>(absl::Span<const Tensor>)> Elementwise2(std::function<double(double, double)> f);

// PyTorch's numbers: tests/golden/<file>.npz holds "<name>/x0", "<name>/x1", ..., "<name>/y" (or "y0", "y1", ...) and,
// where gradients are compared, "<name>/dy" (or "dy0", ...) and "<name>/dx0", ... for the inputs that have one.
struct GoldenCase {
  std::string name;
  std::function<Values(Args)> build;
  double tolerance = 1e-10;  // relative to max(1, |expected|); widened to 1e-4 for f32 data
};
struct GoldenCases {
  GoldenCases(std::string file, std::vector<GoldenCase> cases);
};

}  // namespace adret

#endif  // ADRET_TESTS_OPS_OP_SUITE_H_
