// Files that are written: signatures, names, dimensions, training steps, loops, and files beside the model's.
//
//   ADRET_ONNX_OUT=/tmp/models onnx_test --gtest_filter='OnnxWriter.*'    # also writes the files, with their numbers
#include <cmath>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "adret/autograd/gradients.h"
#include "adret/autograd/if.h"
#include "adret/autograd/recompute.h"
#include "adret/autograd/scan.h"
#include "adret/autograd/while.h"
#include "adret/core/executor.h"
#include "adret/core/op.h"
#include "adret/core/status.h"
#include "adret/io/file.h"
#include "adret/io/npy.h"
#include "adret/io/onnx.h"
#include "adret/io/onnx/onnx.pb.h"
#include "adret/io/onnx/operators.h"
#include "adret/io/onnx/writers.h"
#include "adret/nn/layers.h"
#include "adret/nn/optimizers.h"
#include "adret/nn/recurrent.h"
#include "adret/ops/barrier.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/compare.h"
#include "adret/ops/matmul.h"
#include "adret/ops/random.h"
#include "adret/ops/reduce.h"
#include "adret/ops/reshape.h"
#include "adret/ops/sparse_gradient.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"
#include "adret/tests/temp_folder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::onnx {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;

Tensor Waves(const Shape& shape, double frequency = 1) {
  Tensor t(DType::kFloat32, shape);
  auto data = t.mutable_data<float>();
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<float>(std::sin(frequency * double(i + 1)));
  return t;
}

proto::Model Parsed(const std::string& bytes) {
  proto::Model file;
  EXPECT_TRUE(file.ParseFromString(bytes));
  return file;
}

proto::Model Written(const io::ModelContents& contents, const io::OnnxSaveOptions& options = {}) {
  const absl::StatusOr<std::string> bytes = io::SerializeOnnx(contents, options);
  EXPECT_TRUE(bytes.ok()) << bytes.status();
  return bytes.ok() ? Parsed(*bytes) : proto::Model();
}

template <class Infos>
std::vector<std::string> NamesOf(const Infos& infos) {
  std::vector<std::string> names;
  for (const auto& info : infos) names.push_back(info.name());
  return names;
}

std::vector<std::string> DimsOf(const proto::ValueInfo& info) {
  std::vector<std::string> dims;
  for (const auto& dim : info.type().tensor_type().shape().dim()) {
    dims.push_back(dim.has_dim_param() ? dim.dim_param() : absl::StrCat(dim.dim_value()));
  }
  return dims;
}

std::vector<std::string> OperatorsOf(const proto::Graph& graph) {
  std::vector<std::string> operators;
  for (const proto::Node& node : graph.node()) operators.push_back(node.op_type());
  return operators;
}

// Checks that every name is given once in the whole file, and read where it is known.
void CheckNames(const proto::Graph& graph, std::set<std::string> known, std::set<std::string>* given) {
  const auto give = [&](const std::string& name) {
    EXPECT_FALSE(name.empty());
    EXPECT_TRUE(given->insert(name).second) << name << " is given twice";
    known.insert(name);
  };
  for (const proto::Tensor& tensor : graph.initializer()) give(tensor.name());
  for (const proto::ValueInfo& input : graph.input()) {
    if (!known.contains(input.name())) give(input.name());
  }
  for (const proto::Node& node : graph.node()) {
    for (const std::string& input : node.input()) {
      EXPECT_TRUE(input.empty() || known.contains(input)) << node.op_type() << " reads " << input;
    }
    for (const proto::Attribute& attribute : node.attribute()) {
      if (attribute.has_g()) CheckNames(attribute.g(), known, given);
    }
    for (const std::string& output : node.output()) give(output);
  }
  for (const proto::ValueInfo& output : graph.output()) EXPECT_TRUE(known.contains(output.name())) << output.name();
}
void CheckNames(const proto::Model& file) {
  std::set<std::string> given;
  CheckNames(file.graph(), {}, &given);
}

void ExpectNear(const Tensor& found, const Tensor& expected, const std::string& what) {
  ASSERT_EQ(found.type(), expected.type()) << what;
  for (int64_t i = 0; i < found.num_elements(); ++i) {
    ASSERT_NEAR(found.At(i), expected.At(i), 1e-5) << what << " at " << i;
  }
}

