// The page of a report in a real browser: that it renders, keeps to itself, and opens by mouse and keyboard, with and
// without JavaScript, in the light and in the dark, on a desk and on a telephone.
#include "adret/tests/tools/report/browser.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "adret/io/file.h"
#include "adret/tests/temp_folder.h"
#include "adret/tests/tools/report/sample.h"
#include "adret/tools/report/page.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::report {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int kDeskWidth = 1280, kDeskHeight = 800;

// What tests ask of the page, as functions: fold(i) is the i-th thing that opens.
constexpr char kHelpers[] = R"js(
  globalThis.fold = (i) => document.querySelectorAll("details")[i];
  globalThis.middle = (element) => {
    element.scrollIntoView({block: "center", behavior: "instant"});
    const box = element.getBoundingClientRect();
    return [box.x + Math.min(20, box.width / 2), box.y + box.height / 2];
  };
  globalThis.inView = (element) => {
    const box = element.getBoundingClientRect();
    return element.checkVisibility() && box.height > 0 && box.top < innerHeight && box.bottom > 0;
  };
  globalThis.openAll = () => document.querySelectorAll("details").forEach((fold) => { fold.open = true; });
  globalThis.rgb = (color) => {
    const numbers = color.match(/[\d.]+/g).map(Number);
    return color.startsWith("color(srgb") ? [...numbers.slice(0, 3).map((x) => 255 * x), numbers[3] ?? 1]
                                          : [...numbers.slice(0, 3), numbers[3] ?? 1];
  };
  globalThis.luminance = (color) => {
    const [r, g, b] = color.slice(0, 3).map((x) => x / 255)
        .map((x) => x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  // Texts whose contrast with what is behind them is too weak (WCAG 2, 1.4.3).
  globalThis.faintTexts = () => {
    const faint = [];
    for (const element of document.body.querySelectorAll("*")) {
      const text = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== "");
      if (!text || !element.checkVisibility() || element.closest("script, .unseen")) continue;
      const style = getComputedStyle(element);
      const color = rgb(element instanceof SVGElement ? style.fill : style.color);
      let back = element;
      while (back && rgb(getComputedStyle(back).backgroundColor)[3] === 0) back = back.parentElement;
      const levels = [color, rgb(getComputedStyle(back ?? document.body).backgroundColor)].map(luminance);
      const contrast = (Math.max(...levels) + 0.05) / (Math.min(...levels) + 0.05);
      if (contrast < 4.5) faint.push(`${element.localName} "${element.textContent.slice(0, 30)}" ${contrast}`);
    }
    return faint.join("; ");
  };
)js";

class ReportBrowserTest : public testing::Test {
 protected:
  void SetUp() override {
    file_ = testing::TempDir() + absl::StrCat("report_browser_test_", getpid(), ".html");
    const absl::StatusOr<std::string> page = RenderPage(SampleReport());
    ASSERT_TRUE(page.ok()) << page.status();
    ASSERT_TRUE(io::WriteFile(file_, *page).ok());
    auto started = Browser::Start();
    ASSERT_TRUE(started.ok()) << started.status();
    browser_ = *std::move(started);
    SetWindow(kDeskWidth, kDeskHeight, /*mobile=*/false);
    SetMedia("light");
  }
  void TearDown() override { std::filesystem::remove(file_); }

