#include "adret/io/safetensors.h"

#include <cmath>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "adret/io/bytes.h"
#include "adret/io/file.h"
#include "adret/tests/io/mutations.h"
#include "adret/tests/temp_folder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kExhausted = absl::StatusCode::kResourceExhausted;
// Written by the reference implementation: tests/io/safetensors/make_files.py.
constexpr char kPython[] = "tests/io/safetensors/python.safetensors";

// A file of this header, whose quotes are written as ', and so many bytes of data.
std::string File(absl::string_view header, size_t data_bytes = 0) {
  const std::string text = absl::StrReplaceAll(header, {{"'", "\""}});
  std::string file;
  AppendLittle<uint64_t>(text.size(), &file);
  return file + text + std::string(data_bytes, '\0');
}

// One tensor of this description.
std::string OneTensor(absl::string_view description, size_t data_bytes) {
  return File(absl::StrCat("{'x':{", description, "}}"), data_bytes);
}

void ExpectRefused(absl::string_view file, absl::string_view message, absl::StatusCode code = kInvalid,
                   const SafetensorsLimits& limits = {}) {
  const absl::StatusOr<Safetensors> read = ParseSafetensors(file, limits);
  EXPECT_EQ(read.status().code(), code) << read.status();
  EXPECT_THAT(std::string(read.status().message()), HasSubstr(std::string(message)));
}

Safetensors Parse(absl::string_view file) {
  absl::StatusOr<Safetensors> read = ParseSafetensors(file);
  EXPECT_TRUE(read.ok()) << read.status();
  return read.ok() ? *std::move(read) : Safetensors();
}

// What make_files.py writes.
NamedTensors PythonsTensors() {
  const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  NamedTensors tensors = {{"u8", Tensor::From<uint8_t>({2}, {0, 255})},
                          {"i8", Tensor::From<int8_t>({2}, {-128, 127})},
                          {"i16", Tensor::From<int16_t>({2}, {-32768, 32767})},
                          {"u16", Tensor::From<uint16_t>({2}, {0, 65535})},
                          {"f16", Tensor::From<float>({3}, {1.5, -65504, infinity}).Cast(DType::kFloat16)},
                          {"bf16", Tensor::From<float>({3}, {1.5, -3e38f, -infinity}).Cast(DType::kBFloat16)},
                          {"i32", Tensor::From<int32_t>({2}, {INT32_MIN, INT32_MAX})},
                          {"u32", Tensor::From<uint32_t>({2}, {0, UINT32_MAX})},
                          {"f32", Tensor::From<float>({2, 3}, {1, -2.5, nan, 1e-45f, 3.25, infinity})},
                          {"f64", Tensor::From<double>({2}, {1e300, -0.0})},
                          {"i64", Tensor::From<int64_t>({2}, {INT64_MIN, INT64_MAX})},
                          {"u64", Tensor::From<uint64_t>({2}, {0, UINT64_MAX})},
                          {"scalar", Tensor::Scalar(DType::kFloat32, 7)},
                          {"empty", Tensor::Zeros(DType::kFloat32, {0, 3})},
                          {"größe \"層\"\\", Tensor::From<uint8_t>({2}, {1, 2})}};
  tensors["bool"] = Tensor::From<uint8_t>({3}, {1, 0, 1}).Cast(DType::kBool);
  return tensors;
}

void ExpectSame(const NamedTensors& found, const NamedTensors& expected) {
  EXPECT_EQ(found.size(), expected.size());
  for (const auto& [name, tensor] : expected) {
    ASSERT_TRUE(found.count(name)) << name;
    EXPECT_TRUE(found.at(name).BitEqual(tensor)) << name << ": " << found.at(name).ToString();
  }
}

// ---- Valid files --------------------------------------------------------------------------------------------------

