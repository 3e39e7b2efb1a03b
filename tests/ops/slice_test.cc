#include "adret/ops/slice.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/core/random.h"
#include "adret/ops/binary.h"
#include "adret/ops/concat.h"
#include "adret/ops/unary.h"
#include "adret/tests/ops/op_suite.h"
#include "adret/tests/ops/picked.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

const OpCases kCases({
    {.name = "slice",
     .build = [](Args x) { return Values{Slice(x[0], 1, 1, -1)}; },
     .inputs = {{.shape = {3, 5, 2}, .batch = true}},
     .reference = Picked({3, 3, 2},
                         [](auto x, const Index& i) {
                           return At(x[0], {i[0], i[1] + 1, i[2]});
                         }),
     .bad =
         [](Graph* g) {
           Slice(g->Input("x", DType::kFloat32, {3, 5}), 1, 2, 6);
         },
     .bad_message = "slice: axis 1: end 6 is outside an axis of size 5 (x f32[3,5])"},
    {.name = "slice/steps",
     .build =
         [](Args x) {
           return Values{
               Slice(x[0], {.axes = {1, -1}, .begins = {-2, 0}, .ends = {kSliceToBegin, 7}, .steps = {-2, 3}})};
         },
     .inputs = {{.shape = {2, 6, 8}, .batch = true}},
     .reference = Picked({2, 3, 3},
                         [](auto x, const Index& i) {
                           return At(x[0], {i[0], 4 - 2 * i[1], 3 * i[2]});
                         }),
     .bad =
         [](Graph* g) {
           Slice(g->Input("x", DType::kFloat32, {kAnyBatch, 5}), 0, 2, 1);
         },
     .bad_message = "axis 0: begin 2 lies after end 1"},
    {.name = "slice/empty",
     .build = [](Args x) { return Values{Slice(x[0], 1, 2, 2)}; },
     .inputs = {{.shape = {2, 4}}},
     .reference = Picked({2, 0}, [](auto, const Index&) { return 0.0; }),
     .bad =
         [](Graph* g) {
           Slice(g->Input("x", DType::kFloat32, {kAnyBatch, 5}), 1, 3, 2);
         },
     .bad_message = "axis 1: begin 3 lies after end 2"},
    {.name = "split",
     .build =
         [](Args x) {
           return Split(x[0], {1, 3}, -1);
         },
     .inputs = {{.shape = {3, 4}, .batch = true}},
     .reference =
         [](absl::Span<const Tensor> x) {
           std::vector<Tensor> y = Picked({3, 1}, [](auto t, const Index& i) { return At(t[0], {i[0], 0}); })(x);
           y.push_back(Picked({3, 3}, [](auto t, const Index& i) { return At(t[0], {i[0], i[1] + 1}); })(x)[0]);
           return y;
         },
     .bad =
         [](Graph* g) {
           Split(g->Input("x", DType::kFloat32, {3, 5}), {2, 2}, 1);
         },
     .bad_message = "split: the sizes leave 1 of 5 elements over (x f32[3,5])"},
    {.name = "flip",
     .build =
         [](Args x) {
           return Values{Flip(x[0], {0, 2})};
         },
     .inputs = {{.shape = {3, 2, 4}, .batch = true}},
     .reference = Picked({3, 2, 4},
                         [](auto x, const Index& i) {
                           return At(x[0], {2 - i[0], i[1], 3 - i[2]});
                         }),
     .bad =
         [](Graph* g) {
           Flip(g->Input("x", DType::kFloat32, {3, 5}), {1, 1});
         },
     .bad_message = "axis 1 is named twice"},
    {.name = "roll",
     .build = [](Args x) { return Values{Roll(x[0], -7, 1)}; },
     .inputs = {{.shape = {3, 5, 2}, .batch = true}},
     .reference = Picked({3, 5, 2},
                         [](auto x, const Index& i) {
                           return At(x[0], {i[0], (i[1] + 7) % 5, i[2]});
                         }),
     .bad =
         [](Graph* g) {
           Roll(g->Input("x", DType::kFloat32, {3, 5}), 1, 2);
         },
     .bad_message = "roll: axis 2 is out of range for rank 2"},
    {.name = "roll/batch",
     .build = [](Args x) { return Values{Roll(x[0], 1, 0)}; },
     .inputs = {{.shape = {3, 2}, .batch = true}},
     .reference = Picked({3, 2},
                         [](auto x, const Index& i) {
                           return At(x[0], {(i[0] + 2) % 3, i[1]});
                         })},
});

