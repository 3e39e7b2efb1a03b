// Products of matrices that lie in cache already, without packing.
#ifndef ADRET_OPS_KERNELS_CONV_PANEL_H_
#define ADRET_OPS_KERNELS_CONV_PANEL_H_

#include <cstdint>

namespace adret::kernels {

// c = a b, or c += a b where `add`: a [m, k], b [k, n], c [m, n], row-major with the given distances between rows. Rows
// of b must be readable to the end of their last vector.
template <class T>
struct PanelProduct {
  int64_t m, n, k;
  const T* a;
  int64_t lda;
  const T* b;
  int64_t ldb;
  T* c;
  int64_t ldc;
  bool add;
};
template <class T>
void MultiplyPanel(const PanelProduct<T>& product);

}  // namespace adret::kernels

#endif  // ADRET_OPS_KERNELS_CONV_PANEL_H_
