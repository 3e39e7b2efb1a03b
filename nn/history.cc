#include "adret/nn/history.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/types/span.h"
#include "adret/core/rounding.h"

namespace adret::nn {
namespace {

constexpr absl::string_view kFirstLine = "adret training history 1";
constexpr size_t kMaxLines = 100'000;  // of a text from a file
constexpr size_t kMaxEpochs = 90'000;  // that are written: the last ones

using Fields = std::vector<absl::string_view>;

// Whole numbers from 0 on.
bool ReadCount(absl::string_view field, int64_t* count) { return absl::SimpleAtoi(field, count) && *count >= 0; }

// Losses of training that diverged are infinite, or no numbers at all.
bool ReadScore(absl::Span<const absl::string_view> fields, Score* score) {
  return absl::SimpleAtod(fields[0], &score->loss) && absl::SimpleAtod(fields[1], &score->accuracy) &&
         score->accuracy >= 0 && score->accuracy <= 1 && ReadCount(fields[2], &score->examples);
}

bool ReadEpoch(const Fields& fields, EpochRecord* epoch) {
  return fields.size() == 9 && ReadCount(fields[1], &epoch->epoch) && ReadCount(fields[2], &epoch->epochs) &&
         epoch->epoch >= 1 && epoch->epoch <= epoch->epochs &&
         ReadScore(absl::MakeConstSpan(fields).subspan(3, 3), &epoch->train) &&
         ReadScore(absl::MakeConstSpan(fields).subspan(6, 3), &epoch->test);
}

bool ReadBatch(const Fields& fields, BatchLoss* batch) {
  return fields.size() == 3 && absl::SimpleAtod(fields[1], &batch->epochs_done) && batch->epochs_done > 0 &&
         std::isfinite(batch->epochs_done) && absl::SimpleAtod(fields[2], &batch->loss);
}

// Nine digits: what is read and written again is the same text.
std::string ScoreText(const Score& score) {
  return absl::StrFormat("%.9g,%.9g,%d", score.loss, score.accuracy, score.examples);
}

}  // namespace

void TrainingHistory::Add(const BatchRecord& batch) {
  if (batch.batch == 1) sum_ = 0, count_ = 0;
  sum_ += batch.loss;
  ++count_;
  const int64_t all_epochs = std::max<int64_t>(1, batch.epochs), all = std::max<int64_t>(1, batch.batches);
  const int64_t points = std::max<int64_t>(1, kPoints / all_epochs);  // of an epoch
  const int64_t each = CeilDiv(all, points);
  const int64_t epochs_each = CeilDiv(all_epochs, kPoints);  // of so many epochs, the last one has a point
  if (batch.epoch % epochs_each != 0 && batch.epoch != all_epochs) return;
  if (batch.batch % each != 0 && batch.batch != all) return;
  while (!batches_.empty() && batches_.back().epochs_done >= batch.epochs_done()) batches_.pop_back();
  batches_.push_back({batch.epochs_done(), sum_ / static_cast<double>(count_)});
  sum_ = 0, count_ = 0;
}

void TrainingHistory::Add(const EpochRecord& epoch) {
  while (!epochs_.empty() && epochs_.back().epoch >= epoch.epoch) epochs_.pop_back();
  epochs_.push_back(epoch);
}

std::string TrainingHistory::ToText() const {
  std::string text = absl::StrCat(kFirstLine, "\n");
  const size_t first = epochs_.size() - std::min(epochs_.size(), kMaxEpochs);
  for (const EpochRecord& e : absl::MakeConstSpan(epochs_).subspan(first)) {
    absl::StrAppend(&text, "epoch,", e.epoch, ",", e.epochs, ",", ScoreText(e.train), ",", ScoreText(e.test), "\n");
  }
  for (const BatchLoss& b : batches_) absl::StrAppendFormat(&text, "batch,%.9g,%.9g\n", b.epochs_done, b.loss);
  return text;
}

absl::Status TrainingHistory::AddLine(absl::string_view line) {
  const Fields fields = absl::StrSplit(line, absl::MaxSplits(',', 9));
  EpochRecord epoch;
  BatchLoss batch;
  if (fields[0] == "epoch" && ReadEpoch(fields, &epoch)) {
    if (!epochs_.empty() && epoch.epoch <= epochs_.back().epoch) {
      return absl::InvalidArgumentError(
          absl::StrCat("epoch ", epoch.epoch, " comes after epoch ", epochs_.back().epoch));
    }
    epochs_.push_back(epoch);
    return absl::OkStatus();
  }
  if (fields[0] == "batch" && ReadBatch(fields, &batch)) {
    if (!batches_.empty() && batch.epochs_done <= batches_.back().epochs_done) {
      return absl::InvalidArgumentError(
          absl::StrCat("a batch at ", batch.epochs_done, " epochs comes after one at ", batches_.back().epochs_done));
    }
    batches_.push_back(batch);
    return absl::OkStatus();
  }
  constexpr size_t kShown = 60;
  return absl::InvalidArgumentError(
      absl::StrCat("expected \"epoch,\" and eight numbers or \"batch,\" and two, but found \"",
                   absl::CEscape(line.substr(0, kShown)), "\""));
}

absl::StatusOr<TrainingHistory> TrainingHistory::FromText(absl::string_view text) {
  TrainingHistory history;
  if (text.empty()) return history;
  const auto error = [](size_t line, absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat("training history, line ", line, ": ", what));
  };
  const std::vector<absl::string_view> lines = absl::StrSplit(text, absl::MaxSplits('\n', kMaxLines));
  if (lines[0] != kFirstLine) return error(1, absl::StrCat("expected \"", kFirstLine, "\""));
  if (lines.size() > kMaxLines) return error(kMaxLines, absl::StrCat("at most ", kMaxLines, " lines are read"));
  for (size_t i = 1; i < lines.size(); ++i) {
    if (i + 1 == lines.size() && lines[i].empty()) break;  // after the last line's end
    if (absl::Status added = history.AddLine(lines[i]); !added.ok()) return error(i + 1, added.message());
  }
  return history;
}

}  // namespace adret::nn
