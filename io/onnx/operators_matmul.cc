// Matrix products and sums over named axes.
#include <cmath>
#include <string>

#include "adret/core/status.h"
#include "adret/io/onnx/call.h"
#include "adret/io/onnx/operators.h"
#include "adret/ops/binary.h"
#include "adret/ops/einsum.h"
#include "adret/ops/matmul.h"
#include "adret/ops/reshape.h"
#include "adret/ops/transpose.h"

namespace adret::onnx {
namespace {

using Results = absl::StatusOr<Values>;

Value Times(const Value& x, double factor) { return factor == 1 ? x : x * factor; }

// Integers wrap around as products of numbers do.
Value Product(const Value& a, const Value& b, const MatMulAttrs& transposes) {
  if (!IsInteger(a.dtype())) return MatMul(a, b, transposes);
  if (!transposes.transpose_a && !transposes.transpose_b) return Einsum("...ij,...jk->...ik", {a, b});
  return Einsum(absl::StrCat(transposes.transpose_a ? "ji" : "ij", ",", transposes.transpose_b ? "kj" : "jk", "->ik"),
                {a, b});
}

Results GemmFrom(Call& c) {
  const Value a = c.x(0), b = c.x(1);
  const MatMulAttrs transposes{.transpose_a = c.Int("transA", 0) != 0, .transpose_b = c.Int("transB", 0) != 0};
  const double alpha = c.Float("alpha", 1), beta = c.Float("beta", 1);
  if (a.rank() != 2 || b.rank() != 2) {
    return c.Error("A and B must be matrices, but are ", a.type().ToString(), " and ", b.type().ToString());
  }
  if (IsInteger(a.dtype()) && (alpha != std::floor(alpha) || beta != std::floor(beta))) {
    return c.Unsupported("alpha and beta of integers must be integers");
  }
  const Value y = Times(Product(a, b, transposes), alpha);
  // A term that counts for nothing may hold anything.
  if (!c.has(2) || beta == 0 || !y.valid()) return Values{y};
  const Value sum = y + Times(c.x(2), beta);
  if (sum.valid() && sum.rank() != 2) return c.Error("C must fit ", y.type().ToString());
  return Values{sum};
}

// In old operator sets, C is repeated only where an attribute says so; a file that needs it sets it.
Results GemmFrom1(Call& c) {
  c.Ignore("broadcast");
  return GemmFrom(c);
}

// A vector is a matrix of one row at the left, and of one column at the right.
Results MatMulFrom(Call& c) {
  const Value a = c.x(0), b = c.x(1);
  if (a.rank() < 1 || b.rank() < 1) return c.Error("a scalar has no matrix product");
  Value y = Product(a.rank() == 1 ? Unsqueeze(a, {0}) : a, b.rank() == 1 ? Unsqueeze(b, {1}) : b, {});
  if (b.rank() == 1 && y.valid()) y = Squeeze(y, {-1});
  if (a.rank() == 1 && y.valid()) y = Squeeze(y, {b.rank() == 1 ? -1 : -2});
  return Values{y};
}

Results EinsumFrom(Call& c) {
  if (c.num_inputs() < 1) return c.Error("there are no inputs");
  return Values{Einsum(c.String("equation", ""), c.xs())};
}

const OperatorRegistration kProducts({
    {.name = "Gemm", .since = 7, .from = GemmFrom},
    {.name = "Gemm", .since = 1, .from = GemmFrom1},
    {.name = "MatMul", .since = 1, .from = MatMulFrom},
    {.name = "Einsum", .since = 12, .from = EinsumFrom},
});

}  // namespace
}  // namespace adret::onnx
