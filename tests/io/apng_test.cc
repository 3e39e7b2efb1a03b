#include "adret/io/apng.h"

#include <filesystem>

#include "adret/io/bytes.h"
#include "adret/io/compression.h"
#include "adret/io/file.h"
#include "adret/io/png.h"
#include "adret/tests/temp_folder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::io {
namespace {

using ::testing::HasSubstr;

Tensor Frames(int64_t n, int64_t channels, int64_t height, int64_t width) {
  Tensor frames(DType::kUint8, {n, channels, height, width});
  uint32_t state = 1;
  for (uint8_t& pixel : frames.mutable_data<uint8_t>()) {
    state = state * 1664525 + 1013904223;
    pixel = static_cast<uint8_t>(state >> 24);
  }
  return frames;
}

Tensor Frame(const Tensor& frames, int64_t i) {
  const int64_t size = frames.num_elements() / frames.shape()[0];
  return Tensor::From<uint8_t>({frames.shape()[1], frames.shape()[2], frames.shape()[3]},
                               frames.data<uint8_t>().subspan(i * size, size));
}

struct Chunk {
  std::string type, data;
  uint32_t Number(size_t at) const { return LoadBig<uint32_t>(data.data() + at); }
};

std::string Bytes(const std::string& type, const std::string& data) {
  std::string bytes;
  AppendBig(static_cast<uint32_t>(data.size()), &bytes);
  bytes += type + data;
  AppendBig(Crc32(type + data), &bytes);
  return bytes;
}

// All chunks, each one's length and checksum looked at.
std::vector<Chunk> Chunks(const std::string& png) {
  std::vector<Chunk> chunks;
  size_t at = 8;
  while (at + 12 <= png.size()) {
    const size_t length = LoadBig<uint32_t>(png.data() + at);
    if (length > png.size() - at - 12) break;
    chunks.push_back({png.substr(at + 4, 4), png.substr(at + 8, length)});
    EXPECT_EQ(png.substr(at, length + 12), Bytes(chunks.back().type, chunks.back().data));
    at += length + 12;
  }
  EXPECT_EQ(at, png.size());
  return chunks;
}

// The file's frames, each as the plain picture that its data make with the file's header.
std::vector<Tensor> PlainFrames(const std::vector<Chunk>& chunks) {
  std::vector<std::string> data;
  for (const Chunk& chunk : chunks) {
    if (chunk.type == "fcTL") data.emplace_back();
    if (chunk.type == "IDAT") data.back() += chunk.data;
    if (chunk.type == "fdAT") data.back() += chunk.data.substr(4);
  }
  std::vector<Tensor> frames;
  for (const std::string& compressed : data) {
    frames.push_back(
        DecodePng("\x89PNG\r\n\x1a\n" + Bytes("IHDR", chunks[0].data) + Bytes("IDAT", compressed) + Bytes("IEND", ""))
            .value());
  }
  return frames;
}

TEST(ApngTest, EveryFrameIsKept) {
  for (const int64_t channels : {1, 3, 4}) {
    for (const auto& [n, height, width] : {std::tuple{1, 1, 1}, {2, 5, 3}, {5, 150, 170}}) {
      const Tensor frames = Frames(n, channels, height, width);
      const std::string png = EncodeApng(frames).value();
      EXPECT_TRUE(DecodePng(png).value().BitEqual(Frame(frames, 0))) << frames.type().ToString();
      const std::vector<Tensor> plain = PlainFrames(Chunks(png));
      ASSERT_EQ(plain.size(), n);
      for (int64_t i = 0; i < n; ++i) EXPECT_TRUE(plain[i].BitEqual(Frame(frames, i))) << i;
    }
  }
}

TEST(ApngTest, ChunksAreNumberedAndTimed) {
  const std::string png =
      EncodeApng(Frames(4, 3, 300, 200), {.delay_ms = 40, .last_delay_ms = 2000, .loops = 7}).value();
  const std::vector<Chunk> chunks = Chunks(png);
  ASSERT_EQ(chunks[0].type, "IHDR");
  ASSERT_EQ(chunks[1].type, "acTL");
  EXPECT_EQ(chunks[1].Number(0), 4);
  EXPECT_EQ(chunks[1].Number(4), 7);
  EXPECT_EQ(chunks.back().type, "IEND");
  uint32_t sequence = 0;
  std::vector<int> delays;
  bool has_control = false;
  for (const Chunk& chunk : chunks) {
    if (chunk.type == "IDAT") {
      EXPECT_EQ(delays.size(), 1) << "the first frame's data follow its control";
    }
    if (chunk.type == "fcTL" || chunk.type == "fdAT") {
      EXPECT_EQ(chunk.Number(0), sequence++);
    }
    if (chunk.type == "fdAT") {
      EXPECT_GT(delays.size(), 1) << "further frames' data follow their control";
    }
    if (chunk.type != "fcTL") continue;
    has_control = true;
    ASSERT_EQ(chunk.data.size(), 26);
    EXPECT_EQ(chunk.Number(4), 200);
    EXPECT_EQ(chunk.Number(8), 300);
    EXPECT_EQ(chunk.Number(12), 0);
    EXPECT_EQ(chunk.Number(16), 0);
    EXPECT_EQ(LoadBig<uint16_t>(chunk.data.data() + 22), 1000);
    delays.push_back(LoadBig<uint16_t>(chunk.data.data() + 20));
  }
  EXPECT_TRUE(has_control);
  EXPECT_GT(sequence, 8) << "some frame is to have its data in several chunks";
  EXPECT_THAT(delays, testing::ElementsAre(40, 40, 40, 2000));
}

TEST(ApngTest, RefusesWhatIsNoAnimation) {
  EXPECT_THAT(std::string(EncodeApng(Frames(0, 3, 2, 2)).status().message()), HasSubstr("u8[0,3,2,2]"));
  EXPECT_FALSE(EncodeApng(Frames(1, 2, 2, 2)).ok());
  EXPECT_FALSE(EncodeApng(Frames(1, 3, 0, 2)).ok());
  EXPECT_FALSE(EncodeApng(Tensor::Zeros(DType::kFloat32, {1, 1, 2, 2})).ok());
  EXPECT_FALSE(EncodeApng(Tensor::Zeros(DType::kUint8, {1, 2, 2})).ok());
  const Tensor frames = Frames(2, 1, 2, 2);
  EXPECT_THAT(std::string(EncodeApng(frames, {.delay_ms = -1}).status().message()), HasSubstr("not for -1"));
  EXPECT_FALSE(EncodeApng(frames, {.last_delay_ms = 65536}).ok());
  EXPECT_FALSE(EncodeApng(frames, {.loops = -1}).ok());
  EXPECT_FALSE(EncodeApng(frames, {.loops = int64_t{1} << 31}).ok());
  EXPECT_TRUE(EncodeApng(frames, {.delay_ms = 0, .last_delay_ms = 65535}).ok());
}

TEST(ApngTest, RefusesSizesBeforeAllocating) {
  // Memory that nobody may touch: the sizes alone decide.
  const auto sized = [](const Shape& shape) { return Tensor::Borrow(DType::kUint8, shape, nullptr, nullptr); };
  EXPECT_EQ(EncodeApng(sized({1, 1, 1 << 13, (1 << 13) + 1})).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(EncodeApng(sized({1 << 20, 3, 1 << 10, 1})).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(ApngTest, FilesAreWrittenWhole) {
  const TempFolder folder;
  const std::string path = folder / "adret_apng_test.png";
  const Tensor frames = Frames(3, 3, 6, 5);
  ASSERT_TRUE(SaveApng(path, frames).ok());
  EXPECT_EQ(ReadFile(path, 1 << 20).value(), EncodeApng(frames).value());
  EXPECT_THAT(std::string(SaveApng(path, Frames(0, 1, 2, 2)).message()), HasSubstr("adret_apng_test.png: "));
  EXPECT_TRUE(LoadPng(path).value().BitEqual(Frame(frames, 0))) << "the old file stays";
  EXPECT_THAT(std::string(SaveApng("/nonexistent/x.png", frames).message()), HasSubstr("/nonexistent"));
}

}  // namespace
}  // namespace adret::io
