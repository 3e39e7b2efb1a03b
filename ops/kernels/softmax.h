// Inner loops of softmax and log_softmax. Single-threaded.
//
// A maximum is taken out before exponentials, so nothing overflows. Sums of f32 are carried on in f64 after a few
// hundred numbers. Logarithms and gradients keep their relative precision where one probability rounds to 1. A row with
// NaN or +infinity, or with nothing but -infinity, gives NaN.
#ifndef ADRET_OPS_KERNELS_SOFTMAX_H_
#define ADRET_OPS_KERNELS_SOFTMAX_H_

#include <cstdint>

namespace adret::kernels {

// `columns` softmaxes of n numbers each, side by side: number i of column j is x[i * stride + j]. Columns at stride 1
// are rows: columns = stride = 1.
struct SoftmaxLayout {
  int64_t n = 1;
  int64_t stride = 1;
  int64_t columns = 1;  // at most kMaxSoftmaxColumns
};
inline constexpr int64_t kMaxSoftmaxColumns = 256;

void Softmax(const SoftmaxLayout& layout, const float* x, float* y);
void Softmax(const SoftmaxLayout& layout, const double* x, double* y);
void LogSoftmax(const SoftmaxLayout& layout, const float* x, float* y);
void LogSoftmax(const SoftmaxLayout& layout, const double* x, double* y);
// dx = y * (dy - sum(dy * y)), where y sums to 1.
void SoftmaxGrad(const SoftmaxLayout& layout, const float* y, const float* dy, float* dx);
void SoftmaxGrad(const SoftmaxLayout& layout, const double* y, const double* dy, double* dx);
// dx = dy - exp(y) * sum(dy), where exp(y) sums to 1.
void LogSoftmaxGrad(const SoftmaxLayout& layout, const float* y, const float* dy, float* dx);
void LogSoftmaxGrad(const SoftmaxLayout& layout, const double* y, const double* dy, double* dx);

}  // namespace adret::kernels

#endif  // ADRET_OPS_KERNELS_SOFTMAX_H_
