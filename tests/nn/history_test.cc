#include "adret/nn/history.h"

#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::nn {
namespace {

using ::testing::HasSubstr;

// Epochs [first, last] of `epochs`, of `batches` batches each.
void Train(int64_t first, int64_t last, int64_t epochs, int64_t batches, TrainingHistory* history) {
  for (int64_t e = first; e <= last; ++e) {
    for (int64_t b = 1; b <= batches; ++b) {
      BatchRecord record{.epoch = e, .epochs = epochs, .batch = b, .batches = batches};
      record.loss = 2.3 * std::exp(-record.epochs_done());
      history->Add(record);
    }
    const double loss = std::exp(-static_cast<double>(e)) / 3;
    history->Add(EpochRecord{.epoch = e,
                             .epochs = epochs,
                             .train = {.loss = loss, .accuracy = 1 - loss, .examples = 600, .seconds = 1.25},
                             .test = {.loss = loss / 7, .accuracy = 2.0 / 3, .examples = 100, .seconds = 0.5}});
  }
}

TEST(History, IsReadAsItWasWritten) {
  TrainingHistory history;
  Train(1, 3, 5, 469, &history);
  const std::string text = history.ToText();
  const absl::StatusOr<TrainingHistory> read = TrainingHistory::FromText(text);
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->epochs().size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    const EpochRecord &found = read->epochs()[i], &expected = history.epochs()[i];
    EXPECT_EQ(found.epoch, expected.epoch);
    EXPECT_EQ(found.epochs, 5);
    EXPECT_NEAR(found.train.loss, expected.train.loss, 1e-8);
    EXPECT_NEAR(found.test.accuracy, expected.test.accuracy, 1e-8);
    EXPECT_EQ(found.train.examples, 600);
    EXPECT_EQ(found.test.examples, 100);
    EXPECT_EQ(found.train.seconds, 0) << "a file must not depend on how fast the machine was";
  }
  ASSERT_EQ(read->batches().size(), history.batches().size());
  EXPECT_NEAR(read->batches()[7].loss, history.batches()[7].loss, 1e-8);
  EXPECT_EQ(read->ToText(), text);
  EXPECT_EQ(TrainingHistory::FromText("")->ToText(), TrainingHistory().ToText());
}

