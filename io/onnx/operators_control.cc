// Branches and loops: If and Loop.
//
// Bodies see the values around them by their names, and adret's If(), Scan() and While() capture them.
#include <algorithm>
#include <optional>
#include <utility>

#include "adret/autograd/if.h"
#include "adret/autograd/scan.h"
#include "adret/autograd/while.h"
#include "adret/core/status.h"
#include "adret/io/onnx/bodies.h"
#include "adret/io/onnx/call.h"
#include "adret/io/onnx/onnx.pb.h"
#include "adret/io/onnx/operators.h"
#include "adret/ops/binary.h"
#include "adret/ops/compare.h"
#include "adret/ops/concat.h"
#include "adret/ops/reshape.h"

namespace adret::onnx {
namespace {

using Results = absl::StatusOr<Values>;

// ---- If ----

absl::Status SameTypes(const Call& c, const Types& one, const Values& other) {
  if (one.size() != other.size()) {
    return c.Error("one branch has ", one.size(), " outputs and the other ", other.size());
  }
  for (size_t k = 0; k < one.size(); ++k) {
    if (one[k] == other[k].type()) continue;
    return c.Unsupported("its condition must be known while the file is read, since output ", k, " is ",
                         one[k].ToString(), " in one branch and ", other[k].type().ToString(),
                         " in the other; fix the input on which it depends");
  }
  return absl::OkStatus();
}

Results IfFrom(Call& c) {
  AD_ASSIGN_OR_RETURN(const proto::Graph* then_graph, c.GraphAttr("then_branch"));
  AD_ASSIGN_OR_RETURN(const proto::Graph* else_graph, c.GraphAttr("else_branch"));
  AD_ASSIGN_OR_RETURN(const Value condition, ScalarInput(c, 0, DType::kBool));
  if (c.IsKnown(0)) {
    AD_ASSIGN_OR_RETURN(const Tensor known, c.Known(0));
    return c.Build(known.At(0) != 0 ? *then_graph : *else_graph, {});
  }
  BodyCall then_body(c, *then_graph, 0, c.num_outputs()), else_body(c, *else_graph, 0, c.num_outputs());
  absl::Status same;
  Types types;
  const auto build_then = [&] {
    Values outputs = then_body.Build({}, {}, 0);
    for (const Value& v : outputs) types.push_back(v.type());
    return outputs;
  };
  const auto build_else = [&] {
    Values outputs = else_body.Build({}, {}, 0);
    if (else_body.status().ok()) same = SameTypes(c, types, outputs);
    if (else_body.status().ok() && same.ok()) return outputs;
    outputs.clear();
    for (const Type& type : types) outputs.push_back(Placeholder(c.graph(), type));
    return outputs;
  };
  Values outputs = If(condition, build_then, build_else);
  AD_RETURN_IF_ERROR(then_body.status());
  AD_RETURN_IF_ERROR(else_body.status());
  AD_RETURN_IF_ERROR(same);
  return outputs;
}

// ---- Loop ----

// Steps that are written out where a body needs their numbers, and nodes of the graph above which none are.
constexpr int64_t kMostUnrolled = 256;
constexpr int kMostNodes = 1'000'000;
// Steps above which a loop without results of each step does not become a Scan(), which keeps something for each.
constexpr int64_t kMostScanned = int64_t{1} << 24;

// One Loop node.
class Loop {
 public:
  explicit Loop(Call& c) : c_(c), graph_(c.graph()), states_(std::max(c.num_inputs() - 2, 0)) {}

  Results Build() {
    AD_RETURN_IF_ERROR(ReadInputs());
    if (c_.has(0) && trips_.has_value() && condition_.has_value()) return WithKnownSteps();
    if (scans_ == 0) return AsWhile();
    if (condition_.has_value() && !c_.has(0)) {
      Results unrolled = Unrolled();
      if (unrolled.ok()) return unrolled;
    }
    return StepsNotKnown();
  }

 private:
  bool has_condition() const { return c_.has(1); }

