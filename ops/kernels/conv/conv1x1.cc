#include "adret/ops/kernels/conv/conv1x1.h"

#include <algorithm>

#include "adret/core/parallel.h"
#include "adret/ops/kernels/gemm.h"
#include "adret/ops/kernels/sum_chunks.h"

namespace adret::kernels {
namespace {

constexpr double kFlopsPerTask = 2e6;
constexpr int64_t kMaxChunks = 16;

double FlopsOf(const Conv1x1Shape& s) { return 2.0 * s.batch * s.groups * s.channels * s.filters * s.pixels; }

// Tasks of equal work, several to a chunk while they are small.
int64_t Grain(const Conv1x1Shape& s, int64_t tasks) {
  return std::clamp<int64_t>(kFlopsPerTask * tasks / std::max(FlopsOf(s), 1.0), 1, std::max<int64_t>(tasks, 1));
}

// Ranges of images with a partial sum each.
int64_t Chunks(const Conv1x1Shape& s) {
  if (s.pixels == 1) return 1;
  const int64_t wanted = std::min<double>(FlopsOf(s) / kFlopsPerTask / s.groups, kMaxChunks);
  return std::clamp<int64_t>(wanted, 1, std::max<int64_t>(s.batch, 1));
}

// Images of one pixel are the rows of a matrix, with the other groups between them.
template <class T>
void MapPixels(const Conv1x1Shape& s, bool transpose, const T* in, const T* w, T* out,
               absl::FunctionRef<void(int64_t begin, int64_t n)> finished) {
  const int64_t k = transpose ? s.filters : s.channels, n = transpose ? s.channels : s.filters;
  const GemmSplit split = SplitGemm(s.groups, s.batch, n, k);
  const int64_t tasks = s.groups * split.parts();
  ParallelFor(tasks, Grain(s, tasks), [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t group = task / split.parts();
      const int64_t i = task % split.parts() / split.parts_n * split.rows, j = task % split.parts_n * split.columns;
      Gemm<T> g{.transpose_b = !transpose};
      g.m = std::min(split.rows, s.batch - i), g.n = std::min(split.columns, n - j), g.k = k;
      g.lda = s.groups * k, g.ldb = s.channels, g.ldc = s.groups * n;
      g.a = in + (i * s.groups + group) * k;
      g.b = w + group * s.filters * s.channels + (transpose ? j : j * s.channels);
      const int64_t first = (i * s.groups + group) * n + j;
      g.c = out + first;
      g.Run();
      if (g.n == g.ldc) {
        finished(first, g.m * g.n);
      } else {
        for (int64_t row = 0; row < g.m; ++row) finished(first + row * g.ldc, g.n);
      }
    }
  });
}

template <class T>
void PixelsFilterGradient(const Conv1x1Shape& s, const T* x, const T* dy, T* dw) {
  const GemmSplit split = SplitGemm(s.groups, s.filters, s.channels, s.batch);
  const int64_t tasks = s.groups * split.parts();
  ParallelFor(tasks, Grain(s, tasks), [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t group = task / split.parts();
      const int64_t i = task % split.parts() / split.parts_n * split.rows, j = task % split.parts_n * split.columns;
      Gemm<T> g{.transpose_a = true};
      g.m = std::min(split.rows, s.filters - i), g.n = std::min(split.columns, s.channels - j), g.k = s.batch;
      g.lda = s.groups * s.filters, g.ldb = s.groups * s.channels, g.ldc = s.channels;
      g.a = dy + group * s.filters + i, g.b = x + group * s.channels + j;
      g.c = dw + (group * s.filters + i) * s.channels + j;
      g.Run();
    }
  });
}

}  // namespace

template <class T>
void Conv1x1Map(const Conv1x1Shape& s, bool transpose, const T* in, const T* w, T* out,
                absl::FunctionRef<void(int64_t begin, int64_t n)> finished) {
  if (s.pixels == 1) return MapPixels(s, transpose, in, w, out, finished);
  const int64_t m = transpose ? s.channels : s.filters, k = transpose ? s.filters : s.channels, n = s.pixels;
  const GemmSplit split = SplitGemm(s.batch * s.groups, m, n, k);
  const int64_t parts = split.parts_m * split.parts_n, tasks = s.batch * s.groups * parts;
  ParallelFor(tasks, Grain(s, tasks), [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t image_group = task / parts, group = image_group % s.groups;
      const int64_t i = task % parts / split.parts_n * split.rows, j = task % split.parts_n * split.columns;
      Gemm<T> g{.transpose_a = transpose};
      g.m = std::min(split.rows, m - i), g.n = std::min(split.columns, n - j), g.k = k;
      g.lda = s.channels, g.ldb = n, g.ldc = n;
      g.a = w + group * s.filters * s.channels + (transpose ? i : i * s.channels);
      g.b = in + image_group * k * n + j;
      const int64_t first = (image_group * m + i) * n + j;
      g.c = out + first;
      g.Run();
      if (g.n == n) {
        finished(first, g.m * n);
      } else {
        for (int64_t row = 0; row < g.m; ++row) finished(first + row * n, g.n);
      }
    }
  });
}

int64_t Conv1x1PartialElements(const Conv1x1Shape& s) {
  const int64_t chunks = Chunks(s);
  return chunks == 1 ? 0 : chunks * s.groups * s.filters * s.channels;
}

template <class T>
void Conv1x1FilterGradient(const Conv1x1Shape& s, const T* x, const T* dy, T* partial, T* dw) {
  if (s.pixels == 1) return PixelsFilterGradient(s, x, dy, dw);
  const int64_t chunks = Chunks(s), size = s.filters * s.channels;
  if (chunks == 1) partial = dw;
  const GemmSplit split = SplitGemm(s.groups * chunks, s.filters, s.channels, s.pixels * s.batch / chunks);
  const int64_t parts = split.parts_m * split.parts_n, tasks = s.groups * chunks * parts;
  ParallelFor(tasks, Grain(s, tasks), [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t chunk = task / (s.groups * parts), group = task / parts % s.groups;
      const int64_t i = task % parts / split.parts_n * split.rows, j = task % split.parts_n * split.columns;
      Gemm<T> g{.transpose_b = true};
      g.m = std::min(split.rows, s.filters - i), g.n = std::min(split.columns, s.channels - j), g.k = s.pixels;
      g.lda = s.pixels, g.ldb = s.pixels, g.ldc = s.channels;
      g.c = partial + (chunk * s.groups + group) * size + i * s.channels + j;
      const int64_t first = chunk * s.batch / chunks, last = (chunk + 1) * s.batch / chunks;
      for (int64_t row = 0; first == last && row < g.m; ++row) std::fill_n(g.c + row * g.ldc, g.n, T{0});
      for (int64_t image = first; image < last; ++image) {
        const int64_t image_group = image * s.groups + group;
        g.a = dy + (image_group * s.filters + i) * s.pixels;
        g.b = x + (image_group * s.channels + j) * s.pixels;
        g.beta = image == first ? 0 : 1;
        g.Run();
      }
    }
  });
  if (chunks > 1) SumChunks(partial, chunks, s.groups * size, dw);
}

#define ADRET_INSTANTIATE(T)                                                     \
  template void Conv1x1Map<T>(const Conv1x1Shape&, bool, const T*, const T*, T*, \
                              absl::FunctionRef<void(int64_t, int64_t)>);        \
  template void Conv1x1FilterGradient<T>(const Conv1x1Shape&, const T*, const T*, T*, T*)
ADRET_INSTANTIATE(float);
ADRET_INSTANTIATE(double);
#undef ADRET_INSTANTIATE

}  // namespace adret::kernels
