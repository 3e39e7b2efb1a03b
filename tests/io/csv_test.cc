#include "adret/io/csv.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string ErrorOf(absl::string_view text, const CsvOptions& options = {}) {
  absl::StatusOr<CsvTable> table = ParseCsv(text, options);
  return table.ok() ? "no error" : std::string(table.status().message());
}

TEST(CsvTest, ReadsQuotesAndLineEnds) {
  CsvTable table = ParseCsv("\xEF\xBB\xBFname,value\r\n\"a \"\"b\"\"\",1\n\"two\nlines, one field\",2").value();
  EXPECT_THAT(table.header, ElementsAre("name", "value"));
  ASSERT_EQ(table.rows.size(), 2);
  EXPECT_THAT(table.rows[0], ElementsAre("a \"b\"", "1"));
  EXPECT_THAT(table.rows[1], ElementsAre("two\nlines, one field", "2"));
  EXPECT_THAT(ParseCsv("1;;3", {.separator = ';', .has_header = false})->rows[0], ElementsAre("1", "", "3"));
}

TEST(CsvTest, SurvivesARoundTrip) {
  const CsvTable table{{"a", "b,c"}, {{"1", "x\"y"}, {"", "line\nbreak"}, {"-2e9", " "}}};
  CsvTable again = ParseCsv(FormatCsv(table)).value();
  EXPECT_EQ(again.header, table.header);
  EXPECT_EQ(again.rows, table.rows);
  const CsvTable single{{"only"}, {{""}, {"x"}}};
  EXPECT_EQ(ParseCsv(FormatCsv(single))->rows, single.rows);
}

TEST(CsvTest, RefusesWhatIsMalformedAndNamesTheLine) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("empty"));
  EXPECT_THAT(ErrorOf("a,b\n1,2\n3\n"), HasSubstr("line 3 has 1 fields; expected are 2"));
  EXPECT_THAT(ErrorOf("a\n\"open\n\n"), HasSubstr("line 2: a quote that does not end"));
  EXPECT_THAT(ErrorOf("a\nx\"y\n"), HasSubstr("line 2: a quote inside"));
  EXPECT_THAT(ErrorOf("a\n\"x\"y\n"), HasSubstr("follows a closing quote"));
  EXPECT_THAT(ErrorOf("a,a\n"), HasSubstr("\"a\" appears twice"));
  EXPECT_THAT(ErrorOf(absl::string_view("a\n\0\n", 4)), HasSubstr("NUL"));
  EXPECT_THAT(ErrorOf("a,b,c\n", {.max_columns = 2}), HasSubstr("limit of 2"));
}

TEST(CsvTest, PicksNumbers) {
  const CsvTable table = ParseCsv("epoch,name,loss\n1,a,0.5\n2,b,2.5e-1\n").value();
  EXPECT_TRUE(CsvNumbers(table, {"loss", "epoch"})->BitEqual(Tensor::From<double>({2, 2}, {0.5, 1, 0.25, 2})));
  EXPECT_THAT(std::string(CsvNumbers(table).status().message()), HasSubstr("row 1, column \"name\": \"a\""));
  EXPECT_THAT(std::string(CsvNumbers(table, {"los"}).status().message()), HasSubstr("epoch, name, loss"));
  EXPECT_EQ(CsvNumbers(ParseCsv("a\n").value())->shape(), Shape({0, 1}));
}

}  // namespace
}  // namespace adret::io
