#include "adret/ops/shape_of.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "adret/core/executor.h"
#include "adret/ops/reshape.h"

namespace adret {
namespace {

using Dims = std::vector<Dim>;

// The most numbers that a shape's computation may go through: shapes are short.
constexpr int64_t kMostNumbers = 4096;

const OpRegistration kShapeOf({
    .name = "shape_of",
    .doc = "y = the dimensions of x.",
    .inputs = {"x"},
    .type = [](const TypeContext& c) -> absl::StatusOr<Types> {
      return Types{{DType::kInt64, {c.shape(0).rank()}}};
    },
    .kernel = [](const KernelSpec& spec) -> absl::StatusOr<Kernel> {
      return Kernel{.run = [shape = spec.x(0)](const KernelArgs& args) {
        std::copy(shape.begin(), shape.end(), args.out<int64_t>());
        return absl::OkStatus();
      }};
    },
    .gradient = [](const GradientContext&) { return Values(1); },
    .traits = {.shape_only = true},
});

Tensor ToTensor(const Type& type, absl::Span<const int64_t> numbers) {
  return Tensor::From<int64_t>(type.shape, std::vector<int64_t>(numbers.begin(), numbers.end())).Cast(type.dtype);
}

// Finds the numbers of values, node after node.
class Folder {
 public:
  explicit Folder(const Graph& graph) : graph_(graph) {}

  absl::StatusOr<Dims> Run(const Value& value) {
    const std::vector<bool> needed = NeededNodes(value.id());
    for (NodeId id = 0; id <= value.node(); ++id) {
      if (needed[id]) AD_RETURN_IF_ERROR(Visit(id));
    }
    return dims_.at(value.id());
  }

 private:
  // Nodes whose numbers count: not what is above a shape_of.
  std::vector<bool> NeededNodes(ValueId value) const {
    std::vector<bool> needed(value.node + 1, false);
    needed[value.node] = true;
    for (NodeId id = value.node; id >= 0; --id) {
      if (!needed[id] || graph_.node(id).op->traits.shape_only) continue;
      for (ValueId input : graph_.node(id).inputs) needed[input.node] = true;
    }
    return needed;
  }

  absl::Status DependsOnRun(const Node& node, absl::string_view why) const {
    return absl::InvalidArgumentError(
        absl::StrCat("its numbers depend on '", node.name, "' (", node.op->name, "), ", why));
  }

  absl::Status Visit(NodeId id) {
    const Node& node = graph_.node(id);
    const Type& type = node.outputs[0];
    if (type.dtype != DType::kInt32 && type.dtype != DType::kInt64 && type.dtype != DType::kBool) {
      return DependsOnRun(node, "which is no integer");
    }
    if (type.shape.is_symbolic() || type.shape.num_elements() > kMostNumbers) {
      return DependsOnRun(node, absl::StrCat("of which there are ", type.shape.ToString()));
    }
    Dims& dims = dims_[{id, 0}];
    if (node.op == kShapeOf.op) {
      const Shape& shape = graph_.type(node.inputs[0]).shape;
      for (int a = 0; a < shape.rank(); ++a) dims.push_back(shape.dim(a));
    } else if (node.attrs.Is<ConstantAttrs>()) {
      const Tensor numbers = node.attrs.As<ConstantAttrs>().value.Cast(DType::kInt64);
      for (int64_t n : numbers.data<int64_t>()) dims.push_back(Dim(n));
    } else if (node.op->traits.view || node.op->traits.identity) {
      dims = dims_.at(node.inputs[0]);
    } else if (node.op->of_dims != nullptr) {
      return FoldEach(node, &dims);
    } else if ((node.op->moves != 0 || node.op->traits.broadcast) && type.dtype != DType::kBool) {
      return Move(node, &dims);
    } else {
      return DependsOnRun(node, node.op->traits.leaf ? "which a run is given" : "which only a run computes");
    }
    return absl::OkStatus();
  }

  // An element-wise op.
  absl::Status FoldEach(const Node& node, Dims* dims) const {
    for (int64_t i = 0; i < node.outputs[0].shape.num_elements(); ++i) {
      Dims operands;
      for (ValueId input : node.inputs) operands.push_back(dims_.at(input)[i]);
      std::optional<Dim> result = node.op->of_dims(operands);
      if (result.has_value() && node.outputs[0].dtype == DType::kBool) {
        result = result->number().has_value() ? std::optional(Dim(*result->number() != 0 ? 1 : 0)) : std::nullopt;
      }
      if (!result.has_value()) return DependsOnRun(node, "whose result depends on a run");
      dims->push_back(*result);
    }
    return absl::OkStatus();
  }

