#include "adret/ops/kernels/tile_gemm.h"

#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "adret/tests/ops/simd_test.h"
#include "gtest/gtest.h"

namespace adret::kernels {
namespace {

template <class T>
class TileGemmTest : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(TileGemmTest, Types);

// Calls the function for each instruction set that this machine has.
void OnEachTarget(const std::function<void()>& f) {
  for (int64_t target : SimdTargets()) {
    ChooseSimdTarget(target);
    f();
  }
  ChooseSimdTarget(0);
}

// Numbers whose products add up exactly; one more than asked for, so that there is an address.
template <class T>
std::vector<T> Small(int64_t n, int seed) {
  std::vector<T> numbers(n + 1);
  for (int64_t i = 0; i <= n; ++i) numbers[i] = static_cast<T>((i * 7 + seed) % 11 - 5);
  return numbers;
}

// Compares with the sum in order, for one order of a's axes; what is beyond rows of c stays as it was.
template <class T>
void Check(int64_t m, int64_t n, int64_t k, bool transposed, bool add) {
  const int64_t ldb = n + 3, ldc = n + 2;
  const std::vector<T> a = Small<T>(m * k, 1), b = Small<T>(k * ldb, 2), before = Small<T>(m * ldc, 3);
  std::vector<T> c = before;
  TileGemm<T> g{.m = m, .n = n, .k = k, .a = a.data(), .row = transposed ? 1 : k, .term = transposed ? m : 1};
  g.b = b.data(), g.ldb = ldb, g.c = c.data(), g.ldc = ldc, g.add = add;
  g.Run();
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < ldc; ++j) {
      T expected = before[i * ldc + j];
      if (j < n) {
        T sum = 0;
        for (int64_t q = 0; q < k; ++q) sum += a[i * g.row + q * g.term] * b[q * ldb + j];
        expected = add ? expected + sum : sum;
      }
      ASSERT_EQ(c[i * ldc + j], expected) << m << " x " << n << " x " << k << ", element " << i << ", " << j;
    }
  }
}

template <class T>
void CheckEverySize() {
  for (int64_t m : {0, 1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 64}) {
    for (int64_t n : {0, 1, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 65}) {
      for (int64_t k : {0, 1, 2, 5, 64}) {
        for (const bool transposed : {false, true}) {
          Check<T>(m, n, k, transposed, false);
          Check<T>(m, n, k, transposed, true);
        }
      }
    }
  }
}

TYPED_TEST(TileGemmTest, IsTheSumAtEverySize) { OnEachTarget(CheckEverySize<TypeParam>); }

TYPED_TEST(TileGemmTest, KeepsNanAndInfinityInTheirRowsAndColumns) {
  constexpr int64_t kSize = 19;
  std::vector<TypeParam> a(kSize * kSize, 1), b = a, c = a;
  a[3 * kSize] = std::numeric_limits<TypeParam>::quiet_NaN();
  b[5] = std::numeric_limits<TypeParam>::infinity();
  TileGemm<TypeParam> g{.m = kSize, .n = kSize, .k = kSize, .a = a.data(), .row = kSize, .b = b.data(), .ldb = kSize};
  g.c = c.data(), g.ldc = kSize;
  g.Run();
  for (int64_t i = 0; i < kSize; ++i) {
    for (int64_t j = 0; j < kSize; ++j) {
      const TypeParam y = c[i * kSize + j];
      if (i == 3) {
        EXPECT_TRUE(std::isnan(y));
      } else {
        EXPECT_EQ(y, j == 5 ? std::numeric_limits<TypeParam>::infinity() : kSize);
      }
    }
  }
}

TYPED_TEST(TileGemmTest, TransposesTiles) {
  for (int64_t rows : {0, 1, 15, 16, 17, 40}) {
    for (int64_t columns : {0, 1, 5, 33}) {
      const int64_t from_row = columns + 2, to_row = rows + 1;
      const std::vector<TypeParam> from = Small<TypeParam>(rows * from_row, 4);
      std::vector<TypeParam> to(columns * to_row + 1, 99);
      TransposeTile(rows, columns, from.data(), from_row, to.data(), to_row);
      for (int64_t j = 0; j < columns; ++j) {
        for (int64_t i = 0; i < to_row; ++i) {
          ASSERT_EQ(to[j * to_row + i], i < rows ? from[i * from_row + j] : 99);
        }
      }
    }
  }
}

}  // namespace
}  // namespace adret::kernels
