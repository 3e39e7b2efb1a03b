// Arithmetic with symbolic dimensions, against the same arithmetic with numbers.
#include "adret/core/dim.h"

#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "adret/core/random.h"
#include "adret/core/shape.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

int64_t Floor(int64_t a, int64_t b) { return a / b - (a % b < 0); }

TEST(Dim, EqualSumsLookEqual) {
  const Dim time("time"), rows("rows");
  EXPECT_EQ((time + 1).code(), (time * 2 - time + 3 - 2).code());
  EXPECT_EQ((rows * time).code(), (time * rows).code());
  EXPECT_EQ(((time + rows) * (time - rows)).code(), (time * time - rows * rows).code());
  EXPECT_EQ(((time * 6 + 4) / 2).code(), (time * 3 + 2).code());
  EXPECT_EQ(((time + 5) / 2).code(), ((time + 1) / 2 + 2).code());
  EXPECT_EQ((time * rows / rows).code(), time.code());
  EXPECT_EQ((time - time).code(), 0);
  EXPECT_EQ((Dim("?") * 169).code(), -169);
  EXPECT_EQ(Dim::Of(-169), Dim("?") * 169);
  EXPECT_NE(time.code(), rows.code());
}

TEST(Dim, Texts) {
  const Dim time("time"), batch("?");
  EXPECT_EQ((time - 1).ToString(), "time - 1");
  EXPECT_EQ((Dim(3) - time).ToString(), "3 - time");
  EXPECT_EQ((batch * time * 2 + 1).ToString(), "2*?*time + 1");
  EXPECT_EQ(((time + 1) / 2).ToString(), "floor((time + 1)/2)");
  EXPECT_EQ((time / batch).ToString(), "floor(time/(?))");
  EXPECT_EQ((Shape{kAnyBatch, time - 1, 64}).ToString(), "[?,time - 1,64]");
  EXPECT_EQ(DimText(kNoDim), "(out of range)");
}

// A random sum over two symbols.
Dim RandomDim(RandomStream* random, int depth) {
  if (depth == 0 || random->Below(4) == 0) {
    const uint32_t kind = random->Below(3);
    return kind == 0 ? Dim("time") : kind == 1 ? Dim("?") : Dim(static_cast<int64_t>(random->Below(7)) - 3);
  }
  const Dim a = RandomDim(random, depth - 1);
  const uint32_t kind = random->Below(4);
  if (kind == 3) return a / (1 + random->Below(4));
  const Dim b = RandomDim(random, depth - 1);
  return kind == 0 ? a + b : kind == 1 ? a - b : a * b;
}

TEST(Dim, ArithmeticIsThatOfNumbersAtAnySizes) {
  RandomStream random(RandomKey{5, 0, 0});
  const auto at = [](const Dim& d, int64_t batch, int64_t time) {
    return d.With({{"?", batch}, {"time", time}}).number().value();
  };
  for (int i = 0; i < 3000; ++i) {
    const Dim a = RandomDim(&random, 3), b = RandomDim(&random, 2);
    const int64_t divisor = 1 + random.Below(5);
    const auto exact = Dim::ExactQuotient(a * b, b);
    for (int64_t batch : {0, 1, 3}) {
      for (int64_t time : {0, 1, 2, 7}) {
        const int64_t x = at(a, batch, time), y = at(b, batch, time);
        ASSERT_EQ(at(a + b, batch, time), x + y) << a.ToString() << ", " << b.ToString();
        ASSERT_EQ(at(a - b, batch, time), x - y) << a.ToString() << ", " << b.ToString();
        ASSERT_EQ(at(a * b, batch, time), x * y) << a.ToString() << ", " << b.ToString();
        ASSERT_EQ(at(a / divisor, batch, time), Floor(x, divisor)) << a.ToString() << " / " << divisor;
        ASSERT_TRUE(!exact.has_value() || at(*exact * b, batch, time) == x * y) << a.ToString() << ", " << b.ToString();
        ASSERT_TRUE(a.MayBeZero() || x != 0) << a.ToString();
        ASSERT_TRUE(!a.NeverNegative() || x >= 0) << a.ToString();
      }
    }
    const absl::StatusOr<Dim> read = Dim::Parse(a.ToString());
    ASSERT_TRUE(read.ok()) << read.status();
    ASSERT_EQ(*read, a) << a.ToString() << ", " << read->ToString();
  }
}

