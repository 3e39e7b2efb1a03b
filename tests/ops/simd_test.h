// Tests that run on every instruction set that the library was compiled for and the machine has.
#ifndef ADRET_TESTS_OPS_SIMD_TEST_H_
#define ADRET_TESTS_OPS_SIMD_TEST_H_

#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "hwy/highway.h"

namespace adret {

inline std::vector<int64_t> SimdTargets() {
  std::vector<int64_t> targets;
  for (int64_t target : {HWY_STATIC_TARGET, HWY_AVX2, HWY_AVX3, HWY_NEON}) {
    if ((HWY_TARGETS & hwy::SupportedTargets() & target) != 0) targets.push_back(target);
  }
  return targets;
}

// Makes all that looks up a kernel from now on find this target's; 0 stands for the machine's best.
inline void ChooseSimdTarget(int64_t target) {
  hwy::SetSupportedTargetsForTest(target);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

class SimdTest : public testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override { ChooseSimdTarget(GetParam()); }
  void TearDown() override { ChooseSimdTarget(0); }
};

#define ADRET_INSTANTIATE_SIMD_TEST(Suite)                                   \
  INSTANTIATE_TEST_SUITE_P(Targets, Suite, testing::ValuesIn(SimdTargets()), \
                           [](const auto& target) { return hwy::TargetName(target.param); })

}  // namespace adret

#endif  // ADRET_TESTS_OPS_SIMD_TEST_H_
