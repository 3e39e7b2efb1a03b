#include "adret/ops/kernels/norm.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "adret/ops/kernels/norm.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include <algorithm>
#include <cmath>

#include "adret/ops/kernels/row-inl.h"

HWY_BEFORE_NAMESPACE();
namespace adret::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// In two passes: the mean, rounded to T, then the sums of the differences from it and of their squares. The first of
// these says how far off the rounded mean was (Chan, Golub and LeVeque 1983).
template <class T>
Moments MomentsT(const Strips& s, const T* x) {
  const Row<T> row(s.length);
  const double count = static_cast<double>(s.count * s.length);
  double sum = 0;
  for (int64_t k = 0; k < s.count; ++k) {
    const T* strip = x + k * s.stride;
    sum += row.Sum([&](int64_t i) { return row.Load(strip, i, 0); });
  }
  const T near = static_cast<T>(sum / count);
  const auto vnear = hn::Set(row.d, near);
  double off = 0, m2 = 0;
  for (int64_t k = 0; k < s.count; ++k) {
    const T* strip = x + k * s.stride;
    const auto sums = row.Sums([&](int64_t i, auto& differences, auto& squares, auto&) {
      const auto difference = hn::Sub(row.Load(strip, i, near), vnear);
      differences = hn::Add(differences, difference);
      squares = hn::MulAdd(difference, difference, squares);
    });
    off += sums.a;
    m2 += sums.b;
  }
  off /= count;
  const double mean = std::isinf(near) ? near : near + off;     // infinity less infinity is no distance
  return {count, mean, std::max(m2 - count * off * off, 0.0)};  // in this order, NaN stays
}

template <class T>
GradSums GradSumsT(const Strips& s, const T* x, const T* dy, T mean) {
  const Row<T> row(s.length);
  const auto vmean = hn::Set(row.d, mean);
  GradSums total;
  for (int64_t k = 0; k < s.count; ++k) {
    const T* xs = x + k * s.stride;
    const T* ds = dy + k * s.stride;
    const auto sums = row.Sums([&](int64_t i, auto& of_dy, auto& of_dy_x, auto& of_x) {
      const auto d = row.Load(ds, i, 0);
      const auto difference = hn::Sub(row.Load(xs, i, mean), vmean);
      of_dy = hn::Add(of_dy, d);
      of_dy_x = hn::MulAdd(d, difference, of_dy_x);
      of_x = hn::Add(of_x, difference);
    });
    total.dy += sums.a;
    total.dy_x += sums.b;
    total.x += sums.c;
  }
  return total;
}

template <class T>
void NormalizeT(const Strips& s, const T* x, T mean, T scale, T shift, T* y) {
  const Row<T> row(s.length);
  const auto vmean = hn::Set(row.d, mean);
  const auto vscale = hn::Set(row.d, scale);
  const auto vshift = hn::Set(row.d, shift);
  for (int64_t k = 0; k < s.count; ++k) {
    const T* from = x + k * s.stride;
    T* to = y + k * s.stride;
    for (int64_t i = 0; i < s.length; i += row.lanes) {
      row.Store(hn::MulAdd(hn::Sub(row.Load(from, i, 0), vmean), vscale, vshift), to, i);
    }
  }
}

template <class T>
void NormalizeGradT(const Strips& s, const T* x, const T* dy, const GradCoefficients<T>& k, T* dx) {
  const Row<T> row(s.length);
  const auto mean = hn::Set(row.d, k.mean);
  const auto a = hn::Set(row.d, k.a);
  const auto b = hn::Set(row.d, k.b);
  const auto c = hn::Set(row.d, k.c);
  for (int64_t p = 0; p < s.count; ++p) {
    const int64_t offset = p * s.stride;
    for (int64_t i = 0; i < s.length; i += row.lanes) {
      const auto from_x = hn::MulAdd(b, hn::Sub(row.Load(x + offset, i, 0), mean), c);
      row.Store(hn::MulAdd(a, row.Load(dy + offset, i, 0), from_x), dx + offset, i);
    }
  }
}

