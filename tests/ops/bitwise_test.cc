#include "adret/ops/bitwise.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/ops/where.h"
#include "adret/tests/ops/op_suite.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

using ::testing::HasSubstr;
using Function = Value (*)(Operand, Operand);

// Whole numbers of both signs, where the dtype has them, in an i64's bits.
std::function<double(double, double)> OnBits(int64_t (*f)(int64_t, int64_t)) {
  return [f](double a, double b) { return static_cast<double>(f(static_cast<int64_t>(a), static_cast<int64_t>(b))); };
}

OpCase Pairs(std::string name, DType dtype, Function f, int64_t (*reference)(int64_t, int64_t), double b_hi = 100) {
  const double lo = Tensor::Scalar(dtype, -1).At(0) < 0 ? -100 : 0;
  return {.name = absl::StrCat(name, "/", Name(dtype)),
          .build = [f](Args x) { return Values{f(x[0], x[1])}; },
          .inputs = {{.shape = {5, 7}, .dtype = dtype, .lo = lo, .hi = 100, .batch = true},
                     {.shape = {5, 7}, .dtype = dtype, .lo = b_hi < 100 ? 0 : lo, .hi = b_hi, .batch = true}},
          .reference = Elementwise2(OnBits(reference)),
          .differentiable = false};
}

std::vector<OpCase> Rows() {
  std::vector<OpCase> rows;
  for (DType t : {DType::kInt32, DType::kInt64, DType::kUint8}) {
    rows.push_back(Pairs("bitwise_and", t, BitwiseAnd, [](int64_t a, int64_t b) { return a & b; }));
    rows.push_back(Pairs("bitwise_or", t, BitwiseOr, [](int64_t a, int64_t b) { return a | b; }));
    rows.push_back(Pairs("bitwise_xor", t, BitwiseXor, [](int64_t a, int64_t b) { return a ^ b; }));
    rows.push_back(Pairs(
        "shift_right", t, ShiftRight, [](int64_t a, int64_t b) { return a >> b; }, 5));
  }
  rows.push_back(Pairs(
      "shift_left", DType::kInt64, ShiftLeft, [](int64_t a, int64_t b) { return a * (int64_t{1} << b); }, 40));
  rows.push_back(Pairs(
      "shift_left", DType::kInt32, ShiftLeft, [](int64_t a, int64_t b) { return a * (int64_t{1} << b); }, 5));
  rows[0].bad = [](Graph* g) { BitwiseAnd(g->Input("a", DType::kFloat32, {2}), g->Input("b", DType::kFloat32, {2})); };
  rows[0].bad_message = "bitwise_and: takes integers, not f32 (a f32[2], b f32[2])";
  return rows;
}
const OpCases kPairs(Rows());

const OpCases kOne({
    {.name = "bitwise_not",
     .build = [](Args x) { return Values{BitwiseNot(x[0])}; },
     .inputs = {{.shape = {4, 9}, .dtype = DType::kInt32, .lo = -100, .hi = 100, .batch = true}},
     .reference = Elementwise([](double x) { return -x - 1; }),
     .differentiable = false,
     .bad = [](Graph* g) { BitwiseNot(g->Input("x", DType::kBool, {2})); },
     .bad_message = "bitwise_not: takes integers, not bool (x bool[2])"},
    {.name = "bitcast/u32",
     .build = [](Args x) { return Values{Bitcast(x[0], DType::kUint32)}; },
     .inputs = {{.shape = {4, 9}, .dtype = DType::kInt32, .lo = -100, .hi = 100, .batch = true}},
     .reference = Elementwise([](double x) { return x < 0 ? x + 0x1p32 : x; }),
     .differentiable = false,
     .bad = [](Graph* g) { Bitcast(g->Input("x", DType::kFloat64, {2}), DType::kInt32); },
     .bad_message = "bitcast: an element of f64 has 8 bytes, one of i32 4 (x f64[2])"},
    {.name = "bitcast/bool",
     .build = [](Args x) { return Values{Bitcast(x[0], DType::kUint8)}; },
     .inputs = {{.shape = {4, 9}, .dtype = DType::kBool}},
     .reference = Elementwise([](double x) { return x; }),
     .differentiable = false},
    // The absolute value: bits without the sign.
    {.name = "bitcast/abs",
     .build =
         [](Args x) {
           const DType bits = x[0].dtype() == DType::kFloat32 ? DType::kUint32 : DType::kUint64;
           return Values{Bitcast(ShiftRight(ShiftLeft(Bitcast(x[0], bits), 1), 1), x[0].dtype())};
         },
     .inputs = {{.shape = {4, 9}, .batch = true}},
     .reference = Elementwise([](double x) { return std::abs(x); }),
     .differentiable = false},
});

