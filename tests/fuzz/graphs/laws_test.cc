#include "adret/tests/fuzz/graphs/laws.h"

#include "absl/strings/match.h"
#include "adret/autograd/scan.h"
#include "adret/core/batch.h"
#include "adret/ops/batch.h"
#include "adret/ops/binary.h"
#include "adret/ops/matmul.h"
#include "adret/ops/reduce.h"
#include "adret/ops/unary.h"
#include "adret/tests/fuzz/graphs/engines.h"
#include "adret/tests/fuzz/graphs/shrink.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::fuzz {
namespace {

using ::testing::HasSubstr;

// y = 2 x, with whatever rules.
const Op* Double(const std::string& name, GradientRule gradient, BatchRule batch) {
  Op op;
  op.name = name;
  op.doc = "y = 2 x, for a test.";
  op.inputs = {"x"};
  op.type = SameTypeFloating;
  op.kernel = [](const KernelSpec& spec) -> absl::StatusOr<Kernel> {
    Kernel kernel;
    kernel.run = [n = spec.y().num_elements()](const KernelArgs& args) {
      for (int64_t i = 0; i < n; ++i) args.out<double>()[i] = 2 * args.in<double>(0)[i];
      return absl::OkStatus();
    };
    return kernel;
  };
  op.gradient = std::move(gradient);
  op.batch = std::move(batch);
  return OpRegistration(std::move(op)).op;
}

GraphCase CaseOf(const Op* op, const std::string& law) {
  GraphCase c;
  const Value x = c.graph->Input("x", DType::kFloat64, {2});
  c.fetches = {Sum(Tanh(Build(op->name, {x}))) + Sum(x)};
  c.runs = {{{x, Tensor::From<double>({2}, {0.25, -0.5})}}};
  c.law = law;
  return c;
}

Values Twice(const GradientContext& c) { return {2.0 * c.dy()}; }
Values AllAtOnce(const BatchContext& c) { return BuildStacked(c, c.node().attrs); }

TEST(LawsTest, HoldOfARightOp) {
  const Op* op = Double("laws_test_right", Twice, AllAtOnce);
  for (const std::string& law : AllLaws()) {
    for (int seed = 0; seed < 10; ++seed) {
      GraphCase c = CaseOf(op, law);
      c.law_seed = seed;
      EXPECT_EQ(CompareEngines(c), absl::OkStatus()) << law << " " << seed;
    }
  }
}

TEST(LawsTest, FindAWrongBatchRule) {
  const Op* op = Double("laws_test_batch", Twice, [](const BatchContext& c) { return Values{2.0001 * Stacked(c, 0)}; });
  const GraphCase c = CaseOf(op, "vmap");
  EXPECT_THAT(std::string(CompareEngines(c).message()), HasSubstr("one way differs from the other"));
}

TEST(LawsTest, FindAWrongGradientRule) {
  const Op* op = Double(
      "laws_test_gradient", [](const GradientContext& c) { return Values{1.999 * c.dy()}; }, AllAtOnce);
  EXPECT_FALSE(CompareEngines(CaseOf(op, "difference")).ok());
  // This one does not know what the derivative is, only that both directions agree.
  EXPECT_EQ(CompareEngines(CaseOf(op, "transpose")), absl::OkStatus());
}

TEST(LawsTest, AWrongCaseIsShrunkAndPrinted) {
  const Op* op =
      Double("laws_test_shrunk", Twice, [](const BatchContext& c) { return Values{2.0001 * Stacked(c, 0)}; });
  const GraphCase shrunk = Shrink(CaseOf(op, "vmap"), [](const GraphCase& c) { return !CompareEngines(c).ok(); });
  EXPECT_EQ(shrunk.graph->num_nodes(), 2);
  EXPECT_THAT(ToCpp(shrunk), HasSubstr("c.law = \"vmap\""));
}

// sums of tanh(w * sum of a row), with a loop in a loop.
GraphCase Loops() {
  GraphCase c;
  const Value x = c.graph->Input("x", DType::kFloat64, {Dim("time"), 2});
  const Value w = c.graph->Variable("w", Tensor::Scalar(DType::kFloat64, 0.75));
  c.state.Set("w", Tensor::Scalar(DType::kFloat64, 0.75));
  const ScanResult outer =
      Scan({.carry = {w}, .each = {x}, .reverse = true}, [&](const Values& sum, const Values& row) {
        const ScanResult inner =
            Scan({.carry = {sum[0]}, .each = {row[0]}}, [&](const Values& part, const Values& element) {
              return ScanStep{.carry = {part[0] + Tanh(element[0] * w)}, .out = {element[0] * 2.0}};
            });
        return ScanStep{.carry = inner.carry, .out = {Sum(inner.out[0])}};
      });
  c.fetches = {outer.carry[0], outer.out[0]};
  for (int64_t steps : {0, 1, 3}) {
    c.runs.push_back({{x, Tensor::Full(DType::kFloat64, {steps, 2}, 0.5)}});
  }
  return c;
}

TEST(LawsTest, BodiesAreRunByTheirDefinition) {
  const GraphCase c = Loops();
  EXPECT_EQ(CompareEngines(c), absl::OkStatus());
  const absl::StatusOr<Outcome> outcome = RunEngine(c, Engine::kNodeByNode);
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->values[0].At(0), 0.75);
  EXPECT_NEAR(outcome->values[2].At(0), 0.75 + 2 * std::tanh(0.375), 1e-15);
  EXPECT_EQ(outcome->values[5].At(2), 2);
}

TEST(LawsTest, BodiesAreShrunkAndPrinted) {
  const auto has_tanh = [](const GraphCase& c) { return absl::StrContains(ToCpp(c), "\"tanh\""); };
  const std::string text = ToCpp(Shrink(Loops(), has_tanh));
  EXPECT_THAT(text, HasSubstr("Subgraph::Make"));
  EXPECT_FALSE(absl::StrContains(text, "\"sum\"")) << text;
}

}  // namespace
}  // namespace adret::fuzz
