// Edge rows of what runs along an axis: reductions, running sums, the k largest, softmax and its cross-entropy.
#include "absl/strings/str_cat.h"
#include "adret/core/op.h"
#include "adret/ops/reduce.h"
#include "adret/ops/scan.h"
#include "adret/ops/softmax.h"
#include "adret/ops/top_k.h"
#include "adret/tests/ops/edge_suite.h"

namespace adret {
namespace {

using Along = std::function<Values(Value x, int64_t axis)>;

struct Tolerance {
  double ulp = 0, gradient_ulp = 0;
  bool of_largest = false;
  bool signed_zeros = true;
};

EdgeRow On(std::string name, std::string input, const Along& f, int64_t axis = 1, Tolerance tolerance = {}) {
  return {.name = std::move(name),
          .build = [f, axis](Args x) { return f(x[0], axis); },
          .inputs = {std::move(input)},
          .ulp = tolerance.ulp,
          .gradient_ulp = tolerance.gradient_ulp,
          .of_largest = tolerance.of_largest,
          .signed_zeros = tolerance.signed_zeros};
}

Along Reduction(Value (*f)(Operand, const ReduceAttrs&)) {
  return [f](Value x, int64_t axis) { return Values{f(x, {.axes = {axis}})}; };
}
Along ArgReduction(Value (*f)(Operand, const ArgReduceAttrs&)) {
  return [f](Value x, int64_t axis) { return Values{f(x, {.axis = axis})}; };
}
Values ProdOthers(Value x, int64_t axis) { return {Build("prod_others", {x}, Attrs(ReduceAttrs{{axis}}))}; }

struct NamedAlong {
  std::string name;
  Along f;
  Tolerance tolerance = {};
};

const std::vector<NamedAlong>& OfRows() {
  static const auto* functions = new std::vector<NamedAlong>{
      {"sum", Reduction(Sum), {.signed_zeros = false}},
      {"mean", Reduction(Mean), {.ulp = 1, .gradient_ulp = 1, .signed_zeros = false}},
      {"max", Reduction(Max)},
      {"min", Reduction(Min)},
      {"logsumexp", Reduction(LogSumExp), {.ulp = 2, .gradient_ulp = 8, .signed_zeros = false}},
      {"argmax", ArgReduction(ArgMax)},
      {"argmin", ArgReduction(ArgMin)},
      {"max_mask", [](Value x, int64_t axis) { return Values{MaxMask(x, {axis})}; }},
      {"min_mask", [](Value x, int64_t axis) { return Values{MinMask(x, {axis})}; }},
      {"softmax", [](Value x, int64_t axis) { return Values{Softmax(x, axis)}; }, {4, 4, true}},
      {"log_softmax", [](Value x, int64_t axis) { return Values{LogSoftmax(x, axis)}; }, {4, 4, true}},
      {"cumsum", [](Value x, int64_t axis) { return Values{CumSum(x, {.axis = axis})}; }},
  };
  return *functions;
}

Values FourLargest(Value x, int64_t axis) {
  const TopKResult top = TopK(x, 4, axis);
  return {top.values, top.indices};
}

void Both(const std::string& name, const std::string& input, const Along& f, Tolerance tolerance,
          std::vector<EdgeRow>* rows) {
  rows->push_back(On(name, input, f, 1, tolerance));
  rows->push_back(On(name + "/columns", input + "_columns", f, 0, tolerance));
}

std::vector<EdgeRow> Rows() {
  std::vector<EdgeRow> rows;
  Both(
      "norm", "lengths", [](Value x, int64_t axis) { return Values{Norm(x, {.axes = {axis}})}; }, {2, 4}, &rows);
  for (const auto& [name, f, tolerance] : OfRows()) {
    Both(name, "rows", f, tolerance, &rows);
    rows.push_back(On(name + "/one", "single", f, 1, tolerance));
    if (name == "max_mask" || name == "min_mask") continue;
    rows.push_back(On(name + "/no_rows", "no_rows", f));
    EdgeRow of_nothing = On(name + "/of_nothing", "empty", f);
    if (name == "max" || name == "min" || name == "argmax" || name == "argmin") {
      of_nothing.error = "has no elements to reduce";
    }
    rows.push_back(of_nothing);
  }
  Both("top_k", "rows", FourLargest, {}, &rows);
  Both("prod", "factors", Reduction(Prod), {}, &rows);
  Both("prod_others", "some_factors", ProdOthers, {}, &rows);
  rows.push_back(On("prod/largest", "largest_factors", Reduction(Prod)));
  rows.push_back(On("prod/of_nothing", "empty", Reduction(Prod)));
  const Along size = [](Value x, int64_t axis) { return Values{Size(x, {axis})}; };
  rows.push_back(On("size", "rows", size));
  rows.push_back(On("size/of_nothing", "empty", size));
  rows.push_back(On("cumsum/exclusive_reverse", "rows", [](Value x, int64_t axis) {
    return Values{CumSum(x, {.axis = axis, .exclusive = true, .reverse = true})};
  }));
  return rows;
}
const EdgeRows kRows(Rows());

EdgeRow CrossEntropy(std::string name, std::string logits, std::string labels) {
  return {.name = "softmax_cross_entropy" + name,
          .build = [](Args x) { return Values{SoftmaxCrossEntropy(x[0], x[1])}; },
          .inputs = {std::move(logits), std::move(labels)},
          .of_largest = true,
          .signed_zeros = false};  // -log(1)
}
const EdgeRows kCrossEntropy({
    CrossEntropy("", "logits", "labels"),
    CrossEntropy("/probabilities", "logits", "probabilities"),
    CrossEntropy("/mixed", "logits", "mixed_probabilities"),
    CrossEntropy("/no_rows", "no_rows", "no_labels"),
});

}  // namespace
}  // namespace adret
