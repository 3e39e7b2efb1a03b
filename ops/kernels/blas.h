// OpenBLAS as adret uses it: with the right kernels for this CPU, and without threads (parallelism is ours).
//
// A program may use the same OpenBLAS for itself. It finds this changed:
//  - While adret multiplies, OpenBLAS computes in the thread that calls it, for everybody. Then it has the number of
//    threads that it had before.
//  - OpenBLAS chooses its kernels by the CPU's model number when it is loaded, and takes generic ones (down to SSE3)
//    for models that are newer than itself. Where the CPU can do more than the chosen kernels use, adret's first
//    multiplication switches all of the process to AVX-512 or AVX2 ones. Meanwhile no other thread may be in OpenBLAS.
// The environment variable OPENBLAS_CORETYPE, set to anything that OpenBLAS knows ("Haswell"), prevents the switch.
#ifndef ADRET_OPS_KERNELS_BLAS_H_
#define ADRET_OPS_KERNELS_BLAS_H_

namespace adret::kernels {

// While one lives, BLAS functions may be called, and run in the calling thread. Cheap; thread-safe.
class OneBlasThread {
 public:
  OneBlasThread();
  ~OneBlasThread();
  OneBlasThread(const OneBlasThread&) = delete;
  OneBlasThread& operator=(const OneBlasThread&) = delete;
};

// Whether BLAS multiplies small f32 matrices as they lie, without packing: OpenBLAS does so where it uses AVX-512, up
// to kUnpackedProducts multiplications. Only while a OneBlasThread lives.
inline constexpr double kUnpackedProducts = 1e6;
bool BlasMultipliesUnpacked();

}  // namespace adret::kernels

#endif  // ADRET_OPS_KERNELS_BLAS_H_
