// The training programs, run as a user runs them.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "adret/core/executor.h"
#include "adret/io/drawn_digits.h"
#include "adret/io/file.h"
#include "adret/io/idx.h"
#include "adret/io/model.h"
#include "adret/io/png.h"
#include "adret/nn/history.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Result {
  int status = 0;
  std::string out, err;
  // The text after "key": in the last line.
  std::string Field(const std::string& key) const {
    const size_t line = out.rfind('{'), at = out.find("\"" + key + "\": ", line);
    if (line == std::string::npos || at == std::string::npos) return "no " + key;
    const size_t begin = at + key.size() + 4;
    return out.substr(begin, out.find_first_of(",}", begin) - begin);
  }
};

class TrainingTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + absl::StrCat("training_test_", getpid());
    std::filesystem::create_directories(folder_);
    const io::TrainAndTest digits = *io::DrawnDigits({.train = 600, .test = 200});
    const auto save = [&](const char* name, const Tensor& numbers) {
      ASSERT_TRUE(io::SaveIdx(absl::StrCat(folder_, "/", name), numbers).ok());
    };
    save("train-images-idx3-ubyte", digits.train.images.Reshaped({600, 28, 28}));
    save("train-labels-idx1-ubyte", digits.train.labels.Cast(DType::kUint8));
    save("t10k-images-idx3-ubyte", digits.test.images.Reshaped({200, 28, 28}));
    save("t10k-labels-idx1-ubyte", digits.test.labels.Cast(DType::kUint8));
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  Result Run(const std::string& program, const std::string& arguments) const {
    const std::string out = Path("stdout"), err = Path("stderr");
    const int status = std::system(absl::StrCat(program, " ", arguments, " >", out, " 2>", err).c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, *io::ReadFile(out), *io::ReadFile(err)};
  }
  Result Train(const std::string& model, const std::string& arguments) const {
    return Run(TRAIN_LECTURE_CNN,
               absl::StrCat("--data=", folder_, " --batch=32 --model=", Path(model), " ", arguments));
  }

  // The model file tells how all of its training went.
  void ExpectHistory(const std::string& model, size_t epochs, const std::string& test_accuracy) const {
    const absl::StatusOr<io::Model> loaded = io::LoadModel(Path(model));
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    const auto history = nn::TrainingHistory::FromText(loaded->metadata.at(nn::kTrainingHistoryKey));
    ASSERT_TRUE(history.ok()) << history.status();
    ASSERT_EQ(history->epochs().size(), epochs);
    for (size_t i = 0; i < epochs; ++i) EXPECT_EQ(history->epochs()[i].epoch, i + 1);
    EXPECT_EQ(absl::StrFormat("%.4f", history->epochs().back().test.accuracy), test_accuracy);
    EXPECT_LT(history->epochs().back().train.loss, history->epochs().front().train.loss);
    EXPECT_EQ(history->batches().size(), epochs * 19);
  }

  std::string folder_;
};

TEST_F(TrainingTest, StopsAndResumesExactlyOnAnyNumberOfThreads) {
  const Result whole = Train("whole.adret", "--epochs=3 --threads=1");
  ASSERT_EQ(whole.status, 0) << whole.err;
  EXPECT_THAT(whole.out, HasSubstr("137,660"));
  EXPECT_TRUE(std::filesystem::exists(Path("whole_curve.png")));
  EXPECT_GT(std::stod(whole.Field("test_accuracy")), 0.5);
  EXPECT_EQ(whole.err, "") << "a bar is for terminals";

  const Result first = Train("parts.adret", "--epochs=3 --stop_after=1 --threads=2");
  ASSERT_EQ(first.status, 0) << first.err;
  EXPECT_NE(first.Field("state_digest"), whole.Field("state_digest"));
  const Result rest = Train("parts.adret", "--epochs=3 --resume --threads=4");
  ASSERT_EQ(rest.status, 0) << rest.err;
  EXPECT_EQ(rest.Field("state_digest"), whole.Field("state_digest"));
  EXPECT_EQ(rest.Field("test_accuracy"), whole.Field("test_accuracy"));
  EXPECT_EQ(*io::ReadFile(Path("parts.adret")), *io::ReadFile(Path("whole.adret")));
  EXPECT_EQ(*io::ReadFile(Path("parts_curve.png")), *io::ReadFile(Path("whole_curve.png")));
  ExpectHistory("parts.adret", /*epochs=*/3, rest.Field("test_accuracy"));

  const Result other = Train("other.adret", "--epochs=3 --seed=2");
  EXPECT_NE(other.Field("state_digest"), whole.Field("state_digest"));
}

