#include "adret/io/npy.h"

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "adret/io/bytes.h"
#include "adret/io/compression.h"
#include "adret/io/zip.h"
#include "adret/tests/io/mutations.h"
#include "adret/tests/temp_folder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::io {
namespace {

using ::testing::HasSubstr;

// A .npy file of version 1.0 with this header and these numbers.
std::string Npy(absl::string_view header, absl::string_view numbers, char version = 1) {
  std::string out = absl::StrCat(absl::string_view("\x93NUMPY", 6), std::string(1, version), std::string(1, '\0'));
  if (version == 1) {
    AppendLittle<uint16_t>(static_cast<uint16_t>(header.size()), &out);
  } else {
    AppendLittle<uint32_t>(static_cast<uint32_t>(header.size()), &out);
  }
  return absl::StrCat(out, header, numbers);
}

constexpr absl::string_view kU8Header = "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }\n";

std::string ErrorOf(absl::string_view bytes) {
  absl::StatusOr<Tensor> tensor = ParseNpy(bytes);
  return tensor.ok() ? "no error" : std::string(tensor.status().message());
}

TEST(NpyTest, ReadsWhatNumPyWrites) {
  Tensor tensor = ParseNpy(Npy(kU8Header, "abcdef")).value();
  EXPECT_EQ(tensor.shape(), Shape({2, 3}));
  EXPECT_EQ(tensor.dtype(), DType::kUint8);
  EXPECT_EQ(tensor.At(4), 'e');
  EXPECT_EQ(ParseNpy(Npy(kU8Header, "abcdef", 2))->At(5), 'f');
  EXPECT_EQ(ParseNpy(Npy("{\"shape\":(),'fortran_order':True,'descr':'|b1'}", "\x01"))->At(0), 1);
}

TEST(NpyTest, FortranOrderBecomesRowMajor) {
  Tensor tensor = ParseNpy(Npy("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }", "adbecf")).value();
  EXPECT_TRUE(tensor.BitEqual(Tensor::From<uint8_t>({2, 3}, {'a', 'b', 'c', 'd', 'e', 'f'})));
}

TEST(NpyTest, EveryTypeSurvivesARoundTrip) {
  for (const DType dtype : kAllDTypes) {
    for (const Shape& shape : {Shape{}, Shape{5}, Shape{2, 3, 4}, Shape{3, 0}}) {
      const Tensor tensor = Tensor::Full(dtype, shape, 1);
      absl::StatusOr<Tensor> again = ParseNpy(FormatNpy(tensor));
      ASSERT_TRUE(again.ok()) << again.status();
      // NumPy has no bf16.
      const Tensor expected = dtype == DType::kBFloat16 ? tensor.Cast(DType::kFloat32) : tensor;
      EXPECT_TRUE(again->BitEqual(expected)) << tensor.type().ToString();
    }
  }
  EXPECT_EQ(FormatNpy(Tensor::Zeros(DType::kFloat64, {1})).size(), 128 + 8);  // numbers start at a multiple of 64
}

// What numpy.array([...], dtype).tobytes() gives.
TEST(NpyTest, ReadsIntegersAndHalves) {
  const auto read = [](const std::string& descr, absl::string_view numbers) {
    return *ParseNpy(Npy(absl::StrCat("{'descr': '", descr, "', 'fortran_order': False, 'shape': (2,), }"), numbers));
  };
  EXPECT_TRUE(read("<f2", absl::string_view("\x00\x3e\xff\xfb", 4))
                  .BitEqual(Tensor::From<double>({2}, {1.5, -65504}).Cast(DType::kFloat16)));
  EXPECT_TRUE(read("|i1", "\xff\x80").BitEqual(Tensor::From<int8_t>({2}, {-1, -128})));
  EXPECT_TRUE(read("<i2", "\xfe\xff\x01\x02").BitEqual(Tensor::From<int16_t>({2}, {-2, 513})));
  EXPECT_TRUE(read("<u2", "\xfe\xff\x01\x02").BitEqual(Tensor::From<uint16_t>({2}, {65534, 513})));
  EXPECT_TRUE(read("<u4", "\xfe\xff\xff\xff\x01\x02\x03\x04")
                  .BitEqual(Tensor::From<uint32_t>({2}, {4294967294u, 0x04030201u})));
  EXPECT_TRUE(read("<u8", absl::string_view("\xff\xff\xff\xff\xff\xff\xff\xff\x01\0\0\0\0\0\0\0", 16))
                  .BitEqual(Tensor::From<uint64_t>({2}, {~uint64_t{0}, 1})));
}

TEST(NpyTest, RefusesWhatIsMalformed) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("NUMPY"));
  EXPECT_THAT(ErrorOf(Npy(kU8Header, "abcdef", 9)), HasSubstr("version is 9"));
  EXPECT_THAT(ErrorOf(Npy(kU8Header, "abcde")), HasSubstr("u8[2,3] takes 6 bytes, but 5 follow"));
  EXPECT_THAT(ErrorOf(Npy(kU8Header, "abcdefg")), HasSubstr("but 7 follow"));
  EXPECT_THAT(ErrorOf(Npy("{'descr': '<c8', 'fortran_order': False, 'shape': ()}", "abcdefgh")), HasSubstr("'<c8'"));
  EXPECT_THAT(ErrorOf(Npy("{'descr': '>f4', 'fortran_order': False, 'shape': ()}", "abcd")), HasSubstr("'>f4'"));
  EXPECT_THAT(ErrorOf(Npy("{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': ()}", "abcd")),
              HasSubstr("structured"));
  EXPECT_THAT(ErrorOf(Npy("{'descr': '|b1', 'fortran_order': False, 'shape': (1,)}", "\x02")), HasSubstr("truth"));
  EXPECT_THAT(ErrorOf(Npy("{'descr': '|u1', 'descr': '|u1'}", "")), HasSubstr("twice"));
  EXPECT_THAT(ErrorOf(Npy("{'descr': '|u1', 'fortran_order': False}", "")), HasSubstr("lacks"));
  EXPECT_THAT(ErrorOf(Npy("{'descr': '|u1', 'fortran_order': False, 'shape': (-1,)}", "")), HasSubstr("not a number"));
}