template <class T>
void MomentsOfColumnsT(const Block& b, const T* x, T* sums, Moments* moments) {
  const Row<T> row(b.columns);
  T* near = sums;  // the rounded mean; see MomentsT
  T* off = sums + b.columns;
  T* m2 = off + b.columns;
  std::fill(sums, sums + 3 * b.columns, T{0});
  for (int64_t i = 0; i < b.rows; ++i) {
    const T* from = x + i * b.stride;
    for (int64_t j = 0; j < b.columns; j += row.lanes) {
      row.Store(hn::Add(row.Load(near, j, 0), row.Load(from, j, 0)), near, j);
    }
  }
  for (int64_t j = 0; j < b.columns; ++j) near[j] /= static_cast<T>(b.rows);
  for (int64_t i = 0; i < b.rows; ++i) {
    const T* from = x + i * b.stride;
    for (int64_t j = 0; j < b.columns; j += row.lanes) {
      const auto difference = hn::Sub(row.Load(from, j, 0), row.Load(near, j, 0));
      row.Store(hn::Add(difference, row.Load(off, j, 0)), off, j);
      row.Store(hn::MulAdd(difference, difference, row.Load(m2, j, 0)), m2, j);
    }
  }
  const double count = static_cast<double>(b.rows);
  for (int64_t j = 0; j < b.columns; ++j) {
    const double mean_off = off[j] / count;
    const double mean = std::isinf(near[j]) ? near[j] : near[j] + mean_off;
    moments[j] = {count, mean, std::max(m2[j] - count * mean_off * mean_off, 0.0)};
  }
}

template <class T>
void GradSumsOfColumnsT(const Block& b, const T* x, const T* dy, const T* mean, T* sums, GradSums* out) {
  const Row<T> row(b.columns);
  T* sum_dy = sums;
  T* sum_dy_x = sum_dy + b.columns;
  T* sum_x = sum_dy_x + b.columns;
  std::fill(sums, sums + 3 * b.columns, T{0});
  for (int64_t i = 0; i < b.rows; ++i) {
    const int64_t offset = i * b.stride;
    for (int64_t j = 0; j < b.columns; j += row.lanes) {
      const auto d = row.Load(dy + offset, j, 0);
      const auto difference = hn::Sub(row.Load(x + offset, j, 0), row.Load(mean, j, 0));
      row.Store(hn::Add(row.Load(sum_dy, j, 0), d), sum_dy, j);
      row.Store(hn::MulAdd(d, difference, row.Load(sum_dy_x, j, 0)), sum_dy_x, j);
      row.Store(hn::Add(row.Load(sum_x, j, 0), difference), sum_x, j);
    }
  }
  for (int64_t j = 0; j < b.columns; ++j) out[j] = {sum_dy[j], sum_dy_x[j], sum_x[j]};
}

template <class T>
void NormalizeColumnsT(const Block& b, const T* x, const T* mean, const T* scale, const T* shift, T* y) {
  const Row<T> row(b.columns);
  for (int64_t i = 0; i < b.rows; ++i) {
    const int64_t offset = i * b.stride;
    for (int64_t j = 0; j < b.columns; j += row.lanes) {
      const auto difference = hn::Sub(row.Load(x + offset, j, 0), row.Load(mean, j, 0));
      row.Store(hn::MulAdd(difference, row.Load(scale, j, 0), row.Load(shift, j, 0)), y + offset, j);
    }
  }
}

template <class T>
void NormalizeGradColumnsT(const Block& block, const T* x, const T* dy, const T* k, int64_t k_stride, T* dx) {
  const Row<T> row(block.columns);
  const T* a = k + k_stride;
  const T* b = a + k_stride;
  const T* c = b + k_stride;
  for (int64_t i = 0; i < block.rows; ++i) {
    const int64_t offset = i * block.stride;
    for (int64_t j = 0; j < block.columns; j += row.lanes) {
      const auto difference = hn::Sub(row.Load(x + offset, j, 0), row.Load(k, j, 0));
      const auto from_x = hn::MulAdd(row.Load(b, j, 0), difference, row.Load(c, j, 0));
      row.Store(hn::MulAdd(row.Load(a, j, 0), row.Load(dy + offset, j, 0), from_x), dx + offset, j);
    }
  }
}

