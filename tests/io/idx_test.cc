#include "adret/io/idx.h"

#include <cstdlib>
#include <filesystem>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "adret/io/bytes.h"
#include "adret/io/compression.h"
#include "adret/tests/io/mutations.h"
#include "adret/tests/temp_folder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::io {
namespace {

using ::testing::HasSubstr;

std::string Idx(uint8_t type, const std::vector<uint32_t>& dims, absl::string_view numbers) {
  std::string out(2, '\0');
  out.push_back(static_cast<char>(type));
  out.push_back(static_cast<char>(dims.size()));
  for (const uint32_t dim : dims) AppendBig<uint32_t>(dim, &out);
  return absl::StrCat(out, numbers);
}

absl::Status StatusOf(absl::string_view bytes, const IdxLimits& limits = {}) {
  return ParseIdx(bytes, limits).status();
}
std::string ErrorOf(absl::string_view bytes) { return std::string(StatusOf(bytes).message()); }

TEST(IdxTest, ReadsPlainAndGzip) {
  const std::string plain = Idx(8, {2, 3}, "abcdef");
  for (const std::string& bytes : {plain, Deflate(plain, Container::kGzip)}) {
    absl::StatusOr<Tensor> tensor = ParseIdx(bytes);
    ASSERT_TRUE(tensor.ok()) << tensor.status();
    EXPECT_TRUE(tensor->BitEqual(Tensor::From<uint8_t>({2, 3}, {'a', 'b', 'c', 'd', 'e', 'f'})));
  }
  EXPECT_EQ(ParseIdx(Idx(0x0C, {1}, absl::string_view("\xff\xff\xff\xfe", 4)))->At(0), -2);
  EXPECT_EQ(ParseIdx(Idx(0x0D, {}, absl::string_view("\x3f\x80\0\0", 4)))->At(0), 1);
}

TEST(IdxTest, EveryTypeSurvivesARoundTrip) {
  for (const DType dtype :
       {DType::kUint8, DType::kInt8, DType::kInt16, DType::kInt32, DType::kFloat32, DType::kFloat64}) {
    for (const bool gzip : {false, true}) {
      const Tensor tensor = Tensor::Full(dtype, {3, 2}, 7);
      EXPECT_TRUE(ParseIdx(FormatIdx(tensor, {.gzip = gzip}).value())->BitEqual(tensor));
    }
  }
  EXPECT_FALSE(FormatIdx(Tensor::Zeros(DType::kBool, {1})).ok());
  EXPECT_FALSE(FormatIdx(Tensor::Zeros(DType::kBFloat16, {1})).ok());
}

TEST(IdxTest, RefusesWhatIsMalformed) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("shorter"));
  EXPECT_THAT(ErrorOf("abcdefgh"), HasSubstr("zero bytes"));
  EXPECT_THAT(ErrorOf(Idx(0x0A, {1}, "ab")), HasSubstr("0x0a"));
  EXPECT_THAT(ErrorOf(Idx(8, {2, 3}, "abcde")), HasSubstr("u8[2,3], 6 bytes, but 5 follow"));
  EXPECT_THAT(ErrorOf(Idx(8, {2, 3}, "abcdefg")), HasSubstr("but 7 follow"));
  EXPECT_THAT(ErrorOf(Idx(8, std::vector<uint32_t>(33, 1), "a")), HasSubstr("33 dimensions"));
}

TEST(IdxTest, RefusesHeadersThatLieBeforeAllocating) {
  EXPECT_FALSE(StatusOf(Idx(8, {0xffffffff, 0xffffffff, 0xffffffff}, "a")).ok());
  EXPECT_EQ(StatusOf(Idx(8, {0xffffffff}, "a")).code(), absl::StatusCode::kResourceExhausted);
  const std::string packed = Deflate(Idx(8, {1 << 30}, "a"), Container::kGzip);
  EXPECT_THAT(ErrorOf(packed), HasSubstr("cannot hold as many"));
}

TEST(IdxTest, RefusesBombs) {
  // Unpacks to 16 MiB, while its header announces ten bytes.
  const std::string bomb = Deflate(Idx(8, {10}, std::string(1 << 24, '\0')), Container::kGzip);
  EXPECT_EQ(StatusOf(bomb).code(), absl::StatusCode::kResourceExhausted) << StatusOf(bomb);
  // An honest one above the caller's limit.
  const std::string large = Deflate(Idx(8, {1 << 20}, std::string(1 << 20, '\0')), Container::kGzip);
  EXPECT_TRUE(StatusOf(large).ok());
  EXPECT_EQ(StatusOf(large, {.max_bytes = 1 << 19}).code(), absl::StatusCode::kResourceExhausted);
}

