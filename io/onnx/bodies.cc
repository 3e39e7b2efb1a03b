#include "adret/io/onnx/bodies.h"

#include <numeric>
#include <vector>

#include "adret/core/names.h"
#include "adret/core/status.h"
#include "adret/io/onnx/onnx.pb.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/range.h"
#include "adret/ops/reshape.h"
#include "adret/ops/scan.h"
#include "adret/ops/transpose.h"

namespace adret::onnx {

BodyCall::BodyCall(const Call& call, const proto::Graph& body, int inputs, int outputs)
    : call_(call), body_(body), outputs_(outputs) {
  if (body.input_size() != inputs || body.output_size() != outputs) {
    status_ = call.Error("its body ", Quoted(body.name()), " has ", body.input_size(), " inputs and ",
                         body.output_size(), " outputs, where ", inputs, " and ", outputs, " are expected");
  }
}

absl::Status BodyCall::CheckStates(const Values& outputs, const Values& states, int first) const {
  for (size_t k = 0; k < states.size(); ++k) {
    const Type &before = states[k].type(), &after = outputs[first + k].type();
    if (before == after) continue;
    return call_.Unsupported("the loop's state ", k, " is ", before.ToString(), " before a step and ", after.ToString(),
                             " after it; adret's loops keep the types of their states");
  }
  return absl::OkStatus();
}

Values BodyCall::Build(const Values& inputs, const Values& states, int first) {
  if (status_.ok()) status_ = call_.graph()->status();
  if (status_.ok()) {
    absl::StatusOr<Values> outputs = call_.Build(body_, inputs);
    status_ = outputs.ok() ? CheckStates(*outputs, states, first) : outputs.status();
    if (status_.ok()) return *outputs;
  }
  Values instead(outputs_, Placeholder(call_.graph(), {DType::kBool, {}}));
  for (size_t k = 0; k < states.size() && first + k < instead.size(); ++k) instead[first + k] = states[k];
  return instead;
}

Value Placeholder(Graph* graph, const Type& type) {
  return BroadcastTo(graph->Constant(Tensor::Zeros(type.dtype, {})), type.shape);
}

absl::StatusOr<Value> ScalarInput(Call& c, int i, DType dtype) {
  const Type type = c.raw(i).type();
  if (type.dtype != dtype || type.shape.num_elements() != 1) {
    return c.Error("input ", i, " has to be ", Type{dtype, {}}.ToString(), ", but is ", type.ToString());
  }
  return type.shape.rank() == 0 ? c.raw(i) : Reshape(c.raw(i), {});
}

Value StepNumbers(Graph* graph, const Dim& n) {
  if (n.number().has_value()) {
    return Range(graph, {.dtype = DType::kInt64, .limit = static_cast<double>(*n.number())});
  }
  const Value one = graph->Constant(Tensor::Full(DType::kInt64, {}, 1));
  return CumSum(BroadcastTo(one, {n.code()}), {.axis = 0, .exclusive = true});
}

namespace {

// Returns axis, 0, 1, ..., without axis again.
std::vector<int64_t> FrontFirst(int rank, int64_t axis) {
  std::vector<int64_t> order(rank);
  std::iota(order.begin(), order.end(), 0);
  order.erase(order.begin() + axis);
  order.insert(order.begin(), axis);
  return order;
}

}  // namespace

Value AxisToFront(const Value& x, int64_t axis) { return axis == 0 ? x : Transpose(x, FrontFirst(x.rank(), axis)); }

Value FrontToAxis(const Value& x, int64_t axis) {
  if (axis == 0) return x;
  std::vector<int64_t> order(x.rank());
  const std::vector<int64_t> inverse = FrontFirst(x.rank(), axis);
  for (int i = 0; i < x.rank(); ++i) order[inverse[i]] = i;
  return Transpose(x, order);
}

}  // namespace adret::onnx
