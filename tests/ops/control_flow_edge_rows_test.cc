// Edge rows of loops and branches: what they do with infinities, NaN and nothing at all.
#include "adret/autograd/if.h"
#include "adret/autograd/scan.h"
#include "adret/autograd/while.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/check_bounds.h"
#include "adret/ops/compare.h"
#include "adret/ops/reduce.h"
#include "adret/ops/unary.h"
#include "adret/tests/ops/edge_suite.h"

namespace adret {
namespace {

Values RunningSums(Args x) {
  const Value zero = x[0].graph()->Constant(Tensor::Zeros(x[0].dtype(), {}));
  const Value start = BroadcastTo(zero, {x[0].shape()[1]});
  const ScanResult r = Scan({.carry = {start}, .each = {x[0]}}, [](const Values& sum, const Values& row) {
    const Value next = sum[0] * 0.5 + row[0];
    return ScanStep{.carry = {next}, .out = {next}};
  });
  return r.out;
}

Values TwiceOrNegated(Args x) {
  return If(
      Greater(Sum(x[0]), 0.0), [&] { return Values{x[0] * 2.0}; }, [&] { return Values{-x[0]}; });
}

Values Doubled(Args x) {
  const WhileResult r = While(
      {.carry = {x[0]}, .max_iterations = 3}, [](const Values& v) { return Less(Sum(v[0]), 4.0); },
      [](const Values& v) { return Values{v[0] * 2.0}; });
  return r.carry;
}

Values Checked(Args x) { return {CheckBounds(x[0], Dim(int64_t{3}))}; }

const EdgeRows kRows({
    {.name = "scan", .build = RunningSums, .inputs = {"square"}},
    {.name = "scan/no_steps", .build = RunningSums, .inputs = {"no_rows"}},
    {.name = "if", .build = TwiceOrNegated, .inputs = {"square"}},
    {.name = "if/empty", .build = TwiceOrNegated, .inputs = {"empty"}},
    {.name = "while", .build = Doubled, .inputs = {"square"}},
    {.name = "while/scalar", .build = Doubled, .inputs = {"scalar"}},
    {.name = "check_bounds", .build = Checked, .inputs = {"places"}, .ulp = 0},
    {.name = "check_bounds/nothing", .build = Checked, .inputs = {"no_places"}, .ulp = 0},
});

}  // namespace
}  // namespace adret
