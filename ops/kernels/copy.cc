#include "adret/ops/kernels/copy.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "adret/core/parallel.h"
#include "adret/core/status.h"

namespace adret::kernels {
namespace {

constexpr int64_t kGrain = 32768;        // elements per parallel chunk
constexpr int64_t kGrainBytes = 131072;  // the same for plain bytes
constexpr int64_t kShortRow = 16;        // rows below this many elements are not worth a call of memcpy

// Source and destination of a row, stepped through all rows in order without divisions.
template <class T, class Axes>
class RowCursor {
 public:
  RowCursor(const Axes& axes, const T* src, T* dst, int64_t row) : axes_(axes), src_(src), dst_(dst) {
    index_.resize(axes.size());
    for (int a = static_cast<int>(axes.size()) - 1; a >= 0; --a) {
      index_[a] = row % axes[a].size;
      row /= axes[a].size;
      src_ += index_[a] * axes[a].src;
      dst_ += index_[a] * axes[a].dst;
    }
  }
  void Next() {
    for (int a = static_cast<int>(axes_.size()) - 1; a >= 0; --a) {
      src_ += axes_[a].src;
      dst_ += axes_[a].dst;
      if (++index_[a] < axes_[a].size) return;
      src_ -= axes_[a].size * axes_[a].src;
      dst_ -= axes_[a].size * axes_[a].dst;
      index_[a] = 0;
    }
  }
  const T* src() const { return src_; }
  T* dst() const { return dst_; }

