#include "adret/nn/trainer.h"

#include <numeric>

#include "adret/core/random.h"
#include "adret/nn/layers.h"
#include "adret/nn/losses.h"
#include "adret/nn/metrics.h"
#include "adret/nn/optimizers.h"
#include "adret/nn/progress.h"
#include "adret/ops/reduce.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::nn {
namespace {

using ::testing::HasSubstr;

// Pictures of 6x6 bytes with a bright bar, upright (class 0) or lying (class 1), in noise.
Examples Bars(int64_t n, uint64_t seed) {
  RandomStream random(seed);
  Tensor x(DType::kUint8, {n, 1, 6, 6}), y(DType::kUint8, {n});
  absl::Span<uint8_t> pixels = x.mutable_data<uint8_t>();
  for (int64_t i = 0; i < n; ++i) {
    const uint32_t lying = random.Below(2), at = random.Below(6);
    y.mutable_data<uint8_t>()[i] = static_cast<uint8_t>(lying);
    for (uint32_t p = 0; p < 36; ++p) {
      const bool bright = (lying ? p / 6 : p % 6) == at;
      pixels[i * 36 + p] = static_cast<uint8_t>(random.Below(120) + (bright ? 120 : 0));
    }
  }
  return {x, y};
}

// A small network with everything that has state: dropout, running statistics, a schedule, Adam.
struct BarsTask {
  explicit BarsTask(std::optional<int> threads = {}) {
    const Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, 1, 6, 6});
    const Value y = graph.Input("y", DType::kInt64, {kAnyBatch});
    const Sequential net{Conv2d(4, 3), BatchNorm(), Relu(), MaxPool2d(2), Flatten(), Dropout(0.1), Dense(2)};
    const Value logits = net(x);
    answer = net(x, Mode::kInference);
    const Value loss = SoftmaxCrossEntropy(logits, y);
    task = {
        .x = x,
        .y = y,
        .loss = loss,
        .accuracy = Accuracy(logits, y),
        .updates = Adam({.learning_rate = OneCycle({.max = 0.03, .steps = 20 * 7})}).Minimize(loss, graph.variables()),
        .test_loss = SoftmaxCrossEntropy(answer, y),
        .test_accuracy = Accuracy(answer, y)};
    trainer.emplace(Trainer::Create(task, {.batch = 32, .threads = threads}));
    if (trainer->ok()) state = *InitialState(graph, 5);
  }
  Graph graph;
  Value answer;
  Task task;
  std::optional<absl::StatusOr<Trainer>> trainer;
  State state;
};

TEST(TrainerTest, LearnsASmallProblem) {
  BarsTask task;
  ASSERT_TRUE(task.trainer->ok()) << task.trainer->status();
  int batches = 0;
  const auto history =
      (*task.trainer)
          ->Fit(Bars(200, 1), &task.state, {.epochs = 20, .test = Bars(100, 2), .on_batch = [&](const BatchRecord& r) {
                                              ++batches;
                                              EXPECT_EQ(r.batches, 7);
                                            }});
  ASSERT_TRUE(history.ok()) << history.status();
  ASSERT_EQ(history->size(), 20);
  EXPECT_EQ(batches, 140);
  EXPECT_EQ(task.state.step, 140);
  EXPECT_EQ(history->back().train.examples, 200);
  EXPECT_GT(history->back().test.accuracy, 0.95);
  EXPECT_LT(history->back().train.loss, 0.5 * history->front().train.loss);
}

TEST(TrainerTest, ResumesExactly) {
  BarsTask whole, parts;
  ASSERT_TRUE(whole.trainer->ok());
  const Examples bars = Bars(200, 1);
  ASSERT_TRUE((*whole.trainer)->Fit(bars, &whole.state, {.epochs = 4}).ok());

  const auto first = (*parts.trainer)->Fit(bars, &parts.state, {.epochs = 4, .stop_after = 1});
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first->size(), 1);
  // Elsewhere, with what a checkpoint holds.
  BarsTask later;
  State checkpoint;
  checkpoint.seed = parts.state.seed;
  checkpoint.step = parts.state.step;
  for (const auto& [name, tensor] : parts.state.tensors()) checkpoint.Set(name, tensor.Clone());
  const auto rest = (*later.trainer)->Fit(bars, &checkpoint, {.epochs = 4});
  ASSERT_TRUE(rest.ok());
  EXPECT_EQ(rest->size(), 3);
  EXPECT_EQ(rest->front().epoch, 2);
  EXPECT_EQ(checkpoint.Digest(), whole.state.Digest());
  // Nothing is left to do.
  EXPECT_TRUE((*later.trainer)->Fit(bars, &checkpoint, {.epochs = 4})->empty());
}

TEST(TrainerTest, ThreadsDoNotChangeTheResult) {
  std::vector<std::string> digests;
  for (int threads : {1, 2, 4}) {
    BarsTask task(threads);
    ASSERT_TRUE((*task.trainer)->Fit(Bars(100, 1), &task.state, {.epochs = 1}).ok());
    digests.push_back(task.state.Digest());
  }
  EXPECT_EQ(digests[0], digests[1]);
  EXPECT_EQ(digests[0], digests[2]);
}

TEST(TrainerTest, StopsWhereACallbackFails) {
  BarsTask task;
  const auto history = (*task.trainer)->Fit(Bars(64, 1), &task.state, {.epochs = 3, .on_epoch = [](const EpochRecord&) {
                                                                         return absl::DataLossError("disk full");
                                                                       }});
  EXPECT_EQ(history.status().message(), "disk full");
  EXPECT_EQ(task.state.step, 2);
}

