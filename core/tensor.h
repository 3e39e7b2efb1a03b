// Tensor: dtype + concrete shape + a shared, 64-byte-aligned buffer of numbers in row-major order.
//
//   Tensor x = Tensor::From<float>({2, 3}, {1, 2, 3, 4, 5, 6});
//   absl::Span<const float> numbers = x.data<float>();
//
// Copying a Tensor copies a pointer. Whoever creates a tensor fills it through mutable_data() before handing it out;
// after that it does not change.
#ifndef ADRET_CORE_TENSOR_H_
#define ADRET_CORE_TENSOR_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/types/span.h"
#include "adret/core/dtype.h"
#include "adret/core/shape.h"
#include "adret/core/status.h"

namespace adret {

inline constexpr size_t kAlignment = 64;

class Tensor {
 public:
  // Makes an f32 scalar 0.
  Tensor();

  // Makes a tensor of uninitialised numbers. The shape must be concrete and valid (Shape::Validate()).
  Tensor(DType dtype, const Shape& shape);
  // Makes one whose size comes from outside: ResourceExhausted when the system has no such memory.
  static absl::StatusOr<Tensor> Allocate(DType dtype, const Shape& shape);

  static Tensor Zeros(DType dtype, const Shape& shape);
  // Makes a tensor whose every element is value, converted to dtype.
  static Tensor Full(DType dtype, const Shape& shape, double value);
  static Tensor Scalar(DType dtype, double value) { return Full(dtype, {}, value); }
  // Makes a tensor of these values: values.size() must equal the number of elements.
  template <class T>
  static Tensor From(const Shape& shape, absl::Span<const T> values);
  template <class T>
  static Tensor From(const Shape& shape, std::initializer_list<T> values) {
    return From<T>(shape, absl::MakeConstSpan(values.begin(), values.size()));
  }
  template <class T>
  static Tensor From(const Shape& shape, const std::vector<T>& values) {
    return From<T>(shape, absl::MakeConstSpan(values));
  }
  // Returns a tensor over memory that somebody else owns (a mapped file, an arena); owner keeps it alive. data must be
  // aligned to the element size.
  static Tensor Borrow(DType dtype, const Shape& shape, const void* data, std::shared_ptr<const void> owner);

  DType dtype() const { return type_.dtype; }
  const Shape& shape() const { return type_.shape; }
  const Type& type() const { return type_; }
  int rank() const { return type_.shape.rank(); }
  int64_t num_elements() const { return num_elements_; }
  size_t num_bytes() const { return static_cast<size_t>(num_elements_) * SizeOf(type_.dtype); }

  // Returns the numbers; T must be the C++ type of dtype().
  template <class T>
  absl::Span<const T> data() const {
    AD_CHECK(kDTypeOf<T> == dtype());
    return absl::MakeConstSpan(static_cast<const T*>(data_), static_cast<size_t>(num_elements_));
  }
  template <class T>
  absl::Span<T> mutable_data() {
    AD_CHECK(kDTypeOf<T> == dtype());
    return absl::MakeSpan(static_cast<T*>(data_), static_cast<size_t>(num_elements_));
  }
  const void* raw() const { return data_; }
  void* mutable_raw() { return data_; }

  // Returns element i (row-major) as a double, whatever the dtype: exactly but for i64 and u64 above 2^53.
  double At(int64_t i) const;

  // Returns these numbers with another shape of as many elements; shares the buffer.
  Tensor Reshaped(const Shape& shape) const;
  // Converts every element to dtype by the rules of core/convert.h. Returns *this when the dtype is the same.
  Tensor Cast(DType dtype) const;
  // Copies the numbers into a buffer of their own.
  Tensor Clone() const;

  // Returns whether the buffer is borrowed, or another Tensor shares it.
  bool is_shared() const { return borrowed_ || buffer_.use_count() > 1; }

  // Returns whether both have one type and the same bits.
  bool BitEqual(const Tensor& other) const;

  // Prints type and numbers, rows in brackets, long axes shortened with an ellipsis.
  std::string ToString() const;

 private:
  Tensor(Type type, void* data, std::shared_ptr<const void> buffer);

  Type type_;
  int64_t num_elements_ = 1;
  void* data_ = nullptr;
  bool borrowed_ = false;
  std::shared_ptr<const void> buffer_;
};

// Allocates size bytes, aligned to kAlignment. Fails with ResourceExhausted when the system has no such memory.
absl::StatusOr<std::shared_ptr<void>> AllocateAligned(size_t size);

template <class T>
Tensor Tensor::From(const Shape& shape, absl::Span<const T> values) {
  Tensor result(kDTypeOf<T>, shape);
  AD_CHECK(static_cast<int64_t>(values.size()) == result.num_elements());
  std::copy(values.begin(), values.end(), result.mutable_data<T>().begin());
  return result;
}

}  // namespace adret

#endif  // ADRET_CORE_TENSOR_H_
