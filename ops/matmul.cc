#include "adret/ops/matmul.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "adret/core/op.h"
#include "adret/core/parallel.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/kernels/gemm.h"
#include "adret/ops/reshape.h"

namespace adret {
namespace {

using kernels::Gemm;
using kernels::GemmSplit;

constexpr int64_t kMaxDim = std::numeric_limits<int32_t>::max();  // what BLAS counts in
// Products this small share a task until it is worth its overhead.
constexpr double kFlopsPerChunk = 2e6;

// The last two dimensions, after the transposition that the attributes ask for.
struct Matrix {
  int64_t rows, columns;
};
Matrix MatrixOf(const Shape& shape, bool transpose) {
  const int64_t rows = shape[shape.rank() - 2], columns = shape[shape.rank() - 1];
  return transpose ? Matrix{columns, rows} : Matrix{rows, columns};
}

Shape BatchOf(const Shape& shape) { return Shape(shape.dims().subspan(0, shape.rank() - 2)); }

absl::StatusOr<Types> MatMulType(const TypeContext& c) {
  AD_RETURN_IF_ERROR(c.RequireFloating(0));
  AD_RETURN_IF_ERROR(c.RequireSameDType());
  for (int i = 0; i < 2; ++i) {
    if (c.shape(i).rank() < 2)
      return c.Error("expects matrices, rank 2 or more, but ", i == 0 ? "a" : "b", " has rank ", c.shape(i).rank());
    for (int axis = c.shape(i).rank() - 2; axis < c.shape(i).rank(); ++axis) {
      if (c.shape(i)[axis] > kMaxDim) return c.Error("expects dimensions below 2^31");
    }
  }
  if (BatchOf(c.shape(0)) != BatchOf(c.shape(1))) return c.Error("a and b must have equal batch dimensions");
  const auto& attrs = c.attrs<MatMulAttrs>();
  const Matrix a = MatrixOf(c.shape(0), attrs.transpose_a), b = MatrixOf(c.shape(1), attrs.transpose_b);
  if (a.columns != b.rows) {
    return c.Error("a has ", a.columns, " columns but b has ", b.rows, " rows",
                   attrs.transpose_a || attrs.transpose_b ? " after transposition" : "");
  }
  Shape y = BatchOf(c.shape(0));
  y.push_back(a.rows), y.push_back(b.columns);
  if (absl::Status status = y.Validate(); !status.ok()) return c.Error(status.message());
  return Types{{c.dtype(0), y}};
}

template <class T>
absl::StatusOr<Kernel> MakeKernel(const KernelSpec& spec) {
  const auto& attrs = spec.As<MatMulAttrs>();
  const Matrix a = MatrixOf(spec.x(0), attrs.transpose_a);
  const int64_t m = a.rows, k = a.columns, n = MatrixOf(spec.x(1), attrs.transpose_b).columns;
  const int64_t batch = BatchOf(spec.y()).num_elements();
  const GemmSplit split = kernels::SplitGemm(batch, m, n, k);
  const double flops = 2.0 * m * n * k;
  const int64_t parts = split.parts_m * split.parts_n;
  const int64_t grain = std::max<int64_t>(1, static_cast<int64_t>(kFlopsPerChunk * parts / std::max(flops, 1.0)));

  Kernel kernel;
  kernel.flops = flops * batch;
  kernel.run = [=](const KernelArgs& args) {
    if (batch * m * n == 0) return absl::OkStatus();
    ParallelFor(batch * parts, std::min(grain, batch * parts), [&](int64_t begin, int64_t end) {
      for (int64_t task = begin; task < end; ++task) {
        const int64_t image = task / parts;
        const int64_t i = task % parts / split.parts_n * split.rows, j = task % split.parts_n * split.columns;
        Gemm<T> g{.transpose_a = attrs.transpose_a, .transpose_b = attrs.transpose_b};
        g.m = std::min(split.rows, m - i), g.n = std::min(split.columns, n - j), g.k = k;
        g.lda = attrs.transpose_a ? m : k, g.ldb = attrs.transpose_b ? k : n, g.ldc = n;
        g.a = args.in<T>(0) + image * m * k + (attrs.transpose_a ? i : i * k);
        g.b = args.in<T>(1) + image * k * n + (attrs.transpose_b ? j * k : j);
        const int64_t first = (image * m + i) * n + j;
        g.c = args.out<T>() + first;
        g.Run();
        if (args.epilogue == nullptr) continue;
        if (g.n == n) {
          args.Finished(first, g.m * n);
        } else {
          for (int64_t row = 0; row < g.m; ++row) args.Finished(first + row * n, g.n);
        }
      }
    });
    return absl::OkStatus();
  };
  return kernel;
}

// The product is linear in each factor: with Y = A B, dA = dY B^T and dB = A^T dY, each spelled for a or b as stored.
Values MatMulGradient(const GradientContext& c) {
  const auto& [ta, tb] = c.attrs<MatMulAttrs>();
  const Value a = c.x(0), b = c.x(1), dy = c.dy();
  return {ta ? MatMul(b, dy, {.transpose_a = tb, .transpose_b = true})
             : MatMul(dy, b, {.transpose_a = false, .transpose_b = !tb}),
          tb ? MatMul(dy, a, {.transpose_a = true, .transpose_b = ta})
             : MatMul(a, dy, {.transpose_a = !ta, .transpose_b = false})};
}

// |y| k, where k^2 = |a| |b| / (|y| batches), whichever way a and b are stored. A symbolic dimension counts once.
int64_t MultiplyAdds(absl::Span<const Type> inputs, const Type& output) {
  const auto size = [](const Shape& shape) { return std::abs(static_cast<double>(shape.num_elements())); };
  const double y = size(output.shape), batches = size(BatchOf(output.shape));
  if (y == 0) return 0;
  return std::llround(y * std::sqrt(size(inputs[0].shape) / y * (size(inputs[1].shape) / batches)));
}

const OpRegistration kMatMul({
    .name = "matmul",
    .doc = "y[..., i, j] = sum_k a[..., i, k] b[..., k, j], each matrix transposed first where the attributes say so.",
    .inputs = {"a", "b"},
    .parse_attrs = &ParseAttrs<MatMulAttrs>,
    .type = MatMulType,
    .kernel =
        [](const KernelSpec& spec) {
          return VisitFloating(spec.dtype(), [&](auto tag) { return MakeKernel<typename decltype(tag)::type>(spec); });
        },
    .gradient = MatMulGradient,
    .multiply_adds = MultiplyAdds,
    .traits = {.epilogue = true},
});

}  // namespace

Value MatMul(Operand a, Operand b, MatMulAttrs attrs) {
  if (!a->valid() || !b->valid()) return Build("matmul", {a, b}, Attrs(attrs));
  const Shape &sa = a->shape(), &sb = b->shape();
  if (sa.rank() < 2 || sb.rank() < 2 || BatchOf(sa) == BatchOf(sb)) return Build("matmul", {a, b}, Attrs(attrs));
  LocationScope scope(a.graph(), a.location());
  if (sb.rank() == 2 && !attrs.transpose_a) {
    // One matrix for all of a's rows: a single product, and nothing is repeated.
    const int64_t columns = sa[sa.rank() - 1];
    Shape rows(sa.dims().subspan(0, sa.rank() - 1));
    if (rows.Validate().ok()) {
      const Value y = Build("matmul", {Reshape(a, {rows.num_elements(), columns}), b}, Attrs(attrs));
      if (!y.valid()) return y;
      rows.push_back(y.shape()[1]);
      return Reshape(y, rows);
    }
  }
  const absl::StatusOr<Shape> batch = BroadcastShapes(BatchOf(sa), BatchOf(sb));
  if (!batch.ok()) return Build("matmul", {a, b}, Attrs(attrs));  // the type rule says what is wrong
  const auto repeated = [&](const Value& v) {
    Shape shape = *batch;
    shape.push_back(v.shape()[v.rank() - 2]), shape.push_back(v.shape()[v.rank() - 1]);
    return BroadcastTo(v, shape);
  };
  return Build("matmul", {repeated(a), repeated(b)}, Attrs(attrs));
}

}  // namespace adret
