#include "adret/tests/fuzz/graphs/run_bodies.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "adret/autograd/if_internal.h"
#include "adret/autograd/scan_internal.h"
#include "adret/autograd/while_internal.h"
#include "adret/core/subgraph.h"

namespace adret::fuzz {
namespace {

using Tensors = std::vector<Tensor>;

absl::StatusOr<Tensors> RunBody(const Subgraph& body, absl::Span<const Tensor> inputs, Noise* noise) {
  Feeds feeds;
  const Values values = body.InputValues();
  for (size_t i = 0; i < values.size(); ++i) feeds.emplace_back(values[i], inputs[i]);
  const std::vector<bool> all(body.graph().num_nodes(), true);
  AD_ASSIGN_OR_RETURN(const NodeOutputs outputs, RunNodes(body.graph(), all, feeds, State(), noise));
  Tensors results;
  for (ValueId v : body.outputs()) results.push_back(outputs[v.node][v.output]);
  return results;
}

// (c_t+1, y_t) = body(c_t, x_t, w)
absl::StatusOr<Tensors> RunScan(const Attrs& attrs, const Types& types, absl::Span<const Tensor> inputs, Noise* noise) {
  const auto& a = attrs.As<ScanAttrs>();
  const int64_t steps = inputs[a.carries].shape()[0], outputs = static_cast<int64_t>(a.body->outputs().size());
  Tensors arguments(inputs.begin(), inputs.end());
  std::vector<Tensors> stacked(outputs - a.carries, Tensors(steps));
  for (int64_t s = 0; s < steps; ++s) {
    const int64_t t = a.reverse ? steps - 1 - s : s;
    for (int64_t i = a.carries; i < a.carries + a.each; ++i) arguments[i] = TakeAt(inputs[i], 0, t);
    AD_ASSIGN_OR_RETURN(const Tensors results, RunBody(*a.body, arguments, noise));
    for (int64_t k = 0; k < outputs; ++k) (k < a.carries ? arguments[k] : stacked[k - a.carries][t]) = results[k];
  }
  Tensors results(arguments.begin(), arguments.begin() + a.carries);
  for (int64_t k = a.carries; k < outputs; ++k) {
    results.push_back(steps == 0 ? Tensor::Zeros(types[k].dtype, types[k].shape)
                                 : StackTensors(stacked[k - a.carries], 0));
  }
  return results;
}

// y = branch(w)
absl::StatusOr<Tensors> RunIf(const Attrs& attrs, const Types&, absl::Span<const Tensor> inputs, Noise* noise) {
  const auto& a = attrs.As<IfAttrs>();
  return RunBody(inputs[0].At(0) != 0 ? *a.then_branch : *a.else_branch, inputs.subspan(1), noise);
}

// while (condition(c, w)) c = body(c, w)
absl::StatusOr<Tensors> RunWhile(const Attrs& attrs, const Types&, absl::Span<const Tensor> inputs, Noise* noise) {
  const auto& a = attrs.As<WhileAttrs>();
  Tensors arguments(inputs.begin(), inputs.end());
  int64_t n = 0;
  for (; n != a.max_iterations; ++n) {
    AD_ASSIGN_OR_RETURN(const Tensors goes_on, RunBody(*a.condition, arguments, noise));
    if (goes_on[0].At(0) == 0) break;
    AD_ASSIGN_OR_RETURN(const Tensors next, RunBody(*a.body, arguments, noise));
    std::copy(next.begin(), next.end(), arguments.begin());
  }
  arguments.resize(a.carries);
  arguments.push_back(Tensor::From<int64_t>({}, {n}));
  return arguments;
}

using Definition = std::function<absl::StatusOr<Tensors>(const Attrs&, const Types&, absl::Span<const Tensor>, Noise*)>;

const std::map<std::string, Definition>& Definitions() {
  static const auto* all = new std::map<std::string, Definition>{{"scan", RunScan}, {"if", RunIf}, {"while", RunWhile}};
  return *all;
}

}  // namespace

absl::StatusOr<std::vector<Tensor>> RunNodeWithBodies(const Op& op, const Attrs& attrs, const Types& outputs,
                                                      absl::Span<const Tensor> inputs, Noise* noise) {
  return Definitions().at(op.name)(attrs, outputs, inputs, noise);
}

bool HasDefinition(const Op& op) { return Definitions().contains(op.name); }

Tensor TakeAt(const Tensor& t, int axis, int64_t place) {
  int64_t outer = 1, inner = static_cast<int64_t>(SizeOf(t.dtype()));
  Shape shape = t.shape();
  for (int d = 0; d < axis; ++d) outer *= shape[d];
  for (int d = axis + 1; d < shape.rank(); ++d) inner *= shape[d];
  const int64_t size = shape[axis];
  shape.erase(axis);
  Tensor part(t.dtype(), shape);
  for (int64_t o = 0; o < outer && inner > 0; ++o) {
    std::memcpy(static_cast<char*>(part.mutable_raw()) + o * inner,
                static_cast<const char*>(t.raw()) + (o * size + place) * inner, inner);
  }
  return part;
}

Tensor StackTensors(absl::Span<const Tensor> parts, int axis) {
  const auto size = static_cast<int64_t>(parts.size());
  int64_t outer = 1, inner = static_cast<int64_t>(SizeOf(parts[0].dtype()));
  Shape shape = parts[0].shape();
  for (int d = 0; d < axis; ++d) outer *= shape[d];
  for (int d = axis; d < shape.rank(); ++d) inner *= shape[d];
  shape.insert(axis, size);
  Tensor all(parts[0].dtype(), shape);
  for (int64_t o = 0; o < outer && inner > 0; ++o) {
    for (int64_t p = 0; p < size; ++p) {
      std::memcpy(static_cast<char*>(all.mutable_raw()) + (o * size + p) * inner,
                  static_cast<const char*>(parts[p].raw()) + o * inner, inner);
    }
  }
  return all;
}

}  // namespace adret::fuzz