  // An op that moves elements: it moves the places of the dimensions in a list.
  absl::Status Move(const Node& node, Dims* dims) const {
    Dims all;
    Graph places;
    absl::InlinedVector<ValueId, 3> inputs;
    for (size_t k = 0; k < node.inputs.size(); ++k) {
      const Dims& input = dims_.at(node.inputs[k]);
      const bool last_repeats = k >= node.op->inputs.size();
      const bool moves =
          node.op->traits.broadcast || (node.op->moves >> (last_repeats ? node.op->inputs.size() - 1 : k) & 1);
      std::vector<int64_t> numbers;
      for (const Dim& d : input) {
        const std::optional<int64_t> number = d.number();
        if (!moves && !number.has_value()) return DependsOnRun(node, "which takes elements from symbolic places");
        numbers.push_back(moves ? static_cast<int64_t>(all.size()) : *number);
        if (moves) all.push_back(d);
      }
      inputs.push_back(places.Constant(ToTensor(graph_.type(node.inputs[k]), numbers)).id());
    }
    const NodeId copy = places.AddNode(*node.op, inputs, node.attrs, node.location);
    AD_RETURN_IF_ERROR(places.status());
    AD_ASSIGN_OR_RETURN(const Tensor moved, Evaluate(Value(&places, {copy, 0})));
    const Tensor numbers = moved.Cast(DType::kInt64);
    for (int64_t place : numbers.data<int64_t>()) dims->push_back(all[place]);
    return absl::OkStatus();
  }

  const Graph& graph_;
  absl::flat_hash_map<ValueId, Dims> dims_;
};

}  // namespace

Value ShapeOf(Operand x) { return Build("shape_of", {x}); }

absl::StatusOr<std::vector<Dim>> KnownDims(const Value& value) {
  if (!value.valid()) return absl::InvalidArgumentError("it is a Value that was never built");
  if (!IsInteger(value.dtype())) {
    return absl::InvalidArgumentError(absl::StrCat("it is ", value.type().ToString(), ", no integers"));
  }
  return Folder(*value.graph()).Run(value);
}

Value ReshapeTo(Operand x, Value shape) {
  if (!x->valid() || !shape.valid()) return InvalidResult("reshape_to", {x, shape}, x.location());
  const auto fail = [&](absl::string_view why) {
    return x.graph()->Fail(absl::InvalidArgumentError(absl::StrCat("reshape: the new shape, ", shape.type().ToString(),
                                                                   " '", shape.name(), "', ", why)),
                           x.location());
  };
  if (shape.rank() != 1) return fail("must be a row of integers");
  const absl::StatusOr<std::vector<Dim>> dims = KnownDims(shape);
  if (!dims.ok()) return fail(absl::StrCat("is not known before a run: ", dims.status().message()));
  Shape target;
  int free = -1;
  for (const Dim& d : *dims) {
    const bool infer = d.number() == -1;
    if (infer && free >= 0) return fail("has -1 twice");
    if (infer) free = target.rank();
    target.push_back(infer ? 1 : d.code());
    if (!IsDimCode(target[target.rank() - 1])) return fail(absl::StrCat("has the dimension ", d.ToString()));
  }
  if (free < 0) {
    // Here the batch is the batch: its code, -1, does not mean what follows from the others.
    const absl::StatusOr<Shape> inferred = InferReshape(x->shape(), target);
    if (inferred.ok() && *inferred != target) {
      return fail(
          absl::StrCat("is ", target.ToString(), ", into which the numbers of ", x->type().ToString(), " do not fit"));
    }
    return Reshape(x, target);
  }
  const int64_t known = target.num_elements();
  const auto inferred =
      known == 0 ? std::nullopt : Dim::ExactQuotient(Dim::Of(x->shape().num_elements()), Dim::Of(known));
  if (!inferred.has_value()) {
    return fail(
        absl::StrCat("leaves no size for -1: x is ", x->type().ToString(), ", and the others make ", DimText(known)));
  }
  target.set(free, *inferred);
  return Reshape(x, target);
}

}  // namespace adret
