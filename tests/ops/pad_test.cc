#include "adret/ops/pad.h"

#include <algorithm>

#include "adret/autograd/check_gradients.h"
#include "adret/core/executor.h"
#include "adret/core/random.h"
#include "adret/tests/ops/op_suite.h"
#include "adret/tests/ops/picked.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

// What lies at place i of an axis of n elements with a border before it; -1: the constant.
int64_t NaiveSource(const std::string& mode, int64_t i, int64_t before, int64_t n) {
  int64_t s = i - before;
  if (mode == "edge") return std::clamp<int64_t>(s, 0, n - 1);
  if (mode == "reflect") {
    if (s < 0) s = -s;
    return s >= n ? 2 * (n - 1) - s : s;
  }
  return s < 0 || s >= n ? -1 : s;
}

std::function<std::vector<Tensor>(absl::Span<const Tensor>)> NaivePad(const Shape& shape, const PadAttrs& a) {
  Shape padded = shape;
  for (int axis = 0; axis < shape.rank(); ++axis) padded.set(axis, a.before[axis] + shape[axis] + a.after[axis]);
  return Picked(padded, [shape, a](auto x, const Index& i) {
    Index from(i.size());
    for (size_t axis = 0; axis < i.size(); ++axis) {
      from[axis] = NaiveSource(a.mode, i[axis], a.before[axis], shape[static_cast<int>(axis)]);
      if (from[axis] < 0) return a.value;
    }
    return At(x[0], from);
  });
}

const PadAttrs kConstant{.before = {0, 1, 2}, .after = {0, 0, 3}, .value = 1.5};
const PadAttrs kReflect{.before = {0, 2, 0, 3}, .after = {0, 1, 0, 2}, .mode = "reflect"};
const PadAttrs kEdge{.before = {0, 0, 3, 0}, .after = {0, 0, 4, 0}, .mode = "edge"};

const OpCases kCases({
    {.name = "pad",
     .build = [](Args x) { return Values{Pad(x[0], kConstant)}; },
     .inputs = {{.shape = {3, 2, 4}, .batch = true}},
     .reference = NaivePad({3, 2, 4}, kConstant),
     .bad =
         [](Graph* g) {
           Pad(g->Input("x", DType::kFloat32, {kAnyBatch, 3}), {.before = {-1, 0}, .after = {0, 0}});
         },
     .bad_message = "pad: the width of a border must not be negative (axis 0) (x f32[?,3])"},
    {.name = "pad/reflect",
     .build = [](Args x) { return Values{Pad(x[0], kReflect)}; },
     .inputs = {{.shape = {2, 3, 2, 4}, .batch = true}},
     .reference = NaivePad({2, 3, 2, 4}, kReflect),
     .bad =
         [](Graph* g) {
           Pad(g->Input("x", DType::kFloat32, {2, 3}), {.before = {0, 3}, .after = {0, 0}, .mode = "reflect"});
         },
     .bad_message = "a reflected border must be narrower than axis 1 of size 3"},
    {.name = "pad/edge",
     .build = [](Args x) { return Values{Pad(x[0], kEdge)}; },
     .inputs = {{.shape = {2, 3, 3, 4}, .batch = true}},
     .reference = NaivePad({2, 3, 3, 4}, kEdge),
     .bad = [](Graph* g) { Pad(g->Input("x", DType::kUint8, {3}), {.before = {1}, .after = {0}, .value = 256}); },
     .bad_message = "the value 256 is no u8"},
});

const GoldenCases kGolden(
    "shapes", {
                  {"pad_constant",
                   [](Args x) {
                     return Values{Pad(x[0], {.before = {0, 3, 1}, .after = {0, 0, 2}, .value = 1.5})};
                   }},
                  {"pad_reflect",
                   [](Args x) {
                     return Values{Pad(x[0], {.before = {0, 0, 1, 2}, .after = {0, 0, 2, 3}, .mode = "reflect"})};
                   }},
                  {"pad_edge",
                   [](Args x) {
                     return Values{Pad(x[0], {.before = {0, 0, 1, 2}, .after = {0, 0, 4, 3}, .mode = "edge"})};
                   }},
              });

TEST(Pad, MatchesTheNaiveOneOverRandomBorders) {
  RandomStream random(1);
  for (int k = 0; k < 60; ++k) {
    PadAttrs a{.mode = k % 3 == 0 ? "constant" : k % 3 == 1 ? "edge" : "reflect", .value = 2};
    Shape shape;
    const int rank = 1 + random.Below(4);
    for (int axis = 0; axis < rank; ++axis) {
      shape.push_back(1 + random.Below(4));
      const bool bordered = random.Below(3) != 0;
      const uint32_t widest = a.mode == "reflect" ? shape[axis] : 4;
      a.before.push_back(bordered ? random.Below(widest) : 0);
      a.after.push_back(bordered ? random.Below(widest) : 0);
    }
    Tensor x(DType::kFloat64, shape);
    for (double& v : x.mutable_data<double>()) v = random.Normal();
    Graph graph;
    auto y = Evaluate(Pad(graph.Constant(x), a));
    ASSERT_TRUE(y.ok()) << y.status();
    EXPECT_TRUE(y->BitEqual(NaivePad(shape, a)({&x, 1})[0])) << a.mode << " " << shape.ToString();
    const absl::Status status = CheckGradients([&](Args v) { return Values{Pad(v[0], a)}; }, {x}, {.directions = 1});
    EXPECT_TRUE(status.ok()) << status << " " << a.mode << " " << shape.ToString();
  }
}

TEST(Pad, RefusesSizeBombs) {
  Graph graph;
  Pad(graph.Input("x", DType::kUint8, {2, 2}), {.before = {int64_t{1} << 40, 0}, .after = {0, int64_t{1} << 40}});
  EXPECT_FALSE(graph.status().ok());
}

}  // namespace
}  // namespace adret
