// Inner loops of normalisation: moments, and y = (x - mean) * scale + shift, over strips of one channel, over columns
// that each are a channel, and over rows. Single-threaded.
//
// Sums of f32 are carried on in f64 after a few hundred numbers; of columns, callers pass no more rows than that at a
// time (kMaxBlockRows) and add in f64. A mean is the f64 sum of a number of T and what rounding to it left: numbers far
// from zero lose nothing when the first part is subtracted, and the second is made up for afterwards.
#ifndef ADRET_OPS_KERNELS_NORM_H_
#define ADRET_OPS_KERNELS_NORM_H_

#include <cstdint>

namespace adret::kernels {

// `count` pieces of `length` adjacent numbers, `stride` apart: a channel of a few images.
struct Strips {
  int64_t count = 1, stride = 0, length = 0;
};
// rows x columns numbers, rows `stride` apart; at most kMaxBlockRows of them.
inline constexpr int64_t kMaxBlockRows = 256;
struct Block {
  int64_t rows = 0, stride = 0, columns = 0;
};

// Mean, and sum of squared differences from it.
struct Moments {
  double count = 0, mean = 0, m2 = 0;
};
// The moments of two sets together (Chan, Golub and LeVeque 1979).
Moments Merge(const Moments& a, const Moments& b);

// What the gradient needs: sum(dy), sum(dy * (x - mean)) and sum(x - mean), where mean is rounded to T.
struct GradSums {
  double dy = 0, dy_x = 0, x = 0;
};

Moments MomentsOf(const Strips& s, const float* x);
Moments MomentsOf(const Strips& s, const double* x);
GradSums GradSumsOf(const Strips& s, const float* x, const float* dy, float mean);
GradSums GradSumsOf(const Strips& s, const double* x, const double* dy, double mean);

// y = (x - mean) * scale + shift
void Normalize(const Strips& s, const float* x, float mean, float scale, float shift, float* y);
void Normalize(const Strips& s, const double* x, double mean, double scale, double shift, double* y);

// Coefficients of dx = a * dy + b * (x - mean) + c.
template <class T>
struct GradCoefficients {
  T mean, a, b, c;
};
void NormalizeGrad(const Strips& s, const float* x, const float* dy, const GradCoefficients<float>& k, float* dx);
void NormalizeGrad(const Strips& s, const double* x, const double* dy, const GradCoefficients<double>& k, double* dx);

// Moments, sums and normalisation of columns: arrays hold a number for each. sums: 3 * columns numbers of scratch.
void MomentsOfColumns(const Block& b, const float* x, float* sums, Moments* moments);
void MomentsOfColumns(const Block& b, const double* x, double* sums, Moments* moments);
void GradSumsOfColumns(const Block& b, const float* x, const float* dy, const float* mean, float* sums, GradSums* out);
void GradSumsOfColumns(const Block& b, const double* x, const double* dy, const double* mean, double* sums,
                       GradSums* out);
void NormalizeColumns(const Block& b, const float* x, const float* mean, const float* scale, const float* shift,
                      float* y);
void NormalizeColumns(const Block& b, const double* x, const double* mean, const double* scale, const double* shift,
                      double* y);
// k: rows of mean, a, b, c, each k_stride long.
void NormalizeGradColumns(const Block& b, const float* x, const float* dy, const float* k, int64_t k_stride, float* dx);
void NormalizeGradColumns(const Block& b, const double* x, const double* dy, const double* k, int64_t k_stride,
                          double* dx);

// One row of layer_norm: y = ((x - mean) * rstd - rest) * scale + bias, where rest is rstd times what rounding left of
// the mean.
void NormalizeRow(int64_t n, const float* x, float mean, float rstd, float rest, const float* scale, const float* bias,
                  float* y);
void NormalizeRow(int64_t n, const double* x, double mean, double rstd, double rest, const double* scale,
                  const double* bias, double* y);
// Its gradient; adds to dscale and dbias.
void NormalizeRowGrad(int64_t n, const float* x, const float* dy, float mean, float rstd, const float* scale, float* dx,
                      float* dscale, float* dbias);
void NormalizeRowGrad(int64_t n, const double* x, const double* dy, double mean, double rstd, const double* scale,
                      double* dx, double* dscale, double* dbias);

// The sum of a row's squares; infinite where they leave the range of the type.
double SumOfSquares(int64_t n, const float* x);
double SumOfSquares(int64_t n, const double* x);
// One row of rms_norm: y = x * rstd * scale; and its gradient, which adds to dscale.
void RmsRow(int64_t n, const float* x, float rstd, const float* scale, float* y);
void RmsRow(int64_t n, const double* x, double rstd, const double* scale, double* y);
void RmsRowGrad(int64_t n, const float* x, const float* dy, float rstd, const float* scale, float* dx, float* dscale);
void RmsRowGrad(int64_t n, const double* x, const double* dy, double rstd, const double* scale, double* dx,
                double* dscale);

}  // namespace adret::kernels

#endif  // ADRET_OPS_KERNELS_NORM_H_
