#include "adret/core/text.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

const std::string kReplaced = "\uFFFD";

TEST(CleanTextTest, KeepsWhatIsText) {
  for (const std::string text : {"", "conv1", "<b> & \"c\"", "Größe 漢字 \xF0\x9F\x8F\x94", "two\n\tlines", "\u00A0"}) {
    EXPECT_EQ(CleanText(text), text);
  }
}

TEST(CleanTextTest, ReplacesControlCharacters) {
  EXPECT_EQ(CleanText(absl::string_view("a\0b", 3)), absl::StrCat("a", kReplaced, "b"));
  EXPECT_EQ(CleanText("\x1b\x7f\r"), kReplaced + kReplaced + kReplaced);
  EXPECT_EQ(CleanText("\xc2\x85"), kReplaced + kReplaced) << "a control character in two bytes";
}

TEST(CleanTextTest, ReplacesWhatIsNotUtf8) {
  EXPECT_EQ(CleanText("\xff"), kReplaced);
  EXPECT_EQ(CleanText("\xc0\xaf"), kReplaced + kReplaced) << "a slash in too many bytes";
  EXPECT_EQ(CleanText("\xe2\x82"), kReplaced + kReplaced) << "the beginning of a euro";
  EXPECT_EQ(CleanText("\xed\xa0\x80"), kReplaced + kReplaced + kReplaced) << "half of a pair";
  EXPECT_EQ(CleanText("\xf4\x90\x80\x80"), kReplaced + kReplaced + kReplaced + kReplaced) << "beyond the last one";
  EXPECT_EQ(CleanText("\xef\xbf\xbf"), kReplaced + kReplaced + kReplaced) << "a noncharacter";
}

TEST(CleanTextTest, ReplacesWhatTurnsTextAround) {
  EXPECT_EQ(CleanText("\u202Eadret"), kReplaced + kReplaced + kReplaced + "adret") << "from right to left";
  EXPECT_EQ(CleanText("\u2066"), kReplaced + kReplaced + kReplaced);
}

TEST(IsUtf8Test, TellsWellFormedText) {
  for (const std::string text : {"", "conv1", "Größe 漢字 \xF0\x9F\x8F\x94", "\x01\x7f", "\uFFFF", "\u202E"}) {
    EXPECT_TRUE(IsUtf8(text)) << text;
  }
  for (const std::string text : {"\xff", "a\x80", "\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xe2\x82",
                                 "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80"}) {
    EXPECT_FALSE(IsUtf8(text)) << CleanText(text);
  }
}

TEST(JsonStringTest, EscapesWhatJsonDoes) {
  EXPECT_EQ(JsonString("a \"b\" \\ \n\x01"), R"("a \"b\" \\ \u000a\u0001")");
  EXPECT_EQ(JsonString("Größe 漢字"), "\"Größe 漢字\"");
  EXPECT_EQ(JsonString("a\xffz\xe2\x82"), R"("a\ufffdz\ufffd\ufffd")");
}

}  // namespace
}  // namespace adret
