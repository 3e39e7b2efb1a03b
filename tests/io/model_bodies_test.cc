// Loops and branches in model files: what is saved is what is read, and what no graph has is refused.
#include <functional>
#include <string>

#include "adret/autograd/gradients.h"
#include "adret/autograd/if.h"
#include "adret/autograd/scan.h"
#include "adret/core/executor.h"
#include "adret/io/model.h"
#include "adret/ops/binary.h"
#include "adret/ops/compare.h"
#include "adret/ops/reduce.h"
#include "adret/ops/unary.h"
#include "adret/tests/io/model_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::io {
namespace {

using ::testing::HasSubstr;

// A loop with a branch inside, of a symbolic number of steps, and its gradient.
struct Loop {
  Loop() {
    x = graph.Input("x", DType::kFloat32, {Dim("time"), 2});
    w = graph.Variable("w", Tensor::From<float>({2}, {0.5, -0.25}));
    const ScanResult r = Scan({.carry = {w}, .each = {x}}, [&](const Values& h, const Values& xt) {
      const Values next = If(
          Greater(Sum(xt[0]), 0.0), [&] { return Values{Tanh(h[0] + xt[0] * w)}; }, [&] { return Values{h[0] * 0.5}; });
      return ScanStep{.carry = next, .out = {next[0] * xt[0]}};
    });
    y = r.out[0];
    dw = Gradients(Sum(y), {w})[0];
    state = *InitialState(graph, 1);
  }
  std::string File() const {
    return *SerializeModel({.graph = &graph, .state = &state, .outputs = {{"y", y}, {"dw", dw}}});
  }

  Graph graph;
  State state;
  Value x, w, y, dw;
};

TEST(ModelBodies, SurviveTheFile) {
  Loop loop;
  ASSERT_TRUE(loop.graph.status().ok()) << loop.graph.status();
  const std::string file = loop.File();
  auto model = ParseModel(file);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(*SerializeModel(model->contents()), file) << "saved again, the same bytes";
  const Tensor x = Tensor::From<float>({3, 2}, {1, 2, -3, 1, 0.5, 0.25});
  const auto expected = Evaluate({loop.y, loop.dw}, {{loop.x, x}}, &loop.state);
  const Values outputs = {*model->Output("y"), *model->Output("dw")};
  const auto found = Evaluate(outputs, {{*model->Input("x"), x}}, &model->state);
  ASSERT_TRUE(expected.ok()) << expected.status();
  ASSERT_TRUE(found.ok()) << found.status();
  for (int i = 0; i < 2; ++i) EXPECT_TRUE((*found)[i].BitEqual((*expected)[i]));
  // What was loaded is a graph: it can be differentiated again.
  const Value again = Gradients(Sum(Square(outputs[1])), {*model->graph->Find("w")})[0];
  EXPECT_TRUE(Evaluate({again}, {{*model->Input("x"), x}}, &model->state).ok());
}

void ExpectRefused(const std::function<void(proto::Model&)>& change, absl::string_view text,
                   absl::StatusCode code = absl::StatusCode::kInvalidArgument, const ModelLimits& limits = {}) {
  SCOPED_TRACE(text);
  RawModel raw(Loop().File());
  change(raw.structure);
  const absl::Status status = ParseModel(raw.File(), limits).status();
  EXPECT_EQ(status.code(), code) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(std::string(text)));
  EXPECT_FALSE(CheckSerializedModel(raw.File(), limits).empty());
}

// The first attribute of this kind among the nodes.
template <class Nodes>
proto::Attr* FindBody(Nodes* nodes) {
  for (proto::Node& node : *nodes) {
    for (proto::Attr& attr : *node.mutable_attrs()) {
      if (attr.value_case() == proto::Attr::kBody) return &attr;
    }
  }
  AD_CHECK(false);
}

TEST(ModelBodies, RefuseWhatNoGraphHas) {
  using M = proto::Model;
  ExpectRefused([](M& m) { FindBody(m.mutable_nodes())->set_body(1000); }, "there is no body 1000");
  ExpectRefused(
      [](M& m) {
        for (int i = m.bodies_size(); i-- > 0;) {
          for (proto::Node& node : *m.mutable_bodies(i)->mutable_nodes()) {
            for (proto::Attr& attr : *node.mutable_attrs()) {
              if (attr.value_case() == proto::Attr::kBody) return attr.set_body(i);
            }
          }
        }
      },
      "before this one");
  ExpectRefused([](M& m) { *m.add_bodies() = m.bodies(0); }, "belongs to no attribute");
  ExpectRefused([](M& m) { m.mutable_bodies(0)->set_inputs(0); }, "is an input in the wrong place");
  ExpectRefused([](M& m) { m.mutable_bodies(0)->set_inputs(1000); }, "has 1000 inputs among");
  ExpectRefused([](M& m) { m.mutable_bodies(0)->clear_output_nodes(); }, "has no outputs");
  ExpectRefused([](M& m) { m.mutable_bodies(0)->clear_output_outputs(); }, "output numbers");
  ExpectRefused([](M& m) { m.mutable_bodies(0)->set_output_nodes(0, 1000); }, "refers to node 1000");
  ExpectRefused([](M& m) { m.mutable_bodies(0)->mutable_nodes(0)->set_op("dance"); }, "does not know the op 'dance'");
  ExpectRefused(
      [](M& m) {
        proto::Body& body = *m.mutable_bodies(0);
        body.mutable_nodes(static_cast<int>(body.inputs()))->mutable_outputs(0)->add_dims(3);
      },
      "is stored as");
}

TEST(ModelBodies, RefuseMoreNodesThanTheLimit) {
  // A body for each level, which runs the one below twice: 2^30 nodes in a few hundred bytes.
  const auto bomb = [](proto::Model& m) {
    int host = 0;
    while (FindBody(m.mutable_nodes())->body() != static_cast<uint32_t>(host)) ++host;
    proto::Attr* inner = nullptr;
    while (inner == nullptr) {
      for (proto::Node& node : *m.mutable_bodies(host)->mutable_nodes()) {
        for (proto::Attr& attr : *node.mutable_attrs()) {
          if (attr.value_case() == proto::Attr::kBody) inner = &attr;
        }
      }
      AD_CHECK(inner != nullptr);
    }
    for (int level = 0; level < 30; ++level) {
      *m.add_bodies() = m.bodies(host);
      for (proto::Node& node : *m.mutable_bodies(m.bodies_size() - 1)->mutable_nodes()) {
        for (proto::Attr& attr : *node.mutable_attrs()) {
          if (attr.value_case() == proto::Attr::kBody) attr.set_body(m.bodies_size() - 2);
        }
      }
    }
    FindBody(m.mutable_nodes())->set_body(m.bodies_size() - 1);
  };
  ExpectRefused(bomb, "with those of its bodies, there are more than", absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace adret::io