template <class T>
void NormalizeRowT(int64_t n, const T* x, T mean, T rstd, T rest, const T* scale, const T* bias, T* y) {
  const Row<T> row(n);
  const auto vmean = hn::Set(row.d, mean);
  const auto vrstd = hn::Set(row.d, rstd);
  const auto vrest = hn::Set(row.d, rest);
  for (int64_t i = 0; i < n; i += row.lanes) {
    const auto normal = hn::MulSub(hn::Sub(row.Load(x, i, 0), vmean), vrstd, vrest);
    row.Store(hn::MulAdd(normal, row.Load(scale, i, 0), row.Load(bias, i, 0)), y, i);
  }
}

// With g = dy * scale and z = (x - mean) * rstd: dx = rstd * (g - mean(g) - z * mean(g * z)).
template <class T>
void NormalizeRowGradT(int64_t n, const T* x, const T* dy, T mean, T rstd, const T* scale, T* dx, T* dscale, T* dbias) {
  const Row<T> row(n);
  const auto vmean = hn::Set(row.d, mean);
  const auto scaled = [&](int64_t i) { return hn::Mul(row.Load(dy, i, 0), row.Load(scale, i, 0)); };
  const auto sums = row.Sums([&](int64_t i, auto& of_g, auto& of_g_x, auto& of_x) {
    const auto g = scaled(i);
    const auto difference = hn::Sub(row.Load(x, i, mean), vmean);
    of_g = hn::Add(of_g, g);
    of_g_x = hn::MulAdd(g, difference, of_g_x);
    of_x = hn::Add(of_x, difference);
  });
  const double off = sums.c / n;  // the mean less its rounded value
  const auto mean_g = hn::Set(row.d, static_cast<T>(sums.a / n));
  const auto mean_gz = hn::Set(row.d, static_cast<T>((sums.b - off * sums.a) * rstd / n));
  const auto vrstd = hn::Set(row.d, rstd);
  const auto rest = hn::Set(row.d, static_cast<T>(off * rstd));
  for (int64_t i = 0; i < n; i += row.lanes) {
    const auto d = row.Load(dy, i, 0);
    const auto z = hn::MulSub(hn::Sub(row.Load(x, i, 0), vmean), vrstd, rest);
    const auto centred = hn::NegMulAdd(z, mean_gz, hn::Sub(scaled(i), mean_g));
    row.Store(hn::MulAdd(d, z, row.Load(dscale, i, 0)), dscale, i);
    row.Store(hn::Add(d, row.Load(dbias, i, 0)), dbias, i);
    row.Store(hn::Mul(vrstd, centred), dx, i);
  }
}

template <class T>
double SumOfSquaresT(int64_t n, const T* x) {
  const Row<T> row(n);
  return row.Sum([&](int64_t i) {
    const auto v = row.Load(x, i, 0);
    return hn::Mul(v, v);
  });
}

template <class T>
void RmsRowT(int64_t n, const T* x, T rstd, const T* scale, T* y) {
  const Row<T> row(n);
  const auto r = hn::Set(row.d, rstd);
  for (int64_t i = 0; i < n; i += row.lanes) {
    row.Store(hn::Mul(hn::Mul(row.Load(x, i, 0), r), row.Load(scale, i, 0)), y, i);
  }
}

// With g = dy * scale and z = x * rstd: dx = rstd * (g - z * mean(g * z)).
template <class T>
void RmsRowGradT(int64_t n, const T* x, const T* dy, T rstd, const T* scale, T* dx, T* dscale) {
  const Row<T> row(n);
  const auto r = hn::Set(row.d, rstd);
  const auto scaled = [&](int64_t i) { return hn::Mul(row.Load(dy, i, 0), row.Load(scale, i, 0)); };
  const double dot = row.Sum([&](int64_t i) { return hn::Mul(scaled(i), hn::Mul(row.Load(x, i, 0), r)); });
  const auto mean_gz = hn::Set(row.d, static_cast<T>(dot / static_cast<double>(n)));
  for (int64_t i = 0; i < n; i += row.lanes) {
    const auto z = hn::Mul(row.Load(x, i, 0), r);
    row.Store(hn::MulAdd(row.Load(dy, i, 0), z, row.Load(dscale, i, 0)), dscale, i);
    row.Store(hn::Mul(r, hn::NegMulAdd(z, mean_gz, scaled(i))), dx, i);
  }
}

