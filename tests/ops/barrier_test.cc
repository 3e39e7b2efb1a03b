#include "adret/ops/barrier.h"

#include "adret/autograd/recompute.h"
#include "adret/core/executor.h"
#include "adret/ops/binary.h"
#include "adret/ops/matmul.h"
#include "adret/ops/reduce.h"
#include "adret/ops/unary.h"
#include "adret/tests/ops/edge_suite.h"
#include "adret/tests/ops/op_suite.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

const OpCases kCases({
    {.name = "barrier",
     .build =
         [](Args x) {
           return Values{Tanh(Barrier(x[0], {x[1]})) * Barrier(x[0], {x[1], x[0]})};
         },
     .inputs = {{.shape = {4, 3}, .batch = true}, {.shape = {2}}},
     .reference =
         [](absl::Span<const Tensor> x) { return Elementwise([](double v) { return std::tanh(v) * v; })(x.first(1)); },
     .bad = [](Graph* g) { Barrier(g->Input("x", DType::kFloat32, {2}), {Value()}); },
     .bad_message = "barrier: an operand is a Value that was never built"},
    {.name = "recompute",
     .build = [](Args x) { return Recompute(
                               [](Args v) {
                                 return Values{Tanh(v[0]) * v[1], Exp(v[1])};
                               },
                               x); },
     .inputs = {{.shape = {4, 3}, .batch = true}, {.shape = {4, 3}, .batch = true}}},
    {.name = "recompute/nested",
     .build =
         [](Args x) {
           const auto inner = [](Args v) { return Values{Sigmoid(MatMul(v[0], v[1]))}; };
           const auto outer = [&](Args v) { return Values{Square(Recompute(inner, {Sin(v[0]), v[1]})[0])}; };
           return Recompute(outer, x);
         },
     .inputs = {{.shape = {4, 3}, .batch = true}, {.shape = {3, 5}}}},
});

// Moving numbers rounds nothing.
const EdgeRows kEdges({
    {.name = "barrier",
     .build = [](Args x) { return Values{Barrier(x[0], {Sum(x[0])})}; },
     .inputs = {"specials"},
     .ulp = 0,
     .gradient_ulp = 0},
    {.name = "recompute",
     .build = [](Args x) { return Recompute([](Args v) { return Values{-v[0]}; }, x); },
     .inputs = {"specials"},
     .ulp = 0,
     .gradient_ulp = 0},
});

}  // namespace
}  // namespace adret
