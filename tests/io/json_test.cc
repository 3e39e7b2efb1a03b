#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "adret/core/status.h"
#include "adret/io/json_internal.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

// What json.Read*() returns as text, or the error.
template <class T>
std::string TextOf(JsonReader json, absl::StatusOr<T> (JsonReader::*read)()) {
  const absl::StatusOr<T> value = (json.*read)();
  const absl::Status status = value.ok() ? json.ReadEnd() : value.status();
  return status.ok() ? absl::StrCat(*value) : absl::StrCat("error: ", status.message());
}

std::string ReadString(absl::string_view text) { return TextOf(JsonReader(text), &JsonReader::ReadString); }
std::string ReadNumber(absl::string_view text) { return TextOf(JsonReader(text), &JsonReader::ReadUint64); }

// An object of arrays of numbers.
absl::StatusOr<std::map<std::string, std::vector<uint64_t>>> ReadLists(absl::string_view text) {
  JsonReader json(text);
  std::map<std::string, std::vector<uint64_t>> lists;
  AD_RETURN_IF_ERROR(json.ReadObject([&](const std::string& key) {
    return json.ReadArray([&]() -> absl::Status {
      AD_ASSIGN_OR_RETURN(const uint64_t number, json.ReadUint64());
      lists[key].push_back(number);
      return absl::OkStatus();
    });
  }));
  AD_RETURN_IF_ERROR(json.ReadEnd());
  return lists;
}

TEST(JsonReaderTest, ReadsStrings) {
  EXPECT_EQ(ReadString("\"\""), "");
  EXPECT_EQ(ReadString(" \"größe\x7f\"\n"), "größe\x7f");
  EXPECT_EQ(ReadString(R"("\"\\\/\b\f\n\r\t")"), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(ReadString(R"("\u0041\u00e9\u5C64\uD83D\uDE00")"), "A\u00e9\u5c64\U0001F600");
  EXPECT_EQ(ReadString(R"("\u0000")"), std::string(1, '\0'));
}

TEST(JsonReaderTest, RefusesStringsThatAreNone) {
  for (const char* text : {"", "x", "'a'", "\"", "\"a", "\"\\\"", "\"a\nb\"", "\"\x1f\""}) {
    EXPECT_THAT(ReadString(text), HasSubstr("error: expected")) << text;
  }
  EXPECT_THAT(ReadString(R"("\x41")"), HasSubstr("an escape that JSON has but found 'x' at byte 2"));
  EXPECT_THAT(ReadString(R"("\)"), HasSubstr("found the end at byte 2"));
  EXPECT_THAT(ReadString(R"("\u00g0")"), HasSubstr("four hexadecimal digits"));
  EXPECT_THAT(ReadString(R"("\u00)"), HasSubstr("four hexadecimal digits"));
  for (const char* text : {R"("\uD83D")", R"("\uDE00")", R"("\uD83Dx")", R"("\uD83D\u0041")", R"("\uDE00\uD83D")"}) {
    EXPECT_THAT(ReadString(text), HasSubstr("surrogate")) << text;
  }
}

TEST(JsonReaderTest, ReadsWholeNumbers) {
  EXPECT_EQ(ReadNumber("0"), "0");
  EXPECT_EQ(ReadNumber(" 42 "), "42");
  EXPECT_EQ(ReadNumber("18446744073709551615"), "18446744073709551615");
  EXPECT_THAT(ReadNumber("18446744073709551616"), HasSubstr("above 2^64 - 1"));
  EXPECT_THAT(ReadNumber(std::string(5000, '9')), HasSubstr("above 2^64 - 1"));
  for (const char* text :
       {"", "-1", "+1", "01", "1.0", "1e3", "1E3", ".5", "0x10", "NaN", "null", "true", "\"1\"", "[1]"}) {
    EXPECT_THAT(ReadNumber(text), HasSubstr("error: expected")) << text;
  }
}

TEST(JsonReaderTest, ReadsObjectsAndArrays) {
  EXPECT_THAT(*ReadLists("{}"), testing::IsEmpty());
  EXPECT_THAT(*ReadLists(" { \"a\" : [ 1 , 2 ] ,\t\"b\":[3]\r\n} "),
              ElementsAre(Pair("a", ElementsAre(1, 2)), Pair("b", ElementsAre(3))));
}

TEST(JsonReaderTest, RefusesObjectsAndArraysThatAreNone) {
  for (const char* text : {"", "{", "[]", "{\"a\"}", "{\"a\":}", "{\"a\":[1]", "{\"a\":[1],}", "{\"a\":[1,]}",
                           "{\"a\":[,1]}", "{\"a\":[1 2]}", "{,}", "{a:[1]}", "{'a':[1]}", "{1:[1]}", "{\"a\":[1]}}",
                           "{\"a\":[1]} x", "{\"a\":[1]\"b\":[2]}", "{\"a\":[1]/* b */}"}) {
    EXPECT_THAT(ReadLists(text).status().message(), HasSubstr("expected")) << text;
  }
  EXPECT_THAT(ReadLists(R"({"a":[1],"a":[2]})").status().message(), HasSubstr("the key 'a' comes again at byte 9"));
  EXPECT_THAT(ReadLists(R"({"a":[1],"\u0061":[2]})").status().message(), HasSubstr("comes again"));
  // Depth is the caller's: this does not recurse.
  EXPECT_THAT(ReadLists("{\"a\":" + std::string(1'000'000, '[')).status().message(), HasSubstr("found '[' at byte 6"));
}

}  // namespace
}  // namespace adret::io