TEST(SafetensorsTest, ReadsWhatPythonWrites) {
  for (const bool map : {false, true}) {
    const absl::StatusOr<Safetensors> read = LoadSafetensors(kPython, {.map = map});
    ASSERT_TRUE(read.ok()) << read.status();
    ExpectSame(read->tensors, PythonsTensors());
    EXPECT_THAT(read->metadata, ElementsAre(Pair("format", "pt")));
  }
}

TEST(SafetensorsTest, WritesTheBytesThatPythonWrites) {
  const TempFolder folder;
  ASSERT_TRUE(SaveSafetensors(folder / "x.safetensors", PythonsTensors(), {{"format", "pt"}}).ok());
  EXPECT_EQ(*ReadFile(folder / "x.safetensors"), *ReadFile(kPython));
  EXPECT_EQ(*SerializeSafetensors(PythonsTensors(), {{"format", "pt"}}), *ReadFile(kPython));
  EXPECT_EQ(*SerializeSafetensors({}), File("{}      "));
}

TEST(SafetensorsTest, EveryTypeSurvivesARoundTrip) {
  for (const DType dtype : kAllDTypes) {
    for (const Shape& shape : {Shape{}, Shape{5}, Shape{2, 3, 4}, Shape{3, 0}}) {
      const NamedTensors tensors = {{"a", Tensor::Full(DType::kUint8, {3}, 7)}, {"b", Tensor::Full(dtype, shape, 1)}};
      const std::string bytes = SerializeSafetensors(tensors).value();
      ExpectSame(Parse(bytes).tensors, tensors);
    }
  }
}

TEST(SafetensorsTest, TextSurvivesARoundTrip) {
  const Metadata metadata = {
      {"classes", "a\nb\t\"c\"\\"}, {"empty", ""}, {"zero", std::string(1, '\0')}, {"größe", "層"}};
  const NamedTensors tensors = {{"a/b.c:0 \"\\", Tensor::Scalar(DType::kFloat32, 1)},
                                {"層", Tensor::Scalar(DType::kInt8, 1)}};
  const Safetensors read = Parse(SerializeSafetensors(tensors, metadata).value());
  EXPECT_EQ(read.metadata, metadata);
  ExpectSame(read.tensors, tensors);
}

TEST(SafetensorsTest, MappedTensorsShareTheFile) {
  const TempFolder folder;
  const std::string path = folder / "x.safetensors";
  const NamedTensors tensors = {{"w", Tensor::Full(DType::kFloat32, {1000}, 0.5)},
                                {"flag", Tensor::Full(DType::kBool, {1}, 1)}};
  ASSERT_TRUE(SaveSafetensors(path, tensors).ok());
  const Safetensors mapped = *LoadSafetensors(path), read = *LoadSafetensors(path, {.map = false});
  EXPECT_TRUE(mapped.tensors.at("w").is_shared());
  EXPECT_FALSE(mapped.tensors.at("flag").is_shared());  // what is checked is copied
  EXPECT_FALSE(read.tensors.at("w").is_shared());
  // The file is replaced and gone; the mapping holds on to what it was.
  ASSERT_TRUE(SaveSafetensors(path, {}).ok());
  std::filesystem::remove(path);
  ExpectSame(mapped.tensors, tensors);
}

// The format aligns the start of the data only: a writer may put a byte before an f64, or pad the header to 1.
TEST(SafetensorsTest, CopiesWhatIsMisaligned) {
  const TempFolder folder;
  const std::string path = folder / "x.safetensors";
  const std::string file = File(
      "{'a':{'dtype':'U8','shape':[1],'data_offsets':[0,1]},"
      "'x':{'dtype':'F64','shape':[2],'data_offsets':[1,17]}}",
      17);
  for (int padding = 0; padding < 8; ++padding) {
    std::string padded = file;
    padded.insert(padded.size() - 17, padding, ' ');
    padded[0] = static_cast<char>(padded[0] + padding);
    ASSERT_TRUE(WriteFile(path, padded).ok());
    const absl::StatusOr<Safetensors> read = LoadSafetensors(path);
    ASSERT_TRUE(read.ok()) << read.status();
    const Tensor& x = read->tensors.at("x");
    EXPECT_EQ(x.is_shared(), (padded.size() - 16) % 8 == 0);
    EXPECT_TRUE(x.BitEqual(Tensor::Zeros(DType::kFloat64, {2})));
  }
}

