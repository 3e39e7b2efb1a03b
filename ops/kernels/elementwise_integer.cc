// Plain loops: integer arithmetic, logic, and comparisons other than of f32.
#include <algorithm>
#include <cmath>
#include <type_traits>
#include <vector>

#include "adret/core/convert.h"
#include "adret/ops/kernels/elementwise.h"
#include "adret/ops/kernels/elementwise_plain.h"

namespace adret::kernels {
namespace {

struct Neg {
  template <class T>
  static T Run(const double*, T x) {
    return Wrap<T>(-static_cast<uint64_t>(x));
  }
};
struct Abs {
  template <class T>
  static T Run(const double*, T x) {
    return x < 0 ? Neg::Run(nullptr, x) : x;
  }
};
struct Sign {
  template <class T>
  static T Run(const double*, T x) {
    return static_cast<T>((x > 0) - (x < 0));
  }
};
struct Add {
  template <class T>
  static T Run(const double*, T a, T b) {
    return Wrap<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
  }
};
struct Sub {
  template <class T>
  static T Run(const double*, T a, T b) {
    return Wrap<T>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
  }
};
struct Mul {
  template <class T>
  static T Run(const double*, T a, T b) {
    return Wrap<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
  }
};
struct Square {
  template <class T>
  static T Run(const double*, T x) {
    return Mul::Run(nullptr, x, x);
  }
};
// Truncates; defined where the processor traps: x / 0 = 0, and the smallest number / -1 is itself.
struct Div {
  template <class T>
  static T Run(const double*, T a, T b) {
    if (b == 0) return 0;
    if (std::is_signed_v<T> && b == static_cast<T>(-1)) return Neg::Run(nullptr, a);
    return static_cast<T>(a / b);
  }
};
// C's remainder, which has a's sign, with x mod 0 = 0.
struct Fmod {
  template <class T>
  static T Run(const double*, T a, T b) {
    if (b == 0 || (std::is_signed_v<T> && b == static_cast<T>(-1))) return 0;
    return static_cast<T>(a % b);
  }
};
// The remainder that has b's sign.
struct Mod {
  template <class T>
  static T Run(const double*, T a, T b) {
    const T rest = Fmod::Run(nullptr, a, b);
    return rest != 0 && (rest < 0) != (b < 0) ? static_cast<T>(rest + b) : rest;
  }
};
struct Pow {
  template <class T>
  static T Run(const double*, T a, T b) {
    if (b < 0) {  // 1 / a^-b, truncated
      if (a == static_cast<T>(-1)) return b % 2 == 0 ? T{1} : a;
      return a == 1 ? T{1} : T{0};
    }
    T y = 1;
    for (auto rest = static_cast<std::make_unsigned_t<T>>(b); rest != 0; rest >>= 1) {
      if (rest & 1) y = Mul::Run(nullptr, y, a);
      a = Mul::Run(nullptr, a, a);
    }
    return y;
  }
};
struct Maximum {
  template <class T>
  static T Run(const double*, T a, T b) {
    return a < b ? b : a;
  }
};
struct Minimum {
  template <class T>
  static T Run(const double*, T a, T b) {
    return b < a ? b : a;
  }
};
struct Relu {
  template <class T>
  static T Run(const double*, T x) {
    return x < 0 ? T{0} : x;
  }
};

struct Equal {
  template <class T>
  static bool Run(const double*, T a, T b) {
    return a == b;
  }
};
struct NotEqual {
  template <class T>
  static bool Run(const double*, T a, T b) {
    return a != b;
  }
};
struct Less {
  template <class T>
  static bool Run(const double*, T a, T b) {
    return a < b;
  }
};
struct LessEqual {
  template <class T>
  static bool Run(const double*, T a, T b) {
    return a <= b;
  }
};
struct Greater {
  template <class T>
  static bool Run(const double*, T a, T b) {
    return a > b;
  }
};
struct GreaterEqual {
  template <class T>
  static bool Run(const double*, T a, T b) {
    return a >= b;
  }
};

// A bool as it lies in memory: a file or a feed may hold any byte, and all but 0 are true.
struct BoolByte {
  uint8_t byte;
  operator int() const { return byte != 0; }  // NOLINT(google-explicit-constructor)
};

struct And {
  static uint8_t Run(const double*, uint8_t a, uint8_t b) { return a != 0 && b != 0; }
};
struct Or {
  static uint8_t Run(const double*, uint8_t a, uint8_t b) { return a != 0 || b != 0; }
};
struct Xor {
  static uint8_t Run(const double*, uint8_t a, uint8_t b) { return (a != 0) != (b != 0); }
};
struct Not {
  static uint8_t Run(const double*, uint8_t x) { return x == 0; }
};

// Of elements of 1 or 2 bytes; the others have loops of their own.
template <class T>
void Where(const void* const* in, void* out, int64_t n, const double*) {
  const uint8_t* condition = static_cast<const uint8_t*>(in[0]);
  const T* a = static_cast<const T*>(in[1]);
  const T* b = static_cast<const T*>(in[2]);
  for (int64_t i = 0; i < n; ++i) static_cast<T*>(out)[i] = condition[i] != 0 ? a[i] : b[i];
}

// p[0]: min, p[1]: max. Integer limits are the nearest integers within.
template <class T>
void Clip(const void* const* in, void* out, int64_t n, const double* params) {
  const T lo = ConvertTo<T>(std::ceil(params[0])), hi = ConvertTo<T>(std::floor(params[1]));
  for (int64_t i = 0; i < n; ++i) {
    const T x = static_cast<const T*>(in[0])[i];
    static_cast<T*>(out)[i] = x < lo ? lo : x > hi ? hi : x;
  }
}

template <class T>
void AddIntegerRows(std::vector<SpanRow>& rows) {
  const DType t = kDTypeOf<T>;
  rows.insert(rows.end(), {{"neg", t, &PlainSpan<Neg, T, T, 1>},
                           {"abs", t, &PlainSpan<Abs, T, T, 1>},
                           {"sign", t, &PlainSpan<Sign, T, T, 1>},
                           {"square", t, &PlainSpan<Square, T, T, 1>},
                           {"relu", t, &PlainSpan<Relu, T, T, 1>},
                           {"clip", t, &Clip<T>},
                           {"add", t, &PlainSpan<Add, T, T, 2>},
                           {"sub", t, &PlainSpan<Sub, T, T, 2>},
                           {"mul", t, &PlainSpan<Mul, T, T, 2>},
                           {"div", t, &PlainSpan<Div, T, T, 2>},
                           {"mod", t, &PlainSpan<Mod, T, T, 2>},
                           {"fmod", t, &PlainSpan<Fmod, T, T, 2>},
                           {"pow", t, &PlainSpan<Pow, T, T, 2>},
                           {"maximum", t, &PlainSpan<Maximum, T, T, 2>},
                           {"minimum", t, &PlainSpan<Minimum, T, T, 2>}});
}

template <class T>
void AddComparisonRows(std::vector<SpanRow>& rows, DType t = kDTypeOf<T>) {
  rows.insert(rows.end(), {{"equal", t, &PlainSpan<Equal, T, bool, 2>},
                           {"not_equal", t, &PlainSpan<NotEqual, T, bool, 2>},
                           {"less", t, &PlainSpan<Less, T, bool, 2>},
                           {"less_equal", t, &PlainSpan<LessEqual, T, bool, 2>},
                           {"greater", t, &PlainSpan<Greater, T, bool, 2>},
                           {"greater_equal", t, &PlainSpan<GreaterEqual, T, bool, 2>}});
}

std::vector<SpanRow> MakeRows() {
  std::vector<SpanRow> rows;
  AddComparisonRows<double>(rows);
#define ADRET_ADD_ROWS(T)  \
  AddIntegerRows<T>(rows); \
  AddComparisonRows<T>(rows);
  ADRET_INTEGER_TYPES(ADRET_ADD_ROWS)
#undef ADRET_ADD_ROWS
  AddComparisonRows<BoolByte>(rows, DType::kBool);
  rows.insert(rows.end(), {{"logical_and", DType::kBool, &PlainSpan<And, uint8_t, uint8_t, 2>},
                           {"logical_or", DType::kBool, &PlainSpan<Or, uint8_t, uint8_t, 2>},
                           {"logical_xor", DType::kBool, &PlainSpan<Xor, uint8_t, uint8_t, 2>},
                           {"logical_not", DType::kBool, &PlainSpan<Not, uint8_t, uint8_t, 1>}});
  for (DType dtype : kAllDTypes) {
    if (SizeOf(dtype) == 1) rows.push_back({"where", dtype, &Where<uint8_t>});
    if (SizeOf(dtype) == 2) rows.push_back({"where", dtype, &Where<uint16_t>});
  }
  return rows;
}

}  // namespace

absl::Span<const SpanRow> IntegerLoops() {
  static const auto* rows = new std::vector<SpanRow>(MakeRows());
  return *rows;
}

SpanFn FindCast(DType from, DType to) { return FindConversion(from, to); }

}  // namespace adret::kernels
