#include "adret/ops/compare.h"

#include <cmath>
#include <memory>
#include <vector>

#include "adret/core/executor.h"
#include "adret/ops/binary.h"
#include "adret/ops/where.h"
#include "adret/tests/ops/op_suite.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

using Function = Value (*)(Operand, Operand);

// Small whole numbers, so that many pairs are equal.
OpCase Comparison(std::string name, Function f, bool (*reference)(double, double), DType dtype) {
  const auto numbers = [](int factor) {
    std::vector<double> values(77);
    for (int i = 0; i < 77; ++i) values[i] = i * factor % 5;
    return values;
  };
  return {.name = std::move(name),
          .build = [f](Args x) { return Values{f(x[0], x[1])}; },
          .inputs = {{.shape = {11, 7}, .dtype = dtype, .batch = true, .values = numbers(3)},
                     {.shape = {11, 7}, .dtype = dtype, .batch = true, .values = numbers(7)}},
          .reference = Elementwise2([reference](double a, double b) { return reference(a, b); }),
          .differentiable = false};
}

std::vector<OpCase> Comparisons() {
  std::vector<OpCase> cases;
  for (DType t : {DType::kFloat64, DType::kInt32, DType::kInt64, DType::kUint8}) {
    const auto add = [&](std::string name, Function f, bool (*reference)(double, double)) {
      cases.push_back(Comparison(name + "/" + std::string(Name(t)), f, reference, t));
    };
    add("equal", Equal, [](double a, double b) { return a == b; });
    add("not_equal", NotEqual, [](double a, double b) { return a != b; });
    add("less", Less, [](double a, double b) { return a < b; });
    add("less_equal", LessEqual, [](double a, double b) { return a <= b; });
    add("greater", Greater, [](double a, double b) { return a > b; });
    add("greater_equal", GreaterEqual, [](double a, double b) { return a >= b; });
  }
  cases[0].bad = [](Graph* g) { Equal(g->Input("a", DType::kFloat32, {2}), g->Input("b", DType::kInt32, {2})); };
  cases[0].bad_message = "equal: expects inputs of one dtype (a f32[2], b i32[2])";
  return cases;
}
const OpCases kComparisons(Comparisons());

OpCase Logical(std::string name, Function f, bool (*reference)(bool, bool)) {
  return {.name = std::move(name),
          .build = [f](Args x) { return Values{f(x[0], x[1])}; },
          .inputs = {{.shape = {9, 5}, .dtype = DType::kBool, .batch = true},
                     {.shape = {9, 5}, .dtype = DType::kBool, .batch = true}},
          .reference = Elementwise2([reference](double a, double b) { return reference(a != 0, b != 0); }),
          .differentiable = false,
          .bad = [f](Graph* g) { f(g->Input("a", DType::kFloat32, {2}), g->Input("b", DType::kFloat32, {2})); },
          .bad_message = "takes bool, not f32"};
}
const OpCases kLogical({
    Logical("logical_and", LogicalAnd, [](bool a, bool b) { return a && b; }),
    Logical("logical_or", LogicalOr, [](bool a, bool b) { return a || b; }),
    Logical("logical_xor", LogicalXor, [](bool a, bool b) { return a != b; }),
    {.name = "logical_not",
     .build = [](Args x) { return Values{LogicalNot(x[0])}; },
     .inputs = {{.shape = {45}, .dtype = DType::kBool}},
     .reference = Elementwise([](double x) { return x == 0; }),
     .differentiable = false},
    {.name = "equal/bool",
     .build = [](Args x) { return Values{Equal(x[0], x[1])}; },
     .inputs = {{.shape = {45}, .dtype = DType::kBool}, {.shape = {45}, .dtype = DType::kBool}},
     .reference = Elementwise2([](double a, double b) { return a == b; }),
     .differentiable = false},
});

