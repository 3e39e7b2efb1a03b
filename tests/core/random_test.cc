#include "adret/core/random.h"

#include <cmath>

#include "gtest/gtest.h"

namespace adret {
namespace {

// Known answers of Random123's kat_vectors for philox4x32-10.
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(Philox4x32({0, 0, 0, 0}, {0, 0}),
            (std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(Philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (std::array<uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (std::array<uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(RandomStream, MomentsAndBounds) {
  RandomStream random(5);
  double sum = 0, squares = 0, normal_sum = 0, normal_squares = 0;
  constexpr int kN = 100'000;
  for (int i = 0; i < kN; ++i) {
    const double u = random.Uniform();
    ASSERT_TRUE(u >= 0 && u < 1);
    sum += u, squares += u * u;
    const double z = random.Normal();
    normal_sum += z, normal_squares += z * z;
    ASSERT_LT(random.Below(10), 10u);
  }
  EXPECT_NEAR(sum / kN, 0.5, 0.005);
  EXPECT_NEAR(squares / kN, 1.0 / 3, 0.005);
  EXPECT_NEAR(normal_sum / kN, 0, 0.02);
  EXPECT_NEAR(normal_squares / kN, 1, 0.02);
}

TEST(RandomKey, SequencesDiffer) {
  EXPECT_NE((RandomKey{1, 0, 0}.Block(0)), (RandomKey{2, 0, 0}.Block(0)));
  EXPECT_NE((RandomKey{1, 0, 0}.Block(0)), (RandomKey{1, 1, 0}.Block(0)));
  EXPECT_NE((RandomKey{1, 0, 0}.Block(0)), (RandomKey{1, 0, 1}.Block(0)));
  EXPECT_NE((RandomKey{1, 0, 0}.Block(0)), (RandomKey{1, 0, 0}.Block(1)));
}

}  // namespace
}  // namespace adret
