// The graph's first error comes out of Executor::Create, whatever was made of the value that it left invalid.
#include <functional>
#include <string>
#include <vector>

#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/nn/layers.h"
#include "adret/nn/losses.h"
#include "adret/nn/metrics.h"
#include "adret/nn/optimizers.h"
#include "adret/ops/binary.h"
#include "adret/ops/concat.h"
#include "adret/ops/norm.h"
#include "adret/ops/reduce.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::nn {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Parts {
  Graph graph;
  Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, 4, 6, 6});
  Value rows = graph.Input("rows", DType::kFloat32, {kAnyBatch, 3});
  Value label = graph.Input("label", DType::kInt64, {kAnyBatch});
  Value w = graph.Variable("w", Tensor::Full(DType::kFloat32, {3}, 1));
};

struct Case {
  const char* name;
  std::function<Values(Parts& p)> build;
};

Values OfUpdates(const Updates& updates) {
  Values values;
  for (const Update& u : updates) values.push_back(u.value);
  return values;
}

// Each makes the error itself.
const Case kErrors[] = {
    {"an op", [](Parts& p) { return Values{p.x + p.rows}; }},
    {"an op that is none", [](Parts& p) { return Values{Build("no_such_op", {p.x})}; }},
    {"an op of a Value that was never built", [](Parts& p) { return Values{p.x + Value()}; }},
    {"its first operand", [](Parts& p) { return Values{Value() + p.x}; }},
    {"Gradients of integers",
     [](Parts& p) {
       return Gradients(Sum(p.rows), {p.label, p.rows});
     }},
    {"Gradients of a Value that was never built", [](Parts& p) { return Gradients(Value(), {p.rows}); }},
    {"Gradients by a Value that was never built", [](Parts& p) { return Gradients(Sum(p.rows), {Value()}); }},
    {"Gradients with a wrong seed", [](Parts& p) { return Gradients(Sum(p.rows), {p.rows}, {.seeds = {p.x}}); }},
    {"a dense layer", [](Parts& p) { return Values{Dense(3)(p.x)}; }},
    {"a convolution", [](Parts& p) { return Values{Conv2d(3, 3)(p.rows)}; }},
    {"a transposed convolution", [](Parts& p) { return Values{ConvTranspose2d(3, 0)(p.x)}; }},
    {"a pooling", [](Parts& p) { return Values{MaxPool2d(3)(p.rows)}; }},
    {"batch_norm", [](Parts& p) { return Values{BatchNorm()(p.w)}; }},
    {"batch_norm in inference", [](Parts& p) { return Values{BatchNorm()(p.w, Mode::kInference)}; }},
    {"layer_norm", [](Parts& p) { return Values{LayerNorm({.axes = 9})(p.x)}; }},
    {"dropout", [](Parts& p) { return Values{Dropout(2)(p.x)}; }},
    {"residual", [](Parts& p) { return Values{Residual(Conv2d(3, 3))(p.x)}; }},
    {"a sequence",
     [](Parts& p) {
       return Values{Sequential{Relu(), Dense(3), Relu(), Dense(2)}(p.x)};
     }},
    {"a layer of one's own",
     [](Parts& p) { return Values{Layer("own", [](LayerCall& call, Value) { return call.Fail("no"); })(p.x)}; }},
    {"a layer of one's own that forgets to say",
     [](Parts& p) { return Values{Layer("own", [](LayerCall&, Value) { return Value(); })(p.x)}; }},
    {"statistics of another shape",
     [](Parts& p) {
       return Values{BatchNormInference(p.rows, {.scale = p.w, .bias = p.w, .mean = p.w, .variance = Value()})};
     }},
    {"SoftmaxCrossEntropy", [](Parts& p) { return Values{SoftmaxCrossEntropy(p.x, p.label)}; }},
    {"MeanSquaredError", [](Parts& p) { return Values{MeanSquaredError(p.x, p.rows)}; }},
    {"MeanAbsoluteError", [](Parts& p) { return Values{MeanAbsoluteError(p.x, p.rows)}; }},
    {"Huber", [](Parts& p) { return Values{Huber(p.x, p.rows)}; }},
    {"BinaryCrossEntropy", [](Parts& p) { return Values{BinaryCrossEntropy(p.x, p.rows)}; }},
    {"Hinge", [](Parts& p) { return Values{Hinge(p.x, p.rows)}; }},
    {"KlDivergence", [](Parts& p) { return Values{KlDivergence(p.x, p.rows)}; }},
    {"a loss without a target", [](Parts& p) { return Values{Huber(p.x, Value())}; }},
    {"a loss without an answer", [](Parts& p) { return Values{Huber(Value(), p.x)}; }},
    {"Accuracy", [](Parts& p) { return Values{Accuracy(p.rows, p.rows)}; }},
    {"TopKAccuracy", [](Parts& p) { return Values{TopKAccuracy(p.rows, p.rows, 2)}; }},
    {"TopKAccuracy without labels", [](Parts& p) { return Values{TopKAccuracy(p.rows, Value(), 2)}; }},
    {"Minimize of no scalar", [](Parts& p) { return OfUpdates(Sgd().Minimize(p.w, p.graph.variables())); }},
    {"Minimize of no variable", [](Parts& p) { return OfUpdates(Sgd().Minimize(Sum(p.w), {p.rows})); }},
    {"Apply of too few",
     [](Parts& p) {
       return OfUpdates(Sgd().Apply({p.w, p.w}, {p.w}));
     }},
    {"a schedule of another type",
     [](Parts& p) {
       const Schedule schedule([](Value step) { return Cast(step, DType::kFloat32); });
       return OfUpdates(Sgd({.learning_rate = schedule}).Minimize(Sum(p.w), {p.w}));
     }},
    {"a name", [](Parts& p) { return Values{p.graph.Input("a\nb", DType::kFloat32, {})}; }},
};

