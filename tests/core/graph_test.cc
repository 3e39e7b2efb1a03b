#include "adret/core/graph.h"

#include <functional>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "adret/core/executor.h"
#include "adret/core/nearest_names.h"
#include "adret/ops/binary.h"
#include "adret/ops/matmul.h"
#include "adret/ops/unary.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

using absl::StrContains;

TEST(Graph, KeepsTheFirstErrorWithTheCallersLine) {
  Graph graph;
  Value a = graph.Input("a", DType::kFloat32, {2, 3});
  Value b = graph.Input("b", DType::kFloat32, {4, 5});
  const int line = __LINE__ + 1;
  Value c = MatMul(a, b);
  Value d = Tanh(c) + a * b;
  EXPECT_FALSE(c.valid());
  EXPECT_FALSE(d.valid());
  const std::string message(graph.status().message());
  EXPECT_TRUE(StrContains(message, "matmul")) << message;
  EXPECT_TRUE(StrContains(message, "f32[2,3]") && StrContains(message, "f32[4,5]")) << message;
  EXPECT_TRUE(StrContains(message, absl::StrCat("graph_test.cc:", line))) << message;
  EXPECT_EQ(Executor::Create({d}).status(), graph.status());
}

TEST(Graph, NamesAreUniqueAndScoped) {
  Graph graph;
  Value x = graph.Input("x", DType::kFloat32, {2});
  Value a = Tanh(x), b = Tanh(x);
  EXPECT_NE(a.name(), b.name());
  {
    NameScope scope(&graph, "block");
    EXPECT_EQ(Tanh(x).name(), "block/tanh");
    EXPECT_EQ(Exp(x).Named("out").name(), "block/out");
  }
  EXPECT_EQ(*graph.Find("block/out"), *graph.Find("block/out"));
  a.Named("x");
  EXPECT_TRUE(StrContains(graph.status().message(), "'x' is taken")) << graph.status();
}

// Names are refused where they are given, not when a model is saved.
TEST(Graph, RefusesNamesThatNoFileTakes) {
  const std::string longest(1024, 'n');
  const std::pair<std::string, const char*> bad[] = {{"", "empty name"},
                                                     {longest + "n", "longer than 1024 bytes"},
                                                     {"a\nb", "control characters"},
                                                     {std::string("a\0b", 3), "control characters"},
                                                     {"a\x7f", "control characters"},
                                                     {"caf\xe9", "not valid UTF-8"},
                                                     {"\xc0\xaf", "not valid UTF-8"},
                                                     {"\xed\xa0\x80", "not valid UTF-8"}};
  const std::string good[] = {"x", "a b/c:d", "größe", "層", longest};
  const std::pair<const char*, std::function<void(Graph&, const std::string&)>> ways[] = {
      {"input", [](Graph& g, const std::string& name) { g.Input(name, DType::kFloat32, {2}); }},
      {"variable", [](Graph& g, const std::string& name) { g.Variable(name, Tensor::Zeros(DType::kFloat32, {2})); }},
      {"Named", [](Graph& g, const std::string& name) { Tanh(g.Input("t", DType::kFloat32, {2})).Named(name); }},
      {"scope",
       [](Graph& g, const std::string& name) {
         NameScope scope(&g, name.size() < 1024 ? name : name.substr(16));
         if (name.size() > 1024) NameScope inner(&g, name);
         g.Input("t", DType::kFloat32, {2});
       }},
  };
  for (const auto& [way, give] : ways) {
    for (const auto& [name, problem] : bad) {
      Graph graph;
      give(graph, name);
      EXPECT_TRUE(StrContains(graph.status().message(), problem)) << way << " " << name << ": " << graph.status();
      EXPECT_TRUE(StrContains(graph.status().message(), " at graph_test.cc:")) << graph.status();
    }
    for (const std::string& name : good) {
      Graph graph;
      give(graph, name);
      EXPECT_TRUE(graph.status().ok()) << way << " " << name << ": " << graph.status();
    }
  }
}