Moments MomentsOfF32(const Strips& s, const float* x) { return MomentsT(s, x); }
Moments MomentsOfF64(const Strips& s, const double* x) { return MomentsT(s, x); }
GradSums GradSumsOfF32(const Strips& s, const float* x, const float* dy, float mean) {
  return GradSumsT(s, x, dy, mean);
}
GradSums GradSumsOfF64(const Strips& s, const double* x, const double* dy, double mean) {
  return GradSumsT(s, x, dy, mean);
}
void NormalizeF32(const Strips& s, const float* x, float mean, float scale, float shift, float* y) {
  return NormalizeT(s, x, mean, scale, shift, y);
}
void NormalizeF64(const Strips& s, const double* x, double mean, double scale, double shift, double* y) {
  return NormalizeT(s, x, mean, scale, shift, y);
}
void NormalizeGradF32(const Strips& s, const float* x, const float* dy, const GradCoefficients<float>& k, float* dx) {
  return NormalizeGradT(s, x, dy, k, dx);
}
void NormalizeGradF64(const Strips& s, const double* x, const double* dy, const GradCoefficients<double>& k,
                      double* dx) {
  return NormalizeGradT(s, x, dy, k, dx);
}
void MomentsOfColumnsF32(const Block& b, const float* x, float* sums, Moments* moments) {
  return MomentsOfColumnsT(b, x, sums, moments);
}
void MomentsOfColumnsF64(const Block& b, const double* x, double* sums, Moments* moments) {
  return MomentsOfColumnsT(b, x, sums, moments);
}
void GradSumsOfColumnsF32(const Block& b, const float* x, const float* dy, const float* mean, float* sums,
                          GradSums* out) {
  return GradSumsOfColumnsT(b, x, dy, mean, sums, out);
}
void GradSumsOfColumnsF64(const Block& b, const double* x, const double* dy, const double* mean, double* sums,
                          GradSums* out) {
  return GradSumsOfColumnsT(b, x, dy, mean, sums, out);
}
void NormalizeColumnsF32(const Block& b, const float* x, const float* mean, const float* scale, const float* shift,
                         float* y) {
  return NormalizeColumnsT(b, x, mean, scale, shift, y);
}
void NormalizeColumnsF64(const Block& b, const double* x, const double* mean, const double* scale, const double* shift,
                         double* y) {
  return NormalizeColumnsT(b, x, mean, scale, shift, y);
}
void NormalizeGradColumnsF32(const Block& b, const float* x, const float* dy, const float* k, int64_t k_stride,
                             float* dx) {
  return NormalizeGradColumnsT(b, x, dy, k, k_stride, dx);
}
void NormalizeGradColumnsF64(const Block& b, const double* x, const double* dy, const double* k, int64_t k_stride,
                             double* dx) {
  return NormalizeGradColumnsT(b, x, dy, k, k_stride, dx);
}
void NormalizeRowF32(int64_t n, const float* x, float mean, float rstd, float rest, const float* scale,
                     const float* bias, float* y) {
  return NormalizeRowT(n, x, mean, rstd, rest, scale, bias, y);
}
void NormalizeRowF64(int64_t n, const double* x, double mean, double rstd, double rest, const double* scale,
                     const double* bias, double* y) {
  return NormalizeRowT(n, x, mean, rstd, rest, scale, bias, y);
}
void NormalizeRowGradF32(int64_t n, const float* x, const float* dy, float mean, float rstd, const float* scale,
                         float* dx, float* dscale, float* dbias) {
  return NormalizeRowGradT(n, x, dy, mean, rstd, scale, dx, dscale, dbias);
}
void NormalizeRowGradF64(int64_t n, const double* x, const double* dy, double mean, double rstd, const double* scale,
                         double* dx, double* dscale, double* dbias) {
  return NormalizeRowGradT(n, x, dy, mean, rstd, scale, dx, dscale, dbias);
}

