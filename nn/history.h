// History: how training went, as text that a model file keeps, so that whoever has the file can draw the curve.
//
//   nn::TrainingHistory history;                                              // or what an earlier run has left:
//   AD_ASSIGN_OR_RETURN(history, nn::TrainingHistory::FromText(model.metadata[nn::kTrainingHistoryKey]));
//   auto records = trainer.Fit(train, &state, {.on_batch = [&](const nn::BatchRecord& b) { history.Add(b); },
//                                              .on_epoch = [&](const nn::EpochRecord& e) {
//                                                history.Add(e);
//                                                return Save({{nn::kTrainingHistoryKey, history.ToText()}}); }});
//
// The text is made of lines, the first of which tells the format. It holds no times, so that a file depends on what was
// learned alone:
//
//  adret training history 1
//  epoch,<epoch>,<epochs>,<training loss>,<accuracy>,<examples>,<test loss>,<accuracy>,<examples>
//  batch,<epochs done>,<loss>
#ifndef ADRET_NN_HISTORY_H_
#define ADRET_NN_HISTORY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "adret/nn/trainer.h"

namespace adret::nn {

// Under which name a model file's metadata hold the text.
inline constexpr char kTrainingHistoryKey[] = "training_history";

// The loss of some batches that follow each other: their average, and where the last of them stands.
struct BatchLoss {
  double epochs_done = 0;
  double loss = 0;
};

class TrainingHistory {
 public:
  // Appends; what was known of the same stretch of training (a run that is repeated from an earlier state) goes.
  //
  // Batches are averaged, so that all epochs together come to about kPoints points (of more epochs, some have none).
  // Averages do not reach across epochs: training that stops and goes on leaves what it would have left without the
  // stop.
  void Add(const BatchRecord& batch);
  void Add(const EpochRecord& epoch);

  const std::vector<EpochRecord>& epochs() const { return epochs_; }  // without seconds where they come from a text
  const std::vector<BatchLoss>& batches() const { return batches_; }

  std::string ToText() const;
  // Reads ToText()'s text. A file is not trusted: InvalidArgument, naming the line, for whatever ToText() does not
  // write: other words, numbers that are none, shares outside [0, 1], records out of order. "" is the history of
  // nothing.
  static absl::StatusOr<TrainingHistory> FromText(absl::string_view text);

  static constexpr int64_t kPoints = 500;

 private:
  absl::Status AddLine(absl::string_view line);

  std::vector<EpochRecord> epochs_;
  std::vector<BatchLoss> batches_;
  double sum_ = 0;  // of the batches since the last point
  int64_t count_ = 0;
};

}  // namespace adret::nn

#endif  // ADRET_NN_HISTORY_H_
