// Options that make no sense are refused at the call, in one sentence that names the option, and by Executor::Create.
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "adret/core/executor.h"
#include "adret/nn/layers.h"
#include "adret/nn/losses.h"
#include "adret/nn/metrics.h"
#include "adret/nn/optimizers.h"
#include "adret/nn/schedules.h"
#include "adret/ops/binary.h"
#include "adret/ops/reduce.h"
#include "adret/ops/unary.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::nn {
namespace {

using ::testing::HasSubstr;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

using Numbers = std::vector<double>;
const Numbers kNotAtLeast0{-1, -1e-300, kNaN, kInf, -kInf};
const Numbers kNotPositive{0, -1, kNaN, kInf, -kInf};
const Numbers kNotBelow1{-1, -1e-9, 1, 2, kNaN, kInf, -kInf};
const Numbers kNoFraction{-1, -1e-9, 1.0000001, kNaN, kInf, -kInf};
const Numbers kNotFinite{kNaN, kInf, -kInf};
const Numbers kNoCount{0, -1, -5};
const Numbers kNoSize{-1, -5};

// What a test is about: builds something with the option set to a number, and returns what a user would run.
struct Built {
  Values fetches;
  Updates updates;
};
struct Option {
  std::string who;     // begins the message, unless it is empty
  std::string option;  // is in the message
  Numbers bad, good;
  std::function<Built(Graph& graph, double number)> build;
};

void Check(const Option& o) {
  for (const double number : o.bad) {
    SCOPED_TRACE(absl::StrCat(o.who, ".", o.option, " = ", number));
    Graph graph;
    const Built built = o.build(graph, number);
    EXPECT_FALSE(graph.status().ok()) << "is accepted";
    EXPECT_THAT(graph.status().message(), HasSubstr(o.who));
    EXPECT_THAT(graph.status().message(), HasSubstr(o.option));
    EXPECT_THAT(graph.status().message(), HasSubstr(" at options_test.cc:"));
    // However it is passed on, the graph's own sentence comes out.
    EXPECT_EQ(Executor::Create(built.fetches, built.updates).status(), graph.status());
  }
  for (const double number : o.good) {
    SCOPED_TRACE(absl::StrCat(o.who, ".", o.option, " = ", number));
    Graph graph;
    const Built built = o.build(graph, number);
    EXPECT_TRUE(graph.status().ok()) << graph.status();
    EXPECT_TRUE(Executor::Create(built.fetches, built.updates).ok());
  }
}

// ---- Optimisers ----

Built Minimized(Graph& graph, const Optimizer& optimizer) {
  const Value w = graph.Variable("w", Tensor::Full(DType::kFloat32, {3}, 2));
  return {{}, optimizer.Minimize(Sum(Square(w)), graph.variables())};
}

template <class Options>
Option OptimizerOption(Optimizer (*make)(const Options&), std::string who, std::string option, double Options::*member,
                       Numbers bad, Numbers good) {
  return {who, option, bad, good, [=](Graph& graph, double number) {
            Options options;
            options.*member = number;
            return Minimized(graph, make(options));
          }};
}

template <class Options>
void CheckCommon(Optimizer (*make)(const Options&), std::string who) {
  for (auto [option, member] :
       {std::pair("clip_value", &CommonOptions::clip_value), std::pair("clip_norm", &CommonOptions::clip_norm)}) {
    Check({who, option, kNotAtLeast0, {0, 1e-3, 1e6}, [=, member = member](Graph& graph, double number) {
             Options options;
             options.common.*member = number;
             return Minimized(graph, make(options));
           }});
  }
  Check({"", "the learning rate", kNotAtLeast0, {0, 1e-3, 10}, [=](Graph& graph, double number) {
           Options options;
           options.learning_rate = number;
           return Minimized(graph, make(options));
         }});
  Check(OptimizerOption(make, who, "weight_decay", &Options::weight_decay, kNotAtLeast0, {0, 0.1}));
}

TEST(OptionsTest, OfOptimizers) {
  CheckCommon(&Sgd, "sgd");
  CheckCommon(&Adam, "adam");
  CheckCommon(&AdamW, "adamw");
  CheckCommon(&RmsProp, "rmsprop");
  CheckCommon(&Adagrad, "adagrad");
  Check(OptimizerOption(&Sgd, "sgd", "momentum", &SgdOptions::momentum, kNotBelow1, {0, 0.9}));
  Check(OptimizerOption(&Adam, "adam", "beta1", &AdamOptions::beta1, kNotBelow1, {0, 0.9}));
  Check(OptimizerOption(&Adam, "adam", "beta2", &AdamOptions::beta2, kNotBelow1, {0, 0.99}));
  Check(OptimizerOption(&Adam, "adam", "epsilon", &AdamOptions::epsilon, kNotAtLeast0, {0, 1e-3}));
  Check(OptimizerOption(&AdamW, "adamw", "beta1", &AdamWOptions::beta1, kNotBelow1, {0, 0.9}));
  Check(OptimizerOption(&AdamW, "adamw", "beta2", &AdamWOptions::beta2, kNotBelow1, {0, 0.99}));
  Check(OptimizerOption(&AdamW, "adamw", "epsilon", &AdamWOptions::epsilon, kNotAtLeast0, {0, 1e-3}));
  Check(OptimizerOption(&RmsProp, "rmsprop", "decay", &RmsPropOptions::decay, kNotBelow1, {0, 0.9}));
  Check(OptimizerOption(&RmsProp, "rmsprop", "epsilon", &RmsPropOptions::epsilon, kNotAtLeast0, {0, 1e-3}));
  Check(OptimizerOption(&RmsProp, "rmsprop", "momentum", &RmsPropOptions::momentum, kNotBelow1, {0, 0.9}));
  Check(OptimizerOption(&Adagrad, "adagrad", "rate_decay", &AdagradOptions::rate_decay, kNotAtLeast0, {0, 0.1}));
  Check(OptimizerOption(&Adagrad, "adagrad", "initial_accumulator", &AdagradOptions::initial_accumulator, kNotAtLeast0,
                        {0, 0.1}));
  Check(OptimizerOption(&Adagrad, "adagrad", "epsilon", &AdagradOptions::epsilon, kNotAtLeast0, {0, 1e-3}));
  Check({"sgd", "nesterov", {0}, {0.5}, [](Graph& graph, double momentum) {
           return Minimized(graph, Sgd({.momentum = momentum, .nesterov = true}));
         }});
}

TEST(OptionsTest, WhatOptimizersMove) {
  const auto message = [](const auto& variables_of) {
    Graph graph;
    const Value w = graph.Variable("w", Tensor::Full(DType::kFloat32, {3}, 2));
    const Value x = graph.Input("x", DType::kFloat32, {3});
    const Updates updates = Sgd().Minimize(Sum(Square(w) * x), variables_of(graph, w, x));
    EXPECT_EQ(Executor::Create({}, updates).status(), graph.status());
    return std::string(graph.status().message());
  };
  EXPECT_THAT(message([](Graph&, Value, Value) { return Values{}; }), HasSubstr("sgd: there are no variables to move"));
  EXPECT_THAT(message([](Graph&, Value w, Value x) { return Values{w, x}; }), HasSubstr("sgd: 'x' is not a variable"));
  EXPECT_THAT(message([](Graph&, Value w, Value) {
                return Values{w, w};
              }),
              HasSubstr("sgd: variable 'w' is there twice"));
  Graph graph;
  const Value w = graph.Variable("w", Tensor::Full(DType::kFloat32, {3}, 2));
  Sgd().Apply({graph.Constant(Tensor::Scalar(DType::kFloat32, 1))}, {w});
  EXPECT_THAT(graph.status().message(),
              HasSubstr("the gradient of variable 'w' must be f32[3] of its graph, but is f32[]"));
}

// ---- Schedules ----

template <class Options, class T>
void CheckSchedule(Schedule (*make)(const Options&), std::string who, std::string option, T Options::*member,
                   Numbers bad, Numbers good) {
  const auto with = [=](double number) {
    Options options;
    options.*member = static_cast<T>(number);
    return make(options);
  };
  Check({who, option, bad, good,
         [=](Graph& graph, double number) { return Minimized(graph, Sgd({.learning_rate = with(number)})); }});
  for (const double number : bad) EXPECT_THAT(with(number).Rates(1).status().message(), HasSubstr(who)) << number;
  for (const double number : good) {
    const absl::StatusOr<std::vector<double>> rates = with(number).Rates(3);
    ASSERT_TRUE(rates.ok()) << rates.status();
    for (const double rate : *rates) EXPECT_TRUE(std::isfinite(rate) && rate >= 0) << option << " " << number;
  }
}

TEST(OptionsTest, OfSchedules) {
  CheckSchedule(&StepDecay, "StepDecay", "start", &StepDecayOptions::start, kNotAtLeast0, {0, 1});
  CheckSchedule(&StepDecay, "StepDecay", "gamma", &StepDecayOptions::gamma, kNotAtLeast0, {0, 0.5, 1, 2});
  CheckSchedule(&StepDecay, "StepDecay", "every", &StepDecayOptions::every, kNoCount, {1, 2});
  CheckSchedule(&Cosine, "Cosine", "start", &CosineOptions::start, kNotAtLeast0, {0, 1});
  CheckSchedule(&Cosine, "Cosine", "end", &CosineOptions::end, kNotAtLeast0, {0, 1});
  CheckSchedule(&Cosine, "Cosine", "steps", &CosineOptions::steps, kNoCount, {1, 2});
  CheckSchedule(&OneCycle, "OneCycle", "max", &OneCycleOptions::max, kNotAtLeast0, {0, 1});
  CheckSchedule(&OneCycle, "OneCycle", "steps", &OneCycleOptions::steps, kNoCount, {1, 2, 3});
  CheckSchedule(&OneCycle, "OneCycle", "rise", &OneCycleOptions::rise, kNoFraction, {0, 0.5, 1});
  CheckSchedule(&OneCycle, "OneCycle", "divisor", &OneCycleOptions::divisor, kNotPositive, {1, 10});
  CheckSchedule(&OneCycle, "OneCycle", "final_divisor", &OneCycleOptions::final_divisor, kNotPositive, {1, 10});
  Check({"WarmUp", "steps", kNoCount, {1, 2}, [](Graph& graph, double number) {
           return Minimized(graph, Sgd({.learning_rate = WarmUp(static_cast<int64_t>(number), 0.1)}));
         }});
  Check({"", "the learning rate", kNotAtLeast0, {0, 1}, [](Graph& graph, double number) {
           return Minimized(graph, Sgd({.learning_rate = WarmUp(5, ConstantRate(number))}));
         }});
}

// ---- Losses and metrics ----

TEST(OptionsTest, OfLosses) {
  const auto pair = [](Graph& graph) {
    return std::pair(graph.Input("x", DType::kFloat32, {kAnyBatch, 3}),
                     graph.Input("t", DType::kFloat32, {kAnyBatch, 3}));
  };
  Check({"Huber", "delta", kNotPositive, {1e-6, 1, 1e6}, [&](Graph& graph, double number) {
           const auto [x, t] = pair(graph);
           return Built{{Huber(x, t, {.delta = number})}, {}};
         }});
  Check({"Hinge", "margin", kNotFinite, {0, 1}, [&](Graph& graph, double number) {
           const auto [x, t] = pair(graph);
           return Built{{Hinge(x, t, {.margin = number})}, {}};
         }});
  Check({"", "smoothing", kNoFraction, {0, 0.1, 1}, [&](Graph& graph, double number) {
           const auto [x, t] = pair(graph);
           return Built{{SoftmaxCrossEntropy(x, t, {.label_smoothing = number})}, {}};
         }});
  Check({"TopKAccuracy", "k", kNoCount, {1, 5}, [&](Graph& graph, double number) {
           const Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, 3});
           const Value label = graph.Input("label", DType::kInt64, {kAnyBatch});
           return Built{{TopKAccuracy(x, label, static_cast<int64_t>(number))}, {}};
         }});
}