  void Call(absl::string_view method, absl::string_view params) {
    const auto answer = browser_->Call(method, params);
    ASSERT_TRUE(answer.ok()) << answer.status();
  }
  void SetWindow(int width, int height, bool mobile) {
    Call("Emulation.setDeviceMetricsOverride",
         absl::StrCat(R"({"deviceScaleFactor": 1, "width": )", width, R"(, "height": )", height, R"(, "mobile": )",
                      mobile ? "true" : "false", "}"));
  }
  // Without motion, what a click scrolls to is there at once.
  void SetMedia(const std::string& scheme) {
    Call("Emulation.setEmulatedMedia",
         absl::StrCat(R"({"features": [{"name": "prefers-color-scheme", "value": ")", scheme,
                      R"("}, {"name": "prefers-reduced-motion", "value": "reduce"}]})"));
  }
  void Load(const std::string& fragment = "") {
    const absl::Status loaded = browser_->Load(absl::StrCat("file://", file_, fragment));
    ASSERT_TRUE(loaded.ok()) << loaded;
    Evaluate(absl::StrCat(kHelpers, "; 0"));
  }
  google::protobuf::Value Evaluate(absl::string_view expression) {
    auto value = browser_->Evaluate(expression);
    EXPECT_TRUE(value.ok()) << value.status() << " in " << expression.substr(0, 200);
    return value.ok() ? *std::move(value) : google::protobuf::Value();
  }
  bool IsTrue(absl::string_view expression) { return Evaluate(expression).bool_value(); }
  // What follows from a click may take until the next frame, and that long on a busy machine.
  bool BecomesTrue(absl::string_view expression) {
    const absl::Time end = absl::Now() + absl::Milliseconds(kPatienceMs);
    do {
      if (IsTrue(expression)) return true;
      absl::SleepFor(absl::Milliseconds(10));
    } while (absl::Now() < end);
    return false;
  }
  int Count(absl::string_view expression) { return static_cast<int>(Evaluate(expression).number_value()); }
  std::string Text(absl::string_view expression) { return Evaluate(expression).string_value(); }

  void Click(absl::string_view element) {
    const auto place = Evaluate(absl::StrCat("middle(", element, ")")).list_value();
    ASSERT_EQ(place.values_size(), 2) << element;
    const absl::Status clicked = browser_->Click(place.values(0).number_value(), place.values(1).number_value());
    ASSERT_TRUE(clicked.ok()) << clicked;
  }
  void Press(absl::string_view key) {
    const absl::Status pressed = browser_->Press(key);
    ASSERT_TRUE(pressed.ok()) << pressed;
  }

  // Everything that opens does at a click, and closes at the next.
  void ExpectFoldsObeyTheMouse() {
    const int folds = Count("document.querySelectorAll('details').length");
    ASSERT_GT(folds, 30);
    for (int i = 0; i < folds; ++i) {
      const std::string fold = absl::StrCat("fold(", i, ")"), summary = absl::StrCat(fold, ".querySelector('summary')");
      const bool open = IsTrue(absl::StrCat(fold, ".open"));
      const auto is = [&](bool state) { return absl::StrCat(fold, ".open === ", state ? "true" : "false"); };
      Click(summary);
      EXPECT_TRUE(BecomesTrue(is(!open))) << Text(absl::StrCat(summary, ".textContent"));
      Click(summary);
      EXPECT_TRUE(BecomesTrue(is(open))) << Text(absl::StrCat(summary, ".textContent"));
      if (!open) Click(summary);
      EXPECT_TRUE(BecomesTrue(absl::StrCat(fold, ".open && inView(", fold, ".lastElementChild)")));
    }
  }

  // Each number in the matrix opens its examples, and brings them into view.
  void ExpectCellsOpenExamples(bool script) {
    const int cells = Count("document.querySelectorAll('.matrix td a').length");
    ASSERT_GE(cells, 20);
    for (int i = 0; i < cells; ++i) {
      Evaluate("document.querySelectorAll('.fold').forEach((fold) => { fold.open = false; }); 0");
      const std::string cell = absl::StrCat("document.querySelectorAll('.matrix td a')[", i, "]");
      const std::string target = absl::StrCat("document.querySelector(", cell, ".getAttribute('href'))");
      EXPECT_FALSE(IsTrue(absl::StrCat(target, ".checkVisibility()")));
      Click(cell);
      EXPECT_TRUE(BecomesTrue(absl::StrCat("inView(", target, ")"))) << Text(absl::StrCat(cell, ".href"));
      // With the script, the keyboard goes on from there.
      const std::string heading = absl::StrCat(target, ".parentElement.querySelector('summary')");
      if (script) {
        EXPECT_TRUE(BecomesTrue(absl::StrCat("document.activeElement === ", heading)));
      }
      EXPECT_GE(Count(absl::StrCat(target, ".querySelectorAll('.example img').length")), 2);
    }
  }

  std::string file_;
  std::unique_ptr<Browser> browser_;
};

TEST_F(ReportBrowserTest, LoadsWithoutAWordOfComplaintAndAsksForNothing) {
  Load();
  EXPECT_TRUE(IsTrue("document.title.includes('has learned')"));
  EXPECT_EQ(Count("document.querySelectorAll('.section').length"), 5);
  EXPECT_EQ(Count("document.querySelectorAll('h1').length"), 1);
  Evaluate("openAll(); 0");
  EXPECT_TRUE(IsTrue("[...document.images].every((image) => image.complete && image.naturalWidth > 0)"));
  EXPECT_GT(Count("document.images.length"), 300);
  EXPECT_TRUE(IsTrue("[...document.images].every((image) => image.alt !== '')"));
  EXPECT_TRUE(IsTrue("[...document.querySelectorAll('svg')].every((drawing) => drawing.getAttribute('aria-label'))"));
  // Headings go down one level at a time, and anchors are what they lead to.
  EXPECT_EQ(Text("[...document.querySelectorAll('h1, h2, h3, h4')].map((h) => +h.localName[1])"
                 ".reduce(([before, bad], level) => [level, bad || level > before + 1 ? 'jump' : ''], [0, ''])[1]"),
            "");
  EXPECT_EQ(
      Text("[...document.querySelectorAll('a')].map((a) => a.getAttribute('href') ?? a.getAttribute('xlink:href'))"
           ".filter((link) => !link.startsWith('#') || !document.getElementById(link.slice(1))).join()"),
      "");
  EXPECT_TRUE(
      IsTrue("new Set([...document.querySelectorAll('[id]')].map((e) => e.id)).size === "
             "document.querySelectorAll('[id]').length"));
  EXPECT_THAT(browser_->problems(), IsEmpty());
}

