// A scan of every example of a batch: a scan whose body is the body for a batch. The carry always has examples, and
// they stand behind the steps in sequences.
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "adret/autograd/scan_internal.h"
#include "adret/autograd/vmap.h"
#include "adret/core/import.h"
#include "adret/ops/batch.h"

namespace adret {
namespace {

// Returns the body for a batch of the node's examples. batched: which of its inputs have them, in front.
absl::StatusOr<SubgraphRef> BodyForBatch(const Subgraph& body, const std::vector<bool>& batched, int64_t size) {
  Graph step;
  Values inputs;
  VmapOptions options;
  for (int i = 0; i < body.num_inputs(); ++i) {
    Shape shape = body.input_type(i).shape;
    if (batched[i]) shape.insert(0, size);
    inputs.push_back(step.Input(absl::StrCat("x", i), body.input_type(i).dtype, shape, {}));
    options.in_axes.push_back(batched[i] ? 0 : kShared);
  }
  absl::Status imported;
  const auto one_example = [&](Args example) {
    std::vector<Substitution> substitutions;
    for (int i = 0; i < body.num_inputs(); ++i) substitutions.push_back({body.InputValues()[i], example[i]});
    absl::StatusOr<Values> outputs = Import(body.OutputValues(), substitutions, &step);
    imported = outputs.status();
    return outputs.ok() ? *std::move(outputs) : Values(body.outputs().size());
  };
  const Values outputs = Vmap(one_example, inputs, options);
  AD_RETURN_IF_ERROR(imported);
  AD_RETURN_IF_ERROR(step.status());
  return Subgraph::Make(inputs, outputs);
}

}  // namespace

Values ScanBatch(const BatchContext& c) {
  ScanAttrs attrs = c.attrs<ScanAttrs>();
  const int carries = static_cast<int>(attrs.carries), captures = static_cast<int>(attrs.carries + attrs.each);
  Values inputs;
  std::vector<bool> batched;
  for (int i = 0; i < c.num_inputs(); ++i) {
    const bool sequence = i >= carries && i < captures;
    batched.push_back(c.batched(i) || i < carries);
    inputs.push_back(i < carries ? Stacked(c, i) : sequence && c.batched(i) ? MoveAxis(c.x(i), 0, 1) : c.x(i));
  }
  absl::StatusOr<SubgraphRef> body = BodyForBatch(*attrs.body, batched, c.size());
  if (!body.ok()) {
    const Value invalid = c.graph()->Fail(body.status(), c.node().location);
    return Values(c.node().outputs.size(), invalid);
  }
  attrs.body = *std::move(body);
  Values outputs = AddScan(c.graph(), inputs, std::move(attrs), c.node().location);
  for (size_t k = carries; k < outputs.size() && c.graph()->status().ok(); ++k) {
    outputs[k] = MoveAxis(outputs[k], 1, 0);
  }
  return outputs;
}

}  // namespace adret
