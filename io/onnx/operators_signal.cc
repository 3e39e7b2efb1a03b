// Fourier transforms and determinants.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <optional>
#include <vector>

#include "adret/core/status.h"
#include "adret/io/onnx/call.h"
#include "adret/io/onnx/operators.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/compare.h"
#include "adret/ops/conv_nd.h"
#include "adret/ops/matmul.h"
#include "adret/ops/reduce.h"
#include "adret/ops/reshape.h"
#include "adret/ops/slice.h"
#include "adret/ops/transpose.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"

namespace adret::onnx {
namespace {

using Results = absl::StatusOr<Values>;

// ---- Fourier transforms ------------------------------------------------------------------------------------------

// A transform is a product with a matrix of as many elements at most.
constexpr int64_t kMaxElements = int64_t{1} << 24;

struct Transform {
  int64_t length;   // of the whole signal or spectrum
  int64_t in, out;  // how many elements are given and wanted, from the first on; those not given are 0
  bool complex_in, complex_out;
  bool inverse;
  bool half_spectrum;  // the spectrum given is the first half of one of a real signal

  int64_t rows() const { return in * (complex_in ? 2 : 1); }
  int64_t columns() const { return out * (complex_out ? 2 : 1); }
};

// Returns the transform as a matrix f64[rows,columns]: rows are the real parts and then the imaginary parts of what is
// given, columns those of the result.
absl::StatusOr<Tensor> MatrixOf(Call& c, const Transform& t) {
  if (t.length < 1 || t.in < 1 || t.out < 1) return c.Error("its signal is empty");
  if (t.length > kMaxElements || t.rows() * t.columns() > kMaxElements) {
    return c.Unsupported("it has length ", t.length, "; Fourier transforms are products with a matrix of at most 2^24 ",
                         "elements");
  }
  Tensor matrix(DType::kFloat64, {t.rows(), t.columns()});
  double* const m = matrix.mutable_data<double>().data();
  for (int64_t i = 0; i < t.in; ++i) {
    double weight = t.inverse ? 1.0 / static_cast<double>(t.length) : 1;
    if (t.half_spectrum && i > 0 && 2 * i != t.length) weight *= 2;
    for (int64_t k = 0; k < t.out; ++k) {
      const double angle = 2 * std::numbers::pi * static_cast<double>(i * k % t.length) / static_cast<double>(t.length);
      const double re = weight * std::cos(angle), im = weight * (t.inverse ? std::sin(angle) : -std::sin(angle));
      m[i * t.columns() + k] = re;
      if (t.complex_out) m[i * t.columns() + t.out + k] = im;
      if (t.complex_in) m[(t.in + i) * t.columns() + k] = -im;
      if (t.complex_in && t.complex_out) m[(t.in + i) * t.columns() + t.out + k] = re;
    }
  }
  return matrix;
}

// Transforms along an axis of x, whose last axis holds real numbers (size 1) or real and imaginary parts (size 2).
absl::StatusOr<Value> Transformed(Call& c, const Value& x, int axis, const Transform& t) {
  AD_ASSIGN_OR_RETURN(const Tensor matrix, MatrixOf(c, t));
  std::vector<int64_t> order;
  for (int i = 0; i < x.rank() - 1; ++i) {
    if (i != axis) order.push_back(i);
  }
  order.push_back(x.rank() - 1), order.push_back(axis);
  Value y = Transpose(Slice(x, axis, 0, t.in), order);
  if (!y.valid()) return y;
  // Axes of one matrix: all others together, parts and elements.
  const Shape moved = y.shape();
  y = MatMul(Cast(Reshape(y, {-1, t.rows()}), DType::kFloat64), c.graph()->Constant(matrix));
  Shape result(moved.dims().subspan(0, moved.rank() - 2));
  result.push_back(t.complex_out ? 2 : 1), result.push_back(t.out);
  std::vector<int64_t> back(x.rank());
  for (int i = 0; i < x.rank(); ++i) back[order[i]] = i;
  return Cast(Transpose(Reshape(y, result), back), x.dtype());
}

Results Dft(Call& c, int64_t axis) {
  const Value x = c.x(0);
  const bool inverse = c.Int("inverse", 0) != 0, onesided = c.Int("onesided", 0) != 0;
  if (axis < -x.rank() || axis >= x.rank()) return c.Error("axis ", axis, " is none of rank ", x.rank());
  if (axis < 0) axis += x.rank();
  if (axis == x.rank() - 1) return c.Error("its axis is the last one, which holds real and imaginary parts");
  const int64_t parts = x.shape()[x.rank() - 1], given = x.shape()[static_cast<int>(axis)];
  if (parts != 1 && parts != 2) return c.Error("its last axis must have size 1 or 2, not ", DimText(parts));
  if (given < 0) return c.Unsupported("the size of the axis that it transforms must be known, but is ", DimText(given));
  if (onesided && !inverse && parts == 2) return c.Error("onesided needs a real signal");
  const bool half_spectrum = onesided && inverse;
  int64_t length = half_spectrum ? 2 * (given - 1) : given;
  if (c.has(1)) {
    AD_ASSIGN_OR_RETURN(const std::vector<int64_t> lengths, c.KnownIntegers(1));
    if (lengths.size() != 1) return c.Error("dft_length must be one number");
    length = lengths[0];
  }
  const int64_t half = length / 2 + 1;
  const Transform t{.length = length,
                    .in = std::min(given, half_spectrum ? half : length),
                    .out = onesided && !inverse ? half : length,
                    .complex_in = parts == 2,
                    .complex_out = !half_spectrum,
                    .inverse = inverse,
                    .half_spectrum = half_spectrum};
  AD_ASSIGN_OR_RETURN(const Value y, Transformed(c, x, static_cast<int>(axis), t));
  return Values{y};
}

Results DftFrom17(Call& c) { return Dft(c, c.Int("axis", 1)); }

Results DftFrom(Call& c) {
  if (!c.has(2)) return Dft(c, -2);
  AD_ASSIGN_OR_RETURN(const std::vector<int64_t> axis, c.KnownIntegers(2));
  if (axis.size() != 1) return c.Error("its axis must be one number");
  return Dft(c, axis[0]);
}

// Returns one number that an input holds, at least 1.
absl::StatusOr<int64_t> KnownSize(Call& c, int i) {
  AD_ASSIGN_OR_RETURN(const std::vector<int64_t> numbers, c.KnownIntegers(i));
  if (numbers.size() != 1 || numbers[0] < 1) return c.Error("input ", i, " must be one number of at least 1");
  return numbers[0];
}

// A transform of frames is a convolution: its filters are the columns of the transform's matrix, times the window.
Results StftFrom(Call& c) {
  Value x = c.x(0);
  const bool onesided = c.Int("onesided", 1) != 0;
  if (x.rank() == 2) x = Unsqueeze(x, {2});
  if (x.rank() != 3) return c.Error("its signal must have rank 3, not ", x.rank());
  const int64_t parts = x.shape()[2];
  if (parts != 1 && parts != 2) return c.Error("the last axis of its signal must have size 1 or 2");
  if (onesided && parts == 2) return c.Error("onesided needs a real signal");
  AD_ASSIGN_OR_RETURN(const int64_t step, KnownSize(c, 1));
  int64_t length = x.shape()[1];
  if (c.has(2)) {
    if (c.shape(2).rank() != 1) return c.Error("its window must have rank 1");
    length = c.shape(2)[0];
  }
  if (c.has(3)) {
    AD_ASSIGN_OR_RETURN(length, KnownSize(c, 3));
  }
  if (length < 0) return c.Unsupported("the length of its frames must be known, but is ", DimText(length));
  const int64_t in = c.has(2) ? c.shape(2)[0] : length, out = onesided ? length / 2 + 1 : length;
  if (in < 0 || in > length) return c.Error("its window is longer than a frame");
  const Transform t{.length = length,
                    .in = in,
                    .out = out,
                    .complex_in = parts == 2,
                    .complex_out = true,
                    .inverse = false,
                    .half_spectrum = false};
  AD_ASSIGN_OR_RETURN(const Tensor matrix, MatrixOf(c, t));
  Value filters = Reshape(Transpose(c.graph()->Constant(matrix)), {2 * out, parts, in});
  if (c.has(2)) filters = filters * Cast(c.x(2), DType::kFloat64);
  // A window that is shorter than a frame: the frame goes on with zeros, but has to be there.
  const Value signal = Transpose(in < length ? Slice(x, 1, 0, in - length) : x, {0, 2, 1});
  const Value y = Conv1d(Cast(signal, DType::kFloat64), filters, {.stride = step});
  if (!y.valid()) return Values{y};
  const Value parted = Reshape(y, {y.shape()[0], 2, out, y.shape()[2]});
  return Values{Cast(Transpose(parted, {0, 3, 2, 1}), x.dtype())};
}

// ---- Determinants ------------------------------------------------------------------------------------------------

constexpr int64_t kMaxDeterminant = 64;

// Returns column j of rows i of matrices [..., n, n].
Value Element(const Value& x, int64_t i, int64_t j) {
  return Slice(x, {.axes = {-2, -1}, .begins = {i, j}, .ends = {i + 1, j + 1}});
}

// Returns the determinants of matrices [..., n, n], n <= 3, as [..., 1, 1].
Value SmallDeterminant(const Value& x, int64_t n) {
  if (n == 1) return x;
  const auto minor = [&](int64_t i, int64_t j, int64_t k) {
    return Element(x, i, j) * Element(x, i + 1, k) - Element(x, i, k) * Element(x, i + 1, j);
  };
  if (n == 2) return minor(0, 0, 1);
  return Element(x, 0, 0) * minor(1, 1, 2) - Element(x, 0, 1) * minor(1, 0, 2) + Element(x, 0, 2) * minor(1, 0, 1);
}

// Takes one column and one row away from matrices [..., n, n], as Gauss does, with the row whose first element is the
// largest. Multiplies `determinant` [..., 1, 1] by that element, and by -1 where the row was not the first.
Value Eliminated(const Value& x, int64_t n, Value* determinant) {
  const Value column = Slice(x, -1, 0, 1), rest = Slice(x, -1, 1, n);
  const Value chosen = MaxMask(Abs(column), {-2});  // 1 in the pivot's row, [..., n, 1]
  const Value pivot = Sum(chosen * column, {.axes = {-2}, .keepdims = true});
  const Value pivot_row = Sum(chosen * rest, {.axes = {-2}, .keepdims = true});
  const Value is_first = Slice(chosen, -2, 0, 1);
  *determinant = *determinant * pivot * (2.0 * is_first - 1.0);
  // The first row takes the place of the pivot's, which has none any more.
  const auto below = [&](const Value& part) {
    const Value first = Slice(part, -2, 0, 1), others = Slice(part, -2, 1, n);
    return Where(Greater(Slice(chosen, -2, 1, n), 0.0), first, others);
  };
  const Value divisor = Where(Equal(pivot, 0.0), 1.0, pivot);
  return below(rest) - below(column) / divisor * pivot_row;
}

Results DetFrom(Call& c) {
  Value x = c.x(0);
  if (x.rank() < 2) return c.Error("its input must have rank 2 or more");
  const int64_t n = x.shape()[x.rank() - 1];
  if (n != x.shape()[x.rank() - 2]) return c.Error("its matrices are not square: ", x.shape().ToString());
  if (n < 0 || n > kMaxDeterminant) return c.Unsupported("matrices of size ", DimText(n), "; sizes up to 64 are read");
  if (n == 0) return c.Unsupported("matrices without elements");
  Value determinant;
  for (int64_t size = n; size > 3; --size) {
    if (!determinant.valid()) determinant = OnesLike(Element(x, 0, 0));
    x = Eliminated(x, size, &determinant);
  }
  const Value small = SmallDeterminant(x, std::min<int64_t>(n, 3));
  return Values{Squeeze(determinant.valid() ? determinant * small : small, {-2, -1})};
}

const OperatorRegistration kSignal({
    {.name = "DFT", .since = 20, .from = DftFrom, .note = "a product with a matrix, of at most 2^24 elements"},
    {.name = "DFT", .since = 17, .from = DftFrom17, .note = "a product with a matrix, of at most 2^24 elements"},
    {.name = "STFT", .since = 17, .from = StftFrom, .note = "a convolution; frames have a known length"},
    {.name = "Det",
     .since = 11,
     .from = DetFrom,
     .note = "matrices up to 64x64; derivatives of singular ones above 3x3 are not exact"},
});

}  // namespace
}  // namespace adret::onnx