TEST_F(ReportBrowserTest, TheTestsOwnEyesAreOpen) {
  Load();
  Evaluate(
      "console.warn('careful'); setTimeout(() => { throw new Error('thrown'); }); new Image().src = "
      "'http://127.0.0.1:9/x.png'; 0");
  Evaluate("new Promise((done) => setTimeout(done, 200))");
  EXPECT_GE(browser_->problems().size(), 3u) << "a warning, an exception, and what the policy has forbidden";
  EXPECT_FALSE(browser_->Load("file:///no/such/report.html").ok());
  EXPECT_FALSE(browser_->Evaluate("no.such.thing").ok());
  EXPECT_FALSE(browser_->Call("Page.noSuchCommand").ok());
}

TEST(BrowserTest, LeavesNothingInTheTemporaryFolder) {
  const TempFolder folder;
  const char* variable = std::getenv("TMPDIR");
  const std::string before = variable == nullptr ? "" : variable;
  setenv("TMPDIR", folder.path().c_str(), 1);
  {
    const auto browser = Browser::Start();
    EXPECT_TRUE(browser.ok()) << browser.status();
    EXPECT_FALSE(std::filesystem::is_empty(folder.path()));
    if (browser.ok()) {
      EXPECT_TRUE((*browser)->Load("about:blank").ok());
    }
  }
  before.empty() ? unsetenv("TMPDIR") : setenv("TMPDIR", before.c_str(), 1);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(BrowserTest, ErrorsQuoteItsLastWords) {
  const TempFolder temp;
  const std::string folder = temp.path(), before = std::getenv("PATH");
  ASSERT_TRUE(io::WriteFile(folder + "/chromium", "#!/bin/sh\necho 'the sandbox is missing' >&2\nexit 1\n").ok());
  std::filesystem::permissions(folder + "/chromium", std::filesystem::perms::owner_all);
  setenv("PATH", folder.c_str(), 1);
  const absl::Status status = Browser::Start().status();
  setenv("PATH", before.c_str(), 1);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("its last words: the sandbox is missing"));
}

TEST_F(ReportBrowserTest, NamesFromFilesStayText) {
  Load();
  EXPECT_TRUE(Text("document.querySelector('h1').textContent").find(kHostileName) != std::string::npos);
  EXPECT_EQ(Count("document.scripts.length"), 1);
  EXPECT_EQ(Count("document.querySelectorAll('[onerror], [onclick], [style], img[src=x]').length"), 0);
  // The policy holds should something get through: scripts that come later do not run.
  Evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"globalThis.broken = 1\">'); 0");
  Evaluate("new Promise((done) => setTimeout(done, 100))");
  EXPECT_TRUE(IsTrue("globalThis.broken === undefined"));
}

TEST_F(ReportBrowserTest, OpensByMouse) {
  Load();
  ExpectFoldsObeyTheMouse();
  EXPECT_THAT(browser_->problems(), IsEmpty());
}

TEST_F(ReportBrowserTest, OpensByKeyboard) {
  Load();
  const int folds = Count("document.querySelectorAll('details').length");
  const std::string active = "document.activeElement", fold = "document.activeElement.parentElement";
  std::set<int> visited;
  for (int tabs = 0; tabs < 1000; ++tabs) {
    Press("Tab");
    if (IsTrue(active + " === document.body")) break;  // once around
    if (!IsTrue(active + ".localName === 'summary'")) continue;
    const bool open = IsTrue(fold + ".open");
    Press("Enter");
    EXPECT_TRUE(BecomesTrue(fold + ".open === " + (open ? "false" : "true"))) << Text(active + ".textContent");
    Press(" ");
    EXPECT_TRUE(BecomesTrue(fold + ".open === " + (open ? "true" : "false"))) << Text(active + ".textContent");
    if (!open) Press("Enter");
    EXPECT_NE(Text("getComputedStyle(" + active + ").outlineStyle"), "none") << "where the focus is must be seen";
    const int index = Count("[...document.querySelectorAll('details')].indexOf(" + fold + ")");
    if (!visited.insert(index).second) break;
  }
  EXPECT_EQ(static_cast<int>(visited.size()), folds);
  EXPECT_THAT(browser_->problems(), IsEmpty());
}