TEST(SafetensorsTest, WritesBoolsAsZeroAndOne) {
  Tensor flags(DType::kBool, {2});
  static_cast<uint8_t*>(flags.mutable_raw())[0] = 0;
  static_cast<uint8_t*>(flags.mutable_raw())[1] = 7;
  EXPECT_EQ(Parse(SerializeSafetensors({{"x", flags}}).value()).tensors.at("x").At(1), 1);
}

TEST(SafetensorsTest, AcceptsWhatTheFormatAllows) {
  EXPECT_TRUE(Parse(File("{}")).tensors.empty());
  EXPECT_TRUE(Parse(File("{}\r \t\n")).tensors.empty());
  EXPECT_TRUE(Parse(File("{'__metadata__':{}}")).metadata.empty());
  // No elements, wherever they are; no dimensions; tensors in any order.
  EXPECT_EQ(Parse(OneTensor("'dtype':'I32','shape':[2,0],'data_offsets':[0, 0]", 0)).tensors.at("x").shape(),
            Shape({2, 0}));
  EXPECT_EQ(Parse(OneTensor("'dtype':'I32','shape':[],'data_offsets':[0,4]", 4)).tensors.at("x").shape(), Shape());
  const Safetensors read =
      Parse(File("{'b':{'data_offsets':[1,3],'shape':[2],'dtype':'U8'},"
                 "'e':{'dtype':'F64','shape':[0],'data_offsets':[1,1]},"
                 "'a':{'dtype':'U8','shape':[1],'data_offsets':[0,1]}}",
                 3));
  EXPECT_EQ(read.tensors.size(), 3);
  // NaN and Inf.
  std::string numbers = OneTensor("'dtype':'F32','shape':[2],'data_offsets':[0,8]", 0);
  for (const uint32_t bits : {0x7fc00001u, 0xff800000u}) AppendLittle<uint32_t>(bits, &numbers);
  EXPECT_TRUE(std::isnan(Parse(numbers).tensors.at("x").At(0)));
}

// ---- Files that lie: one test for each kind -----------------------------------------------------------------------

TEST(SafetensorsThreatTest, HeaderTooSmall) {
  ExpectRefused("", "it has 0 bytes, fewer than the 8 that state its header's size");
  ExpectRefused("\x01", "it has 1 bytes");
  ExpectRefused(File(""), "does not begin with '{'");
}

TEST(SafetensorsThreatTest, HeaderTooLarge) {
  const std::string valid = OneTensor("'dtype':'I32','shape':[2,2],'data_offsets':[0,16]", 16);
  std::string file = valid;
  file.replace(4, 4, "\xff\xff\xff\xff");
  ExpectRefused(file, "states a header of 18446744069414584377 bytes, but only");
  ExpectRefused(File("{").substr(0, 8), "states a header of 1 bytes, but only 0 follow");
  file = valid;  // the first published attempt: beyond the end of the file
  file[1] = 4;
  ExpectRefused(file, "but only");
  ExpectRefused(valid, "57 bytes of header are above the limit of 56", kExhausted, {.header_bytes = 56});
  // The format's own limit holds whatever the caller's is.
  std::string large(8 + 100'000'001, ' ');
  large.replace(0, 8, "\x01\xe1\xf5\x05\0\0\0\0", 8);
  ExpectRefused(large, "100000001 bytes of header are above the limit of 100000000", kExhausted,
                {.header_bytes = INT64_MAX});
}

TEST(SafetensorsThreatTest, HeaderStart) {
  ExpectRefused(File(" {}"), "does not begin with '{'");
  ExpectRefused(File("\t\n{}"), "does not begin with '{'");
  ExpectRefused(File("\xef\xbb\xbf{}"), "does not begin with '{'");
  ExpectRefused(File("[]"), "does not begin with '{'");
}