TEST_F(TrainingTest, AModelFileTrainsOn) {
  ASSERT_EQ(Train("model.adret", "--epochs=1").status, 0);
  const std::string before = *io::ReadFile(Path("model.adret"));
  const std::string arguments =
      absl::StrCat("--data=", folder_, " --batch=32 --learning_rate=1e-3 --model=", Path("model.adret"));
  const Result once = Run(LOAD_AND_CONTINUE, absl::StrCat(arguments, " --out=", Path("more.adret")));
  ASSERT_EQ(once.status, 0) << once.err;
  EXPECT_EQ(once.Field("epochs"), "2");
  EXPECT_EQ(*io::ReadFile(Path("model.adret")), before);
  // Adam went on counting.
  const absl::StatusOr<io::Model> more = io::LoadModel(Path("more.adret"));
  ASSERT_TRUE(more.ok()) << more.status();
  EXPECT_EQ(more->state.Get("adam/step")->At(0), 2 * 19);
  EXPECT_EQ(more->state.step, 2 * 19);
  ExpectHistory("more.adret", /*epochs=*/2, once.Field("test_accuracy"));
  // Again and again.
  const Result twice =
      Run(LOAD_AND_CONTINUE, absl::StrCat("--data=", folder_, " --batch=32 --model=", Path("more.adret")));
  ASSERT_EQ(twice.status, 0) << twice.err;
  EXPECT_EQ(twice.Field("epochs"), "3");
  EXPECT_EQ(io::LoadModel(Path("more.adret"))->graph->num_nodes(), more->graph->num_nodes());
}

TEST_F(TrainingTest, ShowsWhatWasLearned) {
  ASSERT_EQ(Train("model.adret", "--epochs=1").status, 0);
  const std::string arguments = absl::StrCat("--model=", Path("model.adret"), " --data=", folder_);
  const Result pictures = Run(LECTURE_WHAT_DOES_CNN_LEARN, absl::StrCat(arguments, " --out=", Path("pictures")));
  ASSERT_EQ(pictures.status, 0) << pictures.err;
  for (const char* name : {"1_conv1_weights", "2_conv2", "3_dense1", "4_classes", "5_classes_l1",
                           "6_which_pixels_matter", "7_deep_dream", "8_deep_style"}) {
    const std::string path = absl::StrCat(Path("pictures"), "/", name, ".png");
    EXPECT_THAT(pictures.out, HasSubstr(path));
    EXPECT_TRUE(io::LoadPng(path).ok()) << path;
  }
  const Result fooled = Run(FOOL_THE_NETWORK, absl::StrCat(arguments, " --out=", Path("fooled.png")));
  ASSERT_EQ(fooled.status, 0) << fooled.err;
  EXPECT_THAT(fooled.out, HasSubstr("of 8 digits are taken for other ones"));
  EXPECT_TRUE(io::LoadPng(Path("fooled.png")).ok());

  const Result none = Run(LECTURE_WHAT_DOES_CNN_LEARN, "--model=/nowhere");
  EXPECT_EQ(none.status, 1);
  EXPECT_THAT(none.err, HasSubstr("/nowhere"));
  const Result unwritable = Run(LECTURE_WHAT_DOES_CNN_LEARN, absl::StrCat(arguments, " --out=", Path("model.adret")));
  EXPECT_EQ(unwritable.status, 1);
  EXPECT_THAT(unwritable.err, HasSubstr("model.adret"));
}

TEST_F(TrainingTest, AnAutoencoderLearnsToDraw) {
  const auto train = [&](const std::string& model, const std::string& arguments) {
    return Run(VARIATIONAL_AUTOENCODER,
               absl::StrCat("--data=", folder_, " --model=", Path(model), " --steps=30 ", arguments));
  };
  const Result one = train("one.adret", "--threads=1"), three = train("three.adret", "--threads=3");
  ASSERT_EQ(one.status, 0) << one.err;
  EXPECT_EQ(one.err, "");
  EXPECT_LT(std::stod(one.Field("loss")), 300) << "784 pixels that say nothing cost 543";
  EXPECT_EQ(one.Field("loss"), three.Field("loss"));
  EXPECT_EQ(one.Field("state_digest"), three.Field("state_digest"));
  EXPECT_EQ(*io::ReadFile(Path("one_digits.png")), *io::ReadFile(Path("three_digits.png")));

  // The file draws, too.
  const absl::StatusOr<io::Model> model = io::LoadModel(Path("one.adret"));
  ASSERT_TRUE(model.ok()) << model.status();
  const auto digits = Evaluate(*model->Output("digit"),
                               {{*model->Input("code"), Tensor::Zeros(DType::kFloat32, {2, 8})}}, &model->state);
  ASSERT_TRUE(digits.ok()) << digits.status();
  EXPECT_EQ(digits->shape(), (Shape{2, 1, 28, 28}));

  const Result none = Run(VARIATIONAL_AUTOENCODER, absl::StrCat("--steps=0 --model=", Path("none.adret")));
  EXPECT_EQ(none.status, 1);
  EXPECT_EQ(none.err, "variational_autoencoder: --steps must be at least 1\n");
  EXPECT_FALSE(std::filesystem::exists(Path("none.adret")));
}

