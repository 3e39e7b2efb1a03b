// Edge rows of functions of two values: arithmetic, comparisons, logic, choice; of integers; and of conversions.
#include "absl/strings/str_cat.h"
#include "adret/ops/binary.h"
#include "adret/ops/bitwise.h"
#include "adret/ops/compare.h"
#include "adret/ops/random.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"
#include "adret/tests/ops/edge_suite.h"

namespace adret {
namespace {

EdgeRow Binary(std::string name, Value (*f)(Operand, Operand), std::vector<std::string> inputs = {"a", "b"},
               double ulp = 0, double gradient_ulp = 0) {
  return {.name = std::move(name),
          .build = [f](Args x) { return Values{f(x[0], x[1])}; },
          .inputs = std::move(inputs),
          .ulp = ulp,
          .gradient_ulp = gradient_ulp};
}

EdgeRow Of(std::string name, std::string input, std::function<Value(Value)> f) {
  return {.name = std::move(name),
          .build = [f = std::move(f)](Args x) { return Values{f(x[0])}; },
          .inputs = {std::move(input)},
          .ulp = 0,
          .gradient_ulp = 0};
}

Value Remainder(Operand a, Operand b) { return Mod(a, b); }
Value CRemainder(Operand a, Operand b) { return Mod(a, b, {.fmod = true}); }

const EdgeRows kFloating({
    Binary("add", Add),
    Binary("sub", Sub),
    Binary("mul", Mul),
    Binary("div", Div, {"a", "b"}, 0, 2),
    Binary("mod", Remainder, {"a", "b"}, 0, 2),
    Binary("mod/fmod", CRemainder, {"a", "b"}, 0, 2),
    Binary("pow", Pow, {"bases", "exponents"}, 2, 4),
    Binary("maximum", Maximum),
    Binary("minimum", Minimum),
    Binary("equal", Equal),
    Binary("not_equal", NotEqual),
    Binary("less", Less),
    Binary("less_equal", LessEqual),
    Binary("greater", Greater),
    Binary("greater_equal", GreaterEqual),
    Binary("logical_and", LogicalAnd, {"bools", "other_bools"}),
    Binary("logical_or", LogicalOr, {"bools", "other_bools"}),
    Binary("logical_xor", LogicalXor, {"bools", "other_bools"}),
    Of("logical_not", "bools", [](Value x) { return LogicalNot(x); }),
    Of("is_nan", "specials", [](Value x) { return IsNan(x); }),
    Of("is_inf", "specials", [](Value x) { return IsInf(x); }),
    Of("is_inf/negative", "specials", [](Value x) { return IsInf(x, {.detect_positive = false}); }),
    Of("bitcast", "specials",
       [](Value x) { return Bitcast(x, x.dtype() == DType::kFloat32 ? DType::kInt32 : DType::kInt64); }),
    {.name = "where",
     .build = [](Args x) { return Values{Where(x[0], x[1], x[2])}; },
     .inputs = {"conditions", "a", "b"},
     .ulp = 0,
     .gradient_ulp = 0},
    Of("dropout/all", "dropped", [](Value x) { return Dropout(x, {.rate = 1}); }),
    Of("dropout/none", "dropped", [](Value x) { return Dropout(x, {.rate = 0}); }),
});

struct NamedDType {
  std::string name;
  DType dtype;
};
const std::vector<NamedDType>& Integers() {
  static const auto* types = [] {
    auto* all = new std::vector<NamedDType>;
    for (DType dtype : kAllDTypes) {
      if (IsInteger(dtype)) all->push_back({std::string(Name(dtype)), dtype});
    }
    return all;
  }();
  return *types;
}
// Those that conversions are tried with.
const std::vector<NamedDType>& SomeIntegers() {
  static const auto* types =
      new std::vector<NamedDType>{{"i32", DType::kInt32}, {"i64", DType::kInt64}, {"u8", DType::kUint8}};
  return *types;
}
const std::vector<NamedDType>& Others() {
  static const auto* types =
      new std::vector<NamedDType>{{"f32", DType::kFloat32}, {"f64", DType::kFloat64}, {"bool", DType::kBool}};
  return *types;
}

std::vector<EdgeRow> IntegerRows() {
  const std::vector<std::pair<std::string, Value (*)(Operand)>> unary = {
      {"neg", Neg}, {"abs", Abs}, {"sign", Sign}, {"square", Square}, {"relu", Relu}, {"bitwise_not", BitwiseNot}};
  const std::vector<std::pair<std::string, Value (*)(Operand, Operand)>> binary = {{"add", Add},
                                                                                   {"sub", Sub},
                                                                                   {"mul", Mul},
                                                                                   {"div", Div},
                                                                                   {"pow", Pow},
                                                                                   {"mod", Remainder},
                                                                                   {"mod/fmod", CRemainder},
                                                                                   {"bitwise_and", BitwiseAnd},
                                                                                   {"bitwise_or", BitwiseOr},
                                                                                   {"bitwise_xor", BitwiseXor},
                                                                                   {"shift_left", ShiftLeft},
                                                                                   {"shift_right", ShiftRight},
                                                                                   {"maximum", Maximum},
                                                                                   {"minimum", Minimum},
                                                                                   {"equal", Equal},
                                                                                   {"not_equal", NotEqual},
                                                                                   {"less", Less},
                                                                                   {"less_equal", LessEqual},
                                                                                   {"greater", Greater},
                                                                                   {"greater_equal", GreaterEqual}};
  std::vector<EdgeRow> rows;
  for (const auto& [type, dtype] : Integers()) {
    for (const auto& [name, f] : unary)
      rows.push_back(Of(absl::StrCat(name, "/", type), type, [f = f](Value x) { return f(x); }));
    rows.push_back(Of("clip/" + type, type, [](Value x) { return Clip(x, {.min = 1, .max = 100}); }));
    for (const auto& [name, f] : binary) {
      rows.push_back(Binary(absl::StrCat(name, "/", type), f, {type + "_a", type + "_b"}));
    }
  }
  return rows;
}
const EdgeRows kIntegers(IntegerRows());

std::vector<EdgeRow> CastRows() {
  std::vector<EdgeRow> rows;
  const auto add = [&](std::string name, std::string input, DType to) {
    rows.push_back(Of(std::move(name), std::move(input), [to](Value x) { return Cast(x, to); }));
  };
  for (const std::vector<NamedDType>& targets : {SomeIntegers(), Others()}) {
    for (const auto& [to, dtype] : targets) {
      add("cast/to_" + to, "castable", dtype);
      for (const auto& [from, from_dtype] : SomeIntegers()) add(absl::StrCat("cast/", from, "_to_", to), from, dtype);
    }
  }
  for (const auto& [to, dtype] : Others()) add("cast/bool_to_" + to, "bools", dtype);
  return rows;
}
const EdgeRows kCasts(CastRows());

}  // namespace
}  // namespace adret