// Each is made of a value that is invalid already.
const Case kFollowers[] = {
    {"itself", [](Parts& p) { return Values{p.x}; }},
    {"an op", [](Parts& p) { return Values{Relu()(p.x) * 2.0}; }},
    {"the second operand", [](Parts& p) { return Values{p.w * p.x}; }},
    {"concat",
     [](Parts& p) {
       return Values{Concat({p.w, p.x}, 0)};
     }},
    {"Mean", [](Parts& p) { return Values{Mean(p.x)}; }},
    {"Gradients", [](Parts& p) { return Gradients(p.x, {p.w}); }},
    {"Gradients by it",
     [](Parts& p) {
       return Gradients(p.w, {p.w, p.x});
     }},
    {"layers",
     [](Parts& p) {
       return Values{Sequential{Conv2d(3, 3), BatchNorm(), Dense(2)}(p.x)};
     }},
    {"residual", [](Parts& p) { return Values{Residual(Relu())(p.x)}; }},
    {"losses",
     [](Parts& p) {
       return Values{MeanSquaredError(p.x, p.x), Huber(p.w, p.x), SoftmaxCrossEntropy(p.x, p.label)};
     }},
    {"metrics",
     [](Parts& p) {
       return Values{Accuracy(p.x, p.label), TopKAccuracy(p.x, p.label, 3)};
     }},
    {"Minimize", [](Parts& p) { return OfUpdates(Sgd().Minimize(p.x, p.graph.variables())); }},
    {"Apply", [](Parts& p) { return OfUpdates(Adam().Apply({p.x}, {p.w})); }},
};

void ExpectFirstError(const Case& c, Parts& p) {
  SCOPED_TRACE(c.name);
  const Values values = c.build(p);
  ASSERT_FALSE(p.graph.status().ok());
  ASSERT_FALSE(values.empty());
  for (const Value& v : values) {
    EXPECT_FALSE(v.valid());
    EXPECT_EQ(Executor::Create({v}).status(), p.graph.status());
    EXPECT_EQ(Executor::Create({}, {{v, v}}).status(), p.graph.status());
    EXPECT_EQ(Executor::Create({Value(), v}).status(), p.graph.status()) << "beside a value of no graph";
  }
}

TEST(FirstErrorTest, ComesOutOfTheCallThatMadeIt) {
  for (const Case& c : kErrors) {
    Parts p;
    ExpectFirstError(c, p);
    EXPECT_THAT(p.graph.status().message(), HasSubstr(" at first_error_test.cc:")) << c.name;
  }
}

TEST(FirstErrorTest, ComesOutOfWhatFollows) {
  for (const Case& c : kFollowers) {
    Parts p;
    p.x = p.x + p.rows;
    const std::string first(p.graph.status().message());
    ExpectFirstError(c, p);
    EXPECT_EQ(p.graph.status().message(), first);
    EXPECT_THAT(first, Not(HasSubstr("never built")));
  }
}

}  // namespace
}  // namespace adret::nn