// Writes <test>_<number>.onnx and .npz, inputs and outputs by their names, where a folder for them is named.
void WriteForOthers(const std::string& bytes, const io::ModelContents& contents, const Feeds& feeds,
                    const std::vector<Tensor>& outputs) {
  const char* folder = std::getenv("ADRET_ONNX_OUT");
  if (folder == nullptr) return;
  static int number = 0;
  const std::string path =
      absl::StrCat(folder, "/", testing::UnitTest::GetInstance()->current_test_info()->name(), "_", ++number);
  io::NamedTensors numbers;
  for (const auto& [value, tensor] : feeds) numbers["in/" + value.name()] = tensor;
  for (size_t k = 0; k < outputs.size(); ++k) numbers["out/" + contents.outputs[k].name] = outputs[k];
  EXPECT_TRUE(io::WriteFile(path + ".onnx", bytes).ok());
  EXPECT_TRUE(io::SaveNpz(path + ".npz", numbers).ok());
}

// Writes outputs, reads them again, and compares what both compute.
void ExpectSame(const io::ModelContents& contents, const Feeds& feeds, const io::OnnxSaveOptions& options = {}) {
  const absl::StatusOr<std::string> bytes = io::SerializeOnnx(contents, options);
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  CheckNames(Parsed(*bytes));
  Values own, found;
  for (const io::NamedValue& output : contents.outputs) own.push_back(output.value);
  const auto expected = Evaluate(own, feeds, contents.state);
  ASSERT_TRUE(expected.ok()) << expected.status();
  WriteForOthers(*bytes, contents, feeds, *expected);
  const absl::StatusOr<io::Model> back = io::ParseOnnx(*bytes);
  ASSERT_TRUE(back.ok()) << back.status();
  for (const io::NamedValue& output : back->outputs) found.push_back(output.value);
  Feeds given;
  for (const io::NamedValue& input : back->inputs) {
    for (const auto& [value, tensor] : feeds) {
      if (value.name() == input.name) given.emplace_back(input.value, tensor);
    }
  }
  const auto result = Evaluate(found, given, &back->state);
  ASSERT_TRUE(result.ok()) << result.status();
  for (size_t k = 0; k < expected->size(); ++k) ExpectNear((*result)[k], (*expected)[k], contents.outputs[k].name);
}

std::string ErrorOf(const io::ModelContents& contents, const io::OnnxSaveOptions& options = {}) {
  const absl::StatusOr<std::string> bytes = io::SerializeOnnx(contents, options);
  return bytes.ok() ? "" : bytes.status().ToString();
}

TEST(OnnxWriters, EveryOpIsWrittenOrSaysWhyNot) {
  for (const Op* op : AllOps()) {
    const bool passes = op->traits.identity || op->traits.barrier || op->traits.leaf;
    EXPECT_TRUE(passes || FindWriter(op->name) != nullptr || EqualOperator(op->name, kNewestVersion) != nullptr)
        << op->name << " has no row in io/onnx/writers_*.cc";
  }
}

// ---- Signatures ----

// A network of two layers over a batch.
struct Network {
  Graph graph;
  Value image = graph.Input("image", DType::kFloat32, {kAnyBatch, 4});
  Value label = graph.Input("label", DType::kFloat32, {kAnyBatch, 2});
  Value w = graph.Variable("layer/w", Waves({4, 3})), b = graph.Variable("layer/b", Waves({3}, 2));
  Value v = graph.Variable("head/w", Waves({3, 2}, 3));
  Value hidden = Tanh(MatMul(image, w) + b).Named("hidden");
  Value logits = MatMul(hidden, v);
  Value loss = Mean(Square(logits - label));
  State state = *InitialState(graph, 1);
};

TEST(OnnxWriter, KeepsTheSignature) {
  Network n;
  const proto::Model file = Written(
      {.graph = &n.graph, .state = &n.state, .outputs = {{"logits", n.logits}}, .metadata = {{"classes", "a b"}}});
  EXPECT_EQ(file.producer_name(), "adret");
  EXPECT_EQ(file.ir_version(), 8);
  ASSERT_EQ(file.opset_import_size(), 1);
  EXPECT_EQ(file.opset_import(0).version(), 18);
  EXPECT_THAT(NamesOf(file.graph().input()), ElementsAre("image"));  // no output needs the labels
  EXPECT_THAT(DimsOf(file.graph().input(0)), ElementsAre("batch", "4"));
  EXPECT_THAT(NamesOf(file.graph().output()), ElementsAre("logits"));
  EXPECT_THAT(DimsOf(file.graph().output(0)), ElementsAre("batch", "2"));
  EXPECT_THAT(NamesOf(file.graph().initializer()), IsSupersetOf({"layer/w", "layer/b", "head/w"}));
  ASSERT_EQ(file.metadata_props_size(), 1);
  EXPECT_EQ(file.metadata_props(0).key(), "classes");
  EXPECT_EQ(file.metadata_props(0).value(), "a b");
  CheckNames(file);
}