TEST_F(TrainingTest, NewtonsMethodArrivesAndHeatSpreadsAsItShould) {
  const auto run = [&](const char* program, const std::string& arguments) {
    return Run(program, absl::StrCat("--model=", Path("out.adret"), " ", arguments));
  };
  const Result newton = run(NEWTON, "--variables=8 --threads=1");
  ASSERT_EQ(newton.status, 0) << newton.err;
  EXPECT_LT(std::stod(newton.Field("loss")), 1e-20);
  EXPECT_EQ(run(NEWTON, "--variables=8 --threads=3").Field("state_digest"), newton.Field("state_digest"));
  EXPECT_TRUE(io::LoadPng(Path("out.png")).ok());
  EXPECT_EQ(run(NEWTON, "--steps=0").err, "newton: --variables must be at least 2 and --steps at least 1\n");

  const Result heat = run(HEAT_EQUATION, "--threads=1");
  ASSERT_EQ(heat.status, 0) << heat.err;
  EXPECT_LT(std::stod(heat.Field("largest_error")), 5e-3);
  EXPECT_EQ(run(HEAT_EQUATION, "--threads=3").Field("state_digest"), heat.Field("state_digest"));
  EXPECT_NE(run(HEAT_EQUATION, "--steps=0").status, 0);
}

TEST_F(TrainingTest, ATransformerLearnsToWrite) {
  const auto train = [&](const std::string& model, const std::string& arguments) {
    return Run(TINY_TRANSFORMER, absl::StrCat("--model=", Path(model), " ", arguments));
  };
  const Result one = train("one.adret", "--steps=40 --threads=1"),
               three = train("three.adret", "--steps=40 --threads=3");
  ASSERT_EQ(one.status, 0) << one.err;
  EXPECT_EQ(one.err, "");
  EXPECT_LT(std::stod(one.Field("loss")), 3) << "59 characters that say nothing cost 4.1";
  EXPECT_THAT(one.out, HasSubstr("---- step 40, loss "));
  EXPECT_EQ(one.Field("loss"), three.Field("loss"));
  EXPECT_EQ(one.Field("state_digest"), three.Field("state_digest"));

  // The file takes lines of any length.
  const absl::StatusOr<io::Model> model = io::LoadModel(Path("one.adret"));
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->Input("tokens")->type().ToString(), "i64[?,time]");
  for (int64_t time : {1, 5, 100}) {
    const auto logits = Evaluate(*model->Output("logits"),
                                 {{*model->Input("tokens"), Tensor::Zeros(DType::kInt64, {1, time})}}, &model->state);
    ASSERT_TRUE(logits.ok()) << logits.status();
    EXPECT_EQ(logits->shape()[0], time);
  }

  ASSERT_TRUE(io::WriteFile(Path("short.txt"), "too short").ok());
  const Result short_text = train("none.adret", "--text=" + Path("short.txt"));
  EXPECT_EQ(short_text.err, "tiny_transformer: the text has 9 bytes; more than 64 are needed\n");
  EXPECT_FALSE(std::filesystem::exists(Path("none.adret")));
  EXPECT_NE(train("none.adret", "--steps=0").status, 0);
}