TEST(NpyTest, RefusesShapesThatLieBeforeAllocating) {
  const absl::string_view prefix = "{'descr': '<f8', 'fortran_order': False, 'shape': (";
  EXPECT_THAT(ErrorOf(Npy(absl::StrCat(prefix, "1099511627776,)}"), "abcdefgh")), HasSubstr("8 follow"));
  EXPECT_NE(ErrorOf(Npy(absl::StrCat(prefix, "4294967296, 4294967296, 4)}"), "abcdefgh")), "no error");
  EXPECT_NE(ErrorOf(Npy(absl::StrCat(prefix, "99999999999999999999,)}"), "abcdefgh")), "no error");
  std::string many;
  for (int i = 0; i < 33; ++i) absl::StrAppend(&many, "1,");
  EXPECT_THAT(ErrorOf(Npy(absl::StrCat(prefix, many, ")}"), "abcdefgh")), HasSubstr("dimensions"));
}

TEST(NpzTest, SurvivesARoundTripStoredAndDeflated) {
  const NamedTensors tensors{{"case/x0", Tensor::Full(DType::kFloat32, {100}, 0.5)},
                             {"case/y", Tensor::From<int64_t>({2}, {-1, 7})}};
  for (const bool compress : {false, true}) {
    const std::string bytes = FormatNpz(tensors, {.compress = compress}).value();
    absl::StatusOr<NamedTensors> again = ParseNpz(bytes);
    ASSERT_TRUE(again.ok()) << again.status();
    ASSERT_EQ(again->size(), 2);
    for (const auto& [name, tensor] : tensors) EXPECT_TRUE(again->at(name).BitEqual(tensor)) << name;
  }
}

// PKWARE's APPNOTE 4.4.4: bit 11 of the flags. Python's zipfile, and so NumPy, reads other names as code page 437.
TEST(NpzTest, MarksNamesThatAreNotAsciiAsUtf8) {
  for (const bool compress : {false, true}) {
    const auto flags = [&](const std::string& name) {
      const std::string bytes =
          FormatNpz({{name, Tensor::Zeros(DType::kFloat32, {300})}}, {.compress = compress}).value();
      const size_t directory = bytes.find(std::string("PK\x01\x02", 4));
      EXPECT_TRUE(ParseNpz(bytes)->contains(name));
      return std::pair(LoadLittle<uint16_t>(bytes.data() + 6), LoadLittle<uint16_t>(bytes.data() + directory + 8));
    };
    EXPECT_EQ(flags("größe"), std::pair(uint16_t{0x800}, uint16_t{0x800}));
    EXPECT_EQ(flags("層/w"), std::pair(uint16_t{0x800}, uint16_t{0x800}));
    EXPECT_EQ(flags("conv1/w"), std::pair(uint16_t{0}, uint16_t{0}));
  }
  EXPECT_THAT(FormatNpz({{"caf\xe9", Tensor::Zeros(DType::kFloat32, {1})}}).status().message(),
              HasSubstr("is not valid UTF-8"));
}