// ---- Layers ----

using MakeLayer = std::function<Layer(double number)>;

// Of images f32[?,4,6,6], and of vectors f32[?,5].
void CheckLayer(std::string who, std::string option, Numbers bad, Numbers good, const MakeLayer& make,
                bool vectors = false) {
  Check({who, option, bad, good, [&](Graph& graph, double number) {
           const Value x = vectors ? graph.Input("x", DType::kFloat32, {kAnyBatch, 5})
                                   : graph.Input("x", DType::kFloat32, {kAnyBatch, 4, 6, 6});
           return Built{{make(number)(x)}, {}};
         }});
}

int64_t Int(double number) { return static_cast<int64_t>(number); }

TEST(OptionsTest, OfConvolutions) {
  CheckLayer("conv1", "filters", kNoCount, {1, 2}, [](double n) { return Conv2d(Int(n), 3); });
  CheckLayer("conv1", "kernel", kNoCount, {1, 2}, [](double n) { return Conv2d(2, {3, Int(n)}); });
  CheckLayer("conv1", "groups", {0, -1, 3}, {1, 2}, [](double n) { return Conv2d(4, 3, {.groups = Int(n)}); });
  CheckLayer("conv", "stride", kNoCount, {1, 2}, [](double n) { return Conv2d(4, 3, {.stride = {1, Int(n)}}); });
  CheckLayer("conv", "dilation", kNoCount, {1, 2}, [](double n) { return Conv2d(4, 3, {.dilation = {1, Int(n)}}); });
  CheckLayer("conv", "pad", kNoSize, {0, 2},
             [](double n) { return Conv2d(4, 3, {.padding = Padding::Explicit(Int(n))}); });
  CheckLayer("conv_transpose1", "filters", kNoCount, {1, 2}, [](double n) { return ConvTranspose2d(Int(n), 3); });
  CheckLayer("conv_transpose1", "kernel", kNoCount, {1, 2}, [](double n) { return ConvTranspose2d(2, {3, Int(n)}); });
  CheckLayer("conv_transpose1", "groups", {0, -1, 3}, {1, 2},
             [](double n) { return ConvTranspose2d(4, 3, {.groups = Int(n)}); });
  CheckLayer("conv", "stride", kNoCount, {1, 2}, [](double n) {
    return ConvTranspose2d(4, 3, {.stride = {1, Int(n)}});
  });
  CheckLayer("conv", "dilation", kNoCount, {1, 2}, [](double n) {
    return ConvTranspose2d(4, 3, {.dilation = {1, Int(n)}});
  });
  CheckLayer("conv", "output_padding", {-1, 2}, {0, 1}, [](double n) {
    return ConvTranspose2d(4, 3, {.stride = 2, .output_padding = {0, Int(n)}});
  });
  CheckLayer("conv", "pad", kNoSize, {0, 1},
             [](double n) { return ConvTranspose2d(4, 3, {.padding = Padding::Explicit(Int(n))}); });
}

