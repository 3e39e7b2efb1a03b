// Branches, loops and recurrent layers of ONNX files.
//
// The cases of sequences.tar.xz are small models, their inputs, and what ONNX Runtime makes of them (sequences.py).
#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "adret/core/executor.h"
#include "adret/core/status.h"
#include "adret/io/onnx.h"
#include "adret/io/onnx/onnx.pb.h"
#include "adret/tests/io/onnx/node_suite.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::onnx {
namespace {

using ::testing::HasSubstr;

const std::vector<NodeCase>& Cases() {
  static const std::vector<NodeCase> cases = UnpackCases("tests/io/onnx/sequences.tar.xz");
  return cases;
}

NodeData Case(const std::string& name) {
  for (const NodeCase& one : Cases()) {
    if (one.name != name) continue;
    absl::StatusOr<NodeData> data = LoadNodeCase(one);
    EXPECT_TRUE(data.ok()) << data.status();
    if (data.ok()) return *std::move(data);
  }
  ADD_FAILURE() << "there is no case " << name;
  return {};
}

absl::Status Check(const NodeData& data) {
  AD_ASSIGN_OR_RETURN(io::Model model, LoadNodeModel(data));
  AD_ASSIGN_OR_RETURN(const std::vector<Tensor> found, RunNodeModel(data, &model));
  for (size_t i = 0; i < data.outputs.size(); ++i) {
    const std::string difference = Difference(found[i], data.outputs[i]);
    if (!difference.empty()) return absl::DataLossError(difference);
  }
  return absl::OkStatus();
}

// Changes the model of a case.
void Change(NodeData* data, const std::function<void(proto::Graph*)>& change) {
  proto::Model model;
  ASSERT_TRUE(model.ParseFromString(data->model));
  change(model.mutable_graph());
  data->model = model.SerializeAsString();
}

// Returns what is wrong with a case whose model is changed.
std::string ErrorOf(const std::string& name, const std::function<void(proto::Graph*)>& change) {
  NodeData data = Case(name);
  Change(&data, change);
  return std::string(io::ParseOnnx(data.model).status().message());
}

proto::Attribute* Attr(proto::Graph* graph, const std::string& name) {
  for (proto::Attribute& attribute : *graph->mutable_node(0)->mutable_attribute()) {
    if (attribute.name() == name) return &attribute;
  }
  proto::Attribute* added = graph->mutable_node(0)->add_attribute();
  added->set_name(name);
  return added;
}

TEST(Sequences, AgreeWithOnnxRuntime) {
  EXPECT_GE(Cases().size(), 60u);
  for (const NodeCase& one : Cases()) {
    if (absl::StartsWith(one.name, "refused")) continue;
    const absl::StatusOr<NodeData> data = LoadNodeCase(one);
    ASSERT_TRUE(data.ok()) << one.name << ": " << data.status();
    EXPECT_EQ(Check(*data), absl::OkStatus()) << one.name;
  }
}

TEST(Sequences, RecurrentLayersTakeSymbolicSizes) {
  for (const NodeCase& one : Cases()) {
    if (!absl::StartsWith(one.name, "lstm") && !absl::StartsWith(one.name, "gru")) continue;
    absl::StatusOr<NodeData> data = LoadNodeCase(one);
    ASSERT_TRUE(data.ok()) << data.status();
    Change(&*data, [](proto::Graph* graph) {
      for (proto::ValueInfo& input : *graph->mutable_input()) {
        auto* dims = input.mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim();
        if (input.name() == "X") dims->Mutable(0)->set_dim_param("time");
        if (input.name() == "L") dims->Mutable(0)->set_dim_param("batch");
        if (input.name() == "X" || input.name() == "h0" || input.name() == "c0") {
          dims->Mutable(1)->set_dim_param("batch");
        }
      }
    });
    EXPECT_EQ(Check(*data), absl::OkStatus()) << one.name;
  }
}

TEST(Sequences, WeightsKeepTheirNames) {
  const absl::StatusOr<io::Model> model = io::ParseOnnx(Case("lstm_bidirectional").model);
  ASSERT_TRUE(model.ok()) << model.status();
  std::vector<std::string> names;
  for (const Value& v : model->graph->variables()) names.push_back(v.name());
  EXPECT_THAT(names, ::testing::UnorderedElementsAre("W", "R", "B"));
}

TEST(Sequences, ALoopThatIsWrittenOutHasItsWeightsOnce) {
  const absl::StatusOr<io::Model> model = LoadNodeModel(Case("loop_weights_unrolled"));
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->graph->variables().size(), 2);
}

