#include "adret/ops/where.h"

#include <cmath>

#include "adret/ops/binary.h"
#include "adret/ops/compare.h"
#include "adret/ops/unary.h"
#include "adret/tests/ops/op_suite.h"

namespace adret {
namespace {

std::vector<Tensor> WhereReference(absl::Span<const Tensor> x) {
  Tensor y = Tensor::Zeros(DType::kFloat64, x[1].shape());
  for (int64_t i = 0; i < y.num_elements(); ++i) y.mutable_data<double>()[i] = (x[0].At(i) != 0 ? x[1] : x[2]).At(i);
  return {y};
}

OpCase WhereOf(std::string name, DType dtype) {
  return {.name = std::move(name),
          .build = [](Args x) { return Values{Where(x[0], x[1], x[2])}; },
          .inputs = {{.shape = {7, 9}, .dtype = DType::kBool, .batch = true},
                     {.shape = {7, 9}, .dtype = dtype, .lo = 0, .hi = 9, .batch = true},
                     {.shape = {7, 9}, .dtype = dtype, .lo = 0, .hi = 9, .batch = true}},
          .reference = WhereReference,
          .differentiable = IsFloating(dtype)};
}

OpCase BadWhere() {
  OpCase c = WhereOf("where", DType::kFloat64);
  c.bad = [](Graph* g) {
    const Value x = g->Input("x", DType::kFloat32, {2});
    Where(x, x, x);
  };
  c.bad_message = "where: the condition must be bool, not f32";
  return c;
}

const OpCases kWhere({
    BadWhere(),
    WhereOf("where/i32", DType::kInt32),
    WhereOf("where/i64", DType::kInt64),
    WhereOf("where/u8", DType::kUint8),
    {.name = "where/numbers",
     .build = [](Args x) { return Values{Where(Greater(x[0], 0.25), Square(x[0]), -1.0)}; },
     .inputs = {{.shape = {5, 7}, .batch = true}},
     .reference = Elementwise([](double x) { return x > 0.25 ? x * x : -1.0; })},
    {.name = "where/row",
     .build = [](Args x) { return Values{Where(x[0], x[1], x[2])}; },
     .inputs = {{.shape = {3, 1}, .dtype = DType::kBool, .values = {1, 0, 1}}, {.shape = {4}}, {.shape = {3, 4}}},
     .reference =
         [](absl::Span<const Tensor> x) {
           Tensor y(DType::kFloat64, {3, 4});
           for (int i = 0; i < 12; ++i) y.mutable_data<double>()[i] = i / 4 == 1 ? x[2].At(i) : x[1].At(i % 4);
           return std::vector<Tensor>{y};
         }},
});

// Numbers that fit into every dtype, so that the reference is a plain copy.
std::vector<OpCase> Casts() {
  std::vector<OpCase> cases;
  for (DType from : kAllDTypes) {
    for (DType to : kAllDTypes) {
      if (from == DType::kFloat32) continue;  // the suite makes it from f64
      cases.push_back({.name = "cast/" + std::string(Name(from)) + "_to_" + std::string(Name(to)),
                       .build = [to](Args x) { return Values{Cast(x[0], to)}; },
                       .inputs = {{.shape = {43}, .dtype = from, .lo = 0, .hi = 9, .batch = true}},
                       .reference = [to](absl::Span<const Tensor> x) { return std::vector<Tensor>{x[0].Cast(to)}; },
                       // Differences cannot be taken through f32 or through steps.
                       .differentiable = from == DType::kFloat64 && to == DType::kFloat64});
    }
  }
  return cases;
}
const OpCases kCasts(Casts());

const GoldenCases kGolden("elementwise",
                          {
                              {"where", [](Args x) { return Values{Where(x[0], x[1], x[2])}; }},
                              {"cast_f32_f64", [](Args x) { return Values{Cast(x[0], DType::kFloat64)}; }},
                              {"cast_f64_i32", [](Args x) { return Values{Cast(x[0], DType::kInt32)}; }},
                          });

}  // namespace
}  // namespace adret
