#include "adret/ops/matmul.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "adret/core/executor.h"
#include "adret/core/random.h"
#include "adret/ops/binary.h"
#include "adret/tests/ops/op_suite.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

Tensor RandomTensor(const Shape& shape, RandomStream* random) {
  Tensor t(DType::kFloat64, shape);
  for (double& v : t.mutable_data<double>()) v = random->Uniform(-1, 1);
  return t;
}

// Matrices over equal batches, one element at a time.
Tensor NaiveMatMul(const Tensor& a, const Tensor& b, const MatMulAttrs& attrs) {
  const Shape &sa = a.shape(), &sb = b.shape();
  const int r = sa.rank();
  const int64_t m = sa[attrs.transpose_a ? r - 1 : r - 2], k = sa[attrs.transpose_a ? r - 2 : r - 1];
  const int64_t n = sb[attrs.transpose_b ? r - 2 : r - 1];
  Shape shape(sa.dims().subspan(0, r - 2));
  const int64_t batch = shape.num_elements();
  shape.push_back(m), shape.push_back(n);
  Tensor y(DType::kFloat64, shape);
  for (int64_t g = 0; g < batch; ++g) {
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        double sum = 0;
        for (int64_t q = 0; q < k; ++q) {
          sum += a.At(g * m * k + (attrs.transpose_a ? q * m + i : i * k + q)) *
                 b.At(g * k * n + (attrs.transpose_b ? j * k + q : q * n + j));
        }
        y.mutable_data<double>()[(g * m + i) * n + j] = sum;
      }
    }
  }
  return y;
}

OpCase Row(const std::string& name, const Shape& a, const Shape& b, MatMulAttrs attrs = {}, bool batch = true) {
  return {
      .name = absl::StrCat("matmul", name),
      .build = [attrs](Args x) { return Values{MatMul(x[0], x[1], attrs)}; },
      .inputs = {{.shape = a, .batch = batch}, {.shape = b}},
      .reference = [attrs](absl::Span<const Tensor> x) { return std::vector<Tensor>{NaiveMatMul(x[0], x[1], attrs)}; }};
}

const OpCases kCases([] {
  OpCase plain = Row("", {4, 7}, {7, 5});
  plain.bad = [](Graph* g) {
    MatMul(g->Input("a", DType::kFloat32, {kAnyBatch, 3}), g->Input("b", DType::kFloat32, {4, 5}));
  };
  plain.bad_message = "a has 3 columns but b has 4 rows";
  OpCase contracted = Row("/transpose_a", {6, 4}, {6, 5}, {.transpose_a = true});
  contracted.inputs[1].batch = true;  // the symbolic dimension is summed over
  OpCase broadcast{.name = "matmul/broadcast",
                   .build =
                       [](Args x) {
                         return Values{MatMul(x[0], x[1]), MatMul(x[0], x[2])};
                       },
                   .inputs = {{.shape = {3, 1, 2, 4}, .batch = true}, {.shape = {5, 4, 2}}, {.shape = {4, 6}}}};
  return std::vector<OpCase>{plain,
                             contracted,
                             broadcast,
                             Row("/transpose_b", {4, 7}, {5, 7}, {.transpose_b = true}),
                             Row("/transpose_both", {7, 4}, {5, 7}, {.transpose_a = true, .transpose_b = true}, false),
                             Row("/batched", {3, 4, 2}, {3, 2, 5}, {}, false),
                             Row("/row", {1, 40}, {40, 9}),
                             Row("/column", {40, 9}, {9, 1}),
                             Row("/row_transposed", {1, 40}, {9, 40}, {.transpose_b = true}),
                             Row("/column_transposed", {9, 40}, {9, 1}, {.transpose_a = true}, false),
                             Row("/empty_sum", {3, 0}, {0, 4}, {}, false)};
}());

