// The copy under transpose, slice, concat and roll, against one element at a time.
#include <algorithm>
#include <numeric>
#include <vector>

#include "adret/core/random.h"
#include "adret/core/shape.h"
#include "adret/ops/kernels/copy.h"
#include "gtest/gtest.h"

namespace adret::kernels {
namespace {

struct Problem {
  std::vector<int64_t> dims, src_strides, dst_strides;
  int64_t src_offset = 0, src_size = 1, dst_size = 1;
};

// A tensor of random shape, of which every other axis is reversed or thinned out, copied into permuted axes.
Problem RandomProblem(RandomStream& random, int64_t max_dim) {
  Problem p;
  const int rank = random.Below(5);
  std::vector<int64_t> full(rank);
  for (int a = 0; a < rank; ++a) {
    p.dims.push_back(1 + random.Below(max_dim));
    full[a] = p.dims[a] * (1 + random.Below(2));
  }
  p.src_strides.resize(rank);
  for (int a = rank - 1; a >= 0; --a) {
    p.src_strides[a] = p.src_size * (full[a] / p.dims[a]);
    if (random.Below(3) == 0) {
      p.src_offset += (p.dims[a] - 1) * p.src_strides[a];
      p.src_strides[a] = -p.src_strides[a];
    }
    p.src_size *= full[a];
  }
  std::vector<int> order(rank);
  std::iota(order.begin(), order.end(), 0);
  for (int a = rank - 1; a > 0; --a) std::swap(order[a], order[random.Below(a + 1)]);
  p.dst_strides.resize(rank);
  for (int a = rank - 1; a >= 0; --a) {
    p.dst_strides[order[a]] = p.dst_size;
    p.dst_size *= p.dims[order[a]] + random.Below(2);
  }
  return p;
}

template <class T>
void CheckAgainstNaive(const Problem& p) {
  std::vector<T> src(p.src_size), dst(p.dst_size, T{7}), expected(p.dst_size, T{7});
  std::iota(src.begin(), src.end(), T{0});
  int64_t n = 1;
  for (int64_t d : p.dims) n *= d;
  for (int64_t i = 0; i < n; ++i) {
    int64_t from = p.src_offset, to = 0, rest = i;
    for (int a = static_cast<int>(p.dims.size()) - 1; a >= 0; --a) {
      from += rest % p.dims[a] * p.src_strides[a];
      to += rest % p.dims[a] * p.dst_strides[a];
      rest /= p.dims[a];
    }
    expected[to] = src[from];
  }
  StridedCopy(p.dims, p.src_strides, p.dst_strides, sizeof(T)).Run(src.data() + p.src_offset, dst.data());
  EXPECT_EQ(dst, expected);
}

TEST(StridedCopy, EqualsOneElementAtATime) {
  RandomStream random(1);
  for (int i = 0; i < 300; ++i) {
    const Problem p = RandomProblem(random, i % 3 == 0 ? 17 : 9);
    SCOPED_TRACE(i);
    CheckAgainstNaive<uint8_t>(p);
    CheckAgainstNaive<uint32_t>(p);
    CheckAgainstNaive<uint64_t>(p);
  }
}

TEST(StridedCopy, TransposesAndCopiesAcrossManyChunks) {
  Problem matrix{{700, 300}, {1, 700}, {300, 1}, 0, 210000, 210000};
  CheckAgainstNaive<uint8_t>(matrix);
  CheckAgainstNaive<uint32_t>(matrix);
  CheckAgainstNaive<uint64_t>(matrix);
  Problem run{{2, 100000}, {100000, 1}, {100001, 1}, 0, 200000, 200002};
  CheckAgainstNaive<uint32_t>(run);
}

TEST(StridedCopy, DoesNothingWithoutElements) { StridedCopy({3, 0, 2}, {0, 2, 1}, {0, 2, 1}, 4).Run(nullptr, nullptr); }

}  // namespace
}  // namespace adret::kernels
