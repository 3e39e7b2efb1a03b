// Inner loops of softmax_cross_entropy. Single-threaded; what softmax.h says of sums and special values holds here.
#ifndef ADRET_OPS_KERNELS_CROSS_ENTROPY_H_
#define ADRET_OPS_KERNELS_CROSS_ENTROPY_H_

#include <cstdint>

namespace adret::kernels {

// What a row of logits should predict: probabilities, or (null) one class. Mixed with the uniform distribution:
// label = (1 - smoothing) * probabilities + smoothing / n.
template <class T>
struct ClassLabel {
  const T* probabilities = nullptr;
  int64_t index = 0;  // in [0, n)
  double smoothing = 0;
};
// -sum(label * log_softmax(x)) of a row of n, with 0 * infinity = 0.
float CrossEntropy(const float* x, int64_t n, const ClassLabel<float>& label);
double CrossEntropy(const double* x, int64_t n, const ClassLabel<double>& label);
// dx = dy * (softmax(x) * sum(label) - label)
void CrossEntropyGrad(const float* x, int64_t n, const ClassLabel<float>& label, float dy, float* dx);
void CrossEntropyGrad(const double* x, int64_t n, const ClassLabel<double>& label, double dy, double* dx);

}  // namespace adret::kernels

#endif  // ADRET_OPS_KERNELS_CROSS_ENTROPY_H_
