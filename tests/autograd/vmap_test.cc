#include "adret/autograd/vmap.h"

#include <set>

#include "absl/strings/match.h"
#include "adret/autograd/gradients.h"
#include "adret/autograd/jacobian.h"
#include "adret/core/executor.h"
#include "adret/io/model.h"
#include "adret/nn/layers.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/matmul.h"
#include "adret/ops/random.h"
#include "adret/ops/reduce.h"
#include "adret/ops/reshape.h"
#include "adret/ops/unary.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

using testing::HasSubstr;

std::vector<Tensor> RunValues(const Values& fetches, const Feeds& feeds = {}, State* state = nullptr) {
  auto executor = Executor::Create(fetches);
  EXPECT_TRUE(executor.ok()) << executor.status();
  auto results = executor.ok() ? executor->Run(feeds, state) : executor.status();
  EXPECT_TRUE(results.ok()) << results.status();
  return results.ok() ? *results : std::vector<Tensor>(fetches.size());
}

Values Norms(Args v) { return {Norm(v[0] - v[1])}; }

TEST(Vmap, AxesAnywhereAndSharedInputs) {
  Graph graph;
  const Tensor points = Tensor::From<double>({2, 3}, {3, 0, 6, 4, 1, 8});  // examples are columns
  const Value x = graph.Constant(points), origin = graph.Constant(Tensor::Zeros(DType::kFloat64, {2}));
  const std::vector<Tensor> found = RunValues({Vmap(Norms, {x, origin}, {.in_axes = {1, kShared}})[0],
                                               Vmap(Norms, {x, origin}, {.in_axes = {-1, kShared}})[0]});
  for (const Tensor& t : found) {
    ASSERT_EQ(t.shape(), Shape({3}));
    EXPECT_EQ(t.At(0), 5);
    EXPECT_EQ(t.At(1), 1);
    EXPECT_EQ(t.At(2), 10);
  }
}

TEST(Vmap, ResultsThatDoNotDependOnTheExampleAreRepeated) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, 2}),
              w = graph.Constant(Tensor::Full(DType::kFloat32, {2}, 7));
  const Values y = Vmap([&](Args v) { return Values{w * 2.0, v[0], Size(v[0])}; }, {x});
  EXPECT_EQ(y[0].type().ToString(), "f32[?,2]");
  EXPECT_EQ(y[1], x);
  const std::vector<Tensor> found = RunValues(y, {{x, Tensor::Zeros(DType::kFloat32, {4, 2})}});
  EXPECT_EQ(found[0].shape(), Shape({4, 2}));
  EXPECT_EQ(found[0].At(7), 14);
  EXPECT_EQ(found[2].shape(), Shape({4}));
  EXPECT_EQ(found[2].At(3), 2);
}

TEST(Vmap, NestsAndTakesJacobians) {
  Graph graph;
  const Tensor at = Tensor::From<double>({2, 2}, {1, 2, 3, 4});
  const Value x = graph.Constant(at);
  // All pairs of products, and the Jacobian of the squares of each row.
  const Value products =
      Vmap([&](Args a) { return Vmap([&](Args b) { return Values{Sum(a[0] * b[0])}; }, {x}); }, {x})[0];
  const Value jacobians = Vmap([](Args v) { return Values{Jacobian(Square(v[0]), v[0])}; }, {x})[0];
  const std::vector<Tensor> found = RunValues({products, jacobians});
  EXPECT_TRUE(found[0].BitEqual(Tensor::From<double>({2, 2}, {5, 11, 11, 25})));
  EXPECT_TRUE(found[1].BitEqual(Tensor::From<double>({2, 2, 2}, {2, 0, 0, 4, 6, 0, 0, 8})));
}

TEST(Vmap, NoExamplesAndOne) {
  for (const int64_t n : {0, 1}) {
    for (const bool symbolic : {false, true}) {
      Graph graph;
      const Value x = graph.Input("x", DType::kFloat32, {symbolic ? kAnyBatch : n, 3});
      const auto f = [](Args v) { return Values{Max(v[0]), Gradients(Max(v[0]), {v[0]})[0]}; };
      const std::vector<Tensor> found = RunValues(Vmap(f, {x}), {{x, Tensor::Zeros(DType::kFloat32, {n, 3})}});
      EXPECT_EQ(found[0].shape(), Shape({n}));
      EXPECT_EQ(found[1].shape(), Shape({n, 3}));
    }
  }
}