const GoldenCases kGolden(
    "shapes", {
                  {"slice",
                   [](Args x) {
                     return Values{Slice(x[0], {.axes = {0, 2}, .begins = {1, 2}, .ends = {3, 9}, .steps = {1, 3}})};
                   }},
                  {"flip",
                   [](Args x) {
                     return Values{Flip(x[0], {0, 2})};
                   }},
                  {"roll", [](Args x) { return Values{Roll(x[0], -2, 1)}; }},
                  {"split",
                   [](Args x) {
                     Values parts = Split(x[0], {2, 1, 3}, 1);
                     for (size_t i = 0; i < parts.size(); ++i) parts[i] = parts[i] * static_cast<double>(i + 1);
                     return Values{Concat(parts, 1)};
                   }},
              });

// Python's rule for x[begin:end:step], on a list of n numbers.
std::vector<int64_t> PythonSlice(int64_t n, int64_t begin, int64_t end, int64_t step) {
  std::vector<int64_t> result;
  const int64_t first = begin < 0 ? begin + n : begin, last = end < 0 ? end + n : end;
  for (int64_t i = first; step > 0 ? i < last : i > last; i += step) result.push_back(i);
  return result;
}

TEST(Slice, FollowsPythonOverRandomRanges) {
  RandomStream random(1);
  for (int k = 0; k < 200; ++k) {
    const int64_t n = 1 + random.Below(12);
    const auto anywhere = [&] { return static_cast<int64_t>(random.Below(2 * n)) - n; };
    const int64_t begin = anywhere(), end = anywhere(), step = (1 + random.Below(4)) * (random.Below(2) == 0 ? 1 : -1);
    std::vector<int64_t> numbers(n);
    for (int64_t i = 0; i < n; ++i) numbers[i] = i;
    Graph graph;
    Value y = Slice(graph.Constant(Tensor::From<int64_t>({n}, numbers)),
                    {.axes = {0}, .begins = {begin}, .ends = {end}, .steps = {step}});
    const int64_t from = begin < 0 ? begin + n : begin, to = end < 0 ? end + n : end;
    if (step > 0 ? from > to : from < to) {
      EXPECT_FALSE(graph.status().ok());  // Python says "empty"; here it is a mistake
      continue;
    }
    auto result = Evaluate(y);
    ASSERT_TRUE(result.ok()) << result.status();
    const std::vector<int64_t> expected = PythonSlice(n, begin, end, step);
    EXPECT_TRUE(
        std::equal(expected.begin(), expected.end(), result->data<int64_t>().begin(), result->data<int64_t>().end()))
        << n << " elements, " << begin << ":" << end << ":" << step;
  }
}

TEST(Slice, RefusesStepsAndPlacesOutOfRange) {
  const auto message = [](SliceAttrs attrs) {
    Graph graph;
    Slice(graph.Input("x", DType::kFloat32, {4}), attrs);
    return std::string(graph.status().message());
  };
  EXPECT_NE(message({{0}, {0}, {4}, {0}}).find("a step must not be 0"), std::string::npos);
  EXPECT_NE(message({{0}, {0}, {4}, {kSliceToBegin}}).find("a step is out of range"), std::string::npos);
  EXPECT_NE(message({{0}, {-5}, {4}, {1}}).find("begin -5 is outside"), std::string::npos);
  EXPECT_NE(message({{0}, {4}, {0}, {-1}}).find("begin 4 is outside"), std::string::npos);
  EXPECT_NE(message({{0}, {3}, {-5}, {-1}}).find("kSliceToBegin goes down to element 0"), std::string::npos);
  EXPECT_NE(message({{0}, {0, 1}, {4}, {1}}).find("equal lengths"), std::string::npos);
  EXPECT_NE(message({{1}, {0}, {4}, {1}}).find("axis 1 is out of range"), std::string::npos);
  EXPECT_EQ(message({{0}, {3}, {3}, {int64_t{1} << 62}}), "");
}

