// Graphs of several symbolic dimensions: their types, runs at many sizes, gradients, and what is refused.
#include <cmath>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "adret/autograd/gradients.h"
#include "adret/autograd/vmap.h"
#include "adret/core/executor.h"
#include "adret/core/import.h"
#include "adret/io/model.h"
#include "adret/ops/binary.h"
#include "adret/ops/concat.h"
#include "adret/ops/conv2d.h"
#include "adret/ops/conv_nd.h"
#include "adret/ops/einsum.h"
#include "adret/ops/matmul.h"
#include "adret/ops/narrow.h"
#include "adret/ops/pad.h"
#include "adret/ops/pool2d.h"
#include "adret/ops/pool_nd.h"
#include "adret/ops/reduce.h"
#include "adret/ops/reshape.h"
#include "adret/ops/shape_of.h"
#include "adret/ops/slice.h"
#include "adret/ops/softmax.h"
#include "adret/ops/tile.h"
#include "adret/ops/transpose.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

using testing::HasSubstr;

Tensor Counted(const Shape& shape) {
  Tensor t(DType::kFloat64, shape);
  double next = 0;
  for (double& v : t.mutable_data<double>()) v = std::sin(next++);
  return t;
}

// A network over sequences: what a size that a graph does not know goes through.
struct SequenceNetwork {
  Graph graph;
  Value x, w, loss, slope_x, slope_w;

  explicit SequenceNetwork(const Dim& time) {
    x = graph.Input("x", DType::kFloat64, {kAnyBatch, time, 4});
    w = graph.Input("w", DType::kFloat64, {6, 4, 3});
    Value y = Conv1d(Transpose(x, {0, 2, 1}), w, {.padding = Padding1d::Explicit(1)});       // [?,6,time]
    y = MaxPool1d(Concat({y, Tanh(y)}, 2), {.kernel = 2, .stride = 2});                      // [?,6,time]
    Value scores = Softmax(MatMul(Transpose(y, {0, 2, 1}), y), -1);                          // [?,time,time]
    Value mixed = MatMul(scores, Transpose(y, {0, 2, 1}));                                   // [?,time,6]
    Value shifted = Slice(Pad(mixed, {.before = {0, 1, 0}, .after = {0, 0, 0}}), 1, 0, -1);  // [?,time,6]
    loss = Sum(Square(Mean(Sin(mixed) * shifted, {.axes = {1}})));
    const Values slopes = Gradients(loss, {x, w});
    slope_x = slopes[0], slope_w = slopes[1];
  }
};

TEST(SymbolicShapes, OneExecutorForAllTimes) {
  SequenceNetwork any{Dim("time")};
  ASSERT_TRUE(any.graph.status().ok()) << any.graph.status();
  EXPECT_EQ(any.slope_x.type().ToString(), "f64[?,time,4]");
  const auto executor = Executor::Create({any.loss, any.slope_x, any.slope_w});
  ASSERT_TRUE(executor.ok()) << executor.status();
  for (int64_t time : {1, 2, 3, 7, 16, 33, 2, 512}) {
    SequenceNetwork fixed{Dim(time)};
    const Tensor x = Counted({2, time, 4}), w = Counted({6, 4, 3});
    const auto found = executor->Run({{any.x, x}, {any.w, w}});
    const auto expected = Evaluate({fixed.loss, fixed.slope_x, fixed.slope_w}, {{fixed.x, x}, {fixed.w, w}});
    ASSERT_TRUE(found.ok() && expected.ok()) << found.status() << expected.status();
    for (int i = 0; i < 3; ++i) {
      ASSERT_EQ((*found)[i].type(), (*expected)[i].type());
      EXPECT_EQ(std::memcmp((*found)[i].raw(), (*expected)[i].raw(), (*found)[i].num_bytes()), 0) << time << ": " << i;
    }
  }
}

