#include "adret/tools/report/page.h"

#include <limits>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "adret/plot/color.h"
#include "adret/tests/tools/report/sample.h"
#include "adret/tools/report/assets.h"
#include "adret/tools/report/figures.h"
#include "adret/tools/report/html.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Html, TextIsEscapedWhereverItComesIn) {
  EXPECT_EQ(EscapeHtml("a < b & \"c\" > 'd'"), "a &lt; b &amp; &quot;c&quot; &gt; &#39;d&#39;");
  const Html element = Element("a", {{"title", "\"><script>"}}, Join({"<b>", Element("i", {}, std::string("&amp;"))}));
  EXPECT_EQ(element.markup(), "<a title=\"&quot;&gt;&lt;script&gt;\">&lt;b&gt;<i>&amp;amp;</i></a>");
  EXPECT_EQ(VoidElement("img", {{"alt", "7"}}).markup(), "<img alt=\"7\">");
}

TEST(Html, WhatIsNoTextBecomesAReplacement) {
  EXPECT_EQ(Element("b", {{"title", "\x1b"}}, "\u202E\xff").markup(),
            "<b title=\"\uFFFD\">\uFFFD\uFFFD\uFFFD\uFFFD</b>");
}

TEST(Figures, NumbersReadWell) {
  EXPECT_EQ(Number(0), "0");
  EXPECT_EQ(Number(0.12345), "0.12");
  EXPECT_EQ(Number(-12.345), "−12.3");
  EXPECT_EQ(Number(999.9), "1,000");
  EXPECT_EQ(Number(1234567), "1,234,567");
  EXPECT_EQ(Number(-1234), "−1,234");
  EXPECT_EQ(Number(std::numeric_limits<double>::quiet_NaN()), "not a number");
  EXPECT_EQ(Number(-std::numeric_limits<double>::infinity()), "−∞");
  EXPECT_EQ(Percent(1), "100.0 %");
  EXPECT_EQ(Percent(0.99996), "99.99 %") << "not all of them";
  EXPECT_EQ(Percent(0.5), "50.0 %");
  EXPECT_EQ(Percent(1e300), "1e+302 %");
  EXPECT_EQ(Percent(std::numeric_limits<double>::quiet_NaN()), "–");
}