OpCase WhatKind(std::string name, std::function<Value(Value)> f, bool (*reference)(double)) {
  return {.name = std::move(name),
          .build = [f = std::move(f)](Args x) { return Values{f(x[0])}; },
          .inputs = {{.shape = {2, 4}, .batch = true, .values = {0, INFINITY, 1.5, NAN, -INFINITY, -0.0, -2, 1e30}}},
          .reference = Elementwise([reference](double x) { return reference(x); }),
          .differentiable = false,
          .bad = [](Graph* g) { IsNan(g->Input("x", DType::kInt8, {2})); },
          .bad_message = "is_nan: takes f32, f64, bf16 or f16, not i8 (x i8[2])"};
}
const OpCases kKinds({
    WhatKind(
        "is_nan", [](Value x) { return IsNan(x); }, [](double x) { return std::isnan(x); }),
    WhatKind(
        "is_inf", [](Value x) { return IsInf(x); }, [](double x) { return std::isinf(x); }),
    WhatKind(
        "is_inf/negative", [](Value x) { return IsInf(x, {.detect_positive = false}); },
        [](double x) { return x == -INFINITY; }),
    WhatKind(
        "is_inf/positive", [](Value x) { return IsInf(x, {.detect_negative = false}); },
        [](double x) { return x == INFINITY; }),
});

TEST(Compare, HalvesHaveKinds) {
  for (DType dtype : {DType::kBFloat16, DType::kFloat16}) {
    Graph graph;
    const Tensor numbers = Tensor::From<double>({4}, {NAN, INFINITY, -INFINITY, 2}).Cast(dtype);
    const Value x = graph.Input("x", dtype, {4});
    const auto kinds = Evaluate({IsNan(x), IsInf(x), IsInf(x, {.detect_negative = false})}, {{x, numbers}});
    ASSERT_TRUE(kinds.ok()) << kinds.status();
    EXPECT_EQ((*kinds)[0].ToString(), "bool[4] [1, 0, 0, 0]");
    EXPECT_EQ((*kinds)[1].ToString(), "bool[4] [0, 1, 1, 0]");
    EXPECT_EQ((*kinds)[2].ToString(), "bool[4] [0, 1, 0, 0]");
  }
}

// A comparison as a factor: its own gradient is zero.
const OpCases kOnTheWay({{.name = "greater/as_factor",
                          .build = [](Args x) { return Values{Cast(Greater(x[0], x[1]), x[0].dtype()) * x[0]}; },
                          .inputs = {{.shape = {4, 6}, .batch = true}, {.shape = {6}}}}});

const GoldenCases kGolden("elementwise", {
                                             {"equal", [](Args x) { return Values{Equal(x[0], x[1])}; }},
                                             {"not_equal", [](Args x) { return Values{NotEqual(x[0], x[1])}; }},
                                             {"less", [](Args x) { return Values{Less(x[0], x[1])}; }},
                                             {"less_equal", [](Args x) { return Values{LessEqual(x[0], x[1])}; }},
                                             {"greater", [](Args x) { return Values{Greater(x[0], x[1])}; }},
                                             {"greater_equal", [](Args x) { return Values{GreaterEqual(x[0], x[1])}; }},
                                             {"is_nan", [](Args x) { return Values{IsNan(x[0] - x[0])}; }},
                                             {"is_inf", [](Args x) { return Values{IsInf(x[0])}; }},
                                             {"logical_and", [](Args x) { return Values{LogicalAnd(x[0], x[1])}; }},
                                             {"logical_or", [](Args x) { return Values{LogicalOr(x[0], x[1])}; }},
                                             {"logical_xor", [](Args x) { return Values{LogicalXor(x[0], x[1])}; }},
                                             {"logical_not", [](Args x) { return Values{LogicalNot(x[0])}; }},
                                         });

// A feed may hold other bytes than 0 and 1: all but 0 are true.
TEST(Compare, AnyByteButZeroIsTrue) {
  const auto bytes = std::make_shared<std::vector<uint8_t>>(std::vector<uint8_t>{0, 1, 2, 255});
  const Tensor fed = Tensor::Borrow(DType::kBool, {4}, bytes->data(), bytes);
  Graph graph;
  const Value x = graph.Input("x", DType::kBool, {4});
  const Value one = graph.Constant(Tensor::Full(DType::kBool, {4}, 1));
  const Values y = {Equal(x, one), Cast(x, DType::kFloat32), LogicalNot(NotEqual(x, one)),
                    Where(x, Cast(x, DType::kFloat32), 0.0)};
  auto results = Evaluate(y, {{x, fed}});
  ASSERT_TRUE(results.ok()) << results.status();
  for (const Tensor& result : *results) {
    for (int i = 0; i < 4; ++i) EXPECT_EQ(result.At(i), i > 0);
  }
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(fed.At(i), i > 0);
    EXPECT_EQ(fed.Cast(DType::kInt64).At(i), i > 0);
  }
}

}  // namespace
}  // namespace adret