TEST(SafetensorsThreatTest, InvalidUtf8) {
  for (absl::string_view bad : {"\xff", "\x80", "\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82"}) {
    ExpectRefused(File(bad), "its header is not valid UTF-8");
    ExpectRefused(File(absl::StrCat("{'__metadata__':{'a':'", bad, "'}}")), "its header is not valid UTF-8");
  }
}

TEST(SafetensorsThreatTest, InvalidJson) {
  ExpectRefused(File("{"), "its header: expected a string but found the end at byte 1");
  ExpectRefused(File("{}{}"), "expected the end but found '{'");
  ExpectRefused(File(absl::string_view("{}\0", 3)), "expected the end but found '\\x00'");
  ExpectRefused(File("{'x':{'dtype':'U8','shape':[0],'data_offsets':[0,0],}}"), "expected a string but found '}'");
  ExpectRefused(File("{'x':null}"), "tensor 'x': expected an object");
  ExpectRefused(File("{'__metadata__':null}"), "expected an object");
  ExpectRefused(File("{'__metadata__':{'a':1}}"), "expected a string but found '1'");
  ExpectRefused(File("{'__metadata__':{'a':{'b':'c'}}}"), "expected a string");
}

TEST(SafetensorsThreatTest, NestedTooDeep) {
  const std::string deep(1'000'000, '[');
  ExpectRefused(File("{'x':" + deep), "expected an object but found '['");
  ExpectRefused(OneTensor("'shape':" + deep, 0), "expected a whole number in plain digits but found '['");
  ExpectRefused(File("{'__metadata__':{'a':" + deep), "expected a string");
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{'x':";
  ExpectRefused(File(objects), "unknown key 'x'");
}

TEST(SafetensorsThreatTest, DuplicateKeys) {
  const std::string tensor = "{'dtype':'U8','shape':[0],'data_offsets':[0,0]}";
  ExpectRefused(File("{'x':" + tensor + ",'x':" + tensor + "}"), "the key 'x' comes again");
  ExpectRefused(File("{'x':" + tensor + ",'\\u0078':" + tensor + "}"), "the key 'x' comes again");
  ExpectRefused(OneTensor("'dtype':'U8','dtype':'I8','shape':[0],'data_offsets':[0,0]", 0), "the key 'dtype' comes");
  ExpectRefused(File("{'__metadata__':{'a':'b','a':'c'}}"), "the key 'a' comes again");
  ExpectRefused(File("{'__metadata__':{},'__metadata__':{}}"), "the key '__metadata__' comes again");
}

TEST(SafetensorsThreatTest, UnknownOrMissingKeys) {
  ExpectRefused(OneTensor("'dtype':'U8','shape':[0],'data_offsets':[0,0],'stride':[1]", 0), "unknown key 'stride'");
  ExpectRefused(OneTensor("'shape':[0],'data_offsets':[0,0]", 0), "lacks dtype, shape or data_offsets");
  ExpectRefused(OneTensor("'dtype':'U8','data_offsets':[0,0]", 0), "lacks dtype, shape or data_offsets");
  ExpectRefused(OneTensor("'dtype':'U8','shape':[0]", 0), "lacks dtype, shape or data_offsets");
  ExpectRefused(File("{'x':{}}"), "tensor 'x': it lacks");
}

TEST(SafetensorsThreatTest, Names) {
  const std::string tensor = "':{'dtype':'U8','shape':[0],'data_offsets':[0,0]}}";
  ExpectRefused(File("{'" + tensor), "has an empty name");
  ExpectRefused(File("{'a\\u0000z" + tensor), "tensor 'a\\x00z': it has control characters");
  ExpectRefused(File("{'\\u001b[2J" + tensor), "\\x1b[2J");  // escaped in the message
  ExpectRefused(File("{'a\x7f" + tensor), "control characters");
  ExpectRefused(File("{'" + std::string(1025, 'a') + tensor), "longer than 1024 bytes");
  ExpectRefused(File("{'__metadata__':{'a\\nb':''}}"), "metadata has control characters");
}

// All of them at once.
TEST(SafetensorsThreatTest, UnknownElementTypes) {
  ExpectRefused(File("{'a':{'dtype':'F8_E4M3','shape':[2],'data_offsets':[0,2]},"
                     "'b':{'dtype':'U8','shape':[1],'data_offsets':[2,3]},"
                     "'c':{'dtype':'F4','shape':[2],'data_offsets':[3,4]}}",
                     4),
                "no such element types: 'a' ('F8_E4M3'), 'c' ('F4'); there are U64, I64, F64, F32, U32, I32, BF16, "
                "F16, U16, I16, I8, U8, BOOL");
  for (const char* name : {"f32", "", "F32 ", "float32", "F8_E5M2", "C64"}) {
    ExpectRefused(OneTensor(absl::StrCat("'dtype':'", name, "','shape':[0],'data_offsets':[0,0]"), 0),
                  absl::StrCat("'x' ('", name, "')"));
  }
  ExpectRefused(OneTensor("'dtype':5,'shape':[0],'data_offsets':[0,0]", 0), "expected a string but found '5'");
  std::string many = "{";
  for (int i = 0; i < 25; ++i)
    absl::StrAppend(&many, i ? "," : "", "'t", i, "':{'dtype':'F4','shape':[0],'data_offsets':[0,0]}");
  ExpectRefused(File(many + "}"), "'t19' ('F4') and 5 more;");
}

TEST(SafetensorsThreatTest, Numbers) {
  for (const char* number : {"-1", "1.0", "1e2", "null", "'1'", "[1]", "01", "true"}) {
    ExpectRefused(OneTensor(absl::StrCat("'dtype':'U8','shape':[", number, "],'data_offsets':[0,1]"), 1), "expected");
    ExpectRefused(OneTensor(absl::StrCat("'dtype':'U8','shape':[1],'data_offsets':[0,", number, "]"), 1), "expected");
  }
  ExpectRefused(OneTensor("'dtype':'U8','shape':[1],'data_offsets':[0]", 1), "has 1 of two data_offsets");
  ExpectRefused(OneTensor("'dtype':'U8','shape':[1],'data_offsets':[]", 1), "has 0 of two data_offsets");
  ExpectRefused(OneTensor("'dtype':'U8','shape':[1],'data_offsets':[0,1,1]", 1), "more than two data_offsets");
}

TEST(SafetensorsThreatTest, ShapeOverflows) {
  const auto shape = [](absl::string_view dims) {
    return OneTensor(absl::StrCat("'dtype':'I32','shape':[", dims, "],'data_offsets':[0,16]"), 16);
  };
  ExpectRefused(shape("2,18446744073709551614"), "a dimension of 18446744073709551614 overflows");
  ExpectRefused(shape("2,18446744073709551616"), "above 2^64 - 1");
  ExpectRefused(shape("2,9223372036854775807"), "too many elements");
  ExpectRefused(shape("4294967296,4294967296"), "too many elements");
  ExpectRefused(shape("4611686018427387904,4"), "too many elements");  // 2^64, which wraps to 0
  ExpectRefused(shape("0,9223372036854775807"), "too many elements");
  ExpectRefused(shape("0,4611686018427387,7"), "empty but absurdly large");
  std::string ones = "1";
  for (int i = 0; i < 32; ++i) ones += ",1";
  ExpectRefused(shape(ones), "more than 32 dimensions");
}

TEST(SafetensorsThreatTest, OffsetsOverflowOrAreOutOfBounds) {
  const auto offsets = [](absl::string_view range) {
    return OneTensor(absl::StrCat("'dtype':'I32','shape':[2,2],'data_offsets':[", range, "]"), 16);
  };
  ExpectRefused(offsets("0,17"), "data_offsets [0,17] exceed the 16 bytes of data");
  ExpectRefused(offsets("16,32"), "exceed the 16 bytes");
  ExpectRefused(offsets("18446744073709551600,18446744073709551615"), "exceed the 16 bytes");
  ExpectRefused(offsets("18446744073709551600,0"), "are reversed");
  ExpectRefused(offsets("16,0"), "data_offsets [16,0] are reversed");
  ExpectRefused(offsets("0,18446744073709551616"), "above 2^64 - 1");
  // The published test cases end two bytes early and 34 late.
  const std::string valid = offsets("0,16");
  ExpectRefused(absl::string_view(valid).substr(0, valid.size() - 2), "exceed the 14 bytes of data");
  ExpectRefused(valid + "extra_bogus_data_for_polyglot_file", "after the last tensor, 34 bytes follow");
}

TEST(SafetensorsThreatTest, SizeDiffersFromTheType) {
  ExpectRefused(OneTensor("'dtype':'I32','shape':[2,2],'data_offsets':[0, 4]", 4),
                "tensor 'x': i32[2,2] takes 16 bytes, but its data_offsets [0,4] hold 4");
  ExpectRefused(OneTensor("'dtype':'I32','shape':[0],'data_offsets':[0,4]", 4), "takes 0 bytes");
  ExpectRefused(OneTensor("'dtype':'I32','shape':[1],'data_offsets':[0,0]", 0), "takes 4 bytes");
}

// The second and the third published attempt: many tensors on the same bytes.
TEST(SafetensorsThreatTest, Overlaps) {
  std::string same = "{";
  for (int i = 0; i < 1000; ++i) {
    absl::StrAppend(&same, i ? "," : "", "'w", i, "':{'dtype':'F32','shape':[2,2],'data_offsets':[0,16]}");
  }
  ExpectRefused(File(same + "}", 16), "overlap");
  ExpectRefused(File("{'a':{'dtype':'U8','shape':[4],'data_offsets':[0,4]},"
                     "'b':{'dtype':'U8','shape':[4],'data_offsets':[3,7]}}",
                     7),
                "tensors 'a' and 'b' overlap");
  ExpectRefused(File("{'a':{'dtype':'U8','shape':[4],'data_offsets':[0,4]},"
                     "'b':{'dtype':'U8','shape':[0],'data_offsets':[2,2]}}",
                     4),
                "tensors 'a' and 'b' overlap");
}

TEST(SafetensorsThreatTest, Holes) {
  ExpectRefused(File("{'a':{'dtype':'U8','shape':[2],'data_offsets':[0,2]},"
                     "'b':{'dtype':'U8','shape':[2],'data_offsets':[4,6]}}",
                     6),
                "no tensor holds bytes [2,4) of the data, before 'b'");
  ExpectRefused(OneTensor("'dtype':'U8','shape':[2],'data_offsets':[1,3]", 3), "bytes [0,1)");
  ExpectRefused(OneTensor("'dtype':'U8','shape':[0],'data_offsets':[1,1]", 1), "bytes [0,1)");
  ExpectRefused(File("{}", 1), "after the last tensor, 1 bytes follow");
}

TEST(SafetensorsThreatTest, BoolsOfOtherBytes) {
  std::string file = OneTensor("'dtype':'BOOL','shape':[3],'data_offsets':[0,3]", 3);
  file[file.size() - 2] = 2;
  ExpectRefused(file, "tensor 'x': element 1 is neither false (0) nor true (1) but 2");
}

TEST(SafetensorsThreatTest, Limits) {
  const std::string file =
      SerializeSafetensors({{"a", Tensor::Zeros(DType::kFloat32, {2})}, {"b", Tensor::Zeros(DType::kFloat32, {2})}},
                           {{"k", "v"}, {"l", "w"}})
          .value();
  ExpectRefused(file, "16 bytes of tensors are above the limit of 15", kExhausted, {.memory_budget = 15});
  ExpectRefused(file, "2 tensors are above the limit of 1", kExhausted, {.tensors = 1});
  ExpectRefused(file, "2 entries of metadata are above the limit of 1", kExhausted, {.metadata = 1});
  EXPECT_TRUE(ParseSafetensors(file, {.memory_budget = 16, .tensors = 2, .metadata = 2}).ok());
}

TEST(SafetensorsThreatTest, FilesThatAreNone) {
  const TempFolder folder;
  EXPECT_EQ(LoadSafetensors(folder / "none").status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(LoadSafetensors(folder.path()).status().message(), HasSubstr("is a folder, not a regular file"));
  ASSERT_TRUE(WriteFile(folder / "empty", "").ok());
  EXPECT_THAT(LoadSafetensors(folder / "empty").status().message(),
              HasSubstr("/empty: not a valid safetensors file: it has 0 bytes"));
}

TEST(SafetensorsThreatTest, NoTruncationIsRead) {
  ForEachTruncation(*ReadFile(kPython), [](const std::string& part) {
    const absl::StatusOr<Safetensors> read = ParseSafetensors(part);
    EXPECT_EQ(read.status().code(), kInvalid) << part.size();
  });
}

// There is no checksum: a flipped bit may change a number, a name or a dtype, and nothing else.
TEST(SafetensorsThreatTest, BitFlipsAreRefusedOrHarmless) {
  const NamedTensors tensors = {{"w", Tensor::From<float>({2, 1}, {1, 2})}, {"i", Tensor::From<int16_t>({2}, {3, 4})}};
  const std::string valid = SerializeSafetensors(tensors, {{"k", "v"}}).value();
  int refused = 0;
  ForEachBitFlip(valid, [&](const std::string& flipped) {
    const absl::StatusOr<Safetensors> read = ParseSafetensors(flipped);
    refused += !read.ok();
    if (!read.ok()) return;
    EXPECT_EQ(read->tensors.size(), 2);
    size_t bytes = 0;
    for (const auto& [name, tensor] : read->tensors) bytes += tensor.num_bytes();
    EXPECT_EQ(bytes, 12);
    EXPECT_TRUE(SerializeSafetensors(read->tensors, read->metadata).ok());
  });
  EXPECT_GT(refused, 700);
}

// ---- Writing ------------------------------------------------------------------------------------------------------

TEST(SafetensorsTest, WritesNothingThatWouldNotLoad) {
  const Tensor x = Tensor::Scalar(DType::kFloat32, 1);
  const auto message = [](const NamedTensors& tensors, const Metadata& metadata = {}) {
    return std::string(SerializeSafetensors(tensors, metadata).status().message());
  };
  EXPECT_THAT(message({{"", x}}), HasSubstr("empty name"));
  EXPECT_THAT(message({{"a\n", x}}), HasSubstr("control characters"));
  EXPECT_THAT(message({{"caf\xe9", x}}), HasSubstr("not valid UTF-8"));
  EXPECT_THAT(message({{"__metadata__", x}}), HasSubstr("no tensor may have the name '__metadata__'"));
  EXPECT_THAT(message({}, {{"a", "caf\xe9"}}), HasSubstr("metadata 'a' is not valid UTF-8"));
  EXPECT_THAT(message({}, {{"", "a"}}), HasSubstr("empty name"));
  EXPECT_THAT(message({}, {{"a", std::string(16'666'667, '\1')}}),  // six bytes each, escaped
              HasSubstr("above the limit of 100000000"));
}

TEST(SafetensorsTest, AFailureLeavesTheOldFile) {
  const TempFolder folder;
  const std::string path = folder / "x.safetensors";
  ASSERT_TRUE(SaveSafetensors(path, {{"a", Tensor::Scalar(DType::kFloat32, 1)}}).ok());
  const absl::Status status = SaveSafetensors(path, {{"a\n", Tensor::Scalar(DType::kFloat32, 2)}});
  EXPECT_THAT(status.message(), HasSubstr("x.safetensors: a tensor has control characters"));
  EXPECT_EQ(LoadSafetensors(path)->tensors.at("a").At(0), 1);
}

}  // namespace
}  // namespace adret::io
