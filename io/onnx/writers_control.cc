// How loops and branches are written as ONNX. What a body captures it calls by its name in the graph around.
#include <algorithm>

#include "adret/autograd/if_internal.h"
#include "adret/autograd/scan_internal.h"
#include "adret/autograd/while_internal.h"
#include "adret/core/status.h"
#include "adret/core/subgraph.h"
#include "adret/io/onnx/emitter.h"

namespace adret::onnx {
namespace {

using Result = absl::StatusOr<Names>;

Names Behind(const Names& names, int64_t first) { return Names(names.begin() + first, names.end()); }

int NumOutputs(const Site& s) { return static_cast<int>(s.node.outputs.size()); }

Result IfTo(Emitter& e, const Site& s) {
  const IfAttrs& a = s.attrs<IfAttrs>();
  const Names captured = Behind(s.inputs, 1);
  AD_ASSIGN_OR_RETURN(proto::Graph* const then_branch, e.Body(*a.then_branch, captured));
  AD_ASSIGN_OR_RETURN(proto::Graph* const else_branch, e.Body(*a.else_branch, captured));
  return e.NodeMulti("If", {s.x()}, NumOutputs(s), {{"then_branch", then_branch}, {"else_branch", else_branch}});
}

Result ScanTo(Emitter& e, const Site& s) {
  const ScanAttrs& a = s.attrs<ScanAttrs>();
  const int64_t own = a.carries + a.each;
  AD_ASSIGN_OR_RETURN(proto::Graph* const body, e.Body(*a.body, Behind(s.inputs, own)));
  EmittedAttrs attrs = {{"body", body}, {"num_scan_inputs", a.each}};
  if (a.reverse) {
    attrs.push_back({"scan_input_directions", std::vector<int64_t>(a.each, 1)});
    attrs.push_back({"scan_output_directions", std::vector<int64_t>(s.node.outputs.size() - a.carries, 1)});
  }
  return e.NodeMulti("Scan", Names(s.inputs.begin(), s.inputs.begin() + own), NumOutputs(s), attrs);
}

// ONNX's loop asks its condition at the end of a step, and for the first step before the loop. Its states are the
// carry and the number of iterations.
Result WhileTo(Emitter& e, const Site& s) {
  const WhileAttrs& a = s.attrs<WhileAttrs>();
  const Names captured = Behind(s.inputs, a.carries);
  AD_ASSIGN_OR_RETURN(const Names first, e.Inline(*a.condition, s.inputs));

  const std::unique_ptr<Emitter> body = e.NewBody();
  const Type count{DType::kInt64, {}}, condition{DType::kBool, {}};
  const std::string step = e.Unique("step"), go_on = e.Unique("go_on");
  body->Input(step, count);
  body->Input(go_on, condition);
  Names carry, wanted;
  for (int64_t i = 0; i < a.carries; ++i) {
    carry.push_back(e.Unique("carry"));
    wanted.push_back(e.Unique("next"));
    body->Input(carry.back(), s.type(static_cast<int>(i)));
  }
  const std::string iterations = e.Unique("iterations"), again = e.Unique("again");
  body->Input(iterations, count);
  carry.insert(carry.end(), captured.begin(), captured.end());
  AD_ASSIGN_OR_RETURN(Names next, body->Inline(*a.body, carry, wanted));
  next.insert(next.end(), captured.begin(), captured.end());
  AD_RETURN_IF_ERROR(body->Inline(*a.condition, next, {again}).status());
  body->Output(again, condition);
  for (int64_t i = 0; i < a.carries; ++i) body->Output(wanted[i], s.type(static_cast<int>(i)));
  body->Output(body->Node("Add", {iterations, e.Scalar(DType::kInt64, 1)}), count);

  const std::string limit = a.max_iterations < 0 ? "" : e.Constant(Tensor::From<int64_t>({}, {a.max_iterations}));
  Names inputs = {limit, first[0]};
  inputs.insert(inputs.end(), s.inputs.begin(), s.inputs.begin() + a.carries);
  inputs.push_back(e.Scalar(DType::kInt64, 0));
  return e.NodeMulti("Loop", inputs, NumOutputs(s), {{"body", body->graph()}});
}

const WriterRegistration kControl({
    {.op = "if", .to = IfTo},
    {.op = "scan", .to = ScanTo},
    {.op = "while", .to = WhileTo},
});

}  // namespace
}  // namespace adret::onnx
