#include "adret/ops/matmul.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "adret/core/axis_rules.h"
#include "adret/core/op.h"
#include "adret/core/parallel.h"
#include "adret/ops/batch.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/kernels/gemm.h"
#include "adret/ops/kernels/sum_chunks.h"
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
    return c.Error("a has ", DimText(a.columns), " columns but b has ", DimText(b.rows), " rows",
                   attrs.transpose_a || attrs.transpose_b ? " after transposition" : "");
  }
  Shape y = BatchOf(c.shape(0));
  y.push_back(a.rows), y.push_back(b.columns);
  if (absl::Status status = y.Validate(); !status.ok()) return c.Error(status.message());
  return Types{{c.dtype(0), y}};
}

// The products of a run, block by block.
template <class T>
class MatMulPlan {
 public:
  MatMulPlan(const MatMulAttrs& attrs, const Shape& a, const Shape& b)
      : attrs_(attrs),
        batch_(BatchOf(a).num_elements()),
        m_(MatrixOf(a, attrs.transpose_a).rows),
        n_(MatrixOf(b, attrs.transpose_b).columns),
        k_(MatrixOf(a, attrs.transpose_a).columns),
        split_(kernels::SplitGemm(batch_, m_, n_, k_, /*split_k=*/true)) {}

  double flops() const { return 2.0 * batch_ * m_ * n_ * k_; }
  // For partial sums, one array like the result for each.
  int64_t workspace_elements() const { return split_.parts_k > 1 ? split_.parts_k * batch_ * m_ * n_ : 0; }

  void Run(const KernelArgs& args) const {
    const int64_t size = batch_ * m_ * n_, tasks = batch_ * split_.parts();
    if (size == 0) return;
    const double chunk = kFlopsPerChunk * static_cast<double>(tasks) / std::max(flops(), 1.0);
    const int64_t grain = std::clamp<int64_t>(static_cast<int64_t>(std::min(chunk, 1e9)), 1, tasks);
    T* const partial = static_cast<T*>(args.workspace);
    ParallelFor(tasks, grain, [&](int64_t begin, int64_t end) {
      for (int64_t task = begin; task < end; ++task) {
        const int64_t image = task / split_.parts(), part_k = task % split_.parts_k;
        const int64_t block = task / split_.parts_k % (split_.parts_m * split_.parts_n);
        const int64_t i = block / split_.parts_n * split_.rows, j = block % split_.parts_n * split_.columns;
        const int64_t first = (image * m_ + i) * n_ + j;
        T* const c = (split_.parts_k > 1 ? partial + part_k * size : args.out<T>()) + first;
        const Gemm<T> g = Block(args, image, i, j, part_k * split_.depth, c);
        g.Run();
        if (args.epilogue == nullptr || split_.parts_k > 1) continue;
        if (g.n == n_) {
          args.Finished(first, g.m * n_);
        } else {
          for (int64_t row = 0; row < g.m; ++row) args.Finished(first + row * n_, g.n);
        }
      }
    });
    if (split_.parts_k == 1) return;
    kernels::SumChunks(partial, split_.parts_k, size, args.out<T>(),
                       [&](int64_t begin, int64_t n) { args.Finished(begin, n); });
  }

 private:
  // The block of c at (i, j) as a sum from term q on.
  Gemm<T> Block(const KernelArgs& args, int64_t image, int64_t i, int64_t j, int64_t q, T* c) const {
    const auto [ta, tb] = attrs_;
    Gemm<T> g{.transpose_a = ta, .transpose_b = tb};
    g.m = std::min(split_.rows, m_ - i), g.n = std::min(split_.columns, n_ - j), g.k = std::min(split_.depth, k_ - q);
    g.lda = ta ? m_ : k_, g.ldb = tb ? k_ : n_, g.ldc = n_;
    g.a = args.in<T>(0) + image * m_ * k_ + (ta ? q * m_ + i : i * k_ + q);
    g.b = args.in<T>(1) + image * k_ * n_ + (tb ? j * k_ + q : q * n_ + j);
    g.c = c;
    return g;
  }

  MatMulAttrs attrs_;
  int64_t batch_, m_, n_, k_;
  GemmSplit split_;
};

template <class T>
absl::StatusOr<Kernel> MakeKernel(const KernelSpec& spec) {
  const MatMulPlan<T> plan(spec.As<MatMulAttrs>(), spec.x(0), spec.x(1));
  Kernel kernel;
  kernel.flops = plan.flops();
  kernel.workspace_bytes = plan.workspace_elements() * static_cast<int64_t>(sizeof(T));
  kernel.run = [plan](const KernelArgs& args) {
    plan.Run(args);
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

// Batches, rows i, columns j, and k that is summed.
LabelMap Labels(const KernelSpec& spec) {
  const auto& attrs = spec.As<MatMulAttrs>();
  const int batches = spec.y().rank() - 2;
  const auto labels = [&](int rows, int columns, bool transpose) {
    AxisLabels result;
    for (int a = 0; a < batches; ++a) result.push_back({a});
    if (transpose) std::swap(rows, columns);
    result.push_back({batches + rows}), result.push_back({batches + columns});
    return result;
  };
  constexpr int i = 0, j = 1, k = 2;
  return {{labels(i, k, attrs.transpose_a), labels(k, j, attrs.transpose_b)}, {labels(i, j, false)}};
}

// Examples of both are one more batch dimension. Of one alone, they are more rows or columns: that follows from the
// labels.
Values MatMulBatch(const BatchContext& c) {
  return c.batched(0) && c.batched(1) ? BuildStacked(c, c.node().attrs) : Values();
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
    .batch = MatMulBatch,
    .multiply_adds = MultiplyAdds,
    .axes = MakeAxisRules({.labels = Labels, .linear_in = Inputs({0, 1})}),
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