TEST(OptionsTest, OfPoolings) {
  CheckLayer("pool", "", kNoCount, {1, 2}, [](double n) { return MaxPool2d({2, Int(n)}); });
  CheckLayer("pool", "stride", kNoSize, {1, 2}, [](double n) { return MaxPool2d(2, {.stride = {1, Int(n)}}); });
  CheckLayer("pool", "pad", kNoSize, {0, 1},
             [](double n) { return MaxPool2d(2, {.padding = Padding::Explicit(Int(n))}); });
  CheckLayer("pool", "", kNoCount, {1, 2}, [](double n) { return AvgPool2d({2, Int(n)}); });
  CheckLayer("pool", "stride", kNoSize, {1, 2}, [](double n) { return AvgPool2d(2, {.stride = {1, Int(n)}}); });
  CheckLayer("pool", "pad", kNoSize, {0, 1},
             [](double n) { return AvgPool2d(2, {.padding = Padding::Explicit(Int(n))}); });
}

TEST(OptionsTest, OfOtherLayers) {
  CheckLayer(
      "dense1", "units", kNoCount, {1, 2}, [](double n) { return Dense(Int(n)); }, /*vectors=*/true);
  CheckLayer("batch_norm1", "epsilon", kNotAtLeast0, {0, 1e-3}, [](double n) { return BatchNorm({.epsilon = n}); });
  CheckLayer("batch_norm1", "momentum", kNoFraction, {0, 0.5, 1}, [](double n) { return BatchNorm({.momentum = n}); });
  CheckLayer("layer_norm1", "epsilon", kNotAtLeast0, {0, 1e-3}, [](double n) { return LayerNorm({.epsilon = n}); });
  CheckLayer("layer_norm1", "axes", {0, -1, 4}, {1, 3},
             [](double n) { return LayerNorm({.axes = static_cast<int>(n)}); });
  CheckLayer("dropout1", "rate", kNotBelow1, {0, 0.5}, [](double n) { return Dropout(n); });
  CheckLayer("leaky_relu", "slope", kNotFinite, {0, 0.1}, [](double n) { return LeakyRelu(n); });
  CheckLayer("elu", "alpha", kNotAtLeast0, {0, 1}, [](double n) { return Elu(n); });
  CheckLayer("softmax", "axis", {4, -5}, {-4, 3}, [](double n) { return Softmax(static_cast<int>(n)); });
  CheckLayer("softmax", "axis", {4, -5}, {-4, 3}, [](double n) { return LogSoftmax(static_cast<int>(n)); });
}

}  // namespace
}  // namespace adret::nn
