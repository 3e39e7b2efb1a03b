#include "adret/ops/sparse_gradient.h"

#include <limits>

#include "absl/container/flat_hash_map.h"
#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/core/random.h"
#include "adret/core/state.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/gather.h"
#include "adret/ops/matmul.h"
#include "adret/ops/reduce.h"
#include "adret/ops/unary.h"
#include "adret/tests/ops/op_suite.h"
#include "adret/tests/ops/picked.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

const OpCases kCases({
    {.name = "sparse_gradient",
     .build = [](Args x) { return Values{SparseGradient(x[0] * 2.0)}; },
     .inputs = {{.shape = {3, 2}, .batch = true}},
     .reference = Elementwise([](double v) { return 2 * v; })},
    {.name = "last_occurrence",
     .build = [](Args x) { return Values{LastOccurrence(x[0])}; },
     .inputs = {{.shape = {3, 9}, .dtype = DType::kInt64, .lo = -2, .hi = 3, .batch = true}},
     .reference = Picked({3, 9},
                         [](auto x, const Index& i) {
                           int64_t last = i[1];
                           for (int64_t j = last; j < 9; ++j) {
                             if (At(x[0], {i[0], j}) == At(x[0], i)) last = j;
                           }
                           return static_cast<double>(last);
                         }),
     .differentiable = false,
     .bad = [](Graph* g) { LastOccurrence(g->Input("x", DType::kFloat32, {3})); },
     .bad_message = "last_occurrence: x must be i32 or i64 (x f32[3])"},
    {.name = "last_occurrence/i32",
     .build = [](Args x) { return Values{LastOccurrence(x[0])}; },
     .inputs = {{.shape = {4}, .dtype = DType::kInt32, .values = {7, -1, 7, 7}}},
     .reference = Picked({4}, [](auto, const Index& i) { return i[0] == 1 ? 1.0 : 3.0; }),
     .differentiable = false,
     .bad = [](Graph* g) { LastOccurrence(g->Input("x", DType::kInt32, {})); },
     .bad_message = "last_occurrence: x must have an axis"},
});

TEST(LastOccurrence, ManyNumbersOfEverySize) {
  constexpr int64_t kCount = 20000;
  for (const int bits : {1, 8, 14, 63}) {
    Tensor x(DType::kInt64, {kCount}), expected(DType::kInt64, {kCount});
    RandomStream random(bits);
    for (int64_t& v : x.mutable_data<int64_t>()) {
      v = static_cast<int64_t>(((uint64_t{random.Bits()} << 32) | random.Bits()) >> (64 - bits)) - 3;
    }
    absl::flat_hash_map<int64_t, int64_t> last;
    for (int64_t k = 0; k < kCount; ++k) last[x.data<int64_t>()[k]] = k;
    for (int64_t k = 0; k < kCount; ++k) expected.mutable_data<int64_t>()[k] = last[x.data<int64_t>()[k]];
    Graph graph;
    const Value input = graph.Input("x", DType::kInt64, {kCount});
    const auto y = Evaluate(LastOccurrence(input), {{input, x}});
    ASSERT_TRUE(y.ok()) << y.status();
    EXPECT_TRUE(y->BitEqual(expected)) << bits << " bits";
  }
}

TEST(Scatter, TheLastOfEqualIndicesStays) {
  Graph graph;
  const Value x = graph.Constant(Tensor::From<bool>({3}, {true, false, true}));
  const Value i = graph.Constant(Tensor::From<int32_t>({4}, {1, 0, 1, 0}));
  const Value u = graph.Constant(Tensor::From<bool>({4}, {false, true, true, false}));
  const auto y = Evaluate(Scatter(x, i, u));
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_TRUE(y->BitEqual(Tensor::From<bool>({3}, {false, true, true})));
}

// A table of 4 rows of 2, looked up twice.
struct Lookup {
  Lookup() {
    table = graph.Variable("table", Tensor::From<double>({4, 2}, {1, 2, 3, 4, 5, 6, 7, 8}));
    a = graph.Input("a", DType::kInt32, {kAnyBatch, 2});
    b = graph.Input("b", DType::kInt64, {3});
    const Value rows = SparseGradient(table);
    loss = Sum(Square(Gather(rows, a))) + Sum(Square(Gather(rows, b)) * 2.0);
    feeds = {{a, Tensor::From<int32_t>({2, 2}, {3, 1, 3, 3})}, {b, Tensor::From<int64_t>({3}, {1, 0, 1})}};
  }
  Graph graph;
  Value table, a, b, loss;
  Feeds feeds;
};

TEST(SparseRowsOf, AddsUpWhatIsLookedUp) {
  Lookup l;
  const Value gradient = Gradients(l.loss, {l.table})[0];
  const std::optional<SparseRows> rows = SparseRowsOf(gradient);
  ASSERT_TRUE(rows.has_value());
  const Value whole = ScatterAdd(ZerosLike(l.table), rows->indices, rows->rows);
  const State state = *InitialState(l.graph, 1);
  const auto results = Evaluate({gradient, whole, rows->indices, rows->rows}, l.feeds, &state);
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_TRUE((*results)[0].BitEqual((*results)[1]));
  EXPECT_TRUE((*results)[0].BitEqual(Tensor::From<double>({4, 2}, {4, 8, 30, 40, 0, 0, 42, 48})));
  EXPECT_TRUE((*results)[2].BitEqual(Tensor::From<int64_t>({7}, {3, 1, 3, 3, 1, 0, 1})));
  EXPECT_TRUE((*results)[3].BitEqual(Tensor::From<double>({7, 2}, {0, 0, 0, 0, 0, 0, 42, 48, 0, 0, 4, 8, 30, 40})));
}

TEST(SparseRowsOf, NothingButWhatIsLookedUpHasRows) {
  Lookup l;
  const auto has_rows = [&](const Value& loss) { return SparseRowsOf(Gradients(loss, {l.table})[0]).has_value(); };
  EXPECT_TRUE(has_rows(l.loss));
  EXPECT_FALSE(has_rows(l.loss + Sum(MatMul(l.table, l.table, {.transpose_b = true})))) << "tied to a product";
  EXPECT_FALSE(has_rows(Sum(Gather(l.table, l.b)))) << "nobody asked for it";
  EXPECT_FALSE(has_rows(Sum(Gather(SparseGradient(l.table), l.b, /*axis=*/1)))) << "columns";
  EXPECT_FALSE(has_rows(Sum(Gather(SparseGradient(l.table) * 2.0, l.b)))) << "of another table";
  EXPECT_FALSE(SparseRowsOf(Value()).has_value());
}

}  // namespace
}  // namespace adret