TEST_F(TrainingTest, RecurrentNetworksLearnToWriteAndGoOnExactly) {
  const auto train = [&](const std::string& model, const std::string& arguments) {
    return Run(CHAR_LSTM, absl::StrCat("--model=", Path(model), " ", arguments));
  };
  for (const std::string cell : {"lstm", "gru", "rnn"}) {
    const std::string kind = "--cell=" + cell;
    const Result whole = train("whole.adret", kind + " --steps=24 --threads=1");
    ASSERT_EQ(whole.status, 0) << whole.err;
    EXPECT_EQ(whole.err, "");
    EXPECT_LT(std::stod(whole.Field("loss")), 3.7) << "59 characters that say nothing cost 4.1";
    EXPECT_THAT(whole.out, HasSubstr("---- step 24, loss "));
    ASSERT_EQ(train("parts.adret", kind + " --steps=10 --threads=2").status, 0);
    const Result rest = train("parts.adret", kind + " --steps=24 --resume --threads=3");
    ASSERT_EQ(rest.status, 0) << rest.err;
    EXPECT_EQ(rest.Field("state_digest"), whole.Field("state_digest"));
    EXPECT_EQ(*io::ReadFile(Path("parts.adret")), *io::ReadFile(Path("whole.adret")));
  }

  // The file reads on from any state.
  const absl::StatusOr<io::Model> model = io::LoadModel(Path("whole.adret"));
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->Input("h")->type().ToString(), "f32[2,?,128]");
  for (int64_t time : {1, 5, 100}) {
    const auto logits = Evaluate(*model->Output("logits"),
                                 {{*model->Input("tokens"), Tensor::Zeros(DType::kInt64, {2, time})},
                                  {*model->Input("h"), Tensor::Full(DType::kFloat32, {2, 2, 128}, 0.5)}},
                                 &model->state);
    ASSERT_TRUE(logits.ok()) << logits.status();
    EXPECT_EQ(logits->shape()[0], 2 * time);
  }

  EXPECT_EQ(train("none.adret", "--cell=mlp").err, "char_lstm: --cell must be lstm, gru or rnn, but is 'mlp'\n");
  EXPECT_EQ(train("none.adret", "--steps=0").err, "char_lstm: --steps must be at least 1\n");
  EXPECT_FALSE(std::filesystem::exists(Path("none.adret")));
  EXPECT_THAT(train("whole.adret", "--cell=gru --resume").err, HasSubstr("whole.adret"));
  ASSERT_TRUE(io::WriteFile(Path("other.txt"), std::string(50, 'a') + std::string(50, 'b')).ok());
  EXPECT_THAT(train("whole.adret", "--cell=rnn --resume --text=" + Path("other.txt")).err, HasSubstr("whole.adret"));
}

TEST_F(TrainingTest, MistakesAreToldInOneSentenceAndCostNoFile) {
  ASSERT_EQ(Train("model.adret", "--epochs=1").status, 0);
  const std::string before = *io::ReadFile(Path("model.adret"));
  const auto expect = [&](const std::string& arguments, const std::string& message) {
    const Result result = Train("model.adret", arguments);
    EXPECT_NE(result.status, 0) << arguments;
    EXPECT_THAT(result.err, HasSubstr(message)) << arguments;
    EXPECT_THAT(result.err, Not(HasSubstr("internal error"))) << arguments;
    EXPECT_EQ(*io::ReadFile(Path("model.adret")), before) << arguments;
  };
  expect("--epochs=0", "--epochs must be at least 1, but is 0");
  expect("--batch=-4", "--batch must be at least 1");
  expect("--threads=0", "--threads must be at least 1");
  expect("--threads=-1", "--threads must be at least 1");
  expect("--threads=100000", "100000");
  expect("--stop_after=-1", "--stop_after must be at least 0");
  expect("--colour=red", "colour");
  expect("--epochs=many", "many");
  expect("surplus", "unknown argument 'surplus'");
  expect("--data=/nowhere", "/nowhere");
  expect(absl::StrCat("--model=", folder_, "/nowhere/model.adret"), "nowhere");
  expect(absl::StrCat("--model=", folder_), folder_);
  expect("--resume --batch=100", "trained with other examples or another batch size");
  expect(absl::StrCat("--resume --model=", Path("t10k-labels-idx1-ubyte")), "t10k-labels-idx1-ubyte");

  io::Model model = *io::LoadModel(Path("model.adret"));
  io::ModelContents contents = model.contents();
  contents.metadata[nn::kTrainingHistoryKey] = "epoch 1 went well";
  ASSERT_TRUE(io::SaveModel(Path("altered.adret"), contents).ok());
  expect(absl::StrCat("--resume --model=", Path("altered.adret")), "altered.adret: training history, line 1: expected");
}

TEST_F(TrainingTest, ResumingAFinishedRunReportsIt) {
  const Result done = Train("model.adret", "--epochs=1");
  const Result again = Train("model.adret", "--epochs=1 --resume");
  ASSERT_EQ(again.status, 0) << again.err;
  EXPECT_EQ(again.Field("state_digest"), done.Field("state_digest"));
  EXPECT_EQ(again.Field("test_accuracy"), done.Field("test_accuracy"));
}

}  // namespace
}  // namespace adret