TEST(Dim, OutOfRange) {
  const Dim large = Dim("time") * (int64_t{1} << 62);
  EXPECT_EQ((large * 4).code(), kNoDim);
  EXPECT_EQ((large + large + large).code(), kNoDim);
  EXPECT_EQ(Dim(-1).code(), kNoDim);
  EXPECT_EQ((Dim("time") / 0).code(), kNoDim);
  EXPECT_EQ(Dim::Of(-(int64_t{1} << 50)).code(), kNoDim);
  EXPECT_FALSE((Shape{-(int64_t{1} << 50)}).Validate().ok());
  EXPECT_EQ(large.With({{"time", 4}}).code(), kNoDim);
  Dim power("time");
  for (int i = 0; i < 6; ++i) power = power * power;
  EXPECT_EQ(power.code(), kNoDim);
}

TEST(Dim, WrongTextsAreRefused) {
  for (const char* text : {"", "time +", "time time", "2*", "floor(time", "floor(time/", "floor(time/2", "(time)", "-",
                           "time - 99999999999999999999", "floor(time/0)", "1time", "time\n", "\xff"}) {
    EXPECT_FALSE(Dim::Parse(text).ok()) << text;
  }
  std::string nested = "time";
  for (int i = 0; i < 40; ++i) nested = "floor(" + nested + "/2)";
  EXPECT_FALSE(Dim::Parse(nested).ok());
  EXPECT_FALSE(Dim::Parse(std::string(5000, '1')).ok());
}

TEST(Dim, SizesThatMatch) {
  const Dim time("time");
  DimSizes sizes;
  bool undecided = false;
  EXPECT_TRUE(MatchDim(time * 2 - 1, 7, &sizes, &undecided));
  EXPECT_EQ(sizes.ToString(), "time = 4");
  EXPECT_TRUE(MatchDim(time * time, 16, &sizes, &undecided));
  EXPECT_FALSE(MatchDim(time + 1, 6, &sizes, &undecided));
  EXPECT_TRUE(MatchDim(-3, 6, &sizes, &undecided));
  EXPECT_FALSE(MatchDim(kAnyBatch, 3, &sizes, &undecided));
  EXPECT_FALSE(undecided);
  EXPECT_FALSE(MatchDim(Dim("other") * 2, 7, &sizes, &undecided));
  EXPECT_FALSE(MatchDim(Dim("other") + 8, 7, &sizes, &undecided));
  EXPECT_FALSE(undecided);
  EXPECT_TRUE(MatchDim(Dim("other") / 2, 7, &sizes, &undecided));
  EXPECT_TRUE(undecided);
}

TEST(Dim, WhatMayBeEqual) {
  const Dim time("time"), length("length");
  EXPECT_TRUE(MayBeEqual(time, length));
  EXPECT_TRUE(MayBeEqual(time, 5));
  EXPECT_TRUE(MayBeEqual(time / 2, time));
  EXPECT_FALSE(MayBeEqual(time, time - 1));
  EXPECT_FALSE(MayBeEqual(time + 6, 5));
  EXPECT_FALSE(MayBeEqual(time * 2 + length + 1, 0));
  EXPECT_FALSE(MayBeEqual(3, 4));
  EXPECT_FALSE(MayBeEqual(kAnyBatch, 3));
  EXPECT_FALSE(MayBeEqual(kAnyBatch, time));
  // Only for one batch, or for no elements at all.
  const Dim batch("?");
  EXPECT_FALSE(MayBeEqual(batch * time, time));
  EXPECT_FALSE(MayBeEqual(batch * time, 2 * 12));
  EXPECT_FALSE(MayBeEqual(batch * batch * time, batch * time));
  EXPECT_TRUE(MayBeEqual(batch * time, batch * length));
  EXPECT_TRUE(MayBeEqual(batch * time + length, batch * length + time));
}

TEST(Dim, ThreadsShareTheTable) {
  std::vector<std::thread> threads;
  std::vector<std::vector<int64_t>> codes(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&codes, t] {
      for (int i = 0; i < 500; ++i) codes[t].push_back((Dim("threads") * (i + 2) + t * 0) / 7);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int t = 1; t < 4; ++t) EXPECT_EQ(codes[t], codes[0]);
}

}  // namespace
}  // namespace adret