TEST_F(ReportBrowserTest, CellsOpenTheirExamples) {
  Load();
  ExpectCellsOpenExamples(/*script=*/true);
  // A layer of the drawing leads to its units.
  Evaluate("document.querySelectorAll('.fold').forEach((fold) => { fold.open = false; }); 0");
  Click("document.querySelectorAll('.network .node')[1]");
  EXPECT_TRUE(BecomesTrue("inView(document.getElementById('layer-1'))"));
  EXPECT_THAT(browser_->problems(), IsEmpty());
}

TEST_F(ReportBrowserTest, ScriptImprovesTheMatrixAndTheFolds) {
  Load();
  Evaluate("document.querySelector('.matrix td a').focus(); 0");
  const std::string number = "document.activeElement.textContent";
  EXPECT_EQ(Text(number), "980");
  Press("ArrowDown");
  EXPECT_EQ(Text("document.activeElement.closest('td').previousElementSibling.localName"), "th") << "the same column";
  Press("ArrowUp");
  Press("ArrowUp");
  EXPECT_EQ(Text(number), "980");
  const std::string folds = "[...document.querySelectorAll('.section:has(#layers) .fold')]";
  Click("document.querySelector('#layers .open-all')");
  EXPECT_TRUE(BecomesTrue(folds + ".every((fold) => fold.open)"));
  Click("document.querySelector('#layers .open-all')");
  EXPECT_TRUE(BecomesTrue(folds + ".every((fold) => !fold.open)"));
  // A link to a part of the page opens it, and so does going back to it.
  Load("#class-3");
  EXPECT_TRUE(BecomesTrue("inView(document.getElementById('class-3'))"));
  // One that leads nowhere, such as half of an escaped letter, leaves everything else at work.
  Load("#%E0");
  EXPECT_EQ(Count("document.querySelectorAll('.open-all').length"), 3);
  EXPECT_THAT(browser_->problems(), IsEmpty());
}

TEST_F(ReportBrowserTest, ManyFoldsOpenAtOnceAreLookedAtOnce) {
  Load();
  // How often folds are asked whether they are open, by a second look at what the script has put there.
  Evaluate(R"js(
    globalThis.looks = 0;
    const open = Object.getOwnPropertyDescriptor(HTMLDetailsElement.prototype, "open");
    Object.defineProperty(HTMLDetailsElement.prototype, "open",
                          {...open, get() { ++globalThis.looks; return open.get.call(this); }});
    globalThis.label = document.querySelector("#confusion .open-all");
    document.querySelectorAll("#confusion .fold").forEach((fold) => { fold.open = true; }); 0)js");
  EXPECT_TRUE(BecomesTrue("label.textContent === 'Close all'"));
  EXPECT_LE(Count("looks"), 3 * Count("document.querySelectorAll('#confusion .fold').length"));
  EXPECT_GE(Count("document.querySelectorAll('#confusion .fold').length"), 10);
}

TEST_F(ReportBrowserTest, WorksWithoutJavaScript) {
  Call("Emulation.setScriptExecutionDisabled", R"({"value": true})");
  Load();
  EXPECT_EQ(Count("document.querySelectorAll('.open-all').length"), 0) << "the script has run";
  EXPECT_TRUE(IsTrue("document.querySelector('main').innerText.includes('conv2')"));
  ExpectFoldsObeyTheMouse();
  ExpectCellsOpenExamples(/*script=*/false);
  EXPECT_THAT(browser_->problems(), IsEmpty());
}

TEST_F(ReportBrowserTest, FitsEveryWidth) {
  Load();
  Evaluate("openAll(); 0");
  for (const int width : {320, 375, 768, kDeskWidth, 1920}) {
    SetWindow(width, 667, /*mobile=*/width < 500);
    EXPECT_LE(Count("document.scrollingElement.scrollWidth"), width);
    EXPECT_EQ(Count("innerWidth"), width) << "a page that is too wide is shown smaller";
  }
}

TEST_F(ReportBrowserTest, ReadsWellInLightAndDark) {
  Load();
  Evaluate("openAll(); 0");
  const std::string background = "getComputedStyle(document.body).backgroundColor";
  const std::string light = Text(background);
  EXPECT_EQ(Text("faintTexts()"), "");
  SetMedia("dark");
  EXPECT_NE(Text(background), light);
  EXPECT_LT(Evaluate("luminance(rgb(" + background + "))").number_value(), 0.05);
  EXPECT_EQ(Text("faintTexts()"), "");
}

}  // namespace
}  // namespace adret::report
