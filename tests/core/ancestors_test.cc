#include "adret/core/ancestors.h"

#include "adret/core/infer_types.h"
#include "adret/ops/binary.h"
#include "adret/ops/matmul.h"
#include "adret/ops/unary.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(AncestorsTest, AreWhatValuesAreComputedFrom) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {2});
  const Value y = graph.Input("y", DType::kFloat32, {2});
  const Value z = Tanh(x) * x;
  const Value other = y + x;
  EXPECT_THAT(Ancestors(graph, {z}), ElementsAre(true, false, true, true, false));
  EXPECT_THAT(Ancestors(graph, {y}), ElementsAre(false, true, false, false, false));
  EXPECT_THAT(Ancestors(graph, {z, other}), ElementsAre(true, true, true, true, true));
  EXPECT_THAT(Ancestors(graph, {}), ElementsAre(false, false, false, false, false));
}

TEST(InferTypesTest, AnswersAsTheGraphDoes) {
  const Op& matmul = *FindOp("matmul");
  Graph graph;
  const Value a = graph.Input("a", DType::kFloat32, {kAnyBatch, 3});
  const Value b = graph.Input("b", DType::kFloat32, {3, 4});
  const Value y = MatMul(a, b);
  const Attrs& attrs = graph.node(y.node()).attrs;
  EXPECT_EQ((*InferTypes(matmul, {a.type(), b.type()}, attrs))[0], y.type());
  const auto message = [&](std::initializer_list<Type> types) {
    return std::string(InferTypes(matmul, types, attrs).status().message());
  };
  EXPECT_THAT(message({a.type()}), HasSubstr("matmul: expects 2 inputs but has 1"));
  MatMul(a, a);
  EXPECT_THAT(std::string(graph.status().message()), HasSubstr(message({a.type(), a.type()})));
}

}  // namespace
}  // namespace adret
