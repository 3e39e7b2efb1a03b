#include "adret/core/tensor.h"

#include <cmath>
#include <limits>

#include "gtest/gtest.h"

namespace adret {
namespace {

TEST(Shape, PrintsSymbolicDimensions) {
  EXPECT_EQ((Shape{kAnyBatch, 3, 28}).ToString(), "[?,3,28]");
  EXPECT_EQ((Shape{-169, 50}).ToString(), "[169*?,50]");
  EXPECT_EQ(Shape{}.ToString(), "[]");
}

TEST(Shape, PutsTheBatchInPlaceOfTheSymbol) {
  EXPECT_EQ((Shape{-169, 50}).With(2), (Shape{338, 50}));
  EXPECT_EQ((Shape{kAnyBatch, 4}).num_elements(), -4);
  EXPECT_EQ((Shape{kAnyBatch, Dim("time") - 3, 4}).WithEvery(1), (Shape{1, 0, 4}));
}

TEST(Shape, RefusesWhatOverflows) {
  EXPECT_TRUE((Shape{1 << 20, 1 << 20}).Validate().ok());
  EXPECT_FALSE((Shape{int64_t{1} << 40, int64_t{1} << 40}).Validate().ok());
  EXPECT_FALSE((Shape{0, int64_t{1} << 40, int64_t{1} << 40}).Validate().ok())
      << "an empty shape's strides overflow too";
  EXPECT_TRUE((Shape{kAnyBatch, kAnyBatch}).Validate().ok());
  EXPECT_FALSE((Shape{kAnyBatch}).With(std::numeric_limits<int64_t>::max()).Validate().ok());
  EXPECT_FALSE(Shape(std::vector<int64_t>(33, 1)).Validate().ok());
}

TEST(Shape, BroadcastsByNumPysRule) {
  EXPECT_EQ(*BroadcastShapes({2, 1, 3}, {4, 1}), (Shape{2, 4, 3}));
  EXPECT_EQ(*BroadcastShapes({kAnyBatch, 1}, {1, 5}), (Shape{kAnyBatch, 5}));
  EXPECT_FALSE(BroadcastShapes({2}, {3}).ok());
  EXPECT_FALSE(BroadcastShapes({kAnyBatch}, {3}).ok());
}

TEST(Tensor, CopiesShareAndClonesDoNot) {
  Tensor a = Tensor::From<float>({2}, {1, 2});
  Tensor b = a;
  EXPECT_TRUE(a.is_shared());
  EXPECT_EQ(a.raw(), b.raw());
  EXPECT_NE(a.Clone().raw(), a.raw());
  EXPECT_TRUE(a.Clone().BitEqual(a));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(a.raw()) % kAlignment, 0u);
}

TEST(Tensor, CastsSaturate) {
  const double inf = std::numeric_limits<double>::infinity();
  const Tensor t = Tensor::From<double>({5}, {1.9, -1.9, inf, -inf, std::nan("")});
  const Tensor i = t.Cast(DType::kInt32);
  EXPECT_EQ(i.At(0), 1);
  EXPECT_EQ(i.At(1), -1);
  EXPECT_EQ(i.At(2), std::numeric_limits<int32_t>::max());
  EXPECT_EQ(i.At(3), std::numeric_limits<int32_t>::min());
  EXPECT_EQ(i.At(4), 0);
  EXPECT_EQ(t.Cast(DType::kUint8).At(1), 0);
  EXPECT_EQ(t.Cast(DType::kBool).At(0), 1);
}

TEST(Tensor, PrintsNestedRows) {
  EXPECT_EQ(Tensor::From<int32_t>({2, 2}, {1, 2, 3, 4}).ToString(), "i32[2,2] [[1, 2], [3, 4]]");
}

TEST(Tensor, PrintsEveryDType) {
  const auto text = [](DType dtype) { return Tensor::From<double>({3}, {0, 1.5, 300}).Cast(dtype).ToString(); };
  EXPECT_EQ(text(DType::kBFloat16), "bf16[3] [0, 1.5, 300]");
  EXPECT_EQ(text(DType::kFloat16), "f16[3] [0, 1.5, 300]");
  EXPECT_EQ(text(DType::kInt8), "i8[3] [0, 1, 127]");
  EXPECT_EQ(text(DType::kInt16), "i16[3] [0, 1, 300]");
  EXPECT_EQ(text(DType::kUint16), "u16[3] [0, 1, 300]");
  EXPECT_EQ(text(DType::kUint32), "u32[3] [0, 1, 300]");
  EXPECT_EQ(Tensor::From<uint64_t>({}, {~uint64_t{0}}).ToString(), "u64[] 18446744073709551615");
  EXPECT_EQ(Tensor::From<int64_t>({}, {1234567890123456789}).ToString(), "i64[] 1234567890123456789");
}

TEST(Tensor, BorrowedMemoryCountsAsShared) {
  static const float kNumbers[] = {1, 2, 3};
  const Tensor t = Tensor::Borrow(DType::kFloat32, {3}, kNumbers, nullptr);
  EXPECT_TRUE(t.is_shared());
  EXPECT_TRUE(t.Reshaped({3, 1}).is_shared());
  EXPECT_FALSE(t.Clone().is_shared());
}

}  // namespace
}  // namespace adret
