// Element types of tensors, and the bridge from a runtime DType to a C++ type.
#ifndef ADRET_CORE_DTYPE_H_
#define ADRET_CORE_DTYPE_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace adret {

// The numbers are part of the model file format: append, never renumber.
enum class DType : uint8_t { kFloat32 = 1, kFloat64 = 2, kInt32 = 3, kInt64 = 4, kUint8 = 5, kBool = 6 };

inline constexpr DType kAllDTypes[] = {DType::kFloat32, DType::kFloat64, DType::kInt32,
                                       DType::kInt64,   DType::kUint8,   DType::kBool};

// Returns the size of one element in bytes.
size_t SizeOf(DType dtype);

// Returns "f32", "f64", "i32", "i64", "u8", "bool".
absl::string_view Name(DType dtype);

// Returns the inverse of Name(); nothing for any other text.
std::optional<DType> ParseDType(absl::string_view name);

inline bool IsFloating(DType dtype) { return dtype == DType::kFloat32 || dtype == DType::kFloat64; }
inline bool IsInteger(DType dtype) {
  return dtype == DType::kInt32 || dtype == DType::kInt64 || dtype == DType::kUint8;
}
inline bool IsBool(DType dtype) { return dtype == DType::kBool; }

template <class T>
struct Tag {
  using type = T;
};

namespace internal {
template <class T>
struct DTypeOfImpl;
template <>
struct DTypeOfImpl<float> {
  static constexpr DType value = DType::kFloat32;
};
template <>
struct DTypeOfImpl<double> {
  static constexpr DType value = DType::kFloat64;
};
template <>
struct DTypeOfImpl<int32_t> {
  static constexpr DType value = DType::kInt32;
};
template <>
struct DTypeOfImpl<int64_t> {
  static constexpr DType value = DType::kInt64;
};
template <>
struct DTypeOfImpl<uint8_t> {
  static constexpr DType value = DType::kUint8;
};
template <>
struct DTypeOfImpl<bool> {
  static constexpr DType value = DType::kBool;
};
}  // namespace internal

template <class T>
inline constexpr DType kDTypeOf = internal::DTypeOfImpl<T>::value;

// Calls f(Tag<T>{}) with the C++ type of dtype:
//   VisitDType(t.dtype(), [&](auto tag) { using T = typename decltype(tag)::type; ... });
template <class F>
decltype(auto) VisitDType(DType dtype, F&& f) {
  switch (dtype) {
    case DType::kFloat32:
      return f(Tag<float>{});
    case DType::kFloat64:
      return f(Tag<double>{});
    case DType::kInt32:
      return f(Tag<int32_t>{});
    case DType::kInt64:
      return f(Tag<int64_t>{});
    case DType::kUint8:
      return f(Tag<uint8_t>{});
    case DType::kBool:
      break;
  }
  return f(Tag<bool>{});
}

// Calls f as VisitDType does, for f32 and f64 only; the caller's type rule has excluded the others.
template <class F>
decltype(auto) VisitFloating(DType dtype, F&& f) {
  if (dtype == DType::kFloat64) return f(Tag<double>{});
  return f(Tag<float>{});
}

}  // namespace adret

#endif  // ADRET_CORE_DTYPE_H_