TEST(Sequences, RecurrentLayersRefuse) {
  const auto error = [](const std::function<void(proto::Graph*)>& change) { return ErrorOf("lstm_forward", change); };
  EXPECT_THAT(error([](proto::Graph* g) { Attr(g, "direction")->set_s("sideways"); }), HasSubstr("direction is"));
  EXPECT_THAT(error([](proto::Graph* g) { Attr(g, "hidden_size")->set_i(7); }),
              HasSubstr("hidden_size is 7, but R is"));
  EXPECT_THAT(error([](proto::Graph* g) { Attr(g, "clip")->set_f(-1); }), HasSubstr("clip is -1"));
  EXPECT_THAT(error([](proto::Graph* g) { Attr(g, "activations")->add_strings("Tanh"); }),
              HasSubstr("activations has 1 names where 3 are expected"));
  EXPECT_THAT(error([](proto::Graph* g) {
                for (const char* name : {"Tanh", "Tanh", "Tan"}) Attr(g, "activations")->add_strings(name);
              }),
              HasSubstr("there is no activation 'Tan'"));
  EXPECT_THAT(error([](proto::Graph* g) { Attr(g, "activation_alpha")->add_floats(1); }),
              HasSubstr("more numbers than the activations have parameters"));
  EXPECT_THAT(error([](proto::Graph* g) { Attr(g, "direction")->set_s("bidirectional"); }),
              HasSubstr("W is f32[1,8,4] where [2,8,4] is expected"));
  EXPECT_THAT(error([](proto::Graph* g) { *g->mutable_node(0)->mutable_input(2) = "X"; }),
              HasSubstr("hidden_size is 2"));
  EXPECT_THAT(error([](proto::Graph* g) { g->mutable_node(0)->mutable_input()->DeleteSubrange(2, 5); }),
              HasSubstr("input 2 is missing"));
  EXPECT_THAT(error([](proto::Graph* g) { Attr(g, "zoneout")->set_i(1); }), HasSubstr("has no attribute 'zoneout'"));
}

TEST(Sequences, ScanRefuses) {
  const auto error = [](const std::function<void(proto::Graph*)>& change) { return ErrorOf("scan_0", change); };
  EXPECT_THAT(error([](proto::Graph* g) { Attr(g, "num_scan_inputs")->set_i(0); }), HasSubstr("num_scan_inputs is 0"));
  EXPECT_THAT(error([](proto::Graph* g) { Attr(g, "num_scan_inputs")->set_i(4); }), HasSubstr("num_scan_inputs is 4"));
  EXPECT_THAT(error([](proto::Graph* g) { Attr(g, "scan_input_axes")->set_ints(0, 2); }),
              HasSubstr("scan_input_axes has 2"));
  EXPECT_THAT(error([](proto::Graph* g) { Attr(g, "scan_output_axes")->set_ints(0, -3); }),
              HasSubstr("scan_output_axes has -3"));
  EXPECT_THAT(error([](proto::Graph* g) { Attr(g, "scan_input_directions")->add_ints(0); }),
              HasSubstr("scan_input_directions has 3 numbers where 2 are expected"));
  EXPECT_THAT(error([](proto::Graph* g) { Attr(g, "body")->mutable_g()->mutable_output()->RemoveLast(); }),
              HasSubstr("scan_output_directions has 2 numbers where 1 are expected"));
  EXPECT_THAT(error([](proto::Graph* g) { Attr(g, "body")->mutable_g()->mutable_input()->RemoveLast(); }),
              HasSubstr("its body 'b' has 2 inputs and 3 outputs, where 3 and 3 are expected"));
  EXPECT_THAT(error([](proto::Graph* g) { Attr(g, "body")->mutable_g()->mutable_node(0)->set_input(1, "d"); }),
              HasSubstr("node 'so' (Add"));
}

TEST(Sequences, LoopsRefuse) {
  EXPECT_THAT(
      ErrorOf("loop_m_input",
              [](proto::Graph* g) { g->mutable_input(1)->mutable_type()->mutable_tensor_type()->set_elem_type(1); }),
      HasSubstr("input 0 has to be i64[], but is f32[]"));
  EXPECT_THAT(ErrorOf("refused_loop_condition", [](proto::Graph*) {}),
              HasSubstr("its outputs of every step have as many elements as the loop has steps, which a run decides"));
  EXPECT_THAT(ErrorOf("loop_m_input", [](proto::Graph* g) { g->mutable_node(0)->set_input(0, ""); }),
              HasSubstr("the loop has no end"));
  EXPECT_THAT(ErrorOf("refused_loop_ignored", [](proto::Graph*) {}), HasSubstr("which the specification ignores"));
  EXPECT_THAT(ErrorOf("refused_loop_grows", [](proto::Graph*) {}),
              HasSubstr("the loop's state 0 is f32[2] before a step"));
}

TEST(Sequences, BranchesOfUnequalTypesNeedAKnownCondition) {
  EXPECT_THAT(ErrorOf("if_shapes", [](proto::Graph*) {}),
              HasSubstr("its condition must be known while the file is read, since output 0 is f32[4] in one branch "
                        "and f32[2] in the other"));
}

}  // namespace
}  // namespace adret::onnx
