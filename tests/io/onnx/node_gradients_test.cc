// Gradients of every case of ONNX's node suite, in f64, against finite differences along random directions.
//
//   ADRET_ONNX_CASES=lstm onnx_test --gtest_filter='NodeGradients.*'    # of cases with "lstm" in the name
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "adret/autograd/check_gradients.h"
#include "adret/core/import.h"
#include "adret/core/status.h"
#include "adret/io/onnx/onnx.pb.h"
#include "adret/tests/io/onnx/node_suite.h"
#include "gtest/gtest.h"

namespace adret::onnx {
namespace {

// The least number of cases whose gradients agree. It only grows.
constexpr int kAgreeing = 1051;

constexpr int kFloat = 1, kDouble = 11;  // element types

void Widen(proto::Tensor* tensor) {
  if (tensor->data_type() != kFloat) return;
  tensor->set_data_type(kDouble);
  if (tensor->has_raw_data()) {
    std::vector<float> numbers(tensor->raw_data().size() / sizeof(float));
    std::memcpy(numbers.data(), tensor->raw_data().data(), numbers.size() * sizeof(float));
    const std::vector<double> wide(numbers.begin(), numbers.end());
    tensor->set_raw_data(wide.data(), wide.size() * sizeof(double));
  }
  for (const float x : tensor->float_data()) tensor->add_double_data(x);
  tensor->clear_float_data();
}

void Widen(proto::ValueInfo* info) {
  if (info->type().tensor_type().elem_type() != kFloat) return;
  info->mutable_type()->mutable_tensor_type()->set_elem_type(kDouble);
}

// Turns every f32 of a graph into f64, also where attributes name the type.
void Widen(proto::Graph* graph) {
  for (proto::ValueInfo& info : *graph->mutable_input()) Widen(&info);
  for (proto::ValueInfo& info : *graph->mutable_output()) Widen(&info);
  for (proto::Tensor& tensor : *graph->mutable_initializer()) Widen(&tensor);
  for (proto::Node& node : *graph->mutable_node()) {
    for (proto::Attribute& attribute : *node.mutable_attribute()) {
      if (attribute.has_t()) Widen(attribute.mutable_t());
      if (attribute.has_g()) Widen(attribute.mutable_g());
      const bool type = attribute.name() == "to" || attribute.name() == "dtype" || attribute.name() == "stash_type" ||
                        attribute.name() == "softmax_precision";
      if (type && attribute.i() == kFloat) attribute.set_i(kDouble);
    }
    // Constants of one number have no type but f32.
    if (node.op_type() == "Constant" && node.attribute_size() == 1 && node.attribute(0).name() == "value_float") {
      proto::Attribute* value = node.mutable_attribute(0);
      value->mutable_t()->set_data_type(kDouble);
      value->mutable_t()->add_double_data(value->f());
      value->clear_f();
      value->set_name("value");
      value->set_type(4);
    }
  }
}

bool IsFinite(const Tensor& numbers) {
  for (int64_t i = 0; i < numbers.num_elements(); ++i) {
    if (!std::isfinite(numbers.At(i))) return false;
  }
  return true;
}

// Moves numbers off the kinks and ties that examples like to stand on.
Tensor Shaken(const Tensor& numbers, std::mt19937_64* random) {
  Tensor result = numbers.Cast(DType::kFloat64).Clone();
  std::uniform_real_distribution<double> noise(-1, 1);
  for (double& x : result.mutable_data<double>()) {
    if (std::isfinite(x)) x += 3e-3 * noise(*random) * (1 + std::abs(x));
  }
  return result;
}

// Values whose gradient is not their derivative: rounding passes gradients straight through.
bool IsStraightThrough(const std::string& name) { return absl::StrContains(name, "quantizelinear"); }

// Ok: gradients agree. Unimplemented: there is nothing to check, for this reason.
absl::Status CheckOnce(NodeData data, uint64_t seed, double step, double tolerance) {
  std::mt19937_64 random(seed);
  for (Tensor& input : data.inputs) {
    if (IsFloating(input.dtype())) input = Shaken(input, &random);
  }
  absl::StatusOr<io::Model> model = LoadNodeModel(data);
  if (!model.ok()) return absl::UnimplementedError(model.status().message());

  std::vector<Tensor> points;
  Values inputs, outputs;
  bool differentiable = false;
  for (const io::NamedValue& input : model->inputs) {
    for (size_t i = 0; i < data.inputs.size(); ++i) {
      if (data.input_names[i] == input.name) points.push_back(data.inputs[i]);
    }
    inputs.push_back(input.value);
    differentiable |= input.value.dtype() == DType::kFloat64 && points.back().num_elements() > 0;
  }
  for (const io::NamedValue& output : model->outputs) {
    if (output.value.dtype() == DType::kFloat64) outputs.push_back(output.value);
  }
  if (!differentiable || outputs.empty() || points.size() != inputs.size()) return absl::UnimplementedError("no f64");
  absl::Status failed;
  const absl::Status status = CheckGradients(
      [&](absl::Span<const Value> x) {
        std::vector<Substitution> given;
        for (size_t i = 0; i < inputs.size(); ++i) {
          // Infinite numbers, as in masks, have no neighbours.
          given.push_back({inputs[i], IsFinite(points[i]) ? x[i] : x[0].graph()->Constant(points[i])});
        }
        for (const Value& weight : model->graph->all_variables()) {
          given.push_back({weight, x[0].graph()->Constant(*model->state.Get(weight.name()))});
        }
        absl::StatusOr<Values> copy = Import(outputs, given, x[0].graph());
        if (!copy.ok()) failed = copy.status();
        return copy.ok() ? *copy : Values();
      },
      points, {.order = 2, .directions = 1, .step = step, .tolerance = tolerance, .seed = seed});
  if (!failed.ok()) return absl::UnimplementedError(failed.message());
  if (absl::StrContains(status.message(), "differences say -nan") || absl::StrContains(status.message(), "say nan")) {
    return absl::UnimplementedError("its numbers lie outside of its domain");
  }
  return status;
}

// Where a kink or a tie lies within the step of a difference, other numbers and a smaller step tell.
absl::Status CheckCase(const NodeCase& node_case) {
  AD_ASSIGN_OR_RETURN(NodeData data, LoadNodeCase(node_case));
  if (IsStraightThrough(node_case.name)) return absl::UnimplementedError("gradients pass straight through rounding");
  proto::Model file;
  if (!file.ParseFromString(data.model)) return absl::InternalError("no model");
  Widen(file.mutable_graph());
  data.model = file.SerializeAsString();
  absl::Status status = CheckOnce(data, 1, 1e-5, 1e-6);
  for (uint64_t seed = 2; seed < 6; ++seed) {
    if (status.ok() || absl::IsUnimplemented(status)) break;
    status = CheckOnce(data, seed, 1e-6, 1e-5);
  }
  return status;
}

TEST(NodeGradients, AgreeWithFiniteDifferences) {
  if (NodeCases().empty()) GTEST_SKIP() << "ADRET_DATA is not set, or has no onnx/node_1.22.0.tar.xz";
  const char* chosen = std::getenv("ADRET_ONNX_CASES");
  int agreeing = 0;
  for (const NodeCase& node_case : NodeCases()) {
    if (chosen != nullptr && !absl::StrContains(node_case.name, chosen)) continue;
    const absl::Status status = CheckCase(node_case);
    if (chosen != nullptr) {
      std::printf("%-70s %s\n", node_case.name.c_str(), status.ok() ? "agrees" : std::string(status.message()).c_str());
    }
    agreeing += status.ok();
    const bool nothing = status.code() == absl::StatusCode::kUnimplemented;
    EXPECT_TRUE(status.ok() || nothing) << node_case.name << ": " << status.message();
  }
  std::printf("the gradients of %d cases agree\n", agreeing);
  if (chosen == nullptr) {
    EXPECT_GE(agreeing, kAgreeing);
  }
}

}  // namespace
}  // namespace adret::onnx