double SumOfSquaresF32(int64_t n, const float* x) { return SumOfSquaresT(n, x); }
double SumOfSquaresF64(int64_t n, const double* x) { return SumOfSquaresT(n, x); }
void RmsRowF32(int64_t n, const float* x, float rstd, const float* scale, float* y) { RmsRowT(n, x, rstd, scale, y); }
void RmsRowF64(int64_t n, const double* x, double rstd, const double* scale, double* y) {
  RmsRowT(n, x, rstd, scale, y);
}
void RmsRowGradF32(int64_t n, const float* x, const float* dy, float rstd, const float* scale, float* dx,
                   float* dscale) {
  RmsRowGradT(n, x, dy, rstd, scale, dx, dscale);
}
void RmsRowGradF64(int64_t n, const double* x, const double* dy, double rstd, const double* scale, double* dx,
                   double* dscale) {
  RmsRowGradT(n, x, dy, rstd, scale, dx, dscale);
}

}  // namespace HWY_NAMESPACE
}  // namespace adret::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace adret::kernels {
namespace {

HWY_EXPORT(MomentsOfF32);
HWY_EXPORT(MomentsOfF64);
HWY_EXPORT(GradSumsOfF32);
HWY_EXPORT(GradSumsOfF64);
HWY_EXPORT(NormalizeF32);
HWY_EXPORT(NormalizeF64);
HWY_EXPORT(NormalizeGradF32);
HWY_EXPORT(NormalizeGradF64);
HWY_EXPORT(MomentsOfColumnsF32);
HWY_EXPORT(MomentsOfColumnsF64);
HWY_EXPORT(GradSumsOfColumnsF32);
HWY_EXPORT(GradSumsOfColumnsF64);
HWY_EXPORT(NormalizeColumnsF32);
HWY_EXPORT(NormalizeColumnsF64);
HWY_EXPORT(NormalizeGradColumnsF32);
HWY_EXPORT(NormalizeGradColumnsF64);
HWY_EXPORT(NormalizeRowF32);
HWY_EXPORT(NormalizeRowF64);
HWY_EXPORT(NormalizeRowGradF32);
HWY_EXPORT(NormalizeRowGradF64);
HWY_EXPORT(SumOfSquaresF32);
HWY_EXPORT(SumOfSquaresF64);
HWY_EXPORT(RmsRowF32);
HWY_EXPORT(RmsRowF64);
HWY_EXPORT(RmsRowGradF32);
HWY_EXPORT(RmsRowGradF64);

}  // namespace

Moments Merge(const Moments& a, const Moments& b) {
  const double count = a.count + b.count;
  if (count == 0) return a;
  const double difference = b.mean - a.mean;
  const double mean = std::isinf(difference) ? a.mean + b.mean : a.mean + difference * (b.count / count);
  return {count, mean, a.m2 + b.m2 + difference * difference * (a.count * (b.count / count))};
}