TEST(OnnxWriter, NamesOfValuesSurvive) {
  Network n;
  const std::string bytes =
      *io::SerializeOnnx({.graph = &n.graph, .state = &n.state, .outputs = {{"logits", n.logits}, {"loss", n.loss}}});
  const absl::StatusOr<io::Model> back = io::ParseOnnx(bytes);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_TRUE(back->graph->Find("hidden").ok());
  EXPECT_TRUE(back->graph->Find("layer/w").ok());
  EXPECT_TRUE(back->Input("label").ok());
  EXPECT_TRUE(back->Output("loss").ok());
  // Outputs that other nodes read are no copies.
  EXPECT_THAT(OperatorsOf(Parsed(bytes).graph()), Not(testing::Contains("Identity")));
}

TEST(OnnxWriter, InputsTakeTheNamesOfTheSignature) {
  Network n;
  const proto::Model file = Written({.graph = &n.graph,
                                     .state = &n.state,
                                     .inputs = {{"pixels", n.image}, {"target", n.label}},
                                     .outputs = {{"hidden", n.logits}, {"loss", n.loss}}});
  EXPECT_THAT(NamesOf(file.graph().input()), ElementsAre("pixels", "target"));
  EXPECT_THAT(NamesOf(file.graph().output()), ElementsAre("hidden", "loss"));  // where a value was called so
  CheckNames(file);
}

TEST(OnnxWriter, BatchAndSymbolsHaveNames) {
  Graph graph;
  const Dim time("time");
  const Value x = graph.Input("x", DType::kFloat32, {time, kAnyBatch, 3});
  const Value y = Reshape(x, {time * Dim("?"), 3});
  const io::ModelContents contents{.graph = &graph, .outputs = {{"y", y}, {"sum", Sum(x, {.axes = {0}})}}};
  const proto::Model file = Written(contents);
  EXPECT_THAT(DimsOf(file.graph().input(0)), ElementsAre("time", "batch", "3"));
  EXPECT_THAT(DimsOf(file.graph().output(1)), ElementsAre("batch", "3"));
  for (const int64_t steps : {1, 5}) ExpectSame(contents, {{x, Waves({steps, 2, 3})}});
  const absl::StatusOr<io::Model> back = io::ParseOnnx(*io::SerializeOnnx(contents));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->inputs[0].value.shape(), x.shape());
}

TEST(OnnxWriter, ValuesMayBeOutputsSeveralTimes) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {2});
  const Value y = Exp(x), c = graph.Constant(Waves({2}));
  const Value w = graph.Variable("w", Waves({2}));
  const State state = *InitialState(graph, 1);
  ExpectSame({.graph = &graph,
              .state = &state,
              .outputs = {{"a", y}, {"b", y}, {"same", x}, {"constant", c}, {"w", w}, {"still", StopGradient(y)}}},
             {{x, Waves({2})}});
}

TEST(OnnxWriter, SizesAreComputedOfShapes) {
  Network n;
  const Values outputs = Gradients(n.loss, {n.image, n.w});
  const io::ModelContents contents{
      .graph = &n.graph, .state = &n.state, .outputs = {{"dx", outputs[0]}, {"dw", outputs[1]}, {"loss", n.loss}}};
  for (const int64_t version : {13, 18, 23}) {
    for (const int64_t batch : {1, 2, 7}) {
      ExpectSame(contents, {{n.image, Waves({batch, 4})}, {n.label, Waves({batch, 2})}}, {.version = version});
    }
  }
}

// ---- Training steps ----

