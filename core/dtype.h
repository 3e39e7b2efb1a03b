// Element types of tensors, and the bridge from a runtime DType to a C++ type.
//
//   const size_t bytes = 10 * SizeOf(DType::kBFloat16);
//
// f32, f64 and the integers, which wrap around, are computed with. The others hold data: they are stored, moved and
// cast. Wherever ops take indices, they take every integer dtype.
#ifndef ADRET_CORE_DTYPE_H_
#define ADRET_CORE_DTYPE_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "adret/core/half.h"

namespace adret {

// Lists all that is known of the dtypes, one a line: enumerator, number, C++ type, name, kind, and its name in NumPy's
// files ("" where it has none). The numbers are part of the model file format: append, never renumber.
#define ADRET_DTYPES(X)                                 \
  X(kFloat32, 1, float, "f32", kFloating, "<f4")        \
  X(kFloat64, 2, double, "f64", kFloating, "<f8")       \
  X(kInt32, 3, int32_t, "i32", kInteger, "<i4")         \
  X(kInt64, 4, int64_t, "i64", kInteger, "<i8")         \
  X(kUint8, 5, uint8_t, "u8", kInteger, "|u1")          \
  X(kBool, 6, bool, "bool", kBool, "|b1")               \
  X(kBFloat16, 7, ::adret::BFloat16, "bf16", kHalf, "") \
  X(kFloat16, 8, ::adret::Float16, "f16", kHalf, "<f2") \
  X(kInt8, 9, int8_t, "i8", kInteger, "|i1")            \
  X(kInt16, 10, int16_t, "i16", kInteger, "<i2")        \
  X(kUint16, 11, uint16_t, "u16", kInteger, "<u2")      \
  X(kUint32, 12, uint32_t, "u32", kInteger, "<u4")      \
  X(kUint64, 13, uint64_t, "u64", kInteger, "<u8")

enum class DType : uint8_t {
#define ADRET_ENUMERATOR(id, number, ...) id = number,
  ADRET_DTYPES(ADRET_ENUMERATOR)
#undef ADRET_ENUMERATOR
};

inline constexpr DType kAllDTypes[] = {
#define ADRET_DTYPE(id, ...) DType::id,
    ADRET_DTYPES(ADRET_DTYPE)
#undef ADRET_DTYPE
};

// Floating: what ops compute in. Half: floating-point numbers of 16 bits, which are stored, and cast before anything is
// computed.
enum class DTypeKind : uint8_t { kFloating, kHalf, kInteger, kBool };

struct DTypeFacts {
  absl::string_view name;  // "f32"
  size_t size;             // of an element, in bytes
  DTypeKind kind;
  absl::string_view npy;         // "<f4"
  absl::string_view enumerator;  // "kFloat32"
  absl::string_view cpp_type;    // "float"
};

// Returns the facts of a dtype; those of any other number have the name "invalid".
const DTypeFacts& FactsOf(DType dtype);

// Returns the size of one element in bytes.
inline size_t SizeOf(DType dtype) { return FactsOf(dtype).size; }

// Returns "f32", "f64", "i32", "i64", "u8", "bool", "bf16", "f16", "i8", "i16", "u16", "u32", "u64".
inline absl::string_view Name(DType dtype) { return FactsOf(dtype).name; }

// Returns the inverse of Name(); nothing for any other text.
std::optional<DType> ParseDType(absl::string_view name);

// Returns whether it is f32 or f64, in which ops compute.
inline bool IsFloating(DType dtype) { return dtype == DType::kFloat32 || dtype == DType::kFloat64; }
// Returns whether it is bf16 or f16.
inline bool IsHalf(DType dtype) { return dtype == DType::kBFloat16 || dtype == DType::kFloat16; }
// Returns whether it is any of these four: values that have gradients.
inline bool IsAnyFloating(DType dtype) { return IsFloating(dtype) || IsHalf(dtype); }
inline bool IsInteger(DType dtype) { return FactsOf(dtype).kind == DTypeKind::kInteger; }
inline bool IsBool(DType dtype) { return dtype == DType::kBool; }
// Returns whether ops add and multiply in it: f32, f64 and the integers.
inline bool HasArithmetic(DType dtype) { return IsFloating(dtype) || IsInteger(dtype); }

template <class T>
struct Tag {
  using type = T;
};

namespace internal {
template <class T>
struct DTypeOfImpl;
#define ADRET_DTYPE_OF(id, number, T, ...)    \
  template <>                                 \
  struct DTypeOfImpl<T> {                     \
    static constexpr DType value = DType::id; \
  };
ADRET_DTYPES(ADRET_DTYPE_OF)
#undef ADRET_DTYPE_OF
}  // namespace internal

template <class T>
inline constexpr DType kDTypeOf = internal::DTypeOfImpl<T>::value;

// Calls f(Tag<T>{}) with the C++ type of dtype:
//   VisitDType(t.dtype(), [&](auto tag) { using T = typename decltype(tag)::type; ... });
template <class F>
decltype(auto) VisitDType(DType dtype, F&& f) {
  switch (dtype) {
#define ADRET_CASE(id, number, T, ...) \
  case DType::id:                      \
    return f(Tag<T>{});
    ADRET_DTYPES(ADRET_CASE)
#undef ADRET_CASE
  }
  return f(Tag<bool>{});
}

// Calls f as VisitDType does, for f32 and f64 only; the caller's type rule has excluded the others.
template <class F>
decltype(auto) VisitFloating(DType dtype, F&& f) {
  if (dtype == DType::kFloat64) return f(Tag<double>{});
  return f(Tag<float>{});
}

// Lists the C++ types of the integers, and of all dtypes that have arithmetic: X(int8_t) X(int16_t) ..., for explicit
// instantiations.
#define ADRET_INTEGER_TYPES(X) X(int8_t) X(int16_t) X(int32_t) X(int64_t) X(uint8_t) X(uint16_t) X(uint32_t) X(uint64_t)
#define ADRET_ARITHMETIC_TYPES(X) X(float) X(double) ADRET_INTEGER_TYPES(X)

// Calls f for the dtypes that have arithmetic only.
template <class F>
decltype(auto) VisitArithmetic(DType dtype, F&& f) {
  switch (dtype) {
#define ADRET_CASE(T) \
  case kDTypeOf<T>:   \
    return f(Tag<T>{});
    ADRET_ARITHMETIC_TYPES(ADRET_CASE)
#undef ADRET_CASE
    default:
      return f(Tag<float>{});
  }
}

// Calls f for f32, f64, bf16 and f16 only.
template <class F>
decltype(auto) VisitAnyFloating(DType dtype, F&& f) {
  if (dtype == DType::kBFloat16) return f(Tag<BFloat16>{});
  if (dtype == DType::kFloat16) return f(Tag<Float16>{});
  return VisitFloating(dtype, f);
}

}  // namespace adret

#endif  // ADRET_CORE_DTYPE_H_
