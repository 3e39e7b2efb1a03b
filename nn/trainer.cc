#include "adret/nn/trainer.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace adret::nn {
namespace {

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// loss, and accuracy if there is one.
Values Watched(Value loss, Value accuracy) { return accuracy.valid() ? Values{loss, accuracy} : Values{loss}; }

// Adds what a run on n examples fetched.
void Accumulate(const std::vector<Tensor>& fetched, int64_t n, Score* score) {
  const double old = static_cast<double>(score->examples), all = old + static_cast<double>(n);
  const auto average = [&](double mean, double added) { return (mean * old + added * static_cast<double>(n)) / all; };
  score->loss = average(score->loss, fetched[0].At(0));
  if (fetched.size() > 1) score->accuracy = average(score->accuracy, fetched[1].At(0));
  score->examples += n;
}

}  // namespace

absl::StatusOr<Trainer> Trainer::Create(const Task& task, const TrainerOptions& options) {
  Task o = task;
  if (!o.test_loss.valid()) o.test_loss = o.loss;
  if (!o.test_accuracy.valid()) o.test_accuracy = o.accuracy;
  const ExecutorOptions executor_options{.threads = options.threads};
  AD_ASSIGN_OR_RETURN(Executor train, Executor::Create(Watched(o.loss, o.accuracy), o.updates, executor_options));
  AD_ASSIGN_OR_RETURN(Executor test, Executor::Create(Watched(o.test_loss, o.test_accuracy), {}, executor_options));
  return Trainer(o, options, std::move(train), std::move(test));
}

absl::StatusOr<Score> Trainer::Epoch(const Batches& batches, State* state, const FitOptions& options, int64_t epoch) {
  BatchRecord record{.epoch = epoch + 1, .epochs = options.epochs, .batches = batches.count()};
  const Stopwatch stopwatch;
  for (int64_t i = 0; i < batches.count(); ++i) {
    auto [x, y] = batches.Get(i);
    AD_ASSIGN_OR_RETURN(const std::vector<Tensor> fetched, train_.Run({{task_.x, x}, {task_.y, y}}, state));
    Accumulate(fetched, x.shape()[0], &record.so_far);
    record.so_far.seconds = stopwatch.seconds();
    record.batch = i + 1;
    record.loss = fetched[0].At(0);
    if (options.on_batch) options.on_batch(record);
  }
  return record.so_far;
}

absl::StatusOr<Batches> Trainer::MakeBatches(const Examples& examples, bool drop_last) const {
  return Batches::Create(examples, task_.x.type(), task_.y.type(), {.batch = options_.batch, .drop_last = drop_last});
}

absl::StatusOr<int64_t> Trainer::EpochsDone(const Examples& train, const State& state) const {
  AD_ASSIGN_OR_RETURN(const Batches batches, MakeBatches(train, options_.drop_last));
  const int64_t steps = batches.count(), done = static_cast<int64_t>(state.step);
  if (done % steps == 0) return done / steps;
  return absl::FailedPreconditionError(absl::StrCat("the state is ", done % steps, " steps into an epoch of ", steps,
                                                    ": it was trained with other examples or another batch size"));
}

absl::StatusOr<std::vector<EpochRecord>> Trainer::Fit(const Examples& train, State* state, const FitOptions& options) {
  AD_ASSIGN_OR_RETURN(Batches batches, MakeBatches(train, options_.drop_last));
  AD_ASSIGN_OR_RETURN(int64_t epoch, EpochsDone(train, *state));
  const int64_t last = options.stop_after > 0 ? std::min(options.stop_after, options.epochs) : options.epochs;
  std::vector<EpochRecord> history;
  for (; epoch < last; ++epoch) {
    batches.Shuffle(state->seed, epoch);
    EpochRecord record{.epoch = epoch + 1, .epochs = options.epochs};
    AD_ASSIGN_OR_RETURN(record.train, Epoch(batches, state, options, epoch));
    if (options.test.size() > 0) {
      AD_ASSIGN_OR_RETURN(record.test, Evaluate(options.test, *state));
    }
    history.push_back(record);
    if (options.on_epoch) AD_RETURN_IF_ERROR(options.on_epoch(record));
  }
  return history;
}

absl::StatusOr<Score> Trainer::Evaluate(const Examples& examples, const State& state) {
  AD_ASSIGN_OR_RETURN(const Batches batches, MakeBatches(examples, /*drop_last=*/false));
  Score score;
  const Stopwatch stopwatch;
  for (int64_t i = 0; i < batches.count(); ++i) {
    auto [x, y] = batches.Get(i);
    AD_ASSIGN_OR_RETURN(const std::vector<Tensor> fetched, test_.Run({{task_.x, x}, {task_.y, y}}, state));
    Accumulate(fetched, x.shape()[0], &score);
  }
  score.seconds = stopwatch.seconds();
  return score;
}

double TrainingSpeed(const std::vector<EpochRecord>& history) {
  Score all;
  for (const EpochRecord& epoch : history) {
    all.examples += epoch.train.examples;
    all.seconds += epoch.train.seconds;
  }
  return all.examples_per_second();
}

absl::Status CheckSameVariables(const State& expected, const State& found) {
  for (const auto& [name, tensor] : expected.tensors()) {
    const absl::StatusOr<Tensor> other = found.Get(name);
    if (other.ok() && other->type() == tensor.type()) continue;
    return absl::FailedPreconditionError(absl::StrCat("this is the state of another model: variable ", name,
                                                      " should be ", tensor.type().ToString(), " but is ",
                                                      other.ok() ? other->type().ToString() : "missing"));
  }
  for (const auto& [name, tensor] : found.tensors()) {
    if (expected.Contains(name)) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("this is the state of another model: variable ", name, " is not part of this one"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Tensor> RunInBatches(Value value, Value input, const Tensor& x, const State& state,
                                    const TrainerOptions& options) {
  if (value.shape().symbolic_axis() != 0 || value.shape()[0] != kAnyBatch) {
    return absl::InvalidArgumentError(
        absl::StrCat("the first axis of ", value.name(), " must be the batch, but it is ", value.type().ToString()));
  }
  // Nobody reads the answers: the indices of x serve.
  AD_ASSIGN_OR_RETURN(Executor executor, Executor::Create({value}, {}, {.threads = options.threads}));
  const int64_t n = x.rank() == 0 ? 0 : x.shape()[0];
  AD_ASSIGN_OR_RETURN(const Batches batches, Batches::Create({x, Tensor(DType::kUint8, {n})}, input.type(),
                                                             {DType::kUint8, {kAnyBatch}}, {.batch = options.batch}));
  Tensor result(value.dtype(), value.shape().With(n));
  char* to = static_cast<char*>(result.mutable_raw());
  for (int64_t i = 0; i < batches.count(); ++i) {
    AD_ASSIGN_OR_RETURN(const std::vector<Tensor> fetched, executor.Run({{input, batches.Get(i).first}}, state));
    std::memcpy(to, fetched[0].raw(), fetched[0].num_bytes());
    to += fetched[0].num_bytes();
  }
  return result;
}

}  // namespace adret::nn
