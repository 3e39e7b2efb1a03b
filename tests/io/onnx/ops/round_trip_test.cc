// Every row of the op suite, and its gradient, is written as ONNX and read again: what comes back computes the same.
//
//   ADRET_ONNX_ROWS=conv2d onnx_ops_test        # what becomes of rows with "conv2d" in the name
//   ADRET_ONNX_OUT=/tmp/rows onnx_ops_test      # also writes the files, with the numbers that adret computes
//
// What other programs make of the files, check_with_onnxruntime.py beside this file tells.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/core/status.h"
#include "adret/io/file.h"
#include "adret/io/npy.h"
#include "adret/io/onnx.h"
#include "adret/ops/binary.h"
#include "adret/ops/reduce.h"
#include "adret/tests/lecture_network.h"
#include "adret/tests/ops/op_suite.h"
#include "gtest/gtest.h"

namespace adret::onnx {
namespace {

// What is wrong with numbers that came back; empty: nothing. Expansions round otherwise, relative to the largest number
// or to `scale`.
std::string Difference(const Tensor& back, const Tensor& own, double scale = 1) {
  if (back.type() != own.type()) return absl::StrCat("is ", back.type().ToString(), ", not ", own.type().ToString());
  const double tolerance = own.dtype() == DType::kFloat64 ? 1e-9 : 1e-4;
  for (int64_t i = 0; i < own.num_elements(); ++i) {
    if (std::isfinite(own.At(i))) scale = std::max(scale, std::abs(own.At(i)));
  }
  for (int64_t i = 0; i < own.num_elements(); ++i) {
    const double x = back.At(i), y = own.At(i);
    const bool same =
        x == y || (std::isnan(x) && std::isnan(y)) || (IsFloating(own.dtype()) && std::abs(x - y) <= tolerance * scale);
    if (!same) return absl::StrCat("has ", x, " at ", i, ", not ", y);
  }
  return "";
}

// A row's outputs and the gradients of a weighted sum of them, for these inputs.
Values OutputsAndGradients(const OpCase& c, const Values& inputs) {
  Values outputs = c.build(inputs);
  for (const Value& y : outputs) {
    if (!y.valid()) return {};
  }
  if (!c.differentiable) return outputs;
  Value loss;
  for (const Value& y : outputs) {
    if (!IsFloating(y.dtype())) continue;
    const Value part = Sum(y * y * 0.5 + y);
    loss = loss.valid() ? loss + part : part;
  }
  Values leaves;
  for (const Value& x : inputs) {
    if (IsFloating(x.dtype())) leaves.push_back(x);
  }
  if (!loss.valid() || leaves.empty()) return outputs;
  for (const Value& dx : Gradients(loss, leaves)) outputs.push_back(dx);
  return outputs;
}

// Writes <name>.onnx and <name>.npz, inputs and outputs by the names that the file has, where a folder for them is
// named.
absl::Status WriteForOthers(const std::string& name, const std::string& bytes, const io::NamedTensors& numbers) {
  const char* folder = std::getenv("ADRET_ONNX_OUT");
  if (folder == nullptr) return absl::OkStatus();
  const std::string path = absl::StrCat(folder, "/", name);
  AD_RETURN_IF_ERROR(io::WriteFile(path + ".onnx", bytes));
  return io::SaveNpz(path + ".npz", numbers);
}

absl::Status RunRow(const OpCase& c, DType floating, int64_t version) {
  const std::vector<Tensor> numbers = MakeInputs(c, floating);
  Graph graph;
  Values inputs;
  Feeds feeds;
  for (size_t i = 0; i < numbers.size(); ++i) {
    inputs.push_back(graph.Input(absl::StrCat("x", i), numbers[i].dtype(), numbers[i].shape()));
    feeds.emplace_back(inputs.back(), numbers[i]);
  }
  if (inputs.empty()) inputs.push_back(graph.Input("unused", DType::kFloat32, {}));  // what rows find the graph by
  if (numbers.empty()) feeds.emplace_back(inputs[0], Tensor());
  const Values values = OutputsAndGradients(c, inputs);
  AD_RETURN_IF_ERROR(graph.status());
  io::ModelContents contents{.graph = &graph};
  for (size_t k = 0; k < values.size(); ++k) contents.outputs.push_back({absl::StrCat("y", k), values[k]});
  AD_ASSIGN_OR_RETURN(const std::string bytes, io::SerializeOnnx(contents, {.version = version}));
  AD_ASSIGN_OR_RETURN(const std::vector<Tensor> own, Evaluate(values, feeds));
  io::NamedTensors written;
  for (const auto& [value, tensor] : feeds) written["in/" + value.name()] = tensor;
  for (size_t k = 0; k < own.size(); ++k) written[absl::StrCat("out/y", k)] = own[k];
  AD_RETURN_IF_ERROR(WriteForOthers(absl::StrCat(CaseName(c.name), ".", version, ".", Name(floating)), bytes, written));
  absl::StatusOr<io::Model> back = io::ParseOnnx(bytes);
  if (!back.ok()) return absl::InternalError(absl::StrCat("does not come back: ", back.status().message()));

  Values outputs;
  Feeds given;
  for (const io::NamedValue& output : back->outputs) outputs.push_back(output.value);
  for (const io::NamedValue& input : back->inputs) {
    for (const auto& [value, tensor] : feeds) {
      if (value.name() == input.name) given.emplace_back(input.value, tensor);
    }
  }
  const absl::StatusOr<std::vector<Tensor>> found = Evaluate(outputs, given, &back->state);
  if (!found.ok()) return absl::InternalError(absl::StrCat("does not run: ", found.status().message()));
  for (size_t k = 0; k < own.size(); ++k) {
    const std::string difference = Difference((*found)[k], own[k]);
    if (!difference.empty()) return absl::InternalError(absl::StrCat("output ", k, " ", difference));
  }
  return absl::OkStatus();
}

TEST(RoundTrip, EveryRowOfTheOpSuiteComesBack) {
  const char* chosen = std::getenv("ADRET_ONNX_ROWS");
  const bool write = std::getenv("ADRET_ONNX_OUT") != nullptr;
  int same = 0, refused = 0;
  std::map<std::string, std::string> reasons;  // by what the message says, the first row
  for (const OpCase& c : AllCases()) {
    if (chosen != nullptr && !absl::StrContains(c.name, chosen)) continue;
    for (const int64_t version : {int64_t{13}, int64_t{18}, int64_t{23}}) {
      const DType floating = version == 18 ? DType::kFloat32 : DType::kFloat64;
      // ONNX Runtime has more kernels for f32.
      if (write && version != 18) RunRow(c, DType::kFloat32, version).IgnoreError();
      const absl::Status status = RunRow(c, floating, version);
      if (chosen != nullptr) {
        std::printf("%-50s %ld  %s\n", c.name.c_str(), version,
                    status.ok() ? "same" : std::string(status.message()).c_str());
      }
      same += status.ok();
      const bool stated =
          absl::IsUnimplemented(status) && !absl::StrContains(status.message(), "ONNX has no operator for it");
      refused += stated;
      if (stated) reasons.emplace(status.message(), c.name);
      EXPECT_TRUE(status.ok() || stated) << c.name << " in operator set " << version << ": " << status.message();
    }
  }
  std::printf("%d rows come back, %d are refused\n", same, refused);
}

// The whole training step of the lecture's network: loss, and what becomes of weights, moments and the count of steps.
TEST(RoundTrip, ATrainingStepComesBack) {
  const LectureNetwork net({.filters = {4, 8}, .neurons = 16});
  State state = *InitialState(net.graph, /*seed=*/1);
  Tensor images(DType::kFloat32, {6, 1, 28, 28}), labels(DType::kInt64, {6});
  for (int64_t i = 0; i < images.num_elements(); ++i) {
    images.mutable_data<float>()[i] = static_cast<float>(std::sin(0.37 * static_cast<double>(i)));
  }
  for (int64_t i = 0; i < 6; ++i) labels.mutable_data<int64_t>()[i] = (3 * i) % 10;
  const Feeds feeds = {{net.image, images}, {net.label, labels}};
  // Not the first step, whose moments are zero.
  const Executor executor = *Executor::Create({net.loss}, net.step);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(executor.Run(feeds, &state).ok());

  const io::ModelContents contents{
      .graph = &net.graph, .state = &state, .outputs = {{"loss", net.loss}}, .updates = net.step};
  for (const int64_t version : {int64_t{13}, int64_t{18}, int64_t{23}, int64_t{27}}) {
    const absl::StatusOr<std::string> bytes = io::SerializeOnnx(contents, {.version = version});
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    State next = state;
    const std::vector<Tensor> loss = *executor.Run(feeds, &next);
    io::NamedTensors numbers = {{"in/image", images}, {"in/label", labels}, {"out/loss", loss[0]}};
    for (const Update& update : net.step) {
      numbers["out/" + update.variable.name() + "_next"] = *next.Get(update.variable.name());
    }
    ASSERT_TRUE(WriteForOthers(absl::StrCat("training_step.", version), *bytes, numbers).ok());

    const absl::StatusOr<io::Model> back = io::ParseOnnx(*bytes);
    ASSERT_TRUE(back.ok()) << back.status();
    Values outputs;
    for (const io::NamedValue& output : back->outputs) outputs.push_back(output.value);
    Feeds given = {{*back->Input("image"), images}, {*back->Input("label"), labels}};
    for (const io::NamedValue& input : back->inputs) {
      if (input.name != "image" && input.name != "label") given.emplace_back(input.value, *state.Get(input.name));
    }
    const absl::StatusOr<std::vector<Tensor>> found = Evaluate(outputs, given, &back->state);
    ASSERT_TRUE(found.ok()) << found.status();
    for (size_t k = 0; k < outputs.size(); ++k) {
      const std::string& name = back->outputs[k].name;
      EXPECT_EQ(Difference((*found)[k], numbers.at("out/" + name), /*scale=*/0), "") << name;
    }
  }
}

}  // namespace
}  // namespace adret::onnx
