// Every function of one number, and its derivative, against exact values: in f32 at 4 million numbers of all exponents
// and both signs, in f64 at a sample.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <mutex>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/core/infer_types.h"
#include "adret/core/op.h"
#include "adret/core/parallel.h"
#include "adret/tests/ops/exact_functions.h"
#include "adret/tests/ops/simd_test.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

// Ops that turn one f32 into another, element by element.
std::vector<const Op*> Functions() {
  std::vector<const Op*> functions;
  for (const Op* op : AllOps()) {
    if (!op->elementwise() || op->inputs.size() != 1) continue;
    const absl::StatusOr<Attrs> attrs = op->parse_attrs({}, MissingAttrs::kDefault);
    if (!attrs.ok()) continue;
    const absl::StatusOr<Types> types = InferTypes(*op, {Type{DType::kFloat32, {1}}}, *attrs);
    if (types.ok() && types->at(0).dtype == DType::kFloat32) functions.push_back(op);
  }
  return functions;
}

TEST(Accuracy, EveryFunctionHasExactValuesAndBounds) {
  std::vector<std::string> exact;
  for (const ExactFunction& f : ExactFunctions()) exact.push_back(f.op);
  EXPECT_GT(Functions().size(), 20u);
  for (const Op* op : Functions()) {
    EXPECT_TRUE(std::count(exact.begin(), exact.end(), op->name)) << "exact_functions.h lacks '" << op->name << "'";
  }
}

// |found - exact| in units in the last place that T has at `unit`. Numbers beyond T count as T's first number beyond.
template <class T, class Exact>
double Ulps(T found, Exact exact, Exact unit) {
  using Limits = std::numeric_limits<T>;
  if (std::isnan(found) || std::isnan(exact)) return std::isnan(found) && std::isnan(exact) ? 0 : INFINITY;
  if (std::isinf(unit) && !std::isinf(exact)) return 0;
  const Exact beyond = std::ldexp(Exact{1}, Limits::max_exponent);
  const auto bounded = [&](Exact v) { return std::clamp(v, -beyond, beyond); };
  const Exact size = std::max(std::abs(bounded(exact)), std::abs(bounded(unit)));
  const int exponent = size == 0 ? Limits::min_exponent - 1
                                 : std::clamp(std::ilogb(size), Limits::min_exponent - 1, Limits::max_exponent - 1);
  return static_cast<double>(std::abs(bounded(found) - bounded(exact)) /
                             std::ldexp(Exact{1}, exponent - Limits::digits + 1));
}

// All special values, and numbers whose bits are `step` apart.
std::vector<float> AllExponents32(uint32_t step) {
  std::vector<float> x;
  for (uint64_t bits = 0; bits < uint64_t{1} << 32; bits += step) {
    x.push_back(std::bit_cast<float>(static_cast<uint32_t>(bits)));
  }
  return x;
}
std::vector<double> Sample64() {
  std::vector<double> x;
  for (uint64_t exponent = 0; exponent < 4096; ++exponent) {  // with the sign
    for (uint64_t i = 0; i < 8; ++i) {
      x.push_back(std::bit_cast<double>(exponent << 52 | ((exponent * 8 + i + 1) * 0x9e3779b97f4a7c15) >> 12));
    }
  }
  for (int i = -50000; i < 50000; ++i) x.insert(x.end(), {i * 1e-3 + 1e-7, i * 0.016 + 1e-5});
  return x;
}
template <class T>
std::vector<T> WithSpecials(std::vector<T> x) {
  using Limits = std::numeric_limits<T>;
  for (T v : {T{0}, T{1}, Limits::denorm_min(), Limits::min(), Limits::max(), Limits::infinity()}) {
    x.insert(x.end(), {v, -v});
  }
  x.push_back(Limits::quiet_NaN());
  return x;
}

struct Worst {
  double ulps = 0;
  std::string where;
  void Take(double candidate, const auto& describe) {
    if (!(candidate > ulps)) return;
    ulps = candidate;
    where = describe();
  }
};

