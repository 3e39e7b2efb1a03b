// Loops of inverse and hyperbolic functions, and of remainders: the standard library's, one number at a time.
#include <cmath>
#include <vector>

#include "adret/ops/kernels/elementwise.h"
#include "adret/ops/kernels/elementwise_plain.h"

namespace adret::kernels {
namespace {

struct Asin {
  static double Of(double x) { return std::asin(x); }
};
struct Acos {
  static double Of(double x) { return std::acos(x); }
};
struct Atan {
  static double Of(double x) { return std::atan(x); }
};
struct Sinh {
  static double Of(double x) { return std::sinh(x); }
};
struct Cosh {
  static double Of(double x) { return std::cosh(x); }
};
struct Asinh {
  static double Of(double x) { return std::asinh(x); }
};
struct Acosh {
  static double Of(double x) { return std::acosh(x); }
};
struct Atanh {
  static double Of(double x) { return std::atanh(x); }
};
// dy times the derivative, whose x^2 must not overflow.
struct AtanXGrad {
  static double Of(double dy, double x) { return std::abs(x) > 0x1p30 ? dy / x / x : dy / (1 + x * x); }
};
struct AsinhXGrad {
  static double Of(double dy, double x) { return dy / std::hypot(1.0, x); }
};

// f32 is computed in double, so that it is rounded but once.
template <class F>
struct InDouble {
  template <class... T>
  static auto Run(const double*, T... x) {
    return F::Of(x...);
  }
};

// C's remainder, of a's sign.
struct Fmod {
  template <class T>
  static T Run(const double*, T a, T b) {
    return std::fmod(a, b);
  }
};
// The remainder of b's sign: b is added where they differ. A zero has a's sign.
struct Mod {
  template <class T>
  static T Run(const double*, T a, T b) {
    const T rest = std::fmod(a, b);
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
  }
};

template <class F, int kInputs>
void AddRows(const char* name, std::vector<SpanRow>& rows) {
  rows.push_back({name, DType::kFloat32, &PlainSpan<F, float, float, kInputs>});
  rows.push_back({name, DType::kFloat64, &PlainSpan<F, double, double, kInputs>});
}

std::vector<SpanRow> MakeRows() {
  std::vector<SpanRow> rows;
  AddRows<InDouble<Asin>, 1>("asin", rows);
  AddRows<InDouble<Acos>, 1>("acos", rows);
  AddRows<InDouble<Atan>, 1>("atan", rows);
  AddRows<InDouble<Sinh>, 1>("sinh", rows);
  AddRows<InDouble<Cosh>, 1>("cosh", rows);
  AddRows<InDouble<Asinh>, 1>("asinh", rows);
  AddRows<InDouble<Acosh>, 1>("acosh", rows);
  AddRows<InDouble<Atanh>, 1>("atanh", rows);
  AddRows<InDouble<AtanXGrad>, 2>("atan_x_grad", rows);
  AddRows<InDouble<AsinhXGrad>, 2>("asinh_x_grad", rows);
  AddRows<Fmod, 2>("fmod", rows);
  AddRows<Mod, 2>("mod", rows);
  return rows;
}

}  // namespace

absl::Span<const SpanRow> InverseLoops() {
  static const auto* rows = new std::vector<SpanRow>(MakeRows());
  return *rows;
}

}  // namespace adret::kernels