TEST(SymbolicShapes, ReportsNameTheirSizes) {
  SequenceNetwork n{Dim("time")};
  const auto executor = Executor::Create({n.loss});
  ASSERT_TRUE(executor.ok());
  const auto small = executor->PeakBytes({{"?", 2}, {"time", 8}}),
             large = executor->PeakBytes({{"?", 2}, {"time", 64}});
  ASSERT_TRUE(small.ok() && large.ok()) << small.status() << large.status();
  EXPECT_GT(*large, 4 * *small);
  EXPECT_THAT(executor->Explain({{"?", 3}, {"time", 5}}).value(), HasSubstr("f64[3,5,6]"));
  EXPECT_THAT(executor->Explain(3).status().message(), HasSubstr("no input that is fed says what 'time' is"));
}

TEST(SymbolicShapes, FilesKeepThem) {
  SequenceNetwork n{Dim("time")};
  const auto bytes = io::SerializeModel({.graph = &n.graph, .outputs = {{"slope", n.slope_x}}});
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  auto model = io::ParseModel(*bytes);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->Output("slope")->type().ToString(), "f64[?,time,4]");
  const Tensor x = Counted({2, 5, 4}), w = Counted({6, 4, 3});
  const Tensor before = *Evaluate(n.slope_x, {{n.x, x}, {n.w, w}});
  const Tensor after = *Evaluate(*model->Output("slope"), {{*model->Input("x"), x}, {*model->Input("w"), w}});
  EXPECT_EQ(std::memcmp(before.raw(), after.raw(), before.num_bytes()), 0);
}

TEST(SymbolicShapes, ImportGivesThemSizes) {
  SequenceNetwork n{Dim("time")};
  Graph fixed;
  const Value x = fixed.Input("x", DType::kFloat64, {kAnyBatch, 9, 4});
  const auto slope = Import({n.slope_x}, {{n.x, x}}, &fixed);
  ASSERT_TRUE(slope.ok()) << slope.status();
  EXPECT_EQ((*slope)[0].type().ToString(), "f64[?,9,4]");
  const Tensor numbers = Counted({2, 9, 4}), w = Counted({6, 4, 3});
  const Tensor before = *Evaluate(n.slope_x, {{n.x, numbers}, {n.w, w}});
  const Tensor after = *Evaluate((*slope)[0], {{x, numbers}, {*fixed.Find("w"), w}});
  EXPECT_EQ(std::memcmp(before.raw(), after.raw(), before.num_bytes()), 0);
}

TEST(SymbolicShapes, ExamplesMayHaveThemInVmap) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat64, {kAnyBatch, Dim("time"), 3});
  const Value w = graph.Constant(Counted({3, 4})), one = graph.Input("one", DType::kFloat64, {Dim("time"), 3});
  const auto f = [&](Args v) {
    const Value twice = Concat({v[0], v[0]}, 0), rest = Slice(v[0], 0, 1, kSliceToEnd);
    return Values{Sum(Tanh(MatMul(v[0], w)), {.axes = {0}}), Softmax(twice, 0), Reshape(rest, {-1})};
  };
  const Values all = Vmap(f, {x}), single = f({&one, 1});
  ASSERT_TRUE(graph.status().ok()) << graph.status();
  EXPECT_EQ(all[1].type().ToString(), "f64[?,2*time,3]");
  EXPECT_EQ(all[2].type().ToString(), "f64[?,3*time - 3]");
  const Tensor numbers = Counted({2, 5, 3});
  const auto found = Evaluate(all, {{x, numbers}});
  ASSERT_TRUE(found.ok()) << found.status();
  for (int64_t b = 0; b < 2; ++b) {
    const Tensor example = *Evaluate(Reshape(Slice(graph.Constant(numbers), 0, b, b + 1), {5, 3}));
    const auto expected = Evaluate(single, {{one, example}});
    ASSERT_TRUE(expected.ok()) << expected.status();
    for (size_t k = 0; k < single.size(); ++k) {
      const int64_t n = (*expected)[k].num_elements();
      for (int64_t i = 0; i < n; ++i) EXPECT_NEAR((*found)[k].At(b * n + i), (*expected)[k].At(i), 1e-14) << k;
    }
  }
}