class AccuracyTest : public testing::TestWithParam<ExactFunction> {
 protected:
  // Checks y and dx on every instruction set.
  template <class T, class Exact>
  void Check(const std::vector<T>& numbers, double y_bound, double dx_bound) {
    const ExactFunction& f = GetParam();
    const Tensor x = Tensor::From<T>({static_cast<int64_t>(numbers.size())}, numbers);
    std::vector<std::vector<Tensor>> results;
    for (int64_t target : SimdTargets()) {
      ChooseSimdTarget(target);
      Graph graph;
      const Value in = graph.Input("x", x.dtype(), x.shape()), y = Build(f.op, {in}, f.attrs);
      if (y.dtype() != x.dtype()) return ChooseSimdTarget(0);  // cast, which makes f32 by default
      auto found = Evaluate({y, Gradients(y, {in})[0]}, {{in, x}});
      ChooseSimdTarget(0);
      ASSERT_TRUE(found.ok()) << found.status();
      results.push_back(*std::move(found));
    }
    Worst y_worst, dx_worst;
    std::mutex mutex;
    ParallelFor(x.num_elements(), 1 << 14, [&](int64_t begin, int64_t end) {
      const std::array<Worst, 2> worst = WorstOf<T, Exact>(numbers, results, begin, end);
      std::lock_guard<std::mutex> lock(mutex);
      y_worst.Take(worst[0].ulps, [&] { return worst[0].where; });
      dx_worst.Take(worst[1].ulps, [&] { return worst[1].where; });
    });
    const std::string dtype(Name(kDTypeOf<T>));
    RecordProperty("y_" + dtype, absl::StrCat(y_worst.ulps));
    RecordProperty("dx_" + dtype, absl::StrCat(dx_worst.ulps));
    EXPECT_LE(y_worst.ulps, y_bound) << f.op << " in " << dtype << y_worst.where;
    EXPECT_LE(dx_worst.ulps, dx_bound) << "the derivative of " << f.op << " in " << dtype << dx_worst.where;
  }

 private:
  template <class T, class Exact>
  static std::array<Worst, 2> WorstOf(const std::vector<T>& x, const std::vector<std::vector<Tensor>>& results,
                                      int64_t begin, int64_t end) {
    const ExactFunction& f = GetParam();
    std::array<Worst, 2> worst;
    for (int64_t i = begin; i < end; ++i) {
      const Exact v = x[i];
      const Exact exact[] = {f.y.At(v), f.dx.At(v)}, unit[] = {f.y_unit.At(v), f.dx_unit.At(v)};
      for (const std::vector<Tensor>& result : results) {
        for (int k = 0; k < 2; ++k) {
          const T found = result[k].data<T>()[i];
          double ulps = Ulps<T, Exact>(found, exact[k], unit[k]);
          const bool is_zero = k == 0 && found == 0 && exact[k] == 0;
          if (is_zero && std::signbit(found) != std::signbit(exact[k])) ulps = INFINITY;
          worst[k].Take(ulps, [&] {
            return absl::StrCat(" at ", static_cast<double>(v), " is ", static_cast<double>(found), ", not ",
                                static_cast<double>(exact[k]));
          });
        }
      }
    }
    return worst;
  }
};

TEST_P(AccuracyTest, KeepsItsBounds) {
  const UlpBounds& bounds = GetParam().bounds;
  static const auto* numbers32 = new std::vector<float>(WithSpecials(AllExponents32(1021)));
  ASSERT_GE(numbers32->size(), size_t{1} << 22);
  Check<float, double>(*numbers32, bounds.y_f32, bounds.dx_f32);
  Check<double, long double>(WithSpecials(Sample64()), bounds.y_f64, bounds.dx_f64);
}

INSTANTIATE_TEST_SUITE_P(All, AccuracyTest, testing::ValuesIn(ExactFunctions()),
                         [](const auto& test) { return absl::StrCat(test.param.op, "_", test.index); });

}  // namespace
}  // namespace adret