TEST(OnnxWriter, TrainingStepsGiveNextValues) {
  Network n;
  Updates step;
  const Values variables = {n.w, n.v};
  const Values slopes = Gradients(n.loss, variables);
  for (size_t i = 0; i < variables.size(); ++i) step.push_back({variables[i], variables[i] - slopes[i] * 0.1});
  const io::ModelContents contents{
      .graph = &n.graph, .state = &n.state, .outputs = {{"loss", n.loss}}, .updates = step};
  const std::string bytes = *io::SerializeOnnx(contents);
  const proto::Model file = Parsed(bytes);
  CheckNames(file);
  EXPECT_THAT(NamesOf(file.graph().output()), ElementsAre("loss", "layer/w_next", "head/w_next"));
  // Those that change are inputs with a default.
  EXPECT_THAT(NamesOf(file.graph().input()), ElementsAre("image", "label", "layer/w", "head/w"));
  EXPECT_THAT(NamesOf(file.graph().initializer()), IsSupersetOf({"layer/w", "head/w", "layer/b"}));

  const absl::StatusOr<io::Model> back = io::ParseOnnx(bytes);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->metadata.at("adret.update.layer/w"), "layer/w_next");
  EXPECT_EQ(back->metadata.at("adret.update.head/w"), "head/w_next");
  const Tensor image = Waves({5, 4}), label = Waves({5, 2}, 2);
  const Executor executor = *Executor::Create({n.loss}, step);
  State state = n.state;
  ASSERT_TRUE(executor.Run({{n.image, image}, {n.label, label}}, &state).ok());
  const auto next = Evaluate({*back->Output("layer/w_next"), *back->Output("head/w_next")},
                             {{*back->Input("image"), image}, {*back->Input("label"), label}}, &back->state);
  ASSERT_TRUE(next.ok()) << next.status();
  ExpectNear((*next)[0], *state.Get("layer/w"), "layer/w");
  ExpectNear((*next)[1], *state.Get("head/w"), "head/w");
}

TEST(OnnxWriter, UpdatesAloneAreWrittenToo) {
  Graph graph;
  const Value w = graph.Variable("w", Waves({2})), unread = graph.Variable("unread", Waves({2}));
  const Value taken = graph.Input("w_next", DType::kFloat32, {2});
  const State state = *InitialState(graph, 1);
  const proto::Model file = Written(
      {.graph = &graph, .state = &state, .updates = {{w, w * 2.0 + taken}, {unread, graph.Constant(Waves({2}))}}});
  EXPECT_THAT(NamesOf(file.graph().output()), ElementsAre("w_next_1", "unread_next"));
  EXPECT_THAT(NamesOf(file.graph().input()), ElementsAre("w_next", "w", "unread"));
  EXPECT_EQ(file.metadata_props(0).key(), "adret.update.w");
  EXPECT_EQ(file.metadata_props(0).value(), "w_next_1");
  CheckNames(file);
}

TEST(OnnxWriter, StepsOfOptimizers) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, 3});
  const Value y = nn::Dense(2)(nn::Relu()(nn::Dense(4).Named("first")(x)));
  const Value loss = Mean(Square(y));
  const Updates step = nn::Adam({.learning_rate = 0.1, .common = {.clip_norm = 1}}).Minimize(loss, graph.variables());
  const State state = *InitialState(graph, 1);
  io::ModelContents contents{.graph = &graph, .state = &state, .outputs = {{"loss", loss}}};
  // Everything that a step stores, as outputs and as the training step.
  for (size_t i = 0; i < step.size(); ++i) contents.outputs.push_back({absl::StrCat("u", i), step[i].value});
  ExpectSame(contents, {{x, Waves({6, 3})}});
  contents.outputs.resize(1);
  contents.updates = step;
  const proto::Model file = Written(contents);
  CheckNames(file);
  EXPECT_EQ(file.graph().output_size(), 1 + static_cast<int>(step.size()));
  EXPECT_THAT(NamesOf(file.graph().output()), testing::Contains("adam/step_next"));
}

// ---- Bodies ----