Moments MomentsOf(const Strips& s, const float* x) { return HWY_DYNAMIC_DISPATCH(MomentsOfF32)(s, x); }
Moments MomentsOf(const Strips& s, const double* x) { return HWY_DYNAMIC_DISPATCH(MomentsOfF64)(s, x); }
GradSums GradSumsOf(const Strips& s, const float* x, const float* dy, float mean) {
  return HWY_DYNAMIC_DISPATCH(GradSumsOfF32)(s, x, dy, mean);
}
GradSums GradSumsOf(const Strips& s, const double* x, const double* dy, double mean) {
  return HWY_DYNAMIC_DISPATCH(GradSumsOfF64)(s, x, dy, mean);
}
void Normalize(const Strips& s, const float* x, float mean, float scale, float shift, float* y) {
  return HWY_DYNAMIC_DISPATCH(NormalizeF32)(s, x, mean, scale, shift, y);
}
void Normalize(const Strips& s, const double* x, double mean, double scale, double shift, double* y) {
  return HWY_DYNAMIC_DISPATCH(NormalizeF64)(s, x, mean, scale, shift, y);
}
void NormalizeGrad(const Strips& s, const float* x, const float* dy, const GradCoefficients<float>& k, float* dx) {
  return HWY_DYNAMIC_DISPATCH(NormalizeGradF32)(s, x, dy, k, dx);
}
void NormalizeGrad(const Strips& s, const double* x, const double* dy, const GradCoefficients<double>& k, double* dx) {
  return HWY_DYNAMIC_DISPATCH(NormalizeGradF64)(s, x, dy, k, dx);
}
void MomentsOfColumns(const Block& b, const float* x, float* sums, Moments* moments) {
  return HWY_DYNAMIC_DISPATCH(MomentsOfColumnsF32)(b, x, sums, moments);
}
void MomentsOfColumns(const Block& b, const double* x, double* sums, Moments* moments) {
  return HWY_DYNAMIC_DISPATCH(MomentsOfColumnsF64)(b, x, sums, moments);
}
void GradSumsOfColumns(const Block& b, const float* x, const float* dy, const float* mean, float* sums, GradSums* out) {
  return HWY_DYNAMIC_DISPATCH(GradSumsOfColumnsF32)(b, x, dy, mean, sums, out);
}
void GradSumsOfColumns(const Block& b, const double* x, const double* dy, const double* mean, double* sums,
                       GradSums* out) {
  return HWY_DYNAMIC_DISPATCH(GradSumsOfColumnsF64)(b, x, dy, mean, sums, out);
}
void NormalizeColumns(const Block& b, const float* x, const float* mean, const float* scale, const float* shift,
                      float* y) {
  return HWY_DYNAMIC_DISPATCH(NormalizeColumnsF32)(b, x, mean, scale, shift, y);
}
void NormalizeColumns(const Block& b, const double* x, const double* mean, const double* scale, const double* shift,
                      double* y) {
  return HWY_DYNAMIC_DISPATCH(NormalizeColumnsF64)(b, x, mean, scale, shift, y);
}
void NormalizeGradColumns(const Block& b, const float* x, const float* dy, const float* k, int64_t k_stride,
                          float* dx) {
  return HWY_DYNAMIC_DISPATCH(NormalizeGradColumnsF32)(b, x, dy, k, k_stride, dx);
}
void NormalizeGradColumns(const Block& b, const double* x, const double* dy, const double* k, int64_t k_stride,
                          double* dx) {
  return HWY_DYNAMIC_DISPATCH(NormalizeGradColumnsF64)(b, x, dy, k, k_stride, dx);
}
void NormalizeRow(int64_t n, const float* x, float mean, float rstd, float rest, const float* scale, const float* bias,
                  float* y) {
  return HWY_DYNAMIC_DISPATCH(NormalizeRowF32)(n, x, mean, rstd, rest, scale, bias, y);
}
void NormalizeRow(int64_t n, const double* x, double mean, double rstd, double rest, const double* scale,
                  const double* bias, double* y) {
  return HWY_DYNAMIC_DISPATCH(NormalizeRowF64)(n, x, mean, rstd, rest, scale, bias, y);
}
void NormalizeRowGrad(int64_t n, const float* x, const float* dy, float mean, float rstd, const float* scale, float* dx,
                      float* dscale, float* dbias) {
  return HWY_DYNAMIC_DISPATCH(NormalizeRowGradF32)(n, x, dy, mean, rstd, scale, dx, dscale, dbias);
}
void NormalizeRowGrad(int64_t n, const double* x, const double* dy, double mean, double rstd, const double* scale,
                      double* dx, double* dscale, double* dbias) {
  return HWY_DYNAMIC_DISPATCH(NormalizeRowGradF64)(n, x, dy, mean, rstd, scale, dx, dscale, dbias);
}

double SumOfSquares(int64_t n, const float* x) { return HWY_DYNAMIC_DISPATCH(SumOfSquaresF32)(n, x); }
double SumOfSquares(int64_t n, const double* x) { return HWY_DYNAMIC_DISPATCH(SumOfSquaresF64)(n, x); }
void RmsRow(int64_t n, const float* x, float rstd, const float* scale, float* y) {
  HWY_DYNAMIC_DISPATCH(RmsRowF32)(n, x, rstd, scale, y);
}
void RmsRow(int64_t n, const double* x, double rstd, const double* scale, double* y) {
  HWY_DYNAMIC_DISPATCH(RmsRowF64)(n, x, rstd, scale, y);
}
void RmsRowGrad(int64_t n, const float* x, const float* dy, float rstd, const float* scale, float* dx, float* dscale) {
  HWY_DYNAMIC_DISPATCH(RmsRowGradF32)(n, x, dy, rstd, scale, dx, dscale);
}
void RmsRowGrad(int64_t n, const double* x, const double* dy, double rstd, const double* scale, double* dx,
                double* dscale) {
  HWY_DYNAMIC_DISPATCH(RmsRowGradF64)(n, x, dy, rstd, scale, dx, dscale);
}

}  // namespace adret::kernels
#endif  // HWY_ONCE