TEST(Bitwise, ShiftsByTheWidthAndMore) {
  Graph graph;
  const Value b = graph.Constant(Tensor::From<int8_t>({5}, {0, 7, 8, 100, -1}));
  const auto shifted = [&](Function f, double a) {
    return Evaluate(f(graph.Constant(Tensor::Full(DType::kInt8, {5}, a)), b))->ToString();
  };
  EXPECT_EQ(shifted(ShiftLeft, 3), "i8[5] [3, -128, 0, 0, 0]");
  EXPECT_EQ(shifted(ShiftRight, 100), "i8[5] [100, 0, 0, 0, 0]");
  EXPECT_EQ(shifted(ShiftRight, -100), "i8[5] [-100, -1, -1, -1, -1]");
  const Value x = graph.Constant(Tensor::From<uint64_t>({2}, {~uint64_t{0}, 1}));
  EXPECT_EQ(Evaluate(ShiftLeft(x, 63))->data<uint64_t>()[1], uint64_t{1} << 63);
  EXPECT_EQ(Evaluate(ShiftRight(x, 63))->data<uint64_t>()[0], 1u);
  EXPECT_EQ(Evaluate(ShiftLeft(x, 64))->data<uint64_t>()[0], 0u);
}

TEST(Bitwise, NumbersKeepTheirBits) {
  constexpr int64_t kOdd = (int64_t{1} << 53) + 1;
  Graph graph;
  const Value x = graph.Constant(Tensor::From<int64_t>({1}, {-1}));
  EXPECT_EQ(Evaluate(BitwiseAnd(x, kOdd))->data<int64_t>()[0], kOdd);
}

// Of every pair of dtypes of one size, there and back; a NaN keeps its payload, and a bool its byte.
TEST(Bitcast, KeepsEveryBit) {
  for (DType from : kAllDTypes) {
    auto bytes = std::make_shared<std::vector<uint64_t>>(8);
    for (size_t i = 0; i < bytes->size(); ++i) (*bytes)[i] = 0x7fa1'0203'ff80'0001 * (i + 1);
    const Tensor fed = Tensor::Borrow(from, {static_cast<int64_t>(64 / SizeOf(from))}, bytes->data(), bytes);
    for (DType to : kAllDTypes) {
      SCOPED_TRACE(absl::StrCat(Name(from), " as ", Name(to)));
      Graph graph;
      const Value x = graph.Input("x", from, fed.shape()), y = Bitcast(x, to);
      if (SizeOf(from) != SizeOf(to)) {
        EXPECT_THAT(std::string(graph.status().message()), HasSubstr("bitcast: an element of"));
        continue;
      }
      const auto found = Evaluate({y, Bitcast(y, from)}, {{x, fed}});
      ASSERT_TRUE(found.ok()) << found.status();
      EXPECT_EQ((*found)[0].dtype(), to);
      EXPECT_EQ(std::memcmp((*found)[0].raw(), fed.raw(), 64), 0);
      EXPECT_EQ(std::memcmp((*found)[1].raw(), fed.raw(), 64), 0);
    }
  }
}

TEST(Bitcast, GivesPatternsOfNumbers) {
  Graph graph;
  const auto bits = [&](const Tensor& x, DType to) { return Evaluate(Bitcast(graph.Constant(x), to))->At(0); };
  EXPECT_EQ(bits(Tensor::From<float>({1}, {1}), DType::kInt32), 0x3f800000);
  EXPECT_EQ(bits(Tensor::From<float>({1}, {-0.0f}), DType::kInt32), -0x1p31);
  EXPECT_EQ(bits(Tensor::From<double>({1}, {1}).Cast(DType::kBFloat16), DType::kUint16), 0x3f80);
  EXPECT_EQ(bits(Tensor::From<int64_t>({1}, {0x4000000000000000}), DType::kFloat64), 2);
}

TEST(Bitcast, SaysWhyItHasNoGradient) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {2});
  Gradients(Cast(Bitcast(Cast(x, DType::kBFloat16), DType::kFloat16), DType::kFloat32), {x});
  EXPECT_THAT(std::string(graph.status().message()), HasSubstr("bits are no numbers"));
}

}  // namespace
}  // namespace adret