TEST(Graph, RefusesScopesThatMakeNamesTooLong) {
  Graph graph;
  const NameScope outer(&graph, std::string(1000, 'a')), inner(&graph, std::string(20, 'b'));
  Value x = graph.Input("x", DType::kFloat32, {2});
  EXPECT_TRUE(x.valid());
  EXPECT_FALSE(Tanh(x).valid());  // its name would be too long
  EXPECT_TRUE(StrContains(graph.status().message(), "longer than 1024 bytes")) << graph.status();
}

TEST(Graph, AnUnknownOpIsAnError) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {2});
  EXPECT_FALSE(Build("no_such_op", {x}).valid());
  EXPECT_TRUE(StrContains(graph.status().message(), "there is no op 'no_such_op' at graph_test.cc:")) << graph.status();
}

TEST(Graph, FindSuggestsNearNames) {
  Graph graph;
  graph.Input("image", DType::kFloat32, {2});
  const absl::Status status = graph.Find("imgae").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(StrContains(status.message(), "image")) << status;
}

TEST(Graph, MixingGraphsIsAnError) {
  Graph a, b;
  Value x = a.Input("x", DType::kFloat32, {2}), y = b.Input("y", DType::kFloat32, {2});
  EXPECT_FALSE((x + y).valid());
  EXPECT_FALSE(a.status().ok() && b.status().ok());
}

TEST(Graph, ValuesThatWereNeverBuiltAreAnError) {
  Graph graph;
  Value x = graph.Input("x", DType::kFloat32, {2}), nothing;
  EXPECT_FALSE((x + nothing).valid());
  EXPECT_FALSE(graph.status().ok());
  EXPECT_FALSE(Tanh(nothing).valid());
  EXPECT_FALSE(Executor::Create({nothing}).ok());
}

TEST(Attrs, ReadingNamesEveryProblem) {
  VariableAttrs attrs{DType::kFloat64, {2, 3}, false};
  const Attrs packed(attrs);
  auto read = ParseAttrs<VariableAttrs>(packed.list());
  ASSERT_TRUE(read.ok());
  EXPECT_TRUE(*read == packed);
  AttrList list = packed.list();
  list[1].value = int64_t{1};
  list.erase(list.begin());
  list.push_back({"extra", true});
  const absl::Status status = ParseAttrs<VariableAttrs>(list).status();
  EXPECT_TRUE(StrContains(status.message(), "missing attribute 'dtype'")) << status;
  EXPECT_TRUE(StrContains(status.message(), "wrong type of attribute 'shape'")) << status;
  list = packed.list();
  list.push_back(list[0]);
  EXPECT_TRUE(StrContains(ParseAttrs<VariableAttrs>(list).status().message(), "repeated"));
}

TEST(Attrs, MissingFieldsMayKeepTheirDefaults) {
  const auto read = ParseAttrs<VariableAttrs>({{"shape", Shape{2, 3}}}, MissingAttrs::kDefault);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(*read == Attrs(VariableAttrs{.shape = {2, 3}}));
  EXPECT_FALSE(ParseAttrs<VariableAttrs>({{"extra", true}}, MissingAttrs::kDefault).ok());
  EXPECT_TRUE(*FindOp("variable")->parse_attrs({}, MissingAttrs::kDefault) == Attrs(VariableAttrs{}));
}

TEST(Names, NearestFirst) {
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3);
  EXPECT_EQ(NearestNames("conv3", {"dense1", "conv1", "conv22"}, 2), (std::vector<std::string>{"conv1", "conv22"}));
}

TEST(Op, RegistrationRefusesContradictions) {
  EXPECT_FALSE(
      RegisterOp(
          {.name = "tanh", .doc = "d", .inputs = {"x"}, .type = SameType, .no_gradient = "x", .traits = {.view = true}})
          .ok());
  EXPECT_FALSE(
      RegisterOp({.name = "no_kernel", .doc = "d", .inputs = {"x"}, .type = SameType, .no_gradient = "x"}).ok());
  EXPECT_FALSE(
      RegisterOp({.name = "no_rule", .doc = "d", .inputs = {"x"}, .type = SameType, .traits = {.view = true}}).ok());
  EXPECT_EQ(FindOp("no_rule"), nullptr);
}

}  // namespace
}  // namespace adret