// Attributes of gradients of windows hold sizes, and model files axes that count from the end.
TEST(SymbolicShapes, AttributesMayHaveThemInVmap) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat64, {3, 1, 2, Dim("time"), 4});
  const Values slopes = Vmap(
      [](Args v) {
        return Values{Gradients(Sum(Square(MaxPool2d(v[0], {.kernel = {2, 2}, .stride = {2, 1}}))), {v[0]})[0]};
      },
      {x});
  const Value slope = slopes[0];
  ASSERT_TRUE(graph.status().ok()) << graph.status();
  EXPECT_EQ(slope.type(), x.type());
  const Tensor numbers = Counted({3, 1, 2, 6, 4});
  const Value batch = graph.Input("batch", DType::kFloat64, {3, 2, 6, 4});
  const Value expected = Gradients(Sum(Square(MaxPool2d(batch, {.kernel = {2, 2}, .stride = {2, 1}}))), {batch})[0];
  const Tensor found = *Evaluate(slope, {{x, numbers}});
  const Tensor right = *Evaluate(expected, {{batch, Counted({3, 2, 6, 4})}});
  EXPECT_EQ(std::memcmp(found.raw(), right.raw(), found.num_bytes()), 0);
}

TEST(SymbolicShapes, FiltersForEachOfASymbolicNumberOfExamplesNeedKnownSizes) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat64, {Dim("examples"), Dim("images"), 1, 5, 5}),
              w = graph.Input("w", DType::kFloat64, {Dim("examples"), 2, 1, 3, 3});
  Vmap([](Args v) { return Values{Conv2d(v[0], v[1])}; }, {x, w});
  EXPECT_THAT(
      std::string(graph.status().message()),
      HasSubstr("conv2d: where the number of examples, examples, is symbolic and each has filters of its own, the "
                "sizes of an example must be known, not [images,1,5,5] and [2,1,3,3]"));
}

TEST(SymbolicShapes, AxesFromTheEndStayThereInVmap) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat64, {2, 5});
  const Op* slice = FindOp("slice");
  const Attrs attrs(SliceAttrs{.axes = {-1}, .begins = {2}, .ends = {-1}, .steps = {1}});
  const Value y = Vmap([&](Args v) { return Values{graph.Add("slice", {v[0]}, attrs)}; }, {x})[0];
  ASSERT_TRUE(graph.status().ok() && slice != nullptr) << graph.status();
  const Tensor found = *Evaluate(y, {{x, Tensor::From<double>({2, 5}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9})}});
  EXPECT_EQ(found.shape(), Shape({2, 2}));
  EXPECT_EQ(found.At(3), 8);
}

// Slices of one value whose places only a run knows are not mistaken for each other where their gradients are added.
TEST(SymbolicShapes, GradientsOfSeveralSlicesAddUp) {
  const auto slope_of = [](Graph* graph, const Dim& time, Value* x) {
    *x = graph->Input("x", DType::kFloat64, {time, 2});
    const Value late = Slice(*x, 0, 1, kSliceToEnd), early = Slice(*x, 0, 0, -1), back = Flip(*x, {0});
    const Value loss = Sum(late * late) + Sum(Sin(early)) * 3.0 + Sum(back * early.graph()->Constant(Counted({2})));
    return Gradients(Sum(Square(Gradients(loss, {*x})[0])), {*x})[0];
  };
  Graph symbolic, concrete;
  Value x, y;
  const Value found = slope_of(&symbolic, Dim("time"), &x), expected = slope_of(&concrete, Dim(4), &y);
  ASSERT_TRUE(symbolic.status().ok()) << symbolic.status();
  const auto a = Evaluate(found, {{x, Counted({4, 2})}}), b = Evaluate(expected, {{y, Counted({4, 2})}});
  ASSERT_TRUE(a.ok() && b.ok()) << a.status() << b.status();
  for (int64_t i = 0; i < 8; ++i) EXPECT_NEAR(a->At(i), b->At(i), 1e-14);
}

