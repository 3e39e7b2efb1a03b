#include "adret/io/model.h"

#include <cmath>
#include <limits>

#include "adret/io/file.h"
#include "adret/ops/concat.h"
#include "adret/ops/where.h"
#include "adret/tests/io/model_file.h"
#include "adret/tests/temp_folder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::io {
namespace {

using ::testing::HasSubstr;

void ExpectSameGraph(const Graph& a, const Graph& b) {
  ASSERT_EQ(a.num_nodes(), b.num_nodes());
  for (NodeId id = 0; id < a.num_nodes(); ++id) {
    EXPECT_EQ(a.node(id).op, b.node(id).op);
    EXPECT_EQ(a.node(id).name, b.node(id).name);
    EXPECT_EQ(a.node(id).inputs, b.node(id).inputs);
    EXPECT_EQ(a.node(id).outputs, b.node(id).outputs);
    EXPECT_EQ(a.node(id).attrs, b.node(id).attrs);
  }
}

TEST(ModelTest, WhatIsLoadedIsWhatWasSaved) {
  const SmallModel small;
  const TempFolder folder;
  const std::string path = folder / "adret_model_test.adret";
  ASSERT_TRUE(SaveModel(path, small.contents()).ok());
  auto model = LoadModel(path);
  ASSERT_TRUE(model.ok()) << model.status();

  ExpectSameGraph(small.graph, *model->graph);
  EXPECT_EQ(model->state.Digest(), small.state.Digest());
  EXPECT_EQ(model->state.seed, 17u);
  EXPECT_EQ(model->state.step, 3u);
  EXPECT_EQ(model->metadata, small.contents().metadata);
  ASSERT_EQ(model->inputs.size(), 1u);
  EXPECT_EQ(model->Input("x")->id(), small.x.id());
  EXPECT_EQ(model->Output("w^T")->id(), small.next_w.id());
  EXPECT_EQ(model->graph->Find("y")->id(), small.y.id());
  ASSERT_EQ(model->updates.size(), 1u);
  EXPECT_EQ(model->updates[0].variable.id(), small.w.id());
  EXPECT_EQ(model->updates[0].value.id(), small.next_w.id());
  EXPECT_EQ(model->graph->side_updates().size(), 1u);
  EXPECT_EQ(model->report.tensors, 4);  // the constants' numbers are there once
  EXPECT_EQ(model->report.nan_count, 0);
}

TEST(ModelTest, SameContentsGiveSameBytes) {
  const std::string bytes = *SerializeModel(SmallModel().contents());
  EXPECT_EQ(bytes, *SerializeModel(SmallModel().contents()));
  auto model = ParseModel(bytes);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(bytes, *SerializeModel(model->contents()));
}

TEST(ModelTest, WhatIsLoadedIsStillAGraph) {
  auto model = ParseModel(*SerializeModel(SmallModel().contents()));
  ASSERT_TRUE(model.ok()) << model.status();
  Value y = *model->Output("y");
  Value z = Reshape(y, {kAnyBatch, 6});
  EXPECT_TRUE(model->graph->status().ok());
  EXPECT_EQ(z.shape(), (Shape{kAnyBatch, 6}));
  EXPECT_EQ(model->graph->all_variables().size(), 3u);
  EXPECT_EQ(model->graph->variables().size(), 2u);
  // Variables can be updated in place: nobody else holds their numbers.
  for (const auto& [name, tensor] : model->state.tensors()) EXPECT_FALSE(tensor.is_shared()) << name;
}

TEST(ModelTest, TensorsAreAligned) {
  const std::string bytes = *SerializeModel(SmallModel().contents());
  const RawModel raw(bytes);
  const size_t start = bytes.size() - raw.data.size();
  EXPECT_EQ(start % 64, 0u);
  for (const auto& t : raw.structure.tensors()) EXPECT_EQ(t.offset() % 64, 0u);
}

TEST(ModelTest, OnlyWhatIsNeeded) {
  SmallModel small;
  ModelContents contents = small.contents();
  contents.outputs = {{"y", small.y}};
  contents.updates = {};
  contents.only_needed = true;
  auto model = ParseModel(*SerializeModel(contents));
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->graph->num_nodes(), 2);
  EXPECT_TRUE(model->state.tensors().empty());
  EXPECT_EQ(model->Output("y")->shape(), (Shape{kAnyBatch, 2, 3}));
}

TEST(ModelTest, NaNAndInfAreCounted) {
  Graph graph;
  const float inf = std::numeric_limits<float>::infinity();
  graph.Variable("w", Tensor::From<float>({4}, {NAN, inf, -inf, 1}));
  graph.Constant(Tensor::From<double>({1}, {std::nan("")}));
  const State state = *InitialState(graph, 1);
  auto model = ParseModel(*SerializeModel({.graph = &graph, .state = &state}));
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->report.nan_count, 2);
  EXPECT_EQ(model->report.inf_count, 2);
  EXPECT_EQ(model->state.Digest(), state.Digest());
}

