// Normalisation of numbers that are far from zero, huge, tiny, all equal, or absent.
#include <cmath>
#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/core/random.h"
#include "adret/ops/binary.h"
#include "adret/ops/norm.h"
#include "adret/ops/reduce.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

using Line = std::vector<long double>;

Tensor Make(DType dtype, Shape shape, const std::vector<double>& numbers) {
  Tensor x(DType::kFloat64, std::move(shape));
  std::copy(numbers.begin(), numbers.end(), x.mutable_data<double>().begin());
  return x.Cast(dtype);
}

std::vector<Tensor> RunAll(absl::Span<const Value> values) {
  absl::StatusOr<std::vector<Tensor>> results = Evaluate(values);
  EXPECT_TRUE(results.ok()) << results.status();
  return results.ok() ? *std::move(results) : std::vector<Tensor>();
}

struct Expected {
  Line y, dx;
  long double dscale = 0, dbias = 0;
};

// (x - mean) / sqrt(variance + epsilon) * scale + bias, and the gradients for dy.
Expected Normalized(const Line& x, const Line& dy, long double scale, long double bias, long double epsilon) {
  const long double n = x.size();
  long double near = 0, off = 0, variance = 0, g = 0, gz = 0;
  for (long double v : x) near += v / n;
  for (long double v : x) off += (v - near) / n;  // 1e-19 of 1e7, thousands of times, counts
  const long double mean = near + off;
  for (long double v : x) variance += (v - mean) * (v - mean) / n;
  const long double r = 1 / std::sqrt(variance + epsilon);
  Expected e;
  for (size_t i = 0; i < x.size(); ++i) {
    const long double z = (x[i] - mean) * r;
    e.y.push_back(z * scale + bias);
    e.dscale += dy[i] * z;
    e.dbias += dy[i];
    g += dy[i] * scale / n;
    gz += dy[i] * scale * z / n;
  }
  for (size_t i = 0; i < x.size(); ++i) e.dx.push_back(r * (dy[i] * scale - g - (x[i] - mean) * r * gz));
  return e;
}

struct Input {
  std::string name;
  std::function<double(int64_t i)> x;
  double tolerance = 1e-5;  // relative to the largest expected number
  double epsilon = 1e-5;
};

const std::vector<Input> kInputs = {
    {"around zero", [](int64_t i) { return std::sin(i); }},
    {"the reported ramp", [](int64_t i) { return 10000 + static_cast<double>(i % 97) / 1000; }},
    {"far from zero", [](int64_t i) { return 1e6 + std::sin(i); }},
    {"steps of one unit in the last place", [](int64_t i) { return 16777216.0 + 2 * static_cast<double>(i % 2); }},
    {"huge", [](int64_t i) { return 1e30 * static_cast<double>(1 + i % 4); }},
    {"the largest", [](int64_t i) { return i % 3 == 0 ? 3e38 : -3e38; }},
    {"tiny, without epsilon", [](int64_t i) { return 1e-30 * static_cast<double>(1 + i % 4); }, 1e-5, 0},
    {"tiny", [](int64_t i) { return 1e-30 * static_cast<double>(1 + i % 4); }},
    {"too huge for f32", [](int64_t i) { return 1e200 * static_cast<double>(1 + i % 4); }},
    {"too tiny for f32, without epsilon", [](int64_t i) { return 1e-200 * static_cast<double>(1 + i % 4); }, 1e-5, 0},
};

void ExpectClose(const Tensor& found, const Line& expected, double tolerance, const std::string& what) {
  ASSERT_EQ(found.num_elements(), static_cast<int64_t>(expected.size())) << what;
  long double largest = 0;
  for (long double v : expected) largest = std::max(largest, std::abs(v));
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_NEAR(found.At(i), static_cast<double>(expected[i]), static_cast<double>(largest * tolerance))
        << what << ", element " << i;
  }
}

Line LineOf(const Tensor& t) {
  Line line;
  for (int64_t i = 0; i < t.num_elements(); ++i) line.push_back(t.At(i));
  return line;
}

Tensor Weights(DType dtype, int64_t n) {
  std::vector<double> dy;
  for (int64_t i = 0; i < n; ++i) dy.push_back(static_cast<double>(i * 7 % 11) / 8 - 0.5);
  return Make(dtype, {n}, dy);
}

