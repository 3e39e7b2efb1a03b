// OpenBLAS, set up for adret: the right kernels for this CPU, one thread (parallelism is ours).
#ifndef ADRET_OPS_KERNELS_BLAS_H_
#define ADRET_OPS_KERNELS_BLAS_H_

namespace adret::kernels {

// Must have been called before any BLAS function; cheap after the first time. Thread-safe.
//
// OpenBLAS chooses its kernels by the CPU's model number when it is loaded, and takes generic ones (down to SSE3) for
// models that are newer than itself. Where the CPU can do more than the chosen kernels use, this switches to AVX-512 or
// AVX2 ones, unless the user has set OPENBLAS_CORETYPE. It also sets OpenBLAS's own number of threads to 1, and ends
// those that it has started.
void PrepareBlas();

// Whether BLAS multiplies small f32 matrices as they lie, without packing: OpenBLAS does so where it uses AVX-512, up
// to kUnpackedProducts multiplications. Call PrepareBlas() first.
inline constexpr double kUnpackedProducts = 1e6;
bool BlasMultipliesUnpacked();

}  // namespace adret::kernels

#endif  // ADRET_OPS_KERNELS_BLAS_H_