// ---- Types ----------------------------------------------------------------------------------------------------------

TEST(SymbolicShapes, TypesSayWhatFollows) {
  Graph graph;
  const Dim time("time"), rows("rows");
  const Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, time, 64}),
              y = graph.Input("y", DType::kFloat32, {rows, time});
  EXPECT_EQ(Reshape(x, {-1, 64}).type().ToString(), "f32[?*time,64]");
  EXPECT_EQ(Flatten(x).type().ToString(), "f32[?,64*time]");
  EXPECT_EQ(Slice(x, 1, 1, -1).type().ToString(), "f32[?,time - 2,64]");
  EXPECT_EQ(Slice(x, {.axes = {1}, .begins = {0}, .ends = {kSliceToEnd}, .steps = {2}}).type().ToString(),
            "f32[?,floor((time + 1)/2),64]");
  EXPECT_EQ(Flip(x, {1}).type(), x.type());
  EXPECT_EQ(Concat({y, y}, 1).type().ToString(), "f32[rows,2*time]");
  EXPECT_EQ(Concat({y, Slice(y, 1, 0, -1)}, 1).type().ToString(), "f32[rows,2*time - 1]");
  EXPECT_EQ(Tile(y, {2, 3}).type().ToString(), "f32[2*rows,3*time]");
  EXPECT_EQ(Narrow(x, 1, time - 3, Dim(3)).type().ToString(), "f32[?,3,64]");
  EXPECT_EQ(Softmax(x, std::vector<int64_t>{1, 2}).type(), x.type());
  EXPECT_EQ(Einsum("btf,rt->brf", {x, y}).type().ToString(), "f32[?,rows,64]");
  EXPECT_EQ(MatMul(y, y, {.transpose_b = true}).type().ToString(), "f32[rows,rows]");
  EXPECT_EQ(MaxPool1d(Transpose(x, {0, 2, 1}), {.kernel = 3, .stride = 2}).type().ToString(),
            "f32[?,64,floor((time + 1)/2) - 1]");
  // A window that would begin behind the end is none (ceil_mode).
  const Value image = graph.Input("image", DType::kFloat32, {1, 1, time, time});
  EXPECT_EQ(AvgPool2d(image,
                      {.kernel = {2, 1}, .stride = {1, 1}, .padding = Padding::Explicit(0, 0, 2, 0), .ceil_mode = true})
                .type()
                .ToString(),
            "f32[1,1,time,time]");
  EXPECT_TRUE(graph.status().ok()) << graph.status();
}

TEST(SymbolicShapes, ShapesThatAGraphComputes) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, Dim("time"), 6});
  const Value sizes = ShapeOf(x);
  const Value rows = Slice(sizes, 0, 0, 1) * Slice(sizes, 0, 1, 2) * 2;
  const Value three = graph.Constant(Tensor::From<int64_t>({1}, {3})),
              rest = graph.Constant(Tensor::From<int64_t>({1}, {-1}));
  const Value y = ReshapeTo(x, Concat({rows, three}));
  EXPECT_EQ(y.type().ToString(), "f32[2*?*time,3]");
  EXPECT_EQ(ReshapeTo(x, Concat({Slice(sizes, 0, 2, 3) / 2, rest})).type().ToString(), "f32[3,2*?*time]");
  const auto found = Evaluate({y, sizes}, {{x, Tensor::Zeros(DType::kFloat32, {2, 5, 6})}});
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ((*found)[0].shape(), (Shape{20, 3}));
  EXPECT_EQ((*found)[1].At(1), 5);
  Graph other;
  const Value z = other.Input("z", DType::kFloat32, {Dim("time"), 6}),
              b = other.Input("b", DType::kFloat32, {kAnyBatch});
  ReshapeTo(z, Concat({ShapeOf(b), other.Constant(Tensor::From<int64_t>({1}, {3}))}));
  EXPECT_THAT(other.status().message(), HasSubstr("is [?,3], into which the numbers of f32[time,6] do not fit"));
  ReshapeTo(x, Cast(graph.Input("n", DType::kInt32, {2}), DType::kInt64));
  EXPECT_THAT(graph.status().message(), HasSubstr("is not known before a run: its numbers depend on 'n' (input)"));
}

