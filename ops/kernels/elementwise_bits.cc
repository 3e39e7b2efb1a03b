// Loops that look at bits: bitwise logic, shifts, the same bits under another dtype, and what kind of number they are.
#include <cstring>
#include <limits>
#include <type_traits>
#include <vector>

#include "adret/core/convert.h"
#include "adret/core/dtype.h"
#include "adret/ops/kernels/elementwise.h"
#include "adret/ops/kernels/elementwise_plain.h"

namespace adret::kernels {
namespace {

struct BitwiseAnd {
  template <class T>
  static T Run(const double*, T a, T b) {
    return static_cast<T>(a & b);
  }
};
struct BitwiseOr {
  template <class T>
  static T Run(const double*, T a, T b) {
    return static_cast<T>(a | b);
  }
};
struct BitwiseXor {
  template <class T>
  static T Run(const double*, T a, T b) {
    return static_cast<T>(a ^ b);
  }
};
struct BitwiseNot {
  template <class T>
  static T Run(const double*, T x) {
    return static_cast<T>(~x);
  }
};

// Whether all bits of a T are shifted out by n, or n is negative.
template <class T>
bool ShiftsAll(T n) {
  using Unsigned = std::make_unsigned_t<T>;
  return static_cast<Unsigned>(n) >= std::numeric_limits<Unsigned>::digits;
}
struct ShiftLeft {
  template <class T>
  static T Run(const double*, T a, T b) {
    return ShiftsAll(b) ? T{0} : Wrap<T>(static_cast<uint64_t>(a) << b);
  }
};
struct ShiftRight {
  template <class T>
  static T Run(const double*, T a, T b) {
    if (ShiftsAll(b)) return static_cast<T>(a < 0 ? -1 : 0);
    return static_cast<T>(a >> b);  // copies of the sign bit come in
  }
};

template <class T>
void Copy(const void* const* in, void* out, int64_t n, const double*) {
  std::memmove(out, in[0], static_cast<size_t>(n) * sizeof(T));  // out may be in[0]
}

template <class T>
auto Widened(T x) {
  if constexpr (kIsHalf<T>) {
    return static_cast<float>(x);
  } else {
    return x;
  }
}
struct IsNan {
  template <class T>
  static bool Run(const double*, T x) {
    return Widened(x) != Widened(x);
  }
};
struct IsInf {  // p[0]: whether -infinity is meant, p[1]: whether infinity is
  template <class T>
  static bool Run(const double* p, T x) {
    const auto v = Widened(x);
    const auto infinity = std::numeric_limits<decltype(Widened(x))>::infinity();
    return (v == -infinity && p[0] != 0) || (v == infinity && p[1] != 0);
  }
};

template <class T>
void AddIntegerRows(std::vector<SpanRow>& rows) {
  const DType t = kDTypeOf<T>;
  rows.insert(rows.end(), {{"bitwise_and", t, &PlainSpan<BitwiseAnd, T, T, 2>},
                           {"bitwise_or", t, &PlainSpan<BitwiseOr, T, T, 2>},
                           {"bitwise_xor", t, &PlainSpan<BitwiseXor, T, T, 2>},
                           {"bitwise_not", t, &PlainSpan<BitwiseNot, T, T, 1>},
                           {"shift_left", t, &PlainSpan<ShiftLeft, T, T, 2>},
                           {"shift_right", t, &PlainSpan<ShiftRight, T, T, 2>}});
}

template <class T>
void AddFloatingRows(std::vector<SpanRow>& rows) {
  const DType t = kDTypeOf<T>;
  rows.insert(rows.end(), {{"is_nan", t, &PlainSpan<IsNan, T, bool, 1>}, {"is_inf", t, &PlainSpan<IsInf, T, bool, 1>}});
}

std::vector<SpanRow> MakeRows() {
  std::vector<SpanRow> rows;
  for (DType dtype : kAllDTypes) {
    VisitDType(dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      rows.push_back({"bitcast", dtype, &Copy<T>});
      if constexpr (std::is_floating_point_v<T> || kIsHalf<T>) {
        AddFloatingRows<T>(rows);
      } else if constexpr (!std::is_same_v<T, bool>) {
        AddIntegerRows<T>(rows);
      }
    });
  }
  return rows;
}

}  // namespace

absl::Span<const SpanRow> BitLoops() {
  static const auto* rows = new std::vector<SpanRow>(MakeRows());
  return *rows;
}

}  // namespace adret::kernels