TEST(IdxTest, NoDamagedCopyIsReadAsSomethingElse) {
  const Tensor tensor = Tensor::Full(DType::kUint8, {4, 4}, 9);
  const std::string plain = FormatIdx(tensor).value(), packed = FormatIdx(tensor, {.gzip = true}).value();
  ForEachTruncation(plain, [](const std::string& part) { EXPECT_FALSE(ParseIdx(part).ok()); });
  ForEachTruncation(packed, [](const std::string& part) { EXPECT_FALSE(ParseIdx(part).ok()); });
  ForEachBitFlip(plain, [](const std::string& flipped) { ParseIdx(flipped).IgnoreError(); });
  ForEachBitFlip(packed, [&](const std::string& flipped) {
    absl::StatusOr<Tensor> read = ParseIdx(flipped);
    if (read.ok()) {
      EXPECT_TRUE(read->BitEqual(tensor));
    }
  });
}

class MnistTest : public testing::Test {
 protected:
  void SetUp() override {
    Write("train", 3, {0, 1, 9}, false);
    Write("t10k", 2, {5, 5}, true);
  }
  void Write(const std::string& part, int64_t images, const std::vector<uint8_t>& labels, bool gzip) {
    const std::string end = gzip ? ".gz" : "";
    const Tensor pixels = Tensor::Full(DType::kUint8, {images, 4, 5}, 3);
    ASSERT_TRUE(SaveIdx(folder_ + "/" + part + "-images-idx3-ubyte" + end, pixels, {.gzip = gzip}).ok());
    const auto n = static_cast<int64_t>(labels.size());
    ASSERT_TRUE(
        SaveIdx(folder_ + "/" + part + "-labels-idx1-ubyte" + end, Tensor::From<uint8_t>({n}, labels), {.gzip = gzip})
            .ok());
  }
  std::string Error() { return std::string(LoadMnist(folder_).status().message()); }

  const TempFolder temp_;
  const std::string folder_ = temp_.path();
};

TEST_F(MnistTest, LoadsFourFiles) {
  absl::StatusOr<TrainAndTest> data = LoadMnist(folder_);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->train.size(), 3);
  EXPECT_EQ(data->test.images.type().ToString(), "u8[2,1,4,5]");
  EXPECT_TRUE(data->train.labels.BitEqual(Tensor::From<int64_t>({3}, {0, 1, 9})));
}

TEST_F(MnistTest, RefusesWhatDoesNotFit) {
  Write("train", 3, {0, 1, 10}, false);
  EXPECT_THAT(Error(), HasSubstr("label 2 is 10"));
  Write("train", 3, {0, 1}, false);
  EXPECT_THAT(Error(), HasSubstr("3 images but 2 labels"));
  Write("train", 0, {}, false);
  EXPECT_THAT(Error(), HasSubstr("train-images-idx3-ubyte"));
  std::filesystem::remove(folder_ + "/train-labels-idx1-ubyte");
  EXPECT_THAT(Error(), HasSubstr("no train-labels-idx1-ubyte"));
  EXPECT_THAT(std::string(LoadMnist("/nonexistent").status().message()), HasSubstr("/nonexistent is not a folder"));
}

TEST(MnistDataTest, TheRealOne) {
  const char* data = std::getenv("ADRET_DATA");
  if (data == nullptr) GTEST_SKIP() << "ADRET_DATA is not set";
  absl::StatusOr<TrainAndTest> mnist = LoadMnist(absl::StrCat(data, "/mnist"));
  ASSERT_TRUE(mnist.ok()) << mnist.status();
  EXPECT_EQ(mnist->train.images.type().ToString(), "u8[60000,1,28,28]");
  EXPECT_EQ(mnist->test.size(), 10000);
  const absl::Span<const uint8_t> pixels = mnist->train.images.data<uint8_t>();
  EXPECT_NEAR(std::accumulate(pixels.begin(), pixels.end(), 0.0) / pixels.size(), 33.318, 5e-4);
  const std::vector<int64_t> expected{5, 0, 4, 1, 9, 2, 1, 3, 1, 4};
  for (int i = 0; i < 10; ++i) EXPECT_EQ(mnist->train.labels.At(i), expected[i]);
}

}  // namespace
}  // namespace adret::io
