// `adret report` as a user runs it: from a model file and data to a page, which a real browser then opens.
#include <string>

#include "absl/strings/str_cat.h"
#include "adret/io/drawn_digits.h"
#include "adret/io/npy.h"
#include "adret/nn/history.h"
#include "adret/tests/tools/report/browser.h"
#include "adret/tests/tools/tool_test.h"

namespace adret::tools {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kExamples = 60;

class ReportCommandTest : public ToolTest {
 protected:
  void SetUp() override {
    ToolTest::SetUp();
    const io::Dataset digits = io::DrawnDigits({.train = 10, .test = kExamples})->test;
    ASSERT_TRUE(io::SaveNpz(Path("digits.npz"), {{"images", digits.images}, {"labels", digits.labels}}).ok());
    nn::TrainingHistory history;
    history.Add(nn::EpochRecord{.train = {.loss = 0.5, .accuracy = 0.9, .examples = 600}});
    SaveWithHistory("trained.adret", history.ToText());
  }

  void SaveWithHistory(const std::string& name, const std::string& text) const {
    const io::Model model = *io::LoadModel(Path("cnn.adret"));
    io::ModelContents contents = model.contents();
    contents.metadata[nn::kTrainingHistoryKey] = text;
    ASSERT_TRUE(io::SaveModel(Path(name), contents).ok());
  }
};

TEST_F(ReportCommandTest, MakesAPageThatABrowserOpens) {
  const Outcome run = Adret("report trained.adret --data=digits.npz --out=pages/report.html");
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.err, "pages/report.html\n") << "a bar is for terminals";
  auto browser = Browser::Start();
  ASSERT_TRUE(browser.ok()) << browser.status();
  ASSERT_TRUE((*browser)->Load(absl::StrCat("file://", Path("pages/report.html"))).ok());
  EXPECT_THAT((*browser)->problems(), IsEmpty());
  const auto text = [&](const std::string& expression) {
    const auto value = (*browser)->Evaluate(absl::StrCat("String(", expression, ")"));
    EXPECT_TRUE(value.ok()) << value.status();
    return value.ok() ? value->string_value() : "";
  };
  const auto all = [](const std::string& selector) {
    return absl::StrCat("[...document.querySelectorAll('", selector, "')]");
  };
  EXPECT_EQ(text("document.title"), "What trained.adret has learned");
  EXPECT_EQ(text(all(".section > summary > h2") + ".map((h) => h.textContent)"),
            "Network,Training,Confusions,Classes,Layers");
  EXPECT_EQ(text(all("#layers h3") + ".map((h) => h.textContent)"), "conv1,conv2,dense1,logits");
  EXPECT_EQ(text(all(".unit") + ".length"), absl::StrCat(4 + 8 + 16 + 10));
  EXPECT_EQ(text(all(".unit .curve") + ".length"), absl::StrCat(4 + 8 + 16 + 10));
  EXPECT_EQ(text(all(".matrix td a") + ".reduce((sum, cell) => sum + Number(cell.textContent), 0)"),
            absl::StrCat(kExamples));
  EXPECT_EQ(text(all(".network a") + ".map((a) => a.getAttribute('xlink:href'))"),
            "#layer-0,#layer-2,#layer-5,#layer-6");
  EXPECT_EQ(text(all(".network a") + ".every((a) => document.querySelector(a.getAttribute('xlink:href')))"), "true");
  EXPECT_EQ(text(all("svg") + ".every((drawing) => drawing.getAttribute('aria-label'))"), "true");
}

TEST_F(ReportCommandTest, TakesNetworksOfOtherKinds) {
  ASSERT_EQ(Adret("report resnet.adret --units=2 --out=resnet.html").code, 0);
  EXPECT_THAT(*io::ReadFile(Path("resnet.html")), HasSubstr("id=\"layer-0\""));
  ASSERT_EQ(Adret("report mlp.adret --units=2 --out=mlp.html").code, 0);
  EXPECT_THAT(*io::ReadFile(Path("mlp.html")), HasSubstr("the first 2 of 12 neurons"));
  // Without data a network that takes 28x28 pixels and knows ten classes sees drawn digits.
  ASSERT_EQ(Adret("report cnn.adret --units=1").code, 0);
  EXPECT_THAT(*io::ReadFile(Path("report.html")), HasSubstr("digits that adret drew"));
}

TEST_F(ReportCommandTest, IsTheSameOnAnyNumberOfThreads) {
  for (const char* threads : {"1", "2", "4"}) {
    const Outcome run = Adret(
        absl::StrCat("report cnn.adret --data=digits.npz --units=4 --threads=", threads, " --out=", threads, ".html"));
    ASSERT_EQ(run.code, 0) << run.err;
  }
  EXPECT_EQ(*io::ReadFile(Path("1.html")), *io::ReadFile(Path("2.html")));
  EXPECT_EQ(*io::ReadFile(Path("1.html")), *io::ReadFile(Path("4.html")));
}

TEST_F(ReportCommandTest, MistakesAreToldInOneSentenceAndCostNoFile) {
  ASSERT_TRUE(io::WriteFile(Path("report.html"), "the page of before").ok());
  const Tensor images = Tensor::Zeros(DType::kUint8, {3, 1, 28, 28}), labels = Tensor::Zeros(DType::kInt64, {3});
  ASSERT_TRUE(io::SaveNpz(Path("no_labels.npz"), {{"images", images}}).ok());
  ASSERT_TRUE(
      io::SaveNpz(Path("small.npz"), {{"x", Tensor::Zeros(DType::kUint8, {3, 1, 20, 20})}, {"y", labels}}).ok());
  ASSERT_TRUE(io::SaveNpz(Path("eleven.npz"), {{"x", images}, {"y", Tensor::Full(DType::kInt64, {3}, 11)}}).ok());
  ASSERT_TRUE(
      io::SaveNpz(Path("fractions.npz"), {{"images", images}, {"labels", Tensor::Full(DType::kFloat32, {3}, 0.7)}})
          .ok());
  SaveWithHistory("altered.adret", "epoch 1 went well");
  ExpectMistake("report", 2, "MODEL");
  ExpectMistake("report cnn.adret --colour", 2, "colour");
  ExpectMistake("report none.adret", 1, "none.adret");
  ExpectMistake("report cnn.adret --units=0", 1, "--units must be at least 1, but is 0");
  ExpectMistake("report cnn.adret --data=nowhere", 1, "nowhere");
  ExpectMistake("report cnn.adret --data=no_labels.npz", 1, "no_labels.npz: expected the arrays");
  ExpectMistake("report cnn.adret --data=small.npz", 1, "u8[3,1,20,20]");
  ExpectMistake("report cnn.adret --data=eleven.npz", 1, "label 0 is 11");
  ExpectMistake("report cnn.adret --data=fractions.npz", 1,
                "fractions.npz: \"labels\" should be integers, but is f32[3]");
  ExpectMistake("report resnet.adret --data=digits.npz", 1, "f32[?,3,16,16]");
  ExpectMistake("report altered.adret", 1, "altered.adret: training history, line 1");
  ExpectMistake("report cnn.adret --out=/proc/report.html", 1, "/proc");
  EXPECT_EQ(*io::ReadFile(Path("report.html")), "the page of before");
}

}  // namespace
}  // namespace adret::tools