TEST(NormEdge, LayerNormIsRightWhereverItsInputIs) {
  for (const DType dtype : {DType::kFloat32, DType::kFloat64}) {
    for (const Input& input : kInputs) {
      if (dtype == DType::kFloat32 && absl::StartsWith(input.name, "too")) continue;
      for (const int64_t n : {4, 33, 3000}) {
        std::vector<double> numbers;
        for (int64_t i = 0; i < n; ++i) numbers.push_back(input.x(i));
        const Tensor x = Make(dtype, {1, n}, numbers), dy = Weights(dtype, n);
        Graph graph;
        const Value v = graph.Constant(x), scale = graph.Constant(Tensor::Full(dtype, {n}, 1.5)),
                    bias = graph.Constant(Tensor::Full(dtype, {n}, 0.25));
        const Value y = LayerNorm(v, scale, bias, {.epsilon = input.epsilon});
        Values values = Gradients(y * graph.Constant(dy), {v, scale, bias});
        values.push_back(y);
        const std::vector<Tensor> found = RunAll(values);
        const Expected e = Normalized(LineOf(x), LineOf(dy), 1.5, 0.25, input.epsilon);
        const double tolerance = dtype == DType::kFloat32 ? input.tolerance : 1e-9;
        const std::string what = absl::StrCat(input.name, " x ", n, " in ", Name(dtype));
        ExpectClose(found[3], e.y, tolerance, what + ": y");
        ExpectClose(found[0], e.dx, tolerance, what + ": dx");
      }
    }
  }
}

TEST(NormEdge, BatchNormIsRightWhereverItsInputIs) {
  for (const DType dtype : {DType::kFloat32, DType::kFloat64}) {
    for (const Input& input : kInputs) {
      if (dtype == DType::kFloat32 && absl::StartsWith(input.name, "too")) continue;
      // Images, short images, features; few and many.
      for (const Shape& shape : {Shape{3, 2, 40}, Shape{3, 2, 3}, Shape{50, 2}, Shape{40, 2, 1000}, Shape{20000, 2}}) {
        const int64_t inner = shape.rank() == 3 ? shape[2] : 1, n = shape[0] * inner;
        const Tensor weights = Weights(dtype, n);
        std::vector<double> numbers(2 * n), dys(2 * n);
        const auto place = [&](int64_t c, int64_t i) { return (i / inner * 2 + c) * inner + i % inner; };
        for (int64_t i = 0; i < n; ++i) {
          for (int64_t c = 0; c < 2; ++c) {
            numbers[place(c, i)] = input.x(i + 5 * c);
            dys[place(c, i)] = weights.At(i);
          }
        }
        const Tensor x = Make(dtype, shape, numbers), dy = Make(dtype, shape, dys);
        Graph graph;
        const Value v = graph.Constant(x), scale = graph.Constant(Make(dtype, {2}, {1.5, -2})),
                    bias = graph.Constant(Make(dtype, {2}, {0.25, 1}));
        const Value y = BatchNormTraining(v, scale, bias, {.epsilon = input.epsilon}).y;
        Values values = Gradients(y * graph.Constant(dy), {v, scale, bias});
        values.push_back(y);
        const std::vector<Tensor> found = RunAll(values);
        for (int64_t c = 0; c < 2; ++c) {
          const auto channel = [&](const Tensor& t) {
            std::vector<double> line;
            for (int64_t i = 0; i < n; ++i) line.push_back(t.At(place(c, i)));
            return Make(DType::kFloat64, {n}, line);
          };
          const Expected e =
              Normalized(LineOf(channel(x)), LineOf(weights), c == 0 ? 1.5 : -2, c == 0 ? 0.25 : 1, input.epsilon);
          const double tolerance = dtype == DType::kFloat32 ? input.tolerance : 1e-9;
          const std::string what =
              absl::StrCat(input.name, ", ", shape.ToString(), " in ", Name(dtype), ", channel ", c);
          ExpectClose(channel(found[3]), e.y, tolerance, what + ": y");
          ExpectClose(channel(found[0]), e.dx, tolerance, what + ": dx");
          // Of sums over n numbers that may cancel: relative to the largest term.
          EXPECT_NEAR(found[1].At(c), static_cast<double>(e.dscale), tolerance * (std::abs(e.dscale) + std::sqrt(n)))
              << what;
          EXPECT_NEAR(found[2].At(c), static_cast<double>(e.dbias), tolerance * (std::abs(e.dbias) + std::sqrt(n)))
              << what;
        }
      }
    }
  }
}

