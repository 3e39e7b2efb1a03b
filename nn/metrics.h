// Metrics: how often an answer is right.
//
//   Value accuracy = nn::Accuracy(logits, label);            // in the graph, fetched with the loss
//
//   nn::ConfusionMatrix confusion(10);                       // on numbers, after a run
//   AD_RETURN_IF_ERROR(confusion.Add(labels, predictions));
//   std::puts(confusion.ToString().c_str());
#ifndef ADRET_NN_METRICS_H_
#define ADRET_NN_METRICS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "adret/core/graph.h"
#include "adret/core/tensor.h"

namespace adret::nn {

// Returns the fraction of rows of logits [n, classes] whose largest element (the first of equal ones) is at label
// i64[n]: a scalar of logits' dtype. A row with NaN is never right.
Value Accuracy(Operand logits, Operand label);

// Returns the fraction of rows where fewer than k elements come before the one at label: larger ones, equal ones with a
// smaller index, and NaN. A NaN at label is never right. For k = 1, this is Accuracy.
Value TopKAccuracy(Operand logits, Operand label, int64_t k);

// Counts how often class `truth` was taken for class `predicted`.
class ConfusionMatrix {
 public:
  // With 0 classes or fewer there are none that Add() could count.
  explicit ConfusionMatrix(int classes)
      : classes_(classes > 0 ? classes : 0), counts_(static_cast<size_t>(classes_) * classes_) {}

  // Counts integer tensors of one length. Fails, counting nothing, on a class outside [0, classes).
  absl::Status Add(const Tensor& truth, const Tensor& predicted);

  int classes() const { return classes_; }
  int64_t count(int truth, int predicted) const { return counts_[static_cast<size_t>(truth) * classes_ + predicted]; }
  int64_t total() const;
  // Returns 0 where there is nothing to divide by.
  double accuracy() const;
  double Recall(int c) const;     // of the examples of class c, how many were taken for c
  double Precision(int c) const;  // of the examples taken for class c, how many are of c

  // Returns a table: a row for each true class, a column for each predicted one, recall and precision at the margins.
  std::string ToString() const;

 private:
  int64_t RowSum(int truth) const;
  int64_t ColumnSum(int predicted) const;

  int classes_;
  std::vector<int64_t> counts_;
};

}  // namespace adret::nn

#endif  // ADRET_NN_METRICS_H_
