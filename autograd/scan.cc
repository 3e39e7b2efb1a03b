#include "adret/autograd/scan.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "adret/autograd/body_internal.h"
#include "adret/autograd/scan_internal.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/check_bounds.h"
#include "adret/ops/compare.h"
#include "adret/ops/scan.h"
#include "adret/ops/where.h"

namespace adret {
namespace {

// Returns as many invalid values as Scan() would return valid ones. Calls the body for their number.
ScanResult InvalidScan(Graph* graph, const ScanInputs& inputs, const ScanBody& body) {
  const Value invalid = graph == nullptr ? Value() : Value(graph, {-1, 0});
  const ScanStep step = body(Values(inputs.carry.size(), invalid), Values(inputs.each.size(), invalid));
  return {Values(inputs.carry.size(), invalid), Values(step.out.size(), invalid)};
}

// Builds one Scan() in a graph.
class ScanBuilder {
 public:
  ScanBuilder(Graph* graph, ScanInputs inputs, std::source_location location)
      : graph_(graph), inputs_(std::move(inputs)), location_(location), body_("scan", graph, location) {}

  // Returns what Scan() returns, also after an error: then its values are invalid.
  ScanResult Build(const ScanBody& function) {
    if (CheckInputs()) {
      for (const Value& v : inputs_.carry) carry_.push_back(body_.AddInput("carry", v.type()));
      for (const Value& v : inputs_.each) each_.push_back(body_.AddInput("each", ScanElement(v.type())));
      const ScanResult result = Add(function);
      if (graph_->status().ok()) return result;
    }
    return InvalidScan(graph_, inputs_, function);
  }

 private:
  ScanResult Add(const ScanBody& function) {
    const size_t carries = carry_.size();
    const auto flat = [&] {
      ScanStep step = function(carry_, each_);
      returned_carries_ = step.carry.size();
      step.carry.insert(step.carry.end(), step.out.begin(), step.out.end());
      return step.carry;
    };
    if (!body_.Write(flat) || !CheckOutputs()) return {};
    if (HasLengths() && !AddLengths()) return {};
    const Values captures = body_.Captures();
    Values inputs = inputs_.carry;
    inputs.insert(inputs.end(), inputs_.each.begin(), inputs_.each.end());
    ScanAttrs attrs{.body = body_.Make(captures),
                    .carries = static_cast<int64_t>(carries),
                    .each = static_cast<int64_t>(each_.size()),
                    .reverse = inputs_.reverse};
    if (attrs.body == nullptr) return {};
    inputs.insert(inputs.end(), captures.begin(), captures.end());
    const LocationScope location(graph_, location_);
    const Values all = inputs_.checkpoint_every == 0
                           ? AddScan(graph_, inputs, std::move(attrs), location_)
                           : AddScanOfBlocks(graph_, inputs, attrs, inputs_.checkpoint_every, location_);
    if (!graph_->status().ok()) return {};
    const auto middle = all.begin() + static_cast<int64_t>(carries);
    return {{all.begin(), middle}, {middle, all.end()}};
  }

  bool HasLengths() const { return inputs_.lengths.graph() != nullptr; }

  bool CheckInputs() {
    Values given = inputs_.carry;
    given.insert(given.end(), inputs_.each.begin(), inputs_.each.end());
    if (HasLengths()) given.push_back(inputs_.lengths);
    for (const Value& v : given) {
      if (!v.valid()) return InvalidResult("scan", {v}, location_), false;
      if (v.graph() != graph_) return body_.Fail("inputs belong to different graphs");
    }
    if (inputs_.checkpoint_every < 0) {
      return body_.Fail(absl::StrCat("checkpoint_every is ", inputs_.checkpoint_every));
    }
    if (inputs_.each.empty()) return body_.Fail("needs at least one sequence");
    for (const Value& v : inputs_.each) {
      if (v.rank() > 0) continue;
      return body_.Fail(absl::StrCat("a sequence needs an axis for its steps, but is ", v.type().ToString()));
    }
    return !HasLengths() || CheckLengths();
  }

  bool CheckLengths() {
    Value& lengths = inputs_.lengths;
    const bool integers = lengths.dtype() == DType::kInt32 || lengths.dtype() == DType::kInt64;
    if (!integers || lengths.rank() != 1) {
      return body_.Fail(absl::StrCat("lengths have to be i32[n] or i64[n], but are ", lengths.type().ToString()));
    }
    if (lengths.dtype() != DType::kInt64) lengths = Cast(lengths, DType::kInt64);
    lengths = CheckBounds(lengths, inputs_.each[0].shape().dim(0));
    return lengths.valid();
  }

  // The carry has to keep its types: that is said here, where there is a name for what is wrong.
  bool CheckOutputs() {
    if (returned_carries_ != carry_.size()) {
      return body_.Fail(absl::StrCat("the body returns ", returned_carries_, " values for a carry of ", carry_.size()));
    }
    if (body_.outputs().empty()) return body_.Fail("the body returns nothing");
    for (size_t k = 0; k < carry_.size(); ++k) {
      const Type &before = carry_[k].type(), &after = body_.outputs()[k].type();
      if (before == after) continue;
      return body_.Fail(
          absl::StrCat("carry ", k, " is ", before.ToString(), " but the body returns ", after.ToString()));
    }
    return true;
  }

  // Puts into the body what lengths do; they need an axis of examples wherever they act. The body and the node get the
  // number of the step as one more sequence.
  bool AddLengths() {
    const Type lengths = inputs_.lengths.type();
    for (const Value& v : body_.outputs()) {
      if (v.rank() > 0 && v.shape()[0] == lengths.shape[0]) continue;
      return body_.Fail(absl::StrCat("lengths are ", lengths.ToString(),
                                     ", so what a step returns needs an axis 0 of size ", DimText(lengths.shape[0]),
                                     ", but one value is ", v.type().ToString()));
    }
    const Value one = graph_->Constant(Tensor::Scalar(DType::kInt64, 1), location_);
    inputs_.each.push_back(CumSum(BroadcastTo(one, {inputs_.each[0].shape()[0]}), {.axis = 0, .exclusive = true}));
    each_.push_back(body_.AddInput("step", {DType::kInt64, {}}));
    const Value active = Less(each_.back(), inputs_.lengths);
    for (size_t k = 0; k < body_.outputs().size(); ++k) {
      Value& v = body_.outputs()[k];
      v = WhereExamples(active, v, k < carry_.size() ? Operand(carry_[k]) : Operand(0.0));
    }
    return body_.ok();
  }

  Graph* const graph_;
  ScanInputs inputs_;
  const std::source_location location_;
  BodyBuilder body_;
  Values carry_, each_;  // the body's
  size_t returned_carries_ = 0;
};

}  // namespace

ScanResult Scan(const ScanInputs& inputs, const ScanBody& body, std::source_location location) {
  const Values lengths = {inputs.lengths};
  Graph* const graph = ControlFlowGraph({&inputs.carry, &inputs.each, &lengths});
  if (graph == nullptr || !graph->status().ok()) return InvalidScan(graph, inputs, body);
  ScanInputs own = inputs;
  for (Value& v : own.carry) v = Captured(graph, v);
  for (Value& v : own.each) v = Captured(graph, v);
  own.lengths = Captured(graph, own.lengths);
  return ScanBuilder(graph, std::move(own), location).Build(body);
}

}  // namespace adret
