#include "adret/io/onnx/weights.h"

#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "adret/core/executor.h"
#include "adret/core/names.h"
#include "adret/core/status.h"
#include "adret/ops/shape_of.h"
#include "adret/ops/where.h"

namespace adret::onnx {
namespace {

// Memory in which numbers are computed while a file is read.
constexpr int64_t kMaxBytesToKnow = int64_t{1} << 30;

bool IsFinite(const Tensor& tensor) {
  for (int64_t i = 0; i < tensor.num_elements(); ++i) {
    if (!std::isfinite(tensor.At(i))) return false;
  }
  return true;
}

bool IsWeight(const Entry& entry) {
  const Tensor& tensor = *entry.tensor;
  if (!IsAnyFloating(tensor.dtype()) || tensor.num_elements() == 0) return false;
  switch (entry.source) {
    case Entry::kInitializer:
      return tensor.rank() > 0 && IsFinite(tensor);
    case Entry::kConstantNode:
      return tensor.num_elements() > 1 && IsFinite(tensor);
    case Entry::kComputed:
      return false;
  }
  return false;
}

bool AreWhole(const Tensor& tensor) {
  for (int64_t i = 0; i < tensor.num_elements(); ++i) {
    if (tensor.At(i) != std::floor(tensor.At(i)) || std::abs(tensor.At(i)) > 0x1p53) return false;
  }
  return true;
}

// Returns the integers that a value was cast from, where it is floating-point: exporters compute shapes in floats.
Value WithoutCasts(Value value) {
  while (value.valid() && IsAnyFloating(value.dtype())) {
    const Node& node = value.graph()->node(value.node());
    if (!node.attrs.Is<CastAttrs>()) break;
    value = Value(value.graph(), node.inputs[0]);
  }
  return value;
}

// Returns a name that the graph does not have yet.
std::string FreeName(const Graph& graph, const std::string& name) {
  std::string free = name;
  for (int i = 1; graph.Contains(free); ++i) free = absl::StrCat(name, "_", i);
  return free;
}

}  // namespace

Value Weights::ValueOf(Entry* entry, bool statistic) {
  if (entry->value.graph() != nullptr) return entry->value;
  const Tensor& tensor = *entry->tensor;
  const bool trained = !statistic && IsWeight(*entry);
  if (trained || (statistic && IsAnyFloating(tensor.dtype()))) {
    const auto known = of_origin_.find(entry->origin);
    if (entry->origin != nullptr && known != of_origin_.end()) {
      entry->value = known->second;
      entry->variable = entry->value.name();
      return entry->value;
    }
    entry->variable = FreeName(*graph_, entry->name);
    entry->value = graph_->Variable(entry->variable, tensor, trained);
    if (entry->origin != nullptr) of_origin_[entry->origin] = entry->value;
    state_->Set(entry->variable, tensor);
  } else {
    entry->value = graph_->Constant(tensor);
    if (entry->value.valid() && !graph_->Contains(entry->name)) entry->value.Named(entry->name);
  }
  return entry->value;
}

absl::StatusOr<Tensor> Weights::Numbers(Entry* entry) {
  if (entry->tensor.has_value()) return *entry->tensor;
  if (!entry->value.valid()) return absl::InvalidArgumentError("it was never built");
  const Graph& graph = *entry->value.graph();
  std::vector<bool> needed(entry->value.node() + 1, false);
  needed[entry->value.node()] = true;
  for (NodeId id = entry->value.node(); id >= 0; --id) {
    if (!needed[id]) continue;
    const Node& node = graph.node(id);
    if (node.attrs.Is<InputAttrs>()) {
      return absl::InvalidArgumentError(absl::StrCat("depends on the input ", Quoted(node.name)));
    }
    if (node.op->traits.random) return absl::InvalidArgumentError("is random");
    for (const ValueId input : node.inputs) needed[input.node] = true;
  }
  const absl::StatusOr<Executor> executor =
      Executor::Create({entry->value}, {}, {.threads = 1, .memory_limit = kMaxBytesToKnow});
  if (!executor.ok())
    return absl::InvalidArgumentError(absl::StrCat("cannot be computed: ", executor.status().message()));
  AD_ASSIGN_OR_RETURN(const std::vector<Tensor> numbers, executor->Run({}, state_));
  entry->tensor = numbers[0];
  return numbers[0];
}

absl::StatusOr<std::vector<Dim>> Weights::Dims(Entry* entry) {
  if (!entry->tensor.has_value()) {
    absl::StatusOr<std::vector<Dim>> dims = KnownDims(WithoutCasts(entry->value));
    if (dims.ok()) return dims;
  }
  AD_ASSIGN_OR_RETURN(const Tensor numbers, Numbers(entry));
  if (!IsInteger(numbers.dtype()) && !AreWhole(numbers)) {
    return absl::InvalidArgumentError(absl::StrCat("is ", numbers.type().ToString(), " where integers are expected"));
  }
  const Tensor integers = numbers.Cast(DType::kInt64);
  std::vector<Dim> dims;
  for (const int64_t n : integers.data<int64_t>()) dims.push_back(Dim(n));
  return dims;
}

}  // namespace adret::onnx