// ---- What cannot be decided while a graph is built ------------------------------------------------------------------

TEST(SymbolicShapes, SizesThatMayBeEqualAreComparedByRuns) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat64, {Dim("time")}),
              y = graph.Input("y", DType::kFloat64, {Dim("length")});
  const Value z = Sum(x * y), a = graph.Input("a", DType::kFloat64, {3, Dim("time")});
  const Value product = MatMul(a, Reshape(y, {Dim("length"), 1}));
  const Values slopes = Gradients(z, {x, y});
  ASSERT_TRUE(graph.status().ok()) << graph.status();
  EXPECT_EQ(slopes[1].type().ToString(), "f64[length]");
  const auto good = Evaluate({z, slopes[1]}, {{x, Counted({4})}, {y, Counted({4})}});
  ASSERT_TRUE(good.ok()) << good.status();
  EXPECT_EQ((*good)[1].At(2), std::sin(2.0));
  EXPECT_THAT(Evaluate(z, {{x, Counted({4})}, {y, Counted({5})}}).status().message(),
              testing::AllOf(HasSubstr("mul: mul:"), HasSubstr("where time = 4, length = 5")));
  // Nothing is repeated in silence where a size happens to be 1.
  EXPECT_FALSE(Evaluate(z, {{x, Counted({1})}, {y, Counted({5})}}).ok());
  EXPECT_THAT(Evaluate(product, {{a, Counted({3, 4})}, {y, Counted({5})}}).status().message(),
              HasSubstr("a has 4 columns but b has 5 rows"));
}

TEST(SymbolicShapes, SizesThatCannotBeEqualAreRefusedByName) {
  Graph graph;
  const Dim time("time");
  const Value x = graph.Input("x", DType::kFloat32, {3, time}), y = graph.Input("y", DType::kFloat32, {time - 1, 3});
  MatMul(x, y);
  EXPECT_THAT(graph.status().message(), HasSubstr("matmul: a has time columns but b has time - 1 rows"));
  Graph other;
  const Value a = other.Input("a", DType::kFloat32, {time});
  Add(a, Slice(a, 0, 0, -1));
  EXPECT_THAT(other.status().message(), HasSubstr("time and time - 1 differ"));
}

// A stranger's file may have such a node: the error comes at once.
TEST(SymbolicShapes, ManyInputsOfManySizesAreRefusedAtOnce) {
  Graph graph;
  Values inputs;
  for (int i = 0; i < 1000; ++i) {
    const std::string n = absl::StrCat(i);
    inputs.push_back(graph.Input("x" + n, DType::kFloat32, {Dim("a" + n), Dim("b" + n)}));
  }
  Concat(inputs, 0);
  EXPECT_THAT(graph.status().message(), HasSubstr("inputs may differ along axis 0 only"));
}

