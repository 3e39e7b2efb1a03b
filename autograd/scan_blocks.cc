// A scan in blocks of steps: the memory of T. Chen et al., "Training deep nets with sublinear memory cost", 2016.
#include <utility>

#include "absl/strings/str_cat.h"
#include "adret/autograd/body_internal.h"
#include "adret/autograd/scan_internal.h"
#include "adret/core/status.h"
#include "adret/ops/concat.h"
#include "adret/ops/narrow.h"
#include "adret/ops/reshape.h"

namespace adret {
namespace {

class BlockedScan {
 public:
  BlockedScan(Graph* graph, const Values& inputs, const ScanAttrs& attrs, int64_t block, std::source_location location)
      : graph_(graph), inputs_(inputs), attrs_(attrs), block_(block), location_(location) {}

  absl::StatusOr<Values> Run() {
    const Dim steps = inputs_[attrs_.carries].shape().dim(0);
    const Dim blocks = steps / Dim(block_), whole = blocks * Dim(block_), left = steps - whole;
    // What is left comes last: behind the blocks, or before them where the last step is the first to run.
    const Dim zero(int64_t{0});
    AD_ASSIGN_OR_RETURN(const SubgraphRef body, OfOneBlock());
    ScanAttrs outer = attrs_;
    outer.body = body;
    Values outputs = AddScan(graph_, Part(attrs_.reverse ? left : zero, whole, &blocks), std::move(outer), location_);
    AD_RETURN_IF_ERROR(graph_->status());
    const auto carries = static_cast<size_t>(attrs_.carries);
    for (size_t k = carries; k < outputs.size(); ++k) {
      Shape shape = outputs[k].shape();
      shape.erase(0);
      shape.set(0, whole.code());
      outputs[k] = Reshape(outputs[k], shape);
    }
    if (left.number() == 0) return outputs;
    Values rest = Part(attrs_.reverse ? zero : whole, left, nullptr);
    for (size_t k = 0; k < carries; ++k) rest[k] = outputs[k];
    const Values last = AddScan(graph_, rest, attrs_, location_);
    AD_RETURN_IF_ERROR(graph_->status());
    for (size_t k = 0; k < outputs.size(); ++k) {
      if (k >= carries)
        outputs[k] = attrs_.reverse ? Concat({last[k], outputs[k]}, 0) : Concat({outputs[k], last[k]}, 0);
      if (k < carries) outputs[k] = last[k];
    }
    return outputs;
  }

 private:
  bool IsSequence(size_t i) const {
    const auto carries = static_cast<size_t>(attrs_.carries);
    return i >= carries && i < carries + static_cast<size_t>(attrs_.each);
  }

  // Returns the inputs with a part of the sequences, in blocks if `blocks` is given.
  Values Part(const Dim& begin, const Dim& size, const Dim* blocks) const {
    Values part = inputs_;
    for (size_t i = 0; i < part.size(); ++i) {
      if (!IsSequence(i)) continue;
      part[i] = Narrow(part[i], 0, begin, size);
      if (blocks == nullptr || !part[i].valid()) continue;
      Shape shape = part[i].shape();
      shape.set(0, block_);
      shape.insert(0, blocks->code());
      part[i] = Reshape(part[i], shape);
    }
    return part;
  }

  // Returns the body of the outer scan.
  absl::StatusOr<SubgraphRef> OfOneBlock() const {
    Graph step;
    Values inputs;
    for (size_t i = 0; i < inputs_.size(); ++i) {
      Type type = inputs_[i].type();
      if (IsSequence(i)) type.shape.set(0, block_);
      inputs.push_back(step.Input(absl::StrCat("x", i), type.dtype, type.shape, location_));
    }
    const Values outputs = AddScan(&step, inputs, attrs_, location_);
    AD_RETURN_IF_ERROR(step.status());
    return Subgraph::Make(inputs, outputs);
  }

  Graph* const graph_;
  const Values& inputs_;
  const ScanAttrs& attrs_;
  const int64_t block_;
  const std::source_location location_;
};

}  // namespace

Values AddScanOfBlocks(Graph* graph, const Values& inputs, const ScanAttrs& attrs, int64_t block,
                       std::source_location location) {
  absl::StatusOr<Values> outputs = BlockedScan(graph, inputs, attrs, block, location).Run();
  if (outputs.ok()) return *std::move(outputs);
  return Values(attrs.body->outputs().size(), graph->Fail(outputs.status(), location));
}

}  // namespace adret
