// Tests that run on every instruction set that the library was compiled for and the machine has.
#ifndef ADRET_TESTS_OPS_SIMD_TEST_H_
#define ADRET_TESTS_OPS_SIMD_TEST_H_

#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "hwy/highway.h"

namespace adret {

class SimdTest : public testing::TestWithParam<int64_t> {
 public:
  static std::vector<int64_t> Targets() {
    std::vector<int64_t> targets;
    for (int64_t target : {HWY_STATIC_TARGET, HWY_AVX2, HWY_AVX3, HWY_NEON}) {
      if ((HWY_TARGETS & hwy::SupportedTargets() & target) != 0) targets.push_back(target);
    }
    return targets;
  }

 protected:
  void SetUp() override { Choose(GetParam()); }
  void TearDown() override { Choose(0); }

 private:
  // 0 stands for the machine's best.
  static void Choose(int64_t target) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
};

#define ADRET_INSTANTIATE_SIMD_TEST(Suite)                                         \
  INSTANTIATE_TEST_SUITE_P(Targets, Suite, testing::ValuesIn(SimdTest::Targets()), \
                           [](const auto& target) { return hwy::TargetName(target.param); })

}  // namespace adret

#endif  // ADRET_TESTS_OPS_SIMD_TEST_H_