TEST(SymbolicShapes, SizesThatAreTooSmallAreNamedByRuns) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat64, {1, 2, Dim("time")});
  const Value pooled = MaxPool1d(x, {.kernel = 5, .stride = 1}), cut = Slice(x, 2, 3, -1);
  ASSERT_TRUE(graph.status().ok()) << graph.status();
  EXPECT_THAT(Evaluate(pooled, {{x, Counted({1, 2, 4})}}).status().message(), HasSubstr("where time = 4"));
  EXPECT_TRUE(Evaluate(pooled, {{x, Counted({1, 2, 5})}}).ok());
  EXPECT_THAT(Evaluate(cut, {{x, Counted({1, 2, 3})}}).status().message(), HasSubstr("begin 3 lies after end -1"));
  EXPECT_EQ(Evaluate(cut, {{x, Counted({1, 2, 4})}})->shape(), (Shape{1, 2, 0}));
}

TEST(SymbolicShapes, PlacesThatOnlyARunKnows) {
  Graph graph;
  const Dim time("time");
  const Value x = graph.Input("x", DType::kFloat64, {time}), n = graph.Input("n", DType::kFloat64, {Dim("places")});
  const Value last = Narrow(x, 0, time - 3, Dim(3)), first = Narrow(x, 0, Dim(0), Dim("places"));
  const Value at = Narrow(x, 0, Dim("places"), Dim(1)), unknown = Narrow(x, 0, Dim("nowhere"), Dim(1));
  const Value slope = Gradients(Sum(Square(last)), {x})[0];
  ASSERT_TRUE(graph.status().ok()) << graph.status();
  EXPECT_EQ(Evaluate(last, {{x, Counted({5})}})->At(0), std::sin(2.0));
  EXPECT_EQ(Evaluate(slope, {{x, Counted({5})}})->At(4), 2 * std::sin(4.0));
  EXPECT_EQ(Evaluate(slope, {{x, Counted({5})}})->At(1), 0);
  EXPECT_EQ(Evaluate(first, {{x, Counted({5})}, {n, Counted({2})}})->shape(), (Shape{2}));
  EXPECT_EQ(Evaluate(at, {{x, Counted({5})}, {n, Counted({4})}})->At(0), std::sin(4.0));
  EXPECT_THAT(Evaluate(last, {{x, Counted({2})}}).status().message(), HasSubstr("where time = 2"));
  EXPECT_THAT(Evaluate(at, {{x, Counted({4})}, {n, Counted({4})}}).status().message(),
              HasSubstr("begin 4 and size 1 reach beyond axis 0 of size 4"));
  EXPECT_THAT(Evaluate(unknown, {{x, Counted({4})}}).status().message(),
              HasSubstr("no input that is fed says what 'nowhere' is"));
}

TEST(SymbolicShapes, FeedsThatContradictAreNamed) {
  Graph graph;
  const Dim time("time");
  const Value x = graph.Input("x", DType::kFloat64, {time, 2}), y = graph.Input("y", DType::kFloat64, {time + 1});
  const auto executor = Executor::Create({Sum(x) + Sum(y)});
  ASSERT_TRUE(executor.ok());
  EXPECT_TRUE(executor->Run({{x, Counted({3, 2})}, {y, Counted({4})}}).ok());
  EXPECT_THAT(executor->Run({{x, Counted({3, 2})}, {y, Counted({3})}}).status().message(),
              HasSubstr("input 'y' was fed f64[3], a 'time' of 2, but another input has a 'time' of 3"));
  EXPECT_THAT(executor->Run({{x, Counted({3, 3})}, {y, Counted({4})}}).status().message(),
              HasSubstr("input 'x' expects f64[time,2] but was fed f64[3,3]"));
}

TEST(SymbolicShapes, TheCacheIsBounded) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat64, {Dim("time")});
  const auto executor = Executor::Create({Sum(x)}, {}, {.max_plans = 3});
  ASSERT_TRUE(executor.ok());
  for (int64_t round = 0; round < 2; ++round) {
    for (int64_t time = 0; time < 6; ++time) EXPECT_TRUE(executor->Run({{x, Counted({time})}}).ok());
  }
}

}  // namespace
}  // namespace adret