TEST(NpzTest, NoDamagedCopyIsReadAsSomethingElse) {
  const NamedTensors tensors{{"x", Tensor::From<float>({2}, {1, 2})}};
  for (const bool compress : {false, true}) {
    const std::string bytes = FormatNpz(tensors, {.compress = compress}).value();
    ForEachTruncation(bytes, [](const std::string& part) { EXPECT_FALSE(ParseNpz(part).ok()) << part.size(); });
    ForEachBitFlip(bytes, [&](const std::string& flipped) {
      absl::StatusOr<NamedTensors> read = ParseNpz(flipped);
      // Dates, versions and attributes may differ; numbers may not.
      if (read.ok() && read->contains("x")) {
        EXPECT_TRUE(read->at("x").BitEqual(tensors.at("x")));
      }
    });
  }
}

TEST(ZipTest, RefusesBombsAndLies) {
  const std::string zeros(1 << 20, '\0');
  const std::string bomb = WriteZip({{"zeros", zeros}}, {.compress = true}).value();
  EXPECT_LT(bomb.size(), 2000);
  absl::StatusOr<std::vector<ZipEntry>> read = ReadZip(bomb, {.max_bytes = 1 << 19});
  EXPECT_EQ(read.status().code(), absl::StatusCode::kResourceExhausted) << read.status();

  std::string lying = bomb;  // claims to unpack to 16 bytes
  const size_t directory = bomb.rfind("PK\x01\x02");
  lying.replace(directory + 24, 4, std::string("\x10\0\0\0", 4));
  EXPECT_EQ(ReadZip(lying, {}).status().code(), absl::StatusCode::kResourceExhausted);

  EXPECT_EQ(ReadZip(WriteZip({{"a", "1"}, {"b", "2"}}).value(), {.max_entries = 1}).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(ReadZip(WriteZip({{"a", "1"}, {"a", "2"}}).value(), {}).status().message()),
              HasSubstr("twice"));
  EXPECT_FALSE(WriteZip({{"", "1"}}).ok());
  EXPECT_FALSE(WriteZip({{std::string("a\0b", 3), "1"}}).ok());
  EXPECT_FALSE(WriteZip({{std::string(2000, 'a'), "1"}}).ok());
}

TEST(NpzTest, ErrorsNameFileAndArray) {
  const TempFolder folder;
  const std::string path = folder / "adret_npy_test.npz";
  ASSERT_TRUE(SaveNpz(path, {{"x", Tensor::Scalar(DType::kFloat32, 3)}}).ok());
  EXPECT_EQ(LoadNpz(path)->at("x").At(0), 3);
  EXPECT_THAT(std::string(LoadNpy(path).status().message()), HasSubstr("adret_npy_test.npz"));
  EXPECT_EQ(LoadNpz(path, {.max_bytes = 10}).status().code(), absl::StatusCode::kResourceExhausted);
  std::filesystem::remove(path);
  EXPECT_EQ(LoadNpz(path).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(ParseNpz(WriteZip({{"x.npy", "junk"}}).value()).status().message()), HasSubstr("\"x\""));
  EXPECT_THAT(std::string(ParseNpz(WriteZip({{"readme", "junk"}}).value()).status().message()), HasSubstr("readme"));
}

TEST(CompressionTest, RoundTripsAndRefusesDamage) {
  std::string text;
  for (int i = 0; i < 20000; ++i) absl::StrAppend(&text, i, " ");
  const std::string gzip = Deflate(text, Container::kGzip);
  EXPECT_TRUE(IsGzip(gzip));
  EXPECT_EQ(Inflate(gzip, Container::kGzip, text.size()).value(), text);
  EXPECT_EQ(Inflate(gzip + gzip, Container::kGzip, 2 * text.size()).value(), text + text);
  EXPECT_EQ(Inflate(Deflate("", Container::kNone), Container::kNone, 0).value(), "");
  EXPECT_EQ(InflatePrefix(gzip, Container::kGzip, 5).value(), "0 1 2");
  EXPECT_EQ(Inflate(gzip, Container::kGzip, text.size() - 1).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Inflate(gzip + "x", Container::kGzip, text.size()).status().code(), absl::StatusCode::kDataLoss);
  const std::string small = Deflate("hello hello hello", Container::kGzip);
  ForEachTruncation(small, [](const std::string& part) { EXPECT_FALSE(Inflate(part, Container::kGzip, 100).ok()); });
  ForEachBitFlip(small, [](const std::string& flipped) {
    absl::StatusOr<std::string> read = Inflate(flipped, Container::kGzip, 100);
    if (read.ok()) {
      EXPECT_EQ(*read, "hello hello hello");
    }
  });
}

}  // namespace
}  // namespace adret::io