// The reported case was 0.9949: numbers that are all equal are 0 after their mean is taken away, whatever they are.
TEST(NormEdge, ConstantChannelsBecomeTheirBias) {
  for (const double value : {333333.34, 0.1, -1e-20, 1e20, 3e38}) {
    for (const Shape& shape :
         {Shape{7, 1, 100}, Shape{7, 1, 3}, Shape{700, 1}, Shape{3, 1, 100000}, Shape{9, 1, 9000}}) {
      Graph graph;
      const Value x = graph.Constant(Tensor::Full(DType::kFloat32, shape, value));
      const Value one = graph.Constant(Tensor::Full(DType::kFloat32, {1}, 1)),
                  zero = graph.Constant(Tensor::Zeros(DType::kFloat32, {1}));
      const BatchNormResult norm = BatchNormTraining(x, one, zero);
      const float mean = static_cast<float>(value);
      const Value inference =
          BatchNormInference(x, {one, zero, graph.Constant(Tensor::Full(DType::kFloat32, {1}, mean)), zero});
      const std::vector<Tensor> y =
          RunAll({Max(norm.y), Min(norm.y), norm.mean, norm.variance, Max(inference), Min(inference)});
      EXPECT_EQ(y[0].At(0), 0) << value << " " << shape.ToString();
      EXPECT_EQ(y[1].At(0), 0) << value << " " << shape.ToString();
      EXPECT_EQ(y[2].At(0), mean) << value << " " << shape.ToString();
      EXPECT_EQ(y[3].At(0), 0) << value << " " << shape.ToString();
      EXPECT_EQ(y[4].At(0), 0) << value << " " << shape.ToString();
      EXPECT_EQ(y[5].At(0), 0) << value << " " << shape.ToString();
    }
    const int64_t n = 5000;
    Graph graph;
    const Value x = graph.Constant(Tensor::Full(DType::kFloat32, {2, n}, value));
    const Value y = LayerNorm(x, graph.Constant(Tensor::Full(DType::kFloat32, {n}, 1)),
                              graph.Constant(Tensor::Zeros(DType::kFloat32, {n})));
    const std::vector<Tensor> found = RunAll({Max(y), Min(y)});
    EXPECT_EQ(found[0].At(0), 0) << value;
    EXPECT_EQ(found[1].At(0), 0) << value;
  }
}

TEST(NormEdge, NotANumberAndInfinityStayInTheirRowOrChannel) {
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    for (const int64_t n : {3, 40}) {
      std::vector<double> numbers;
      for (int64_t i = 0; i < 2 * n; ++i) numbers.push_back(std::sin(i));
      numbers[1] = bad;
      Graph graph;
      const Value x = graph.Constant(Make(DType::kFloat32, {2, n}, numbers));
      const Value channels = graph.Constant(Make(DType::kFloat32, {1, 2, n}, numbers));
      const Value ones = graph.Constant(Tensor::Full(DType::kFloat32, {n}, 1)),
                  two = graph.Constant(Tensor::Full(DType::kFloat32, {2}, 1));
      const Value a = LayerNorm(x, ones, ones), b = BatchNormTraining(channels, two, two).y;
      for (const Tensor& y : RunAll({a, b, Gradients(a * a, {x})[0], Gradients(b * b, {channels})[0]})) {
        for (int64_t i = 0; i < n; ++i) {
          EXPECT_TRUE(std::isnan(y.At(i))) << y.ToString();
          EXPECT_TRUE(std::isfinite(y.At(n + i))) << y.ToString();
        }
      }
    }
  }
}

TEST(NormEdge, ANormOfNothing) {
  for (const Shape& shape : {Shape{0, 2, 3}, Shape{0, 2}, Shape{4, 2, 0}, Shape{0, 2, 40}}) {
    Graph graph;
    const Value x = graph.Constant(Tensor(DType::kFloat32, shape));
    const Value w = graph.Constant(Tensor::Full(DType::kFloat32, {2}, 1));
    const BatchNormResult norm = BatchNormTraining(x, w, w);
    Values values = Gradients(norm.y, {x, w});
    values.insert(values.end(), {norm.y, norm.mean, norm.variance});
    const std::vector<Tensor> y = RunAll(values);
    EXPECT_EQ(y[0].shape(), shape);
    EXPECT_EQ(y[2].shape(), shape);
    for (int64_t c = 0; c < 2; ++c) {
      EXPECT_EQ(y[1].At(c), 0);
      EXPECT_TRUE(std::isnan(y[3].At(c)));
      EXPECT_TRUE(std::isnan(y[4].At(c)));
    }
  }
  Graph graph;
  const Value x = graph.Constant(Tensor(DType::kFloat32, {0, 3}));
  const Value w = graph.Constant(Tensor::Full(DType::kFloat32, {3}, 1)),
              b = graph.Constant(Tensor::Zeros(DType::kFloat32, {3}));
  const Value y = LayerNorm(x, w, b);
  Values values = Gradients(y, {x, w, b});
  values.push_back(y);
  const std::vector<Tensor> found = RunAll(values);
  EXPECT_EQ(found[0].shape(), Shape({0, 3}));
  EXPECT_EQ(found[3].shape(), Shape({0, 3}));
  for (int64_t i = 0; i < 3; ++i) EXPECT_EQ(found[1].At(i) + found[2].At(i), 0);
}

}  // namespace
}  // namespace adret
