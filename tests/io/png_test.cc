#include "adret/io/png.h"

#include <zlib.h>

#include <filesystem>
#include <limits>

#include "adret/io/contact_sheet.h"
#include "adret/io/png_chunks_internal.h"
#include "adret/tests/io/mutations.h"
#include "adret/tests/temp_folder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::io {
namespace {

using ::testing::HasSubstr;

Tensor Picture(int64_t channels, int64_t height, int64_t width) {
  Tensor picture(DType::kUint8, {channels, height, width});
  int i = 0;
  for (uint8_t& pixel : picture.mutable_data<uint8_t>()) pixel = static_cast<uint8_t>(37 * i++ + 11);
  return picture;
}

TEST(PngTest, EveryKindSurvivesARoundTrip) {
  for (const int64_t channels : {1, 3, 4}) {
    for (const auto& [height, width] : {std::pair{1, 1}, {1, 7}, {5, 3}, {40, 33}}) {
      const Tensor picture = Picture(channels, height, width);
      absl::StatusOr<Tensor> again = DecodePng(EncodePng(picture).value());
      ASSERT_TRUE(again.ok()) << again.status();
      EXPECT_TRUE(again->BitEqual(picture)) << picture.type().ToString();
    }
  }
}

TEST(PngTest, ReadsPalettes) {
  // Two pixels of a palette of one bit, made by Python's zlib: black, then red.
  const absl::string_view png(
      "\211\120\116\107\015\012\032\012\000\000\000\015\111\110\104\122\000\000\000\002\000\000\000\001"
      "\001\003\000\000\000\316\354\355\311\000\000\000\006\120\114\124\105\000\000\000\377\000\000\033"
      "\377\215\042\000\000\000\012\111\104\101\124\170\234\143\160\000\000\000\102\000\101\051\067\364"
      "\357\000\000\000\000\111\105\116\104\256\102\140\202",
      85);
  absl::StatusOr<Tensor> picture = DecodePng(png);
  ASSERT_TRUE(picture.ok()) << picture.status();
  EXPECT_TRUE(picture->BitEqual(Tensor::From<uint8_t>({3, 1, 2}, {0, 255, 0, 0, 0, 0})));
}

TEST(PngTest, RefusesOtherTensors) {
  EXPECT_FALSE(EncodePng(Picture(2, 3, 3)).ok());
  EXPECT_FALSE(EncodePng(Picture(1, 0, 3)).ok());
  EXPECT_FALSE(EncodePng(Tensor::Zeros(DType::kFloat32, {1, 3, 3})).ok());
  EXPECT_THAT(std::string(EncodePng(Tensor::Zeros(DType::kUint8, {3})).status().message()), HasSubstr("u8[3]"));
}

TEST(PngTest, RefusesSizesThatLieBeforeAllocating) {
  std::string png = EncodePng(Picture(1, 4, 4)).value();
  png.replace(16, 8, std::string("\x00\xff\xff\xff\x00\xff\xff\xff", 8));
  EXPECT_EQ(DecodePng(png).status().code(), absl::StatusCode::kResourceExhausted);
  png.replace(16, 8, std::string("\x00\x00\x01\x00\x00\x00\x01\x00", 8));
  EXPECT_EQ(DecodePng(png).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(DecodePng(EncodePng(Picture(1, 10, 10)).value(), {.max_pixels = 99}).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(DecodePng(EncodePng(Picture(1, 10, 10)).value(), {.max_pixels = 100}).ok());
}

TEST(PngTest, NoDamagedCopyIsReadAsSomethingElse) {
  const Tensor picture = Picture(3, 6, 5);
  const std::string png = EncodePng(picture).value();
  ForEachTruncation(png, [](const std::string& part) { EXPECT_FALSE(DecodePng(part).ok()) << part.size(); });
  EXPECT_THAT(std::string(DecodePng(png + "x").status().message()), HasSubstr("follow its end"));
  ForEachBitFlip(png, [](const std::string& flipped) { DecodePng(flipped).IgnoreError(); });
}

TEST(PngTest, ErrorsNameTheFile) {
  const TempFolder folder;
  const std::string path = folder / "adret_png_test.png";
  ASSERT_TRUE(SavePng(path, Picture(1, 2, 2)).ok());
  EXPECT_TRUE(LoadPng(path).ok());
  std::filesystem::resize_file(path, 20);
  EXPECT_THAT(std::string(LoadPng(path).status().message()), HasSubstr("adret_png_test.png: not a valid PNG"));
  EXPECT_THAT(std::string(SavePng("/nonexistent/x.png", Picture(1, 2, 2)).message()), HasSubstr("/nonexistent"));
}

TEST(ContactSheetTest, PlacesAndScales) {
  const Tensor images = Tensor::From<uint8_t>({3, 1, 1, 2}, {1, 2, 3, 4, 5, 6});
  const Tensor sheet = ContactSheet(images, {.columns = 2, .gap = 1, .scale = 1, .background = 9}).value();
  EXPECT_TRUE(sheet.BitEqual(Tensor::From<uint8_t>({1, 5, 7}, {9, 9, 9, 9, 9, 9, 9,  //
                                                               9, 1, 2, 9, 3, 4, 9,  //
                                                               9, 9, 9, 9, 9, 9, 9,  //
                                                               9, 5, 6, 9, 9, 9, 9,  //
                                                               9, 9, 9, 9, 9, 9, 9})));
  EXPECT_EQ(ContactSheet(images, {.columns = 3, .gap = 0, .scale = 4})->shape(), Shape({1, 4, 24}));
  EXPECT_EQ(GridColumns(50), 10);
  EXPECT_EQ(GridColumns(10), 5);
  EXPECT_EQ(GridColumns(100), 10);
  EXPECT_EQ(GridColumns(1), 1);
}

TEST(ContactSheetTest, MapsNumbersToPixels) {
  const Tensor x = Tensor::From<float>({2, 3}, {-1, 0, 1, 0, 2, 4});
  const auto pixels = [&](PixelRange range) {
    const Tensor p = ToPixels(x, range).value();
    return std::vector<int>(p.data<uint8_t>().begin(), p.data<uint8_t>().end());
  };
  EXPECT_THAT(pixels(PixelRange::kUnit), testing::ElementsAre(0, 0, 255, 0, 255, 255));
  EXPECT_THAT(pixels(PixelRange::kEach), testing::ElementsAre(0, 128, 255, 0, 128, 255));
  EXPECT_THAT(pixels(PixelRange::kAll), testing::ElementsAre(0, 51, 102, 51, 153, 255));
  EXPECT_THAT(pixels(PixelRange::kSymmetric), testing::ElementsAre(96, 128, 159, 128, 191, 255));
}

// 16 bits are 257 times 8 bits, and no linear light.
TEST(PngTest, SixteenBitsBecomeEight) {
  const std::vector<uint8_t> ramp = {0, 32, 64, 128, 192, 255};
  std::string header, rows(1, '\0'), bytes(kPngSignature);  // a row begins with its filter: none
  AppendBig<uint32_t>(6, &header);
  AppendBig<uint32_t>(1, &header);
  header += std::string("\x10\0\0\0\0", 5);
  for (const uint8_t v : ramp) AppendBig<uint16_t>(static_cast<uint16_t>(257 * v), &rows);
  uLongf size = compressBound(rows.size());
  std::string packed(size, '\0');
  ASSERT_EQ(compress(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(rows.data()),
                     rows.size()),
            Z_OK);
  AppendPngChunk("IHDR", header, &bytes);
  AppendPngChunk("IDAT", packed.substr(0, size), &bytes);
  AppendPngChunk("IEND", "", &bytes);
  const absl::StatusOr<Tensor> picture = DecodePng(bytes);
  ASSERT_TRUE(picture.ok()) << picture.status();
  for (size_t i = 0; i < ramp.size(); ++i) EXPECT_EQ(picture->At(static_cast<int64_t>(i)), ramp[i]);
}

TEST(ContactSheetTest, TellsTheIntervalOfItsPixels) {
  const Tensor x = Tensor::From<double>({2, 2}, {-1, 0, std::numeric_limits<double>::quiet_NaN(), 4});
  const auto ends = [&](PixelRange range) {
    const PixelInterval interval = IntervalOf(x, range);
    return std::vector<double>{interval.lo, interval.hi};
  };
  EXPECT_THAT(ends(PixelRange::kUnit), testing::ElementsAre(0, 1));
  EXPECT_THAT(ends(PixelRange::kAll), testing::ElementsAre(-1, 4));
  EXPECT_THAT(ends(PixelRange::kSymmetric), testing::ElementsAre(-4, 4));
  EXPECT_EQ(IntervalOf(Tensor::Zeros(DType::kUint8, {1, 1}), PixelRange::kAll).hi, 255);
}

TEST(ContactSheetTest, RefusesWhatIsNoImage) {
  EXPECT_FALSE(ContactSheet(Tensor::Zeros(DType::kUint8, {2, 2, 4, 4})).ok());
  EXPECT_FALSE(ContactSheet(Tensor::Zeros(DType::kInt64, {2, 1, 4, 4})).ok());
  EXPECT_FALSE(ContactSheet(Tensor::Zeros(DType::kUint8, {0, 1, 4, 4})).ok());
  EXPECT_EQ(ContactSheet(Tensor::Zeros(DType::kUint8, {1, 1, 400, 400}), {.scale = 1000}).status().code(),
            absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace adret::io
