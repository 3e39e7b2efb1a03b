#include "adret/core/plan/memory_plan.h"

#include <algorithm>

#include "adret/core/random.h"
#include "adret/core/tensor.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

// The most bytes that are alive at one time: no arena can be smaller.
int64_t LowerBound(const std::vector<Buffer>& buffers, int levels) {
  int64_t most = 0;
  for (int w = 0; w < levels; ++w) {
    int64_t alive = 0;
    for (const Buffer& b : buffers) {
      if (b.first <= w && w <= b.last) alive += (b.bytes + kAlignment - 1) / kAlignment * kAlignment;
    }
    most = std::max(most, alive);
  }
  return most;
}

class MemoryPlan : public testing::TestWithParam<int> {};

TEST_P(MemoryPlan, LivingBuffersNeverOverlap) {
  RandomStream random(GetParam());
  constexpr int kLevels = 300;
  std::vector<Buffer> buffers;
  for (int i = 0; i < GetParam(); ++i) {
    const int first = random.Below(kLevels);
    buffers.push_back(
        {static_cast<int64_t>(random.Below(5000)), first, std::min<int>(kLevels - 1, first + random.Below(10))});
  }
  const int64_t total = PlaceBuffers(&buffers);
  EXPECT_LE(total, 2 * LowerBound(buffers, kLevels));
  for (size_t i = 0; i < buffers.size(); ++i) {
    const Buffer& a = buffers[i];
    ASSERT_EQ(a.offset % kAlignment, 0);
    ASSERT_LE(a.offset + a.bytes, total);
    for (size_t j = 0; j < i; ++j) {
      const Buffer& b = buffers[j];
      const bool meet = a.first <= b.last && b.first <= a.last;
      const bool overlap = a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
      ASSERT_FALSE(meet && overlap) << i << " and " << j;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, MemoryPlan, testing::Values(1, 50, 1500, 3000));

}  // namespace
}  // namespace adret