  absl::Status ReadInputs() {
    AD_ASSIGN_OR_RETURN(body_, c_.GraphAttr("body"));
    scans_ = std::max({c_.num_outputs() - states_, body_->output_size() - 1 - states_, 0});
    for (int k = 0; k < states_; ++k) {
      if (!c_.has(k + 2)) return c_.Error("input ", k + 2, " is missing");
      initial_.push_back(c_.raw(k + 2));
    }
    if (c_.has(0)) {
      AD_ASSIGN_OR_RETURN(limit_, ScalarInput(c_, 0, DType::kInt64));
      const absl::StatusOr<std::vector<Dim>> dims = c_.KnownDims(0);
      if (dims.ok() && dims->size() == 1) trips_ = (*dims)[0];
      if (trips_.has_value() && trips_->number().value_or(0) < 0) trips_ = Dim(0);
    }
    if (!has_condition()) {
      condition_ = true;
      return absl::OkStatus();
    }
    AD_ASSIGN_OR_RETURN(go_on_, ScalarInput(c_, 1, DType::kBool));
    if (c_.IsKnown(1)) {
      AD_ASSIGN_OR_RETURN(const Tensor known, c_.Known(1));
      condition_ = known.At(0) != 0;
      if (!*condition_) trips_ = Dim(0);
    }
    return absl::OkStatus();
  }

  absl::Status StepsNotKnown() {
    if (c_.has(0)) AD_RETURN_IF_ERROR(c_.KnownDims(0).status());
    if (has_condition()) AD_RETURN_IF_ERROR(c_.Known(1).status());
    return c_.Unsupported("its outputs of every step have as many elements as the loop has steps, which a run decides");
  }

  // Builds the loop where the number of steps does not depend on a run's numbers, unless its condition does.
  Results WithKnownSteps() {
    absl::Status status;
    if (scans_ > 0 || trips_->number().value_or(0) <= kMostScanned) {
      bool always = true;
      Results scanned = AsScan(&always);
      if (scanned.ok() && always) return scanned;
      status = scanned.status();
      if (!graph_->status().ok()) return status.ok() ? graph_->status() : status;
      if (scanned.ok() && scans_ == 0) return AsWhile();
    } else {
      return AsWhile();
    }
    Results unrolled = Unrolled();
    if (unrolled.ok()) return unrolled;
    return status.ok() ? unrolled.status() : status;
  }

  // always: whether the condition that the body computes is true, whatever a run's numbers are.
  Results AsScan(bool* always) {
    BodyCall body(c_, *body_, states_ + 2, 1 + states_ + scans_);
    const Value yes = graph_->Constant(Tensor::Full(DType::kBool, {}, 1));
    const ScanInputs inputs{.carry = initial_, .each = {StepNumbers(graph_, *trips_)}};
    const ScanResult r = Scan(inputs, [&](const Values& carry, const Values& each) {
      Values all = {each[0], yes};
      all.insert(all.end(), carry.begin(), carry.end());
      const Values outputs = body.Build(all, carry, 1);
      if (body.status().ok()) *always = Known(outputs[0]).value_or(false);
      ScanStep step{.carry = {outputs.begin() + 1, outputs.begin() + 1 + states_},
                    .out = {outputs.begin() + 1 + states_, outputs.end()}};
      if (outputs.size() == 1) step.out.push_back(outputs[0]);  // a loop that computes nothing
      return step;
    });
    AD_RETURN_IF_ERROR(body.status());
    if (!has_condition() && !*always) return IgnoredCondition();
    Values results = r.carry;
    results.insert(results.end(), r.out.begin(), r.out.end());
    return results;
  }

  absl::Status IgnoredCondition() const {
    return c_.Unsupported(
        "the loop is given no condition, but its body computes one that may be false, which the "
        "specification ignores and ONNX Runtime obeys");
  }

  // Returns a condition that follows from the file alone.
  std::optional<bool> Known(const Value& condition) const {
    const absl::StatusOr<Tensor> known = c_.NumbersOf(condition);
    if (!known.ok() || known->num_elements() != 1) return std::nullopt;
    return known->At(0) != 0;
  }