// A recurrent network as nn::Rnn builds it, over a symbolic time.
struct Recurrent {
  explicit Recurrent(bool reverse = false) {
    Scanned(reverse);
    state = *InitialState(graph, 1);
  }
  void Scanned(bool reverse) {
    const Value h0 = BroadcastTo(graph.Constant(Tensor::Zeros(DType::kFloat32, {1, 2})), {kAnyBatch, 2});
    const ScanResult r = Scan({.carry = {h0}, .each = {x}, .reverse = reverse}, [&](const Values& h, const Values& xt) {
      const Value sum = MatMul(xt[0], wx) + MatMul(h[0], wh);
      // A size of the run's inside of the body.
      const Value flat = Reshape(sum, {Dim("?") * 2});
      const Value next = Tanh(Reshape(flat, {kAnyBatch, 2}) + 0.25);
      return ScanStep{.carry = {next}, .out = {next, Exp(next)}};
    });
    last = r.carry[0], all = r.out[0], exponentials = r.out[1];
  }
  Graph graph;
  Value x = graph.Input("x", DType::kFloat32, {Dim("time"), kAnyBatch, 3});
  Value wx = graph.Variable("wx", Waves({3, 2})), wh = graph.Variable("wh", Waves({2, 2}, 2));
  Value last, all, exponentials;
  State state;
};

TEST(OnnxWriter, ScansAndTheirGradients) {
  for (const bool reverse : {false, true}) {
    Recurrent r(reverse);
    const Values slopes = Gradients(Sum(r.all * r.exponentials) + Sum(r.last), {r.x, r.wx, r.wh});
    io::ModelContents contents{.graph = &r.graph,
                               .state = &r.state,
                               .outputs = {{"all", r.all}, {"exponentials", r.exponentials}, {"last", r.last}}};
    for (size_t i = 0; i < slopes.size(); ++i) contents.outputs.push_back({absl::StrCat("d", i), slopes[i]});
    EXPECT_THAT(OperatorsOf(Written(contents).graph()), testing::Contains("Scan"));
    for (const int64_t version : {13, 18, 23}) {
      for (const int64_t steps : {1, 4}) {
        ExpectSame(contents, {{r.x, Waves({steps, 3, 3})}}, {.version = version});
      }
    }
  }
}

TEST(OnnxWriter, RecurrentLayersAndTheirGradients) {
  for (const bool lengths : {false, true}) {
    SCOPED_TRACE(lengths);
    Graph graph;
    const Value x = graph.Input("x", DType::kFloat32, {Dim("time"), kAnyBatch, 3});
    nn::LstmInputs inputs;
    if (lengths) inputs.lengths = graph.Input("lengths", DType::kInt64, {kAnyBatch});
    const nn::Lstm lstm(4, {.layers = 2, .bidirectional = true});
    const nn::LstmResult r = lstm(x, inputs, nn::Mode::kInference);
    const Values slopes = Gradients(Sum(r.out * r.out) + Sum(r.c), {x, graph.variables()[0]});
    ASSERT_TRUE(graph.status().ok()) << graph.status();
    const State state = *InitialState(graph, 1);
    const io::ModelContents contents{
        .graph = &graph,
        .state = &state,
        .outputs = {{"out", r.out}, {"h", r.h}, {"c", r.c}, {"dx", slopes[0]}, {"dw", slopes[1]}}};
    for (const int64_t steps : {3, 8}) {
      Feeds feeds = {{x, Waves({steps, 2, 3})}};
      if (lengths) feeds.emplace_back(inputs.lengths, Tensor::From<int64_t>({2}, {2, 3}));
      ExpectSame(contents, feeds);
      ExpectSame(contents, feeds, {.version = 13});
    }
  }
}

TEST(OnnxWriter, SizesThatAGraphAroundKnowsAreNotComputedInABody) {
  Recurrent r;
  const proto::Model file = Written({.graph = &r.graph, .state = &r.state, .outputs = {{"all", r.all}}});
  for (const proto::Node& node : file.graph().node()) {
    for (const proto::Attribute& attribute : node.attribute()) {
      EXPECT_THAT(OperatorsOf(attribute.g()), Not(testing::Contains("Shape")));
      EXPECT_EQ(attribute.g().initializer_size(), 0);
    }
  }
}