 private:
  const Axes& axes_;
  const T* src_;
  T* dst_;
  absl::InlinedVector<int64_t, 6> index_;
};

template <class T>
void CopyRow(const T* src, int64_t src_stride, T* dst, int64_t dst_stride, int64_t n) {
  if (src_stride == 1 && dst_stride == 1) {
    if (n >= kShortRow) {
      std::memcpy(dst, src, n * sizeof(T));
    } else {
      for (int64_t i = 0; i < n; ++i) dst[i] = src[i];
    }
  } else if (dst_stride == 1) {
    for (int64_t i = 0; i < n; ++i) dst[i] = src[i * src_stride];
  } else {
    for (int64_t i = 0; i < n; ++i) dst[i * dst_stride] = src[i * src_stride];
  }
}

// A tile goes through a small buffer, so that each cache line of either side is touched once, also when the strides
// are powers of two and the lines of a column would evict each other.
template <class T>
inline constexpr int64_t kTile = sizeof(T) == 1   ? 64
                                 : sizeof(T) == 2 ? 32
                                 : sizeof(T) == 4 ? 16
                                                  : 8;

// dst[a * dst_across + i] = src[a + i * src_inner] for a < across, i < inner, both at most kTile.
template <class T>
void CopyTile(const T* src, int64_t src_inner, T* dst, int64_t dst_across, int64_t across, int64_t inner) {
  constexpr int64_t kN = kTile<T>;
  T buffer[kN][kN];
  if (across == kN && inner == kN) {
    for (int64_t i = 0; i < kN; ++i) std::memcpy(buffer[i], src + i * src_inner, sizeof(buffer[i]));
    for (int64_t a = 0; a < kN; ++a) {
      T* row = dst + a * dst_across;
      for (int64_t i = 0; i < kN; ++i) row[i] = buffer[i][a];
    }
    return;
  }
  for (int64_t a = 0; a < across; ++a) {
    for (int64_t i = 0; i < inner; ++i) dst[a * dst_across + i] = src[a + i * src_inner];
  }
}

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace

StridedCopy::StridedCopy(absl::Span<const int64_t> dims, absl::Span<const int64_t> src_strides,
                         absl::Span<const int64_t> dst_strides, size_t element_size)
    : element_size_(element_size) {
  AD_CHECK(dims.size() == src_strides.size() && dims.size() == dst_strides.size());
  absl::InlinedVector<Axis, 6> axes;
  for (size_t a = 0; a < dims.size(); ++a) {
    if (dims[a] == 0) empty_ = true;
    if (dims[a] != 1) axes.push_back({dims[a], src_strides[a], dst_strides[a]});
  }
  if (empty_ || axes.empty()) return;
  // Write in the order of dst; merge neighbours that are one run on both sides.
  std::stable_sort(axes.begin(), axes.end(),
                   [](const Axis& a, const Axis& b) { return std::abs(a.dst) > std::abs(b.dst); });
  for (const Axis& axis : axes) {
    if (!outer_.empty() && outer_.back().src == axis.src * axis.size && outer_.back().dst == axis.dst * axis.size) {
      outer_.back() = {outer_.back().size * axis.size, axis.src, axis.dst};
    } else {
      outer_.push_back(axis);
    }
  }
  inner_ = outer_.back();
  outer_.pop_back();
  if (inner_.src != 1 && inner_.dst == 1) {
    for (size_t a = 0; a < outer_.size(); ++a) {
      if (outer_[a].src != 1 || outer_[a].size < 4 || inner_.size < 4) continue;
      tiled_ = true;
      across_ = outer_[a];
      outer_.erase(outer_.begin() + a);
      break;
    }
  }
  for (const Axis& axis : outer_) outer_size_ *= axis.size;
}

template <class T>
void StridedCopy::RunRows(const T* src, T* dst) const {
  // Long rows are cut into segments, short rows are handed out several at a time.
  const int64_t segment = std::min(inner_.size, kGrain);
  const int64_t segments = CeilDiv(inner_.size, segment);
  const int64_t grain = std::max<int64_t>(1, kGrain / segment);
  ParallelFor(outer_size_ * segments, grain, [&](int64_t begin, int64_t end) {
    RowCursor<T, decltype(outer_)> row(outer_, src, dst, begin / segments);
    int64_t s = begin % segments;
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t first = s * segment;
      CopyRow(row.src() + first * inner_.src, inner_.src, row.dst() + first * inner_.dst, inner_.dst,
              std::min(segment, inner_.size - first));
      if (++s == segments) {
        s = 0;
        row.Next();
      }
    }
  });
}

template <class T>
void StridedCopy::RunTiles(const T* src, T* dst) const {
  // Tiles are taken in bands a few tiles wide, so that one page of src serves several of them.
  constexpr int64_t kN = kTile<T>, kBand = 4 * kN;
  const int64_t bands = CeilDiv(across_.size, kBand);
  const int64_t grain = std::max<int64_t>(1, kGrain / (std::min(kBand, across_.size) * inner_.size));
  ParallelFor(outer_size_ * bands, grain, [&](int64_t begin, int64_t end) {
    RowCursor<T, decltype(outer_)> matrix(outer_, src, dst, begin / bands);
    int64_t band = begin % bands;
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t last = std::min(across_.size, (band + 1) * kBand);
      for (int64_t i = 0; i < inner_.size; i += kN) {
        for (int64_t a = band * kBand; a < last; a += kN) {
          CopyTile(matrix.src() + a + i * inner_.src, inner_.src, matrix.dst() + a * across_.dst + i, across_.dst,
                   std::min(kN, last - a), std::min(kN, inner_.size - i));
        }
      }
      if (++band == bands) {
        band = 0;
        matrix.Next();
      }
    }
  });
}

void StridedCopy::Run(const void* src, void* dst) const {
  if (empty_) return;
  VisitElementSize(element_size_, [&](auto element) {
    using T = decltype(element);
    if (tiled_) {
      RunTiles(static_cast<const T*>(src), static_cast<T*>(dst));
    } else {
      RunRows(static_cast<const T*>(src), static_cast<T*>(dst));
    }
  });
}

void CopyBytes(const void* src, void* dst, int64_t bytes) {
  ParallelFor(bytes, kGrainBytes, [&](int64_t begin, int64_t end) {
    std::memcpy(static_cast<char*>(dst) + begin, static_cast<const char*>(src) + begin, end - begin);
  });
}

void ZeroBytes(void* dst, int64_t bytes) {
  ParallelFor(bytes, kGrainBytes,
              [&](int64_t begin, int64_t end) { std::memset(static_cast<char*>(dst) + begin, 0, end - begin); });
}

void FillElements(void* dst, const void* value, int64_t n, size_t element_size) {
  VisitElementSize(element_size, [&](auto element) {
    std::memcpy(&element, value, sizeof(element));
    auto* out = static_cast<decltype(element)*>(dst);
    ParallelFor(n, kGrain, [&](int64_t begin, int64_t end) { std::fill(out + begin, out + end, element); });
  });
}

}  // namespace adret::kernels