  // Builds a loop without results of each step. Hands on: the number of the step, the condition if there is one, and
  // the states.
  Results AsWhile() {
    if (!c_.has(0) && !has_condition()) return c_.Error("the loop has no end: neither a trip count nor a condition");
    BodyCall body(c_, *body_, states_ + 2, 1 + states_);
    const Value yes = graph_->Constant(Tensor::Full(DType::kBool, {}, 1));
    WhileInputs inputs{.carry = {graph_->Constant(Tensor::Zeros(DType::kInt64, {}))}};
    const bool bounded = trips_.has_value() && trips_->number().has_value();
    if (bounded) inputs.max_iterations = *trips_->number();
    inputs.carry.push_back(has_condition() ? go_on_ : yes);
    inputs.carry.insert(inputs.carry.end(), initial_.begin(), initial_.end());
    const auto condition = [&](const Values& carry) {
      return c_.has(0) && !bounded ? LogicalAnd(carry[1], Less(carry[0], limit_)) : carry[1];
    };
    bool always = true;
    const WhileResult r = While(inputs, condition, [&](const Values& carry) {
      Values all = carry;
      if (!has_condition()) all[1] = yes;
      const Values outputs = body.Build(all, {carry.begin() + 2, carry.end()}, 1);
      if (!has_condition() && body.status().ok()) always = Known(outputs[0]).value_or(false);
      Values next = {carry[0] + 1, has_condition() ? Reshape(outputs[0], {}) : carry[1]};
      next.insert(next.end(), outputs.begin() + 1, outputs.end());
      return next;
    });
    AD_RETURN_IF_ERROR(body.status());
    if (!always) return IgnoredCondition();
    return Values(r.carry.begin() + std::min<size_t>(2, r.carry.size()), r.carry.end());
  }

  // Writes the steps out, each with its own number. Fails where the file does not tell how many there are.
  Results Unrolled() {
    // One more than are written out stands for any number.
    const int64_t steps = trips_.has_value() ? trips_->number().value_or(kMostUnrolled + 1) : kMostUnrolled + 1;
    if (c_.has(0) && steps > kMostUnrolled) return StepsNotKnown();
    Values carry = initial_;
    std::vector<Values> scans(scans_);
    std::optional<bool> go_on = condition_;
    for (int64_t step = 0; go_on == true && step != steps; ++step) {
      if (step == kMostUnrolled || graph_->num_nodes() > kMostNodes) return StepsNotKnown();
      Values inputs = {graph_->Constant(Tensor::Scalar(DType::kInt64, static_cast<double>(step))),
                       graph_->Constant(Tensor::Full(DType::kBool, {}, 1))};
      inputs.insert(inputs.end(), carry.begin(), carry.end());
      BodyCall body(c_, *body_, states_ + 2, 1 + states_ + scans_);
      const Values outputs = body.Build(inputs, {}, 0);
      AD_RETURN_IF_ERROR(body.status());
      go_on = Known(outputs[0]);
      if (!has_condition() && go_on != true) return IgnoredCondition();
      if (!go_on.has_value()) return StepsNotKnown();
      carry = {outputs.begin() + 1, outputs.begin() + 1 + states_};
      for (int k = 0; k < scans_; ++k) scans[k].push_back(outputs[1 + states_ + k]);
    }
    for (const Values& scan : scans) {
      if (scan.empty()) return StepsNotKnown();
      for (const Value& v : scan) {
        if (v.type() == scan[0].type()) continue;
        return c_.Unsupported("the loop computes ", scan[0].type().ToString(), " in one step and ", v.type().ToString(),
                              " in another");
      }
      carry.push_back(Stack(scan, 0));
    }
    return carry;
  }

  Call& c_;
  Graph* const graph_;
  const int states_;
  int scans_ = 0;  // outputs that every step adds to
  const proto::Graph* body_ = nullptr;
  Values initial_;
  Value limit_, go_on_;            // M and the condition, where there are any
  std::optional<Dim> trips_;       // M, where a run's numbers do not decide it
  std::optional<bool> condition_;  // the same for the condition; true where there is none
};

const OperatorRegistration kControl({
    {.name = "If",
     .from = IfFrom,
     .halves = Halves::kMove,
     .note = "Both branches return values of equal types, unless the condition is known while the file is read."},
    {.name = "Loop",
     .from = [](Call& c) -> Results { return Loop(c).Build(); },
     .halves = Halves::kMove,
     .note = "Outputs of every step need a number of steps that is known while the file is read. A gradient needs M to "
             "be known. States keep their types, unless at most 256 steps can be written out."},
});

}  // namespace
}  // namespace adret::onnx