TEST(OnnxWriter, BranchesAndTheirGradients) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, 2});
  const Value positive = Greater(Sum(x), 0.0);
  const Values y = If(
      positive,
      [&] {
        return Values{Exp(x), x};
      },
      [&] {
        const Values inner = If(
            Greater(Sum(x), -100.0), [&] { return Values{BroadcastTo(Sum(x), x.shape())}; },
            [&] { return Values{x * 3.0}; });
        return Values{inner[0], graph.Constant(Tensor::Full(DType::kFloat32, {1, 2}, 7)) + x};
      });
  const Value slope = Gradients(Sum(y[0] * y[0] + y[1]), {x})[0];
  const io::ModelContents contents{.graph = &graph, .outputs = {{"a", y[0]}, {"b", y[1]}, {"slope", slope}}};
  for (const double sign : {1.0, -1.0}) {
    ExpectSame(contents, {{x, Tensor::Full(DType::kFloat32, {3, 2}, sign)}});
  }
  ExpectSame(contents, {{x, Tensor::Full(DType::kFloat32, {1, 2}, -1000)}});
}

TEST(OnnxWriter, LoopsWithConditions) {
  for (const int64_t bound : {-1, 3, 100}) {
    Graph graph;
    const Value x = graph.Input("x", DType::kFloat32, {kAnyBatch}), limit = graph.Input("limit", DType::kFloat32, {});
    const WhileResult r = While(
        {.carry = {x, Sum(x)}, .max_iterations = bound}, [&](const Values& c) { return Less(c[1], limit); },
        [&](const Values& c) {
          const Value next = c[0] * 2.0 + BroadcastTo(limit * 0.125, c[0].shape());
          return Values{next, Sum(next)};
        });
    io::ModelContents contents{.graph = &graph,
                               .outputs = {{"x_n", r.carry[0]}, {"sum", r.carry[1]}, {"iterations", r.iterations}}};
    if (bound > 0) contents.outputs.push_back({"slope", Gradients(r.carry[1], {x})[0]});
    for (const double start : {0.5, 50.0}) {  // the second: no step at all
      ExpectSame(contents,
                 {{x, Tensor::Full(DType::kFloat32, {2}, start)}, {limit, Tensor::Scalar(DType::kFloat32, 20)}});
    }
  }
}

TEST(OnnxWriter, LoopsWithinLoops) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {Dim("time"), kAnyBatch, 2});
  const Value w = graph.Input("w", DType::kFloat32, {2});
  const Value first = BroadcastTo(graph.Constant(Tensor::Zeros(DType::kFloat32, {1, 2})), {kAnyBatch, 2});
  const ScanResult r = Scan({.carry = {first}, .each = {x}}, [&](const Values& h, const Values& xt) {
    const WhileResult inner = While(
        {.carry = {h[0] + xt[0]}, .max_iterations = 5}, [&](const Values& c) { return Less(Sum(c[0] * w), 3.0); },
        [&](const Values& c) { return Values{c[0] * 1.5 + w + xt[0] * 0.1}; });
    return ScanStep{.carry = {inner.carry[0] * 0.5}, .out = {Cast(inner.iterations, DType::kFloat32)}};
  });
  const io::ModelContents contents{.graph = &graph, .outputs = {{"last", r.carry[0]}, {"iterations", r.out[0]}}};
  for (const int64_t steps : {1, 3}) {
    ExpectSame(contents, {{x, Waves({steps, 4, 2})}, {w, Tensor::Full(DType::kFloat32, {2}, 0.2)}});
  }
}

TEST(OnnxWriter, WhatOnlyOrdersOrMarksIsLeftOut) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {2}), late = graph.Input("late", DType::kFloat32, {2});
  const Value y = Barrier(SparseGradient(x), {Exp(late)});
  const Values z = Recompute([&](Args v) { return Values{Tanh(v[0])}; }, {y});
  const proto::Model file = Written({.graph = &graph, .outputs = {{"z", Exp(StopGradient(z[0]))}}});
  EXPECT_THAT(OperatorsOf(file.graph()), ElementsAre("Tanh", "Exp"));
  EXPECT_THAT(NamesOf(file.graph().input()), ElementsAre("x"));
}

TEST(OnnxWriter, LastOccurrences) {
  Graph graph;
  const Value x = graph.Input("x", DType::kInt32, {kAnyBatch, 5});
  ExpectSame({.graph = &graph, .outputs = {{"y", LastOccurrence(x)}}},
             {{x, Tensor::From<int32_t>({2, 5}, {3, 1, 3, 2, 1, -1, 0, 0, 5, -1})}});
}

// ---- What is refused ----

