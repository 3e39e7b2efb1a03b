// Shape: the dimensions of a tensor. Any of them may be symbolic: computed from sizes that only a run knows.
//
//   Shape image{kAnyBatch, 1, 28, 28};            // prints as [?,1,28,28]
//   Shape batch = image.With(128);                // [128,1,28,28]
//   Shape text{kAnyBatch, Dim("time"), 64};       // prints as [?,time,64]
//
// Dimensions are held as codes (core/dim.h). A dimension d >= 0 is concrete. A dimension -2^40 <= d < 0 stands for -d
// times the batch, so kAnyBatch = -1 is the batch itself, and a [?,13,13,50] reshaped to two dimensions is [-169,50],
// printed as [169*?,50]. To compute with a dimension that may be symbolic, take dim(axis).
#ifndef ADRET_CORE_SHAPE_H_
#define ADRET_CORE_SHAPE_H_

#include <cstdint>
#include <initializer_list>
#include <string>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "adret/core/dim.h"
#include "adret/core/dtype.h"

namespace adret {

inline constexpr int kMaxRank = 32;

class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<int64_t> dims) : dims_(dims) {}
  explicit Shape(absl::Span<const int64_t> dims) : dims_(dims.begin(), dims.end()) {}

  int rank() const { return static_cast<int>(dims_.size()); }
  int64_t operator[](int axis) const { return dims_[axis]; }
  Dim dim(int axis) const { return Dim::Of(dims_[axis]); }
  absl::Span<const int64_t> dims() const { return dims_; }
  auto begin() const { return dims_.begin(); }
  auto end() const { return dims_.end(); }

  void set(int axis, int64_t dim) { dims_[axis] = dim; }
  void push_back(int64_t dim) { dims_.push_back(dim); }
  void insert(int axis, int64_t dim) { dims_.insert(dims_.begin() + axis, dim); }
  void erase(int axis) { dims_.erase(dims_.begin() + axis); }

  // Returns the first axis that is symbolic, or -1.
  int symbolic_axis() const;
  bool is_symbolic() const { return symbolic_axis() >= 0; }
  // Returns whether a symbol other than the batch is in it.
  bool has_named_symbol() const;

  // Returns the shape with sizes in place of their symbols; others stay. A dimension that overflows or falls below 0
  // becomes kNoDim, which Validate() refuses. A number stands for the batch.
  Shape With(const DimSizes& sizes) const;
  // Returns the shape with one size for all symbols: what is known before any run, for counts to look at.
  Shape WithEvery(int64_t size) const;

  // Returns the product of the dimensions, a code (core/dim.h) when one is symbolic. 1 for a scalar. The shape must be
  // valid.
  int64_t num_elements() const;

  // Returns ok when the rank is at most kMaxRank, every dimension is one, and the bytes fit in 62 bits as far as they
  // are known.
  absl::Status Validate() const;

  // Returns text such as "[?,3,28,28]"; "[]" for a scalar.
  std::string ToString() const;

  friend bool operator==(const Shape& a, const Shape& b) { return a.dims_ == b.dims_; }
  friend bool operator!=(const Shape& a, const Shape& b) { return !(a == b); }
  template <class H>
  friend H AbslHashValue(H h, const Shape& s) {
    return H::combine(std::move(h), s.dims_);
  }

 private:
  absl::InlinedVector<int64_t, 4> dims_;
};

// Returns row-major strides in elements of a concrete shape.
absl::InlinedVector<int64_t, 4> Strides(const Shape& shape);

// Maps a negative axis (counted from the end, as in NumPy) to [0, rank). Fails when the axis is out of range.
absl::StatusOr<int> NormalizeAxis(int64_t axis, int rank);

// Returns the shape that a and b broadcast to (NumPy's rule; a symbolic dimension meets itself, 1, or another one that
// may be equal, of which a run then has to confirm that it is).
absl::StatusOr<Shape> BroadcastShapes(const Shape& a, const Shape& b);

// What is known of a value before a run: element type and shape.
struct Type {
  DType dtype = DType::kFloat32;
  Shape shape;

  // Returns text such as "f32[?,3,28,28]".
  std::string ToString() const;
  // Returns the bytes of a concrete type.
  int64_t bytes() const { return shape.num_elements() * static_cast<int64_t>(SizeOf(dtype)); }

  friend bool operator==(const Type& a, const Type& b) { return a.dtype == b.dtype && a.shape == b.shape; }
  friend bool operator!=(const Type& a, const Type& b) { return !(a == b); }
  template <class H>
  friend H AbslHashValue(H h, const Type& t) {
    return H::combine(std::move(h), t.dtype, t.shape);
  }
};

}  // namespace adret

#endif  // ADRET_CORE_SHAPE_H_