TEST(TrainerTest, RefusesAStateInTheMiddleOfAnEpoch) {
  BarsTask task;
  task.state.step = 3;
  EXPECT_THAT((*task.trainer)->Fit(Bars(64, 1), &task.state, {}).status().message(),
              HasSubstr("the state is 1 steps into an epoch of 2"));
}

TEST(TrainerTest, RunInBatchesGivesEveryAnswer) {
  BarsTask task;
  const Examples bars = Bars(70, 3);
  const Value predicted = ArgMax(task.answer, {.axis = 1});
  const auto all = RunInBatches(predicted, task.task.x, bars.x, task.state, {.batch = 70});
  const auto pieces = RunInBatches(predicted, task.task.x, bars.x, task.state, {.batch = 32});
  ASSERT_TRUE(all.ok() && pieces.ok()) << all.status() << pieces.status();
  EXPECT_EQ(all->shape(), Shape({70}));
  EXPECT_TRUE(all->BitEqual(*pieces));
}

TEST(BatchesTest, AreAPermutationOfTheExamples) {
  Tensor x(DType::kInt32, {10, 1});
  std::iota(x.mutable_data<int32_t>().begin(), x.mutable_data<int32_t>().end(), 0);
  const Tensor y = x.Reshaped({10}).Cast(DType::kInt64);
  const auto order = [&](uint64_t seed, int64_t epoch, bool drop_last) {
    Batches batches = *Batches::Create({x, y}, {DType::kFloat32, {kAnyBatch, 1}}, {DType::kInt64, {kAnyBatch}},
                                       {.batch = 4, .drop_last = drop_last});
    batches.Shuffle(seed, epoch);
    std::vector<double> seen;
    for (int64_t i = 0; i < batches.count(); ++i) {
      const auto [bx, by] = batches.Get(i);
      EXPECT_EQ(bx.dtype(), DType::kFloat32);
      for (int64_t j = 0; j < by.num_elements(); ++j) {
        EXPECT_EQ(bx.At(j), by.At(j));
        seen.push_back(by.At(j));
      }
    }
    return seen;
  };
  const std::vector<double> one = order(1, 0, false);
  EXPECT_THAT(one, testing::UnorderedElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
  EXPECT_EQ(one, order(1, 0, false));
  EXPECT_NE(one, order(1, 1, false));
  EXPECT_NE(one, order(2, 0, false));
  EXPECT_EQ(order(1, 0, true), std::vector<double>(one.begin(), one.begin() + 8));
}

TEST(BatchesTest, BytesBecomePixels) {
  const Tensor x = Tensor::From<uint8_t>({3, 2}, {0, 255, 51, 102, 255, 0});
  const Tensor rows = TakeRows(x, {2, 1}, DType::kFloat32);
  EXPECT_EQ(rows.At(0), 1);
  EXPECT_EQ(rows.At(1), 0);
  EXPECT_FLOAT_EQ(rows.At(2), 0.2f);
  EXPECT_TRUE(TakeRows(x, {2, 1}, DType::kUint8).BitEqual(Tensor::From<uint8_t>({2, 2}, {255, 0, 51, 102})));
}

TEST(BatchesTest, AnswersKeepTheirNumbers) {
  const Tensor x = Tensor::From<uint8_t>({2, 1}, {255, 51}), y = Tensor::From<uint8_t>({2, 1}, {255, 3});
  for (const DType dtype : {DType::kFloat32, DType::kFloat64, DType::kInt64, DType::kUint8}) {
    const auto batches = Batches::Create({x, y}, {DType::kFloat32, {kAnyBatch, 1}}, {dtype, {kAnyBatch, 1}});
    const auto [pixels, answers] = batches->Get(0);
    EXPECT_EQ(pixels.At(0), 1);
    EXPECT_EQ(answers.dtype(), dtype);
    EXPECT_EQ(answers.At(0), 255);
    EXPECT_EQ(answers.At(1), 3);
  }
}

TEST(BatchesTest, SayWhatDoesNotFit) {
  const Type image{DType::kFloat32, {kAnyBatch, 1, 6, 6}}, label{DType::kInt64, {kAnyBatch}};
  const auto message = [&](const Tensor& x, const Tensor& y, BatchOptions options) {
    return std::string(Batches::Create({x, y}, image, label, options).status().message());
  };
  const Tensor x(DType::kUint8, {4, 1, 6, 6}), y(DType::kUint8, {4});
  EXPECT_THAT(message(Tensor(DType::kUint8, {4, 6, 6}), y, {}),
              HasSubstr("x is u8[4,6,6], but the graph expects f32[?,1,6,6]"));
  EXPECT_THAT(message(x, Tensor(DType::kUint8, {5}), {}), HasSubstr("4 examples but 5 answers"));
  EXPECT_THAT(message(x, y, {.batch = 0}), HasSubstr("no batch of 0"));
  EXPECT_THAT(message(x, y, {.batch = 5, .drop_last = true}), HasSubstr("no batch of 5 can be made of 4 examples"));
  EXPECT_EQ(message(x, y, {.batch = 5}), "");
}

TEST(ProgressTest, Lines) {
  const BatchRecord batch{.epoch = 2,
                          .epochs = 5,
                          .batch = 50,
                          .batches = 100,
                          .loss = 1,
                          .so_far = {.loss = 0.5, .accuracy = 0.975, .examples = 6400, .seconds = 2}};
  EXPECT_EQ(ProgressLine(batch),
            "epoch 2/5 [===============>              ]  50%  loss 0.5000  accuracy 97.5%  3,200 images/s  2 s left");
  const EpochRecord epoch{.epoch = 1, .epochs = 5, .train = batch.so_far};
  EXPECT_EQ(EpochRow(epoch).size(), EpochHeading().size());
  EXPECT_THAT(EpochRow(epoch), HasSubstr("97.50%"));
}

}  // namespace
}  // namespace adret::nn
