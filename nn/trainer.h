// Trainer: epochs over examples in memory.
//
//   nn::Trainer trainer = *nn::Trainer::Create(
//       {.x = image, .y = label, .loss = loss, .accuracy = accuracy, .updates = step});
//   State state = *InitialState(graph, /*seed=*/1);
//   auto history = *trainer.Fit({train_images, train_labels}, &state,
//                               {.epochs = 5, .test = {test_images, test_labels},
//                                .on_epoch = [&](const nn::EpochRecord& e) { return Save(e, state); }});
//
// The order of the examples is drawn from (state.seed, epoch), and how many epochs are behind follows from state.step.
// So training that stops after an epoch and goes on from a saved state does exactly what it would have done without the
// stop.
#ifndef ADRET_NN_TRAINER_H_
#define ADRET_NN_TRAINER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "adret/core/executor.h"
#include "adret/core/graph.h"
#include "adret/core/state.h"
#include "adret/nn/batches.h"

namespace adret::nn {

// What to train: two inputs of a graph, what to watch, and what a step does.
struct Task {
  Value x, y;
  Value loss;           // scalar, in training mode
  Value accuracy = {};  // scalar, or invalid: none
  Updates updates = {};
  Value test_loss = {};  // the same in inference mode; invalid: those of training
  Value test_accuracy = {};
};

struct TrainerOptions {
  int64_t batch = 128;
  // The last examples of an epoch that do not fill a batch: left out, or a smaller batch.
  bool drop_last = false;
  std::optional<int> threads = {};  // as in ExecutorOptions
};

// Averages over examples.
struct Score {
  double loss = 0;
  double accuracy = 0;
  int64_t examples = 0;
  double seconds = 0;
  double examples_per_second() const { return seconds > 0 ? static_cast<double>(examples) / seconds : 0; }
};

// Where training stands after a batch.
struct BatchRecord {
  int64_t epoch = 1, epochs = 1;   // from 1
  int64_t batch = 1, batches = 1;  // from 1
  double loss = 0;                 // of this batch
  Score so_far = {};               // of this epoch
  // Returns 1.5 when half of the second epoch is behind.
  double epochs_done() const {
    return static_cast<double>(epoch - 1) + static_cast<double>(batch) / static_cast<double>(batches);
  }
};

// What an epoch came to.
struct EpochRecord {
  int64_t epoch = 1, epochs = 1;  // from 1
  Score train = {};               // averages over the epoch, while weights moved
  Score test = {};                // after it; no examples where there was no test set
};

// Returns the examples per second over all of these epochs' training; 0 when there are none.
double TrainingSpeed(const std::vector<EpochRecord>& history);

struct FitOptions {
  int64_t epochs = 1;
  int64_t stop_after = 0;  // end after this epoch; 0: after the last
  Examples test = {};      // evaluated after each epoch; may be empty
  std::function<void(const BatchRecord&)> on_batch = nullptr;
  // After each epoch: for tables and checkpoints. An error ends training and is returned.
  std::function<absl::Status(const EpochRecord&)> on_epoch = nullptr;
};

class Trainer {
 public:
  // Fails as Executor::Create does.
  static absl::StatusOr<Trainer> Create(const Task& task, const TrainerOptions& options = {});

  // Trains from where state stands until options.epochs epochs have been done. Returns a record for each epoch that it
  // ran: none when there was nothing left to do. Fails when the state's step is not at the beginning of an epoch.
  absl::StatusOr<std::vector<EpochRecord>> Fit(const Examples& train, State* state, const FitOptions& options);

  // Returns how many epochs over these examples the state has behind it. Fails when it is not at the beginning of one.
  absl::StatusOr<int64_t> EpochsDone(const Examples& train, const State& state) const;

  // Loss and accuracy on examples.
  absl::StatusOr<Score> Evaluate(const Examples& examples, const State& state);

 private:
  Trainer(const Task& task, const TrainerOptions& options, Executor train, Executor test)
      : task_(task), options_(options), train_(std::move(train)), test_(std::move(test)) {}
  absl::StatusOr<Batches> MakeBatches(const Examples& examples, bool drop_last) const;
  absl::StatusOr<Score> Epoch(const Batches& batches, State* state, const FitOptions& options, int64_t epoch);

  Task task_;
  TrainerOptions options_;
  Executor train_, test_;
};

// Returns ok when both states have the same variables, of the same types: a checkpoint fits a graph whose initial state
// is `expected`.
absl::Status CheckSameVariables(const State& expected, const State& found);

// Computes value for all of x [n, ...], batch by batch: what input is fed with, in pieces. value's first axis must be
// the batch.
absl::StatusOr<Tensor> RunInBatches(Value value, Value input, const Tensor& x, const State& state,
                                    const TrainerOptions& options = {});

}  // namespace adret::nn

#endif  // ADRET_NN_TRAINER_H_