TEST(Figures, CurvesOfAnyNumbersAreDrawn) {
  EXPECT_TRUE(ActivationCurve({}, "conv1:0").empty());
  EXPECT_TRUE(ActivationCurve({1}, "conv1:0").empty());
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(ActivationCurve({nan, nan}, "conv1:0").empty());
  const auto expect_drawn = [](const std::vector<double>& curve) {
    const std::string drawing = ActivationCurve(curve, "conv1:0").markup();
    EXPECT_THAT(drawing, HasSubstr("<path class=\"series series-0\" d=\"M"));
    EXPECT_THAT(drawing, Not(HasSubstr("nan")));
    EXPECT_THAT(drawing, Not(HasSubstr("inf")));
  };
  expect_drawn({0, 0, 0});
  expect_drawn({1, nan, 3, 4});
  expect_drawn({1e300, -1e300, 0});
  const std::string interrupted = ActivationCurve({1, 2, nan, 3, 4}, "conv1:0").markup();
  EXPECT_THAT(interrupted, testing::ContainsRegex("d=\"M[^M\"]*L[^M\"]*M[^M\"]*L"));
  // Long ones are thinned, with their end.
  const std::string lengthy = ActivationCurve(std::vector<double>(100'001, 1.0), "conv1:0").markup();
  EXPECT_THAT(lengthy, HasSubstr("100000 steps"));
  EXPECT_LT(lengthy.size(), 2000u);
}

TEST(Page, IsTheSameForTheSameData) {
  const absl::StatusOr<std::string> page = RenderPage(SampleReport());
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_EQ(*page, *RenderPage(SampleReport()));
  EXPECT_THAT(*page, Not(HasSubstr(kHostileName)));
  EXPECT_THAT(*page, HasSubstr(EscapeHtml(kHostileName)));
  EXPECT_THAT(*page, Not(HasSubstr("http:")));
  EXPECT_THAT(*page, Not(HasSubstr("https:")));
}

TEST(Page, HasOnlyWhatThereIs) {
  const absl::StatusOr<std::string> nothing = RenderPage({.title = "empty.adret"});
  ASSERT_TRUE(nothing.ok()) << nothing.status();
  EXPECT_THAT(*nothing, HasSubstr("What <span class=\"name\">empty.adret</span> has learned"));
  EXPECT_THAT(*nothing, Not(HasSubstr("<details")));
  // A network that classifies nothing, and whose training nobody recorded.
  ReportData data = SampleReport();
  data.classes.clear(), data.confusion.clear(), data.mistakes.clear(), data.class_reports.clear();
  data.history = {};
  const std::string page = *RenderPage(data);
  EXPECT_THAT(page, HasSubstr("href=\"#layers\""));
  EXPECT_THAT(page, Not(HasSubstr("#confusion")));
  EXPECT_THAT(page, Not(HasSubstr("#classes")));
  EXPECT_THAT(page, Not(HasSubstr("#training")));
}

TEST(Page, HistoriesOfAnyNumbersAreDrawn) {
  const auto expect_drawn = [](const std::string& lines) {
    ReportData data{.title = "net.adret"};
    data.history = *nn::TrainingHistory::FromText(absl::StrCat("adret training history 1\n", lines));
    const absl::StatusOr<std::string> page = RenderPage(data);
    ASSERT_TRUE(page.ok()) << page.status();
    EXPECT_THAT(*page, HasSubstr("aria-label=\"Loss by epoch"));
    EXPECT_LT(page->size(), 60'000u) << lines;
    EXPECT_FALSE(testing::Matches(testing::ContainsRegex(">[^<]*nan[ <]"))(*page)) << lines;
    EXPECT_FALSE(testing::Matches(testing::ContainsRegex("[0-9]{30}"))(page->substr(0, page->find("<script>"))))
        << lines;
  };
  expect_drawn("epoch,1,1,0.5,0.9,600,0,0,0\n");
  expect_drawn("epoch,1,1,nan,0,600,inf,0,100\nbatch,1,nan\n");
  expect_drawn(
      "epoch,1,2,1e-320,0,600,1e308,1,100\nepoch,2,2,1e308,1,600,-5,1,100\nbatch,1e-300,0\nbatch,1e308,1e300\n");
  expect_drawn("epoch,9223372036854775807,9223372036854775807,1,1,9223372036854775807,1,1,1\n");
}

TEST(Page, PartsMustFitEachOther) {
  const auto expect = [](void (*spoil)(ReportData*), const std::string& message) {
    ReportData data = SampleReport();
    spoil(&data);
    const absl::StatusOr<std::string> page = RenderPage(data);
    ASSERT_FALSE(page.ok()) << message;
    EXPECT_THAT(std::string(page.status().message()), HasSubstr(message));
  };
  expect([](ReportData* d) { d->confusion.pop_back(); }, "10 classes has 100 numbers, but this one has 99");
  expect([](ReportData* d) { d->class_reports.pop_back(); }, "each of 10 classes, but found 9");
  expect([](ReportData* d) { d->mistakes[0].answer = 10; }, "there is no cell [");
  expect([](ReportData* d) { d->layers[0].units[0].ascent.image = Tensor::Zeros(DType::kFloat32, {28, 28}); }, "u8");
}

TEST(Page, ColoursAreThoseOfPlots) {
  const auto expect = [](const char* name, plot::Color color) {
    const auto byte = [](double part) { return static_cast<int>(255 * part + 0.5); };
    const std::string rule =
        absl::StrFormat("--%s: #%02X%02X%02X;", name, byte(color.red), byte(color.green), byte(color.blue));
    EXPECT_TRUE(absl::StrContains(kStyle.text, rule)) << rule;
  };
  expect("paper", plot::kPaper);
  expect("text", plot::kText);
  expect("line", plot::kGrid);
  expect("frame", plot::kFrame);
  expect("series-0", plot::SeriesColor(0));
  expect("series-1", plot::SeriesColor(1));
}

}  // namespace
}  // namespace adret::report