// Variables, constants, inputs and the attributes of casts.
TEST(ModelTest, EveryDTypeSurvivesARoundTrip) {
  Graph graph;
  for (DType dtype : kAllDTypes) {
    const std::string name(Name(dtype));
    const Tensor numbers = Tensor::From<double>({5}, {0, 1, 2.5, 100, -3}).Cast(dtype);
    const Value w = graph.Variable(name + "/w", numbers);
    const Value x = graph.Input(name + "/x", dtype, {kAnyBatch});
    Concat({w, x, graph.Constant(numbers)}, 0).Named(name + "/y");
    Cast(x, DType::kFloat64).Named(name + "/wide");
    Cast(graph.Constant(Tensor::Scalar(DType::kFloat64, 3)), dtype).Named(name + "/narrow");
  }
  ASSERT_TRUE(graph.status().ok()) << graph.status();
  const State state = *InitialState(graph, 1);
  const std::string bytes = *SerializeModel({.graph = &graph, .state = &state});
  auto model = ParseModel(bytes);
  ASSERT_TRUE(model.ok()) << model.status();
  ExpectSameGraph(graph, *model->graph);
  EXPECT_EQ(model->state.Digest(), state.Digest());
  for (DType dtype : kAllDTypes) {
    const std::string name(Name(dtype));
    EXPECT_TRUE(model->state.Get(name + "/w")->BitEqual(*state.Get(name + "/w"))) << name;
    EXPECT_EQ(model->graph->Find(name + "/y")->type().ToString(), name + "[? + 10]");
  }
  EXPECT_EQ(bytes, *SerializeModel({.graph = model->graph.get(), .state = &model->state}));
}

TEST(ModelTest, NaNAndInfOfHalvesAreCounted) {
  Graph graph;
  graph.Variable("b", Tensor::From<double>({3}, {NAN, INFINITY, 1}).Cast(DType::kBFloat16));
  graph.Variable("h", Tensor::From<double>({3}, {1e6, NAN, NAN}).Cast(DType::kFloat16));
  const State state = *InitialState(graph, 1);
  auto model = ParseModel(*SerializeModel({.graph = &graph, .state = &state}));
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->report.nan_count, 3);
  EXPECT_EQ(model->report.inf_count, 2);
}

TEST(ModelTest, EmptyGraphAndEmptyTensors) {
  Graph graph;
  const std::string nothing = *SerializeModel({.graph = &graph, .metadata = {{"k", "v"}}});
  ASSERT_TRUE(ParseModel(nothing).ok());
  graph.Variable("a", Tensor(DType::kFloat32, {0, 3}));
  graph.Variable("b", Tensor::From<float>({1}, {1}));
  graph.Variable("c", Tensor(DType::kInt64, {0}));
  const State state = *InitialState(graph, 1);
  auto model = ParseModel(*SerializeModel({.graph = &graph, .state = &state}));
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->state.Digest(), state.Digest());
}

TEST(ModelTest, SavingRefusesWhatCouldNotBeLoaded) {
  SmallModel small;
  const auto message = [](const ModelContents& contents) {
    return std::string(SerializeModel(contents).status().message());
  };
  EXPECT_THAT(message({}), HasSubstr("no graph"));
  const Graph empty;
  EXPECT_THAT(message({.graph = &empty}), HasSubstr("nothing to save"));

  ModelContents contents = small.contents();
  contents.state = nullptr;
  EXPECT_THAT(message(contents), HasSubstr("no variable 'w'"));

  State other = small.state;
  other.Set("ghost", Tensor::Scalar(DType::kFloat32, 1));
  contents.state = &other;
  EXPECT_THAT(message(contents), HasSubstr("'ghost'"));

  other = small.state;
  other.Set("w", Tensor::Zeros(DType::kFloat32, {3, 3}));
  EXPECT_THAT(message(contents), HasSubstr("'w' is f32[2,3], but the state has f32[3,3]"));

  contents = small.contents();
  contents.outputs.push_back({"y", small.w});
  EXPECT_THAT(message(contents), HasSubstr("output 'y' is there twice"));
  contents.outputs = {{"bad\nname", small.w}};
  EXPECT_THAT(message(contents), HasSubstr("control characters"));
  contents.outputs = {{"\xff", small.w}};
  EXPECT_THAT(message(contents), HasSubstr("UTF-8"));
  contents.outputs = {{"other", SmallModel().y}};
  EXPECT_THAT(message(contents), HasSubstr("another graph"));
  contents.outputs = {{"nothing", Value()}};
  EXPECT_THAT(message(contents), HasSubstr("invalid value"));
  contents.outputs = {};
  contents.inputs = {{"w", small.w}};
  EXPECT_THAT(message(contents), HasSubstr("'w' is no input"));

  Reshape(small.w, {7}).Named("broken");
  EXPECT_THAT(message(small.contents()), HasSubstr("reshape"));
}

TEST(ModelTest, UnknownOutputsAreNamed) {
  auto model = ParseModel(*SerializeModel(SmallModel().contents()));
  ASSERT_TRUE(model.ok());
  EXPECT_EQ(model->Output("z").status().message(), "the model has no output 'z'; it has y, w^T");
}

TEST(ModelTest, SavingToAMissingFolder) {
  const absl::Status status = SaveModel("/no/such/folder/m.adret", SmallModel().contents());
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("/no/such/folder"));
}

}  // namespace
}  // namespace adret::io