const GoldenCases kGolden("conv", {
                                      {"matmul", [](Args x) { return Values{MatMul(x[0], x[1])}; }},
                                      {"matmul/batched", [](Args x) { return Values{MatMul(x[0], x[1])}; }},
                                      {"matmul/rows", [](Args x) { return Values{MatMul(x[0], x[1])}; }},
                                  });

TEST(MatMul, EqualsNaiveLoopsAtRandomSizes) {
  RandomStream random(11);
  const int64_t sizes[] = {1, 2, 3, 4, 15, 16, 17, 33, 100, 257};
  for (int trial = 0; trial < 60; ++trial) {
    const auto size = [&] { return sizes[random.Below(10)]; };
    const int64_t m = size(), n = size(), k = size(), batch = 1 + random.Below(3);
    const MatMulAttrs attrs{random.Below(2) == 0, random.Below(2) == 0};
    const Tensor a = RandomTensor(attrs.transpose_a ? Shape{batch, k, m} : Shape{batch, m, k}, &random);
    const Tensor b = RandomTensor(attrs.transpose_b ? Shape{batch, n, k} : Shape{batch, k, n}, &random);
    const Tensor expected = NaiveMatMul(a, b, attrs);
    for (DType dtype : {DType::kFloat64, DType::kFloat32}) {
      Graph graph;
      auto y = Evaluate(MatMul(graph.Constant(a.Cast(dtype)), graph.Constant(b.Cast(dtype)), attrs));
      ASSERT_TRUE(y.ok()) << y.status();
      for (int64_t i = 0; i < expected.num_elements(); ++i) {
        ASSERT_NEAR(y->At(i), expected.At(i), dtype == DType::kFloat64 ? 1e-12 : 1e-4)
            << m << "x" << n << "x" << k << " " << attrs.transpose_a << attrs.transpose_b;
      }
    }
  }
}

// Blocks of rows, of columns and of the sum, with remainders.
TEST(MatMul, SumsOfManyBlocksAreExact) {
  RandomStream random(12);
  const int64_t sizes[][3] = {{5, 7, 200003},  {1, 3, 100001}, {70, 300, 1027}, {300, 70, 1027},
                              {261, 517, 259}, {67, 1201, 33}, {33, 65, 1500}};
  for (const auto& [m, n, k] : sizes) {
    for (const MatMulAttrs& attrs :
         {MatMulAttrs{}, MatMulAttrs{.transpose_a = true}, MatMulAttrs{.transpose_b = true}}) {
      // Small integers: no order of summation rounds.
      const auto integers = [&](const Shape& shape) {
        Tensor t(DType::kFloat32, shape);
        for (float& v : t.mutable_data<float>()) v = static_cast<float>(random.Below(3)) - 1;
        return t;
      };
      const Tensor a = integers(attrs.transpose_a ? Shape{k, m} : Shape{m, k});
      const Tensor b = integers(attrs.transpose_b ? Shape{n, k} : Shape{k, n});
      Graph graph;
      const Value va = graph.Input("a", DType::kFloat32, a.shape()), vb = graph.Input("b", DType::kFloat32, b.shape());
      auto y = Evaluate(MatMul(va, vb, attrs) + 1.0, {{va, a}, {vb, b}});
      ASSERT_TRUE(y.ok()) << y.status();
      Tensor expected = NaiveMatMul(a, b, attrs);
      for (double& v : expected.mutable_data<double>()) v += 1;
      EXPECT_TRUE(y->BitEqual(expected.Cast(DType::kFloat32))) << m << "x" << n << "x" << k;
    }
  }
}

TEST(MatMul, CountsMultiplyAdds) {
  Graph graph;
  const Value y = MatMul(graph.Input("x", DType::kFloat32, {kAnyBatch, 1250}),
                         graph.Constant(Tensor::Zeros(DType::kFloat32, {100, 1250})), {.transpose_b = true});
  const Node& node = graph.node(y.node());
  const std::vector<Type> types{graph.type(node.inputs[0]), graph.type(node.inputs[1])};
  EXPECT_EQ(node.op->multiply_adds(types, y.type()), 125000);
}

}  // namespace
}  // namespace adret
