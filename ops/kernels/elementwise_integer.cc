// Plain loops: integer arithmetic, logic, and comparisons other than of f32.
#include <algorithm>
#include <cmath>
#include <type_traits>
#include <vector>

#include "adret/core/convert.h"
#include "adret/ops/kernels/elementwise.h"

namespace adret::kernels {
namespace {

// Integers wrap around: the arithmetic is done on unsigned numbers.
template <class T>
using Unsigned = std::make_unsigned_t<T>;

template <class F, class In, class Out, size_t... I>
void Loop(const void* const* in, Out* out, int64_t n, const double* params, std::index_sequence<I...>) {
  const In* x[] = {static_cast<const In*>(in[I])...};
  for (int64_t i = 0; i < n; ++i) out[i] = F::Run(params, x[I][i]...);
}
template <class F, class In, class Out, int kInputs>
void Span(const void* const* in, void* out, int64_t n, const double* params) {
  Loop<F, In>(in, static_cast<Out*>(out), n, params, std::make_index_sequence<kInputs>());
}

template <class T>
T Wrap(uint64_t bits) {
  return static_cast<T>(static_cast<Unsigned<T>>(bits));
}
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
struct Pow {
  template <class T>
  static T Run(const double*, T a, T b) {
    if (b < 0) {  // 1 / a^-b, truncated
      if (a == static_cast<T>(-1)) return b % 2 == 0 ? T{1} : a;
      return a == 1 ? T{1} : T{0};
    }
    T y = 1;
    for (Unsigned<T> rest = static_cast<Unsigned<T>>(b); rest != 0; rest >>= 1) {
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
  rows.insert(rows.end(), {{"neg", t, &Span<Neg, T, T, 1>},
                           {"abs", t, &Span<Abs, T, T, 1>},
                           {"sign", t, &Span<Sign, T, T, 1>},
                           {"square", t, &Span<Square, T, T, 1>},
                           {"relu", t, &Span<Relu, T, T, 1>},
                           {"clip", t, &Clip<T>},
                           {"add", t, &Span<Add, T, T, 2>},
                           {"sub", t, &Span<Sub, T, T, 2>},
                           {"mul", t, &Span<Mul, T, T, 2>},
                           {"div", t, &Span<Div, T, T, 2>},
                           {"pow", t, &Span<Pow, T, T, 2>},
                           {"maximum", t, &Span<Maximum, T, T, 2>},
                           {"minimum", t, &Span<Minimum, T, T, 2>}});
}

template <class T>
void AddComparisonRows(std::vector<SpanRow>& rows, DType t = kDTypeOf<T>) {
  rows.insert(rows.end(), {{"equal", t, &Span<Equal, T, bool, 2>},
                           {"not_equal", t, &Span<NotEqual, T, bool, 2>},
                           {"less", t, &Span<Less, T, bool, 2>},
                           {"less_equal", t, &Span<LessEqual, T, bool, 2>},
                           {"greater", t, &Span<Greater, T, bool, 2>},
                           {"greater_equal", t, &Span<GreaterEqual, T, bool, 2>}});
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
  rows.insert(rows.end(), {{"logical_and", DType::kBool, &Span<And, uint8_t, uint8_t, 2>},
                           {"logical_or", DType::kBool, &Span<Or, uint8_t, uint8_t, 2>},
                           {"logical_xor", DType::kBool, &Span<Xor, uint8_t, uint8_t, 2>},
                           {"logical_not", DType::kBool, &Span<Not, uint8_t, uint8_t, 1>}});
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
