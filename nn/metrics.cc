#include "adret/nn/metrics.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "adret/nn/options_internal.h"
#include "adret/ops/binary.h"
#include "adret/ops/compare.h"
#include "adret/ops/gather.h"
#include "adret/ops/range.h"
#include "adret/ops/reduce.h"
#include "adret/ops/reshape.h"
#include "adret/ops/where.h"

namespace adret::nn {
namespace {

double Ratio(int64_t part, int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

bool AreLogitsAndIndices(absl::string_view metric, const Operand& logits, const Operand& label) {
  if (!logits->valid() || !label->valid()) {
    InvalidResult(metric, {logits, label}, logits.location());
    return false;
  }
  if (logits->rank() == 2 && label->rank() == 1 && label->dtype() == DType::kInt64) return true;
  logits.graph()->Fail(
      absl::InvalidArgumentError(absl::StrCat(metric,
                                              ": expects logits [n, classes] and labels i64[n], "
                                              "but they are ",
                                              logits->type().ToString(), " and ", label->type().ToString())),
      logits.location());
  return false;
}

}  // namespace

Value Accuracy(Operand logits, Operand label) {
  LocationScope place(logits.graph(), logits.location());
  if (!AreLogitsAndIndices("Accuracy", logits, label)) return InvalidResult("Accuracy", {logits, label});
  const Value largest = Max(logits, {.axes = {1}});
  const Value is_number = Equal(largest, largest);
  return Mean(Cast(LogicalAnd(Equal(ArgMax(logits, {.axis = 1}), label), is_number), logits->dtype()));
}

Value TopKAccuracy(Operand logits, Operand label, int64_t k) {
  LocationScope place(logits.graph(), logits.location());
  if (!AreLogitsAndIndices("TopKAccuracy", logits, label)) return InvalidResult("TopKAccuracy", {logits, label});
  if (const absl::Status sound = OptionCheck("TopKAccuracy").Count("k", k).status(); !sound.ok()) {
    return logits.graph()->Fail(sound, logits.location());
  }
  const DType dtype = logits->dtype();
  const Value column = Unsqueeze(label, {1});
  const Value at_label = GatherElements(logits, column, /*axis=*/1);
  const Value classes =
      Range(logits.graph(), {.dtype = DType::kInt64, .limit = static_cast<double>(logits->shape()[1])});
  const Value equal_but_earlier = LogicalAnd(Equal(logits, at_label), Less(classes, column));
  const Value before = LogicalOr(LogicalNot(LessEqual(logits, at_label)), equal_but_earlier);
  return Mean(Cast(Less(Sum(Cast(before, dtype), {.axes = {1}}), static_cast<double>(k)), dtype));
}

absl::Status ConfusionMatrix::Add(const Tensor& truth, const Tensor& predicted) {
  if (truth.num_elements() != predicted.num_elements()) {
    return absl::InvalidArgumentError(absl::StrCat("confusion matrix: ", truth.num_elements(), " true classes but ",
                                                   predicted.num_elements(), " predicted ones"));
  }
  for (const Tensor* t : {&truth, &predicted}) {
    for (int64_t i = 0; i < t->num_elements(); ++i) {
      if (t->At(i) >= 0 && t->At(i) < classes_) continue;
      return absl::InvalidArgumentError(
          absl::StrCat("confusion matrix: class ", t->At(i), " of example ", i, " is not in [0, ", classes_, ")"));
    }
  }
  for (int64_t i = 0; i < truth.num_elements(); ++i) {
    ++counts_[static_cast<size_t>(truth.At(i)) * classes_ + static_cast<size_t>(predicted.At(i))];
  }
  return absl::OkStatus();
}

int64_t ConfusionMatrix::RowSum(int truth) const {
  int64_t sum = 0;
  for (int c = 0; c < classes_; ++c) sum += count(truth, c);
  return sum;
}
int64_t ConfusionMatrix::ColumnSum(int predicted) const {
  int64_t sum = 0;
  for (int c = 0; c < classes_; ++c) sum += count(c, predicted);
  return sum;
}
int64_t ConfusionMatrix::total() const {
  int64_t sum = 0;
  for (int64_t n : counts_) sum += n;
  return sum;
}
double ConfusionMatrix::accuracy() const {
  int64_t right = 0;
  for (int c = 0; c < classes_; ++c) right += count(c, c);
  return Ratio(right, total());
}
double ConfusionMatrix::Recall(int c) const { return Ratio(count(c, c), RowSum(c)); }
double ConfusionMatrix::Precision(int c) const { return Ratio(count(c, c), ColumnSum(c)); }

std::string ConfusionMatrix::ToString() const {
  const int64_t largest = counts_.empty() ? 0 : *std::max_element(counts_.begin(), counts_.end());
  const int width = std::max(7, static_cast<int>(absl::StrCat(largest).size()) + 1);
  std::string text = "true \\ predicted\n     ";
  for (int c = 0; c < classes_; ++c) absl::StrAppendFormat(&text, "%*d", width, c);
  absl::StrAppend(&text, "   recall\n");
  for (int t = 0; t < classes_; ++t) {
    absl::StrAppendFormat(&text, "%5d", t);
    for (int p = 0; p < classes_; ++p) {
      // Zeros off the diagonal are what one wants; dots keep them out of sight.
      absl::StrAppendFormat(&text, "%*s", width, count(t, p) == 0 && t != p ? "." : absl::StrCat(count(t, p)));
    }
    absl::StrAppendFormat(&text, "  %6.2f%%\n", 100 * Recall(t));
  }
  absl::StrAppend(&text, "prec.");
  for (int c = 0; c < classes_; ++c) absl::StrAppendFormat(&text, "%*.2f", width, 100 * Precision(c));
  absl::StrAppendFormat(&text, "  %6.2f%%\n", 100 * accuracy());
  return text;
}

}  // namespace adret::nn