TEST(OnnxWriter, RefusesWhatCannotBeWritten) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, 2});
  EXPECT_THAT(ErrorOf({.graph = &graph, .outputs = {{"y", Dropout(x).Named("drop")}}}),
              HasSubstr("cannot be written as ONNX: ONNX's random operators draw other numbers"));
  const Value odd = graph.Input("odd", DType::kFloat32, {Dim("length") * 2});
  EXPECT_THAT(ErrorOf({.graph = &graph, .outputs = {{"y", BroadcastTo(Sum(odd), {Dim("length")})}}}),
              HasSubstr("no input has an axis whose size is length"));
  const ScanResult r = Scan({.each = {x}}, [&](const Values&, const Values& each) {
    return ScanStep{.out = {BroadcastTo(Sum(each[0]), {Dim("length")})}};
  });
  EXPECT_THAT(ErrorOf({.graph = &graph, .outputs = {{"y", r.out[0]}}}),
              HasSubstr("cannot be written as ONNX: no input"));
}

TEST(OnnxWriter, RefusesWrongContents) {
  Network n;
  Graph other;
  const Value foreign = other.Input("x", DType::kFloat32, {2});
  const auto with = [&](std::vector<io::NamedValue> outputs) {
    return io::ModelContents{.graph = &n.graph, .state = &n.state, .outputs = std::move(outputs)};
  };
  EXPECT_THAT(ErrorOf({}), HasSubstr("there is no graph to write"));
  EXPECT_THAT(ErrorOf(with({})), HasSubstr("there is nothing to write"));
  EXPECT_THAT(ErrorOf(with({{"y", foreign}})), HasSubstr("the output 'y' belongs to another graph"));
  EXPECT_THAT(ErrorOf(with({{"y", Value()}})), HasSubstr("the output 'y' is an invalid value"));
  EXPECT_THAT(ErrorOf(with({{"y", n.loss}, {"y", n.logits}})), HasSubstr("the output 'y' has the name of another"));
  EXPECT_THAT(ErrorOf(with({{"image", n.logits}})), HasSubstr("the output 'image' has the name of another"));
  EXPECT_THAT(ErrorOf(with({{"", n.loss}})), HasSubstr("an output has no name"));
  io::ModelContents contents = with({{"y", n.loss}});
  for (const int64_t version : {-1, 0, 12, 28, 1000}) {
    EXPECT_THAT(ErrorOf(contents, {.version = version}),
                HasSubstr(absl::StrCat("operator sets 13 to 27 are written, not ", version)));
  }
  contents.inputs = {{"h", n.hidden}};
  EXPECT_THAT(ErrorOf(contents), HasSubstr("'h' is no input of the graph"));
  contents.inputs = {};
  contents.updates = {{n.hidden, n.hidden}};
  EXPECT_THAT(ErrorOf(contents), HasSubstr("'hidden' is updated, but no variable"));
  contents.updates = {{n.w, foreign}};
  EXPECT_THAT(ErrorOf(contents), HasSubstr("the value of an update belongs to another graph"));
}

TEST(OnnxWriter, RefusesAStateThatDoesNotFit) {
  Network n;
  EXPECT_THAT(ErrorOf({.graph = &n.graph, .outputs = {{"y", n.loss}}}), HasSubstr("needs a state"));
  State lacking = n.state;
  lacking.Erase("layer/b");
  EXPECT_THAT(ErrorOf({.graph = &n.graph, .state = &lacking, .outputs = {{"y", n.loss}}}),
              HasSubstr("the state has no variable 'layer/b'"));
  State wrong = n.state;
  wrong.Set("layer/b", Waves({4}));
  EXPECT_THAT(ErrorOf({.graph = &n.graph, .state = &wrong, .outputs = {{"y", n.loss}}}),
              HasSubstr("the variable 'layer/b' is f32[3] in the graph and f32[4] in the state"));
  MatMul(n.image, n.image);
  EXPECT_THAT(ErrorOf({.graph = &n.graph, .state = &n.state, .outputs = {{"y", n.loss}}}), HasSubstr("matmul"));
}

// ---- Files ----

// A table of 4 KiB, one of 40 bytes, and what comes of them.
struct Tables {
  Graph graph;
  Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, 32});
  Value w = graph.Variable("w", Waves({32, 32})), b = graph.Variable("b", Waves({32}, 2));
  Value mask = graph.Constant(Tensor::Full(DType::kBool, {1, 2001}, 1));
  Value y = MatMul(x, w) + b;
  State state = *InitialState(graph, 1);
  io::ModelContents contents{
      .graph = &graph, .state = &state, .outputs = {{"y", y}, {"mask", LogicalNot(mask)}, {"again", y * 2.0}}};
};