TEST(History, ManyBatchesAreAFewPoints) {
  for (const auto& [epochs, batches] :
       std::vector<std::pair<int64_t, int64_t>>{{1, 10'000}, {5, 469}, {7, 3}, {900, 2}}) {
    TrainingHistory history;
    Train(1, epochs, epochs, batches, &history);
    const auto points = static_cast<int64_t>(history.batches().size());
    EXPECT_LE(points, std::max(TrainingHistory::kPoints, epochs)) << epochs << " x " << batches;
    EXPECT_GE(points, std::min(TrainingHistory::kPoints / 2, epochs * batches)) << epochs << " x " << batches;
    EXPECT_EQ(history.batches().back().epochs_done, epochs);
  }
  // A point is the average of its batches.
  TrainingHistory history;
  for (int64_t b = 1; b <= 1000; ++b) {
    history.Add(BatchRecord{.epoch = 1, .epochs = 1, .batch = b, .batches = 1000, .loss = static_cast<double>(b)});
  }
  EXPECT_DOUBLE_EQ(history.batches()[0].loss, 1.5);
  EXPECT_DOUBLE_EQ(history.batches()[0].epochs_done, 0.002);
}

TEST(History, GoesOnAsIfItHadNotStopped) {
  TrainingHistory whole;
  Train(1, 4, 4, 130, &whole);
  TrainingHistory first;
  Train(1, 2, 4, 130, &first);
  TrainingHistory rest = *TrainingHistory::FromText(first.ToText());
  Train(3, 4, 4, 130, &rest);
  EXPECT_EQ(rest.ToText(), whole.ToText());
  // Repeated from an earlier state, and from the middle of an epoch that did not end.
  rest.Add(BatchRecord{.epoch = 3, .epochs = 4, .batch = 1, .batches = 130, .loss = 1e9});
  Train(3, 4, 4, 130, &rest);
  EXPECT_EQ(rest.ToText(), whole.ToText());
}

TEST(History, TrainingThatDivergedIsToldToo) {
  TrainingHistory history;
  history.Add(BatchRecord{.loss = std::numeric_limits<double>::quiet_NaN()});
  history.Add(EpochRecord{.train = {.loss = std::numeric_limits<double>::infinity()}});
  const absl::StatusOr<TrainingHistory> read = TrainingHistory::FromText(history.ToText());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(std::isnan(read->batches()[0].loss));
  EXPECT_TRUE(std::isinf(read->epochs()[0].train.loss));
}

TEST(History, RefusesWhatNobodyWrote) {
  const std::string head = "adret training history 1\n", epoch = "epoch,1,5,0.2,0.9,600,0.1,0.95,100\n";
  ASSERT_TRUE(TrainingHistory::FromText(head + epoch + "batch,0.5,1.5\n").ok());
  const auto expect = [](const std::string& text, const std::string& message) {
    const absl::StatusOr<TrainingHistory> read = TrainingHistory::FromText(text);
    ASSERT_FALSE(read.ok()) << text;
    EXPECT_EQ(read.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(read.status().message()), HasSubstr(message));
  };
  expect("epochs: 5", "line 1: expected \"adret training history 1\"");
  expect("adret training history 2\n", "line 1");
  expect(head + "hello\n", "line 2: expected \"epoch,\" and eight numbers or \"batch,\" and two, but found \"hello\"");
  expect(head + "\n" + epoch, "line 2");
  expect(head + epoch + "batch,0.5\n", "line 3");
  expect(head + "batch,0.5,1.5,7\n", "found \"batch,0.5,1.5,7\"");
  expect(head + "batch,nan,1.5\n", "line 2");
  expect(head + "batch,-1,1.5\n", "line 2");
  expect(head + "batch,1,1.5x\n", "line 2");
  expect(head + "epoch,0,5,0.2,0.9,600,0.1,0.95,100\n", "line 2");
  expect(head + "epoch,6,5,0.2,0.9,600,0.1,0.95,100\n", "line 2");
  expect(head + "epoch,1,5,0.2,1.9,600,0.1,0.95,100\n", "line 2");
  expect(head + "epoch,1,5,0.2,nan,600,0.1,0.95,100\n", "line 2");
  expect(head + "epoch,1,5,0.2,0.9,-600,0.1,0.95,100\n", "line 2");
  expect(head + "epoch,99999999999999999999,5,0.2,0.9,600,0.1,0.95,100\n", "line 2");
  expect(head + epoch + epoch, "line 3: epoch 1 comes after epoch 1");
  expect(head + "batch,0.5,1\nbatch,0.25,1\n", "line 3: a batch at 0.25 epochs comes after one at 0.5");
  expect(head + "\x01\xff<script>\n", "found \"\\001\\377<script>\"");
  expect(head + std::string(5000, ','), "line 2");
  std::string many = head;
  for (int i = 1; i <= 100'001; ++i) absl::StrAppend(&many, "batch,", i, ",1\n");
  expect(many, "at most 100000 lines");
}

TEST(History, LongTrainingCanBeReadAgain) {
  TrainingHistory history;
  history.Add(BatchRecord{.epoch = 1, .epochs = 0, .batch = 1, .batches = 0});  // no division by what is not known
  const int64_t epochs = 120'000;
  for (int64_t epoch = 1; epoch <= epochs; ++epoch) {
    history.Add(BatchRecord{.epoch = epoch, .epochs = epochs, .batch = 1, .batches = 1, .loss = 1});
    history.Add(EpochRecord{.epoch = epoch, .epochs = epochs});
  }
  EXPECT_LE(history.batches().size(), 600u);
  const absl::StatusOr<TrainingHistory> read = TrainingHistory::FromText(history.ToText());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->epochs().back().epoch, epochs);
}

}  // namespace
}  // namespace adret::nn