TEST(Vmap, EveryExampleDrawsNumbersOfItsOwn) {
  Graph graph;
  const Value x = graph.Constant(Tensor::Zeros(DType::kFloat32, {4}));
  const Value outside = RandomNormal(&graph, DType::kFloat32, {});
  const auto f = [&](Args v) { return Values{v[0] + RandomNormalLike(v[0]), v[0] + outside}; };
  State state;
  state.seed = 1;
  const std::vector<Tensor> found = RunValues(Vmap(f, {x}), {}, &state);
  const auto numbers = [](const Tensor& t) { return std::set<float>(t.data<float>().begin(), t.data<float>().end()); };
  EXPECT_EQ(numbers(found[0]).size(), 4u);
  EXPECT_EQ(numbers(found[1]).size(), 1u);  // what the function captures is the same for all
}

TEST(Vmap, BadInputIsNamed) {
  struct Case {
    std::function<void(Graph*, Value x, Value y)> build;
    std::string message;
  };
  const auto id = [](Args v) { return Values(v.begin(), v.end()); };
  const std::vector<Case> cases = {
      {[&](Graph*, Value x, Value y) {
         Vmap(id, {x, y});
       },
       "Vmap: input 0 has [4] examples but input 1 has [5]"},
      {[&](Graph*, Value x, Value y) {
         Vmap(id, {x, y}, {.in_axes = {0, 2}});
       },
       "Vmap: input 1, f32[5], has no axis 2 of examples"},
      {[&](Graph*, Value x, Value) {
         Vmap(id, {x, Sum(x)});
       },
       "Vmap: input 1, f32[], has no axis 0 of examples"},
      {[&](Graph*, Value x, Value y) {
         Vmap(id, {x, y}, {.in_axes = {0}});
       },
       "Vmap: there are 1 in_axes for 2 inputs"},
      {[&](Graph*, Value x, Value) { Vmap(id, {x}, {.in_axes = {kShared}}); },
       "Vmap: no input has an axis of examples"},
      {[&](Graph*, Value x, Value) { Vmap([](Args) { return Values{Value()}; }, {x}); },
       "Vmap: result 0 of the function is a Value that was never built"},
      {[&](Graph*, Value x, Value) {
         static Graph* other = new Graph;
         Vmap([&](Args) { return Values{other->Constant(Tensor())}; }, {x});
       },
       "Vmap: result 0 of the function is a value of another graph"},
      {[&](Graph*, Value x, Value) {
         Vmap([](Args v) { return Values{nn::BatchNorm()(Reshape(v[0], {1, 3}))}; }, {x});
       },
       "Vmap: the function updates the variable"},
      {[&](Graph*, Value x, Value) { Vmap([](Args v) { return Values{MatMul(v[0], v[0])}; }, {x}); },
       "matmul: expects matrices"},
  };
  for (const Case& c : cases) {
    Graph graph;
    c.build(&graph, graph.Input("x", DType::kFloat32, {4, 3}), graph.Input("y", DType::kFloat32, {5}));
    EXPECT_THAT(std::string(graph.status().message()), HasSubstr(c.message));
    EXPECT_THAT(std::string(graph.status().message()), HasSubstr("vmap_test.cc:"));
  }
}

// A new op: neither element-wise, nor with labels or a batch rule.
TEST(Vmap, NamesTheOpThatCannotBeBuiltForABatch) {
  static const absl::Status registered =
      RegisterOp({.name = "vmap_test_opaque",
                  .doc = "d",
                  .inputs = {"x"},
                  .type = SameType,
                  .kernel = [](const KernelSpec&) -> absl::StatusOr<Kernel> { return Kernel(); },
                  .no_gradient = "a test"});
  ASSERT_TRUE(registered.ok()) << registered;
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {4, 3});
  EXPECT_FALSE(Vmap([](Args v) { return Values{Build("vmap_test_opaque", {v[0]})}; }, {x})[0].valid());
  EXPECT_THAT(std::string(graph.status().message()), HasSubstr("vmap_test_opaque ('vmap_test_opaque') cannot be built "
                                                               "for a batch"));
}

TEST(Vmap, IsSavedLikeAnyGraph) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat64, {kAnyBatch, 2, 2});
  const Value y = Vmap([](Args v) { return Values{MatMul(v[0], v[0])}; }, {x})[0];
  const auto bytes = io::SerializeModel({.graph = &graph, .outputs = {{"y", y}}});
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  const auto model = io::ParseModel(*bytes);
  ASSERT_TRUE(model.ok()) << model.status();
  const Tensor at = Tensor::From<double>({1, 2, 2}, {1, 2, 3, 4});
  EXPECT_TRUE(RunValues({*model->Output("y")}, {{*model->Input("x"), at}})[0].BitEqual(RunValues({y}, {{x, at}})[0]));
}

}  // namespace
}  // namespace adret