TEST(OnnxWriter, LargeTensorsMayLieInAnotherFile) {
  Tables t;
  const TempFolder folder;
  const std::string path = (folder / "model.onnx");
  const absl::Status status = io::SaveOnnx(path, t.contents, {.external_data = "weights.bin"});
  ASSERT_TRUE(status.ok()) << status;
  const proto::Model file = Parsed(*io::ReadFile(path));
  const int64_t size = static_cast<int64_t>(io::ReadFile((folder / "weights.bin"))->size());
  int outside = 0;
  for (const proto::Tensor& tensor : file.graph().initializer()) {
    if (tensor.data_location() != 1) {
      EXPECT_LE(tensor.raw_data().size(), 1024u);
      continue;
    }
    ++outside;
    EXPECT_FALSE(tensor.has_raw_data());
    std::map<std::string, std::string> entries;
    for (const proto::Entry& entry : tensor.external_data()) entries[entry.key()] = entry.value();
    EXPECT_EQ(entries["location"], "weights.bin");
    int64_t offset = -1, length = -1;
    EXPECT_TRUE(absl::SimpleAtoi(entries["offset"], &offset));
    EXPECT_TRUE(absl::SimpleAtoi(entries["length"], &length));
    EXPECT_EQ(offset % 64, 0);
    EXPECT_LE(offset + length, size);
  }
  EXPECT_EQ(outside, 2);  // w and the mask

  const absl::StatusOr<io::Model> back = io::LoadOnnx(path);
  ASSERT_TRUE(back.ok()) << back.status();
  ExpectNear(*back->state.Get("w"), *t.state.Get("w"), "w");
  const Tensor x = Waves({3, 32});
  ExpectNear(*Evaluate(*back->Output("y"), {{*back->Input("x"), x}}, &back->state),
             *Evaluate(t.y, {{t.x, x}}, &t.state), "y");
  // The same file again, in place of the old one.
  EXPECT_TRUE(io::SaveOnnx(path, t.contents, {.external_data = "weights.bin"}).ok());
  EXPECT_EQ(static_cast<int64_t>(io::ReadFile((folder / "weights.bin"))->size()), size);
}

TEST(OnnxWriter, FilesHoldTheirTensorsOtherwise) {
  Tables t;
  const TempFolder folder;
  const std::string path = (folder / "model.onnx");
  ASSERT_TRUE(io::SaveOnnx(path, t.contents).ok());
  EXPECT_EQ(*io::ReadFile(path), *io::SerializeOnnx(t.contents));
  EXPECT_FALSE(io::ReadFile(path + ".data").ok());
}

TEST(OnnxWriter, RefusesNamesOfFilesElsewhere) {
  Tables t;
  const TempFolder folder;
  const std::string path = (folder / "model.onnx");
  for (const std::string name : {"../weights", "a/b", "/weights", ".", "..", "model.onnx"}) {
    const absl::Status status = io::SaveOnnx(path, t.contents, {.external_data = name});
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << name;
    EXPECT_THAT(std::string(status.message()), HasSubstr("the name of another file in the model's folder"));
  }
  EXPECT_THAT(ErrorOf(t.contents, {.external_data = "weights"}), HasSubstr("a model in memory has no file beside it"));
}

TEST(OnnxWriter, KeepsTheOldFilesWhereSavingFails) {
  Tables t;
  const TempFolder folder;
  const std::string path = (folder / "model.onnx");
  ASSERT_TRUE(io::SaveOnnx(path, t.contents, {.external_data = "weights"}).ok());
  const std::string model = *io::ReadFile(path), weights = *io::ReadFile((folder / "weights"));
  t.contents.outputs.push_back({"z", Dropout(t.y)});
  EXPECT_FALSE(io::SaveOnnx(path, t.contents, {.external_data = "weights"}).ok());
  EXPECT_FALSE(io::SaveOnnx((folder / "none/model.onnx"), t.contents).ok());
  EXPECT_EQ(*io::ReadFile(path), model);
  EXPECT_EQ(*io::ReadFile((folder / "weights")), weights);
}

}  // namespace
}  // namespace adret::onnx
