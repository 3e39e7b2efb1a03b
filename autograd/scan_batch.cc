// A scan of every example of a batch: a scan whose body is the body for a batch. The carry always has examples, and
// they stand behind the steps in sequences.
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "adret/autograd/body_internal.h"
#include "adret/autograd/scan_internal.h"
#include "adret/ops/batch.h"

namespace adret {

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
  if (!body.ok()) return OutputsOrFail(c, body.status());
  attrs.body = *std::move(body);
  Values outputs = AddScan(c.graph(), inputs, std::move(attrs), c.node().location);
  for (size_t k = carries; k < outputs.size() && c.graph()->status().ok(); ++k) {
    outputs[k] = MoveAxis(outputs[k], 1, 0);
  }
  return outputs;
}

}  // namespace adret
