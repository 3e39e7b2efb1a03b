#include "adret/core/shape.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "adret/core/status.h"

namespace adret {
namespace {

constexpr int64_t kMaxElements = int64_t{1} << 58;  // 8-byte elements stay below 2^62 bytes.
// Kernels may walk over the other dimensions of a shape that has a zero; a file could make that walk endless.
constexpr int64_t kMaxWalk = int64_t{1} << 28;

}  // namespace

int Shape::symbolic_axis() const {
  for (int i = 0; i < rank(); ++i) {
    if (dims_[i] < 0) return i;
  }
  return -1;
}

bool Shape::has_named_symbol() const { return std::any_of(dims_.begin(), dims_.end(), HasNamedSymbol); }

Shape Shape::With(const DimSizes& sizes) const {
  Shape result = *this;
  const std::optional<int64_t> batch = sizes.Find(0);
  for (int64_t& dim : result.dims_) {
    if (dim >= 0) continue;
    if (HasNamedSymbol(dim)) {
      dim = Dim::Of(dim).With(sizes);
    } else if (batch.has_value() && __builtin_mul_overflow(-dim, *batch, &dim)) {
      dim = kNoDim;
    }
    if (batch.has_value() && *batch < 0 && dim < 0 && !HasNamedSymbol(dim)) dim = kNoDim;
  }
  return result;
}

Shape Shape::WithEvery(int64_t size) const {
  DimSizes sizes(size);
  for (int64_t dim : dims_) {
    if (HasNamedSymbol(dim)) Dim::Of(dim).ForEachSymbol([&](int symbol) { sizes.Set(symbol, size); });
  }
  Shape result = With(sizes);
  for (int64_t& dim : result.dims_) dim = std::max<int64_t>(dim, 0);  // time - 3 at 1
  return result;
}

int64_t Shape::num_elements() const {
  int64_t n = 1;
  bool plain = true;
  for (int64_t dim : dims_) plain &= !HasNamedSymbol(dim) && (dim >= 0 || n >= 0), n *= plain ? dim : 1;
  if (plain && !HasNamedSymbol(n)) return n;
  Dim product(1);
  for (int a = 0; a < rank(); ++a) product = product * dim(a);
  return product;
}

absl::Status Shape::Validate() const {
  if (rank() > kMaxRank) {
    return absl::InvalidArgumentError(absl::StrCat("rank ", rank(), " is above the limit of ", kMaxRank));
  }
  int64_t product = 1;
  bool empty = false;
  for (int64_t dim : dims_) {
    empty |= dim == 0;
    if (!IsDimCode(dim)) return absl::InvalidArgumentError("a dimension is out of range");
    if (HasNamedSymbol(dim)) continue;  // its size is checked when it is known
    // Zeros are left out of the product, so that strides of an empty shape do not overflow either.
    if (dim != 0 && (__builtin_mul_overflow(product, std::abs(dim), &product) || product > kMaxElements)) {
      return absl::InvalidArgumentError(absl::StrCat("shape ", ToString(), " has too many elements"));
    }
  }
  if (empty && product > kMaxWalk) {
    return absl::InvalidArgumentError(absl::StrCat("shape ", ToString(), " is empty but absurdly large"));
  }
  return absl::OkStatus();
}

std::string Shape::ToString() const {
  return absl::StrCat(
      "[", absl::StrJoin(dims_, ",", [](std::string* out, int64_t d) { absl::StrAppend(out, DimText(d)); }), "]");
}

absl::InlinedVector<int64_t, 4> Strides(const Shape& shape) {
  absl::InlinedVector<int64_t, 4> strides(shape.rank());
  int64_t stride = 1;
  for (int i = shape.rank() - 1; i >= 0; --i) {
    strides[i] = stride;
    stride *= shape[i];
  }
  return strides;
}

absl::StatusOr<int> NormalizeAxis(int64_t axis, int rank) {
  if (axis < -rank || axis >= rank) {
    return absl::InvalidArgumentError(absl::StrCat("axis ", axis, " is out of range for rank ", rank));
  }
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

absl::StatusOr<Shape> BroadcastShapes(const Shape& a, const Shape& b) {
  const int rank = std::max(a.rank(), b.rank());
  Shape result;
  for (int i = 0; i < rank; ++i) {
    const int ia = i - (rank - a.rank()), ib = i - (rank - b.rank());
    const int64_t da = ia < 0 ? 1 : a[ia], db = ib < 0 ? 1 : b[ib];
    if (da != 1 && db != 1 && !MayBeEqual(da, db)) {
      return absl::InvalidArgumentError(absl::StrCat("shapes ", a.ToString(), " and ", b.ToString(),
                                                     " do not broadcast: ", DimText(da), " and ", DimText(db),
                                                     " differ", " at axis ", i - rank));
    }
    // Of two that may be equal, a number says more.
    result.push_back(da == 1 || (db >= 0 && db != 1) ? db : da);
  }
  AD_RETURN_IF_ERROR(result.Validate());
  return result;
}

std::string Type::ToString() const { return absl::StrCat(Name(dtype), shape.ToString()); }

}  // namespace adret
