#include "adret/autograd/if.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "adret/autograd/body_internal.h"
#include "adret/autograd/if_internal.h"

namespace adret {
namespace {

absl::StatusOr<Types> IfType(const TypeContext& c) {
  const auto& a = c.attrs<IfAttrs>();
  if (a.then_branch == nullptr || a.else_branch == nullptr) return c.Error("lacks a branch");
  if (c.type(0) != Type{DType::kBool, {}}) return c.Error("the condition has to be bool[]");
  for (const SubgraphRef& branch : {a.then_branch, a.else_branch}) {
    if (branch->num_inputs() != c.num_inputs() - 1) {
      return c.Error("a branch takes ", branch->num_inputs(), " values, not ", c.num_inputs() - 1);
    }
    for (int i = 0; i < branch->num_inputs(); ++i) {
      if (branch->input_type(i) == c.type(i + 1)) continue;
      return c.Error("a branch expects ", branch->input_type(i).ToString(), " and not ", c.type(i + 1).ToString());
    }
  }
  const size_t then_outputs = a.then_branch->outputs().size(), else_outputs = a.else_branch->outputs().size();
  if (then_outputs != else_outputs) {
    return c.Error("one branch returns ", then_outputs, " values and the other ", else_outputs);
  }
  Types types;
  for (int k = 0; k < static_cast<int>(then_outputs); ++k) {
    types.push_back(a.then_branch->output_type(k));
    if (types[k] == a.else_branch->output_type(k)) continue;
    return c.Error("value ", k, " is ", types[k].ToString(), " in one branch and ",
                   a.else_branch->output_type(k).ToString(), " in the other");
  }
  return types;
}

absl::StatusOr<Kernel> MakeIf(const KernelSpec& spec) {
  const std::shared_ptr<const Body> then_branch = spec.bodies[0], else_branch = spec.bodies[1];
  Kernel kernel;
  kernel.workspace_bytes = std::max(then_branch->memory_bytes(), else_branch->memory_bytes());
  kernel.flops = std::max(then_branch->flops(), else_branch->flops());
  kernel.run = [=](const KernelArgs& args) {
    const bool condition = *args.in<bool>(0);
    return (condition ? then_branch : else_branch)->Run(args.inputs.subspan(1), args.outputs, args.workspace);
  };
  return kernel;
}

const OpRegistration kIf({
    .name = "if",
    .doc = "y = then_branch(captures) where the condition is true, else_branch(captures) otherwise.",
    .inputs = {"condition", "x"},
    .variadic = true,
    .variadic_outputs = true,
    .parse_attrs = &ParseAttrs<IfAttrs>,
    .type = IfType,
    .kernel = MakeIf,
    .gradient = IfGradient,
    .batch = IfBatch,
    .bodies =
        [](const Attrs& attrs) {
          const auto& a = attrs.As<IfAttrs>();
          return std::vector<SubgraphRef>{a.then_branch, a.else_branch};
        },
});

}  // namespace

Values AddIf(Graph* graph, const Values& inputs, IfAttrs attrs, std::source_location location) {
  const size_t outputs = attrs.then_branch->outputs().size();
  return AddControlFlow(graph, *kIf.op, inputs, Attrs(std::move(attrs)), outputs, location);
}

namespace {

// Returns the outputs, or nothing after an error.
Values BuildIf(Graph* graph, const Value& condition, const Branch& then_branch, const Branch& else_branch,
               std::source_location location) {
  BodyBuilder then_body("if", graph, location), else_body("if", graph, location);
  if (!condition.valid()) return InvalidResult("if", {condition}, location), Values();
  if (condition.type() != Type{DType::kBool, {}}) {
    then_body.Fail(absl::StrCat("the condition has to be bool[], but is ", condition.type().ToString()));
    return {};
  }
  if (!then_body.WriteAll(then_branch) || !else_body.WriteAll(else_branch)) return {};
  if (then_body.outputs().empty() && else_body.outputs().empty()) {
    then_body.Fail("the branches return nothing");
    return {};
  }
  Values inputs = {condition}, captures = UnitedCaptures({&then_body, &else_body});
  if (captures.empty()) captures = {condition};  // the op has one at least
  IfAttrs attrs{then_body.Make(captures), else_body.Make(captures)};
  if (attrs.then_branch == nullptr || attrs.else_branch == nullptr) return {};
  inputs.insert(inputs.end(), captures.begin(), captures.end());
  return AddIf(graph, inputs, std::move(attrs), location);
}

}  // namespace

Values If(const Value& condition, const Branch& then_branch, const Branch& else_branch, std::source_location location) {
  const Values conditions = {condition};
  Graph* const graph = ControlFlowGraph({&conditions});
  if (graph != nullptr && graph->status().ok()) {
    Values outputs = BuildIf(graph, Captured(graph, condition), then_branch, else_branch, location);
    if (graph->status().ok()) return outputs;
  }
  return Values(then_branch().size(), graph == nullptr ? Value() : Value(graph, {-1, 0}));
}

}  // namespace adret
