// A program's own use of OpenBLAS: what it has set is what it finds again.
#include <cstdlib>
#include <thread>
#include <vector>

#include "adret/ops/kernels/gemm.h"
#include "gtest/gtest.h"

extern "C" int openblas_get_num_threads();
extern "C" void openblas_set_num_threads(int n);

namespace adret::kernels {
namespace {

void Multiply(int64_t n) {
  const std::vector<float> a(n * n, 1), b(n * n, 2);
  std::vector<float> c(n * n);
  Gemm<float> gemm;
  gemm.m = gemm.n = gemm.k = n;
  gemm.a = a.data(), gemm.b = b.data(), gemm.c = c.data();
  gemm.lda = gemm.ldb = gemm.ldc = n;
  gemm.Run();
  EXPECT_EQ(c[n * n - 1], 2 * n);
}

TEST(BlasTest, LeavesTheProgramsThreadsAndEnvironment) {
  const int before = openblas_get_num_threads();
  for (const int threads : {2, 1, 3}) {
    openblas_set_num_threads(threads);
    Multiply(100);
    EXPECT_EQ(openblas_get_num_threads(), threads);
    std::vector<std::thread> users;
    for (int i = 0; i < 8; ++i) {
      users.emplace_back([i] {
        for (int k = 0; k < 50; ++k) Multiply(1 + 7 * i);
      });
    }
    for (std::thread& user : users) user.join();
    EXPECT_EQ(openblas_get_num_threads(), threads);
  }
  openblas_set_num_threads(before);
}

TEST(BlasTest, LeavesNothingInTheEnvironment) {
  const char* before = std::getenv("OPENBLAS_CORETYPE");
  Multiply(100);
  EXPECT_EQ(std::getenv("OPENBLAS_CORETYPE"), before);
}

}  // namespace
}  // namespace adret::kernels