// The elements of all values that the gradient of an axis in n parts of 8, with something done to each, depends on.
int64_t WorkOfSplitGradient(int64_t n, int64_t axis, bool second_order) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, axis == 0 ? Shape{8 * n, 3} : Shape{3, 8 * n});
  Values parts = Split(x, std::vector<int64_t>(n, 8), axis);
  for (Value& part : parts) part = Exp(part);
  Value dx = Gradients(parts, {x})[0];
  if (second_order) dx = Gradients(dx, {x})[0];
  EXPECT_TRUE(graph.status().ok()) << graph.status();
  std::vector<bool> needed(graph.num_nodes(), false);
  needed[dx.node()] = true;
  int64_t elements = 0;
  for (NodeId id = dx.node(); id >= 0; --id) {
    if (!needed[id]) continue;
    elements += graph.type({id, 0}).shape.num_elements();
    for (ValueId v : graph.node(id).inputs) needed[v.node] = true;
  }
  return elements;
}

TEST(Split, GradientIsLinearInTheNumberOfParts) {
  for (int64_t axis : {0, 1}) {
    for (bool second_order : {false, true}) {
      EXPECT_LE(WorkOfSplitGradient(200, axis, second_order), 21 * WorkOfSplitGradient(10, axis, second_order))
          << "axis " << axis << ", order " << 1 + second_order;
    }
  }
}

// Slices of all kinds of one tensor: beside each other, overlapping, equal, empty, with steps, in patches.
TEST(Slice, GradientsOfManySlicesAddUp) {
  RandomStream random(3);
  for (int round = 0; round < 300; ++round) {
    const Shape shape{1 + random.Below(5), 1 + random.Below(7), 1 + random.Below(4)};
    const bool grid = round % 3 == 0, batch = round % 4 == 0;
    Graph graph;
    const Value x = graph.Input("x", DType::kFloat64, batch ? Shape{kAnyBatch, shape[1], shape[2]} : shape);
    Values ys, seeds;
    Feeds feeds = {{x, Tensor::Zeros(DType::kFloat64, shape)}};
    Tensor expected = Tensor::Zeros(DType::kFloat64, shape);
    const int count = 1 + random.Below(8);
    for (int k = 0; k < count; ++k) {
      SliceAttrs a;
      std::array<std::vector<int64_t>, 3> picked;
      for (int axis = 0; axis < 3; ++axis) {
        const int64_t n = shape[axis];
        int64_t begin = 0, end = n, step = 1;
        if (!(batch && axis == 0) && random.Below(3) != 0) {
          if (grid) {
            begin = random.Below(n), end = begin + 1;
          } else {
            begin = random.Below(n + 1), end = begin + random.Below(n - begin + 1);
            step = random.Below(4) == 0 ? (random.Below(2) == 0 ? 2 : int64_t{1} << 62) : 1;
          }
          a.axes.push_back(axis), a.begins.push_back(begin), a.ends.push_back(end), a.steps.push_back(step);
        }
        for (int64_t i = begin; i<end; i = step> end ? end : i + step) picked[axis].push_back(i);
      }
      ys.push_back(Slice(x, a));
      ASSERT_TRUE(graph.status().ok()) << graph.status();
      seeds.push_back(graph.Input(absl::StrCat("dy", k), DType::kFloat64, ys.back().shape()));
      Tensor dy(DType::kFloat64, ys.back().shape().With(shape[0]));
      size_t e = 0;
      for (double& v : dy.mutable_data<double>()) v = random.Below(9);
      for (int64_t i : picked[0]) {
        for (int64_t j : picked[1]) {
          for (int64_t l : picked[2]) {
            expected.mutable_data<double>()[(i * shape[1] + j) * shape[2] + l] += dy.data<double>()[e++];
          }
        }
      }
      ASSERT_EQ(e, dy.data<double>().size());
      feeds.emplace_back(seeds.back(), dy);
    }
    auto dx = Evaluate(Gradients(ys, {x}, {.seeds = seeds})[0], feeds);
    ASSERT_TRUE(dx.ok()) << dx.status();
    ASSERT_TRUE(dx->BitEqual(expected)) << "round " << round;
  }
}

TEST(Roll, ReversesItselfAtTheExtremes) {
  Graph graph;
  Value x = graph.Constant(Tensor::From<double>({3}, {1, 2, 3}));
  const int64_t most = std::numeric_limits<int64_t>::max();  // divisible by 7, remainder 1 by 3
  auto result = Evaluate(Roll(Roll(x, most, 0), -most, 0));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->BitEqual(Tensor::From<double>({3}, {1, 2, 3})));
  Roll(x, std::numeric_limits<int64_t>::min(), 0);
  EXPECT_FALSE(graph.status().ok());
}

}  // namespace
}  // namespace adret
