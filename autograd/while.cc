#include "adret/autograd/while.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "adret/autograd/body_internal.h"
#include "adret/autograd/while_internal.h"
#include "adret/core/rounding.h"

namespace adret {
namespace {

const Type kCondition{DType::kBool, {}}, kCount{DType::kInt64, {}};

absl::StatusOr<Types> WhileType(const TypeContext& c) {
  const auto& a = c.attrs<WhileAttrs>();
  if (a.condition == nullptr || a.body == nullptr) return c.Error("lacks a condition or a body");
  if (a.carries < 1 || a.carries > c.num_inputs())
    return c.Error("expects ", a.carries, " initial values of the carry");
  if (a.max_iterations < -1) return c.Error("max_iterations is ", a.max_iterations);
  for (const SubgraphRef& body : {a.condition, a.body}) {
    if (body->num_inputs() != c.num_inputs()) {
      return c.Error("a body takes ", body->num_inputs(), " values, not ", c.num_inputs());
    }
    for (int i = 0; i < c.num_inputs(); ++i) {
      if (body->input_type(i) == c.type(i)) continue;
      return c.Error("a body expects ", body->input_type(i).ToString(), " and not ", c.type(i).ToString());
    }
  }
  if (a.condition->outputs().size() != 1 || a.condition->output_type(0) != kCondition) {
    return c.Error("the condition has to be bool[]");
  }
  if (static_cast<int64_t>(a.body->outputs().size()) != a.carries) {
    return c.Error("the body returns ", a.body->outputs().size(), " values for a carry of ", a.carries);
  }
  Types types;
  for (int k = 0; k < static_cast<int>(a.carries); ++k) {
    types.push_back(c.type(k));
    if (types[k] == a.body->output_type(k)) continue;
    return c.Error("carry ", k, " is ", types[k].ToString(), " but the body returns ",
                   a.body->output_type(k).ToString());
  }
  types.push_back(kCount);
  return types;
}

// The loop itself. The carry goes back and forth between two places in the workspace, and to the outputs at the end.
struct WhileLoop {
  std::shared_ptr<const Body> condition, body;
  int64_t max_iterations = -1;
  std::vector<int64_t> bytes = {};   // of each value of the carry
  std::vector<int64_t> places = {};  // of them, in each of the two halves
  int64_t half_bytes = 0;

  int64_t WorkspaceBytes() const {
    return 2 * half_bytes + int64_t{kAlignment} + std::max(condition->memory_bytes(), body->memory_bytes());
  }

  absl::Status Run(const KernelArgs& args) const {
    absl::InlinedVector<const void*, 16> in(args.inputs.begin(), args.inputs.end());
    absl::InlinedVector<void*, 16> out(bytes.size());
    char* const halves = static_cast<char*>(args.workspace);
    auto* const goes_on = reinterpret_cast<bool*>(halves + 2 * half_bytes);
    void* const condition_out[] = {goes_on};
    char* const memory = halves + 2 * half_bytes + int64_t{kAlignment};
    int64_t n = 0;
    for (; n != max_iterations; ++n) {
      AD_RETURN_IF_ERROR(condition->Run(in, condition_out, memory));
      if (!*goes_on) break;
      for (size_t k = 0; k < out.size(); ++k) out[k] = halves + (n % 2) * half_bytes + places[k];
      AD_RETURN_IF_ERROR(body->Run(in, out, memory));
      std::copy(out.begin(), out.end(), in.begin());
    }
    for (size_t k = 0; k < out.size(); ++k) {
      if (bytes[k] > 0) std::memcpy(args.outputs[k], in[k], bytes[k]);
    }
    *args.out<int64_t>(static_cast<int>(out.size())) = n;
    return absl::OkStatus();
  }
};

absl::StatusOr<Kernel> MakeWhile(const KernelSpec& spec) {
  const auto& a = spec.As<WhileAttrs>();
  WhileLoop loop{.condition = spec.bodies[0], .body = spec.bodies[1], .max_iterations = a.max_iterations};
  for (int k = 0; k < static_cast<int>(a.carries); ++k) {
    loop.bytes.push_back(spec.outputs[k].bytes());
    loop.places.push_back(loop.half_bytes);
    loop.half_bytes += RoundUp(loop.bytes.back(), int64_t{kAlignment});
  }
  Kernel kernel;
  kernel.workspace_bytes = loop.WorkspaceBytes();
  kernel.flops = loop.condition->flops() + loop.body->flops();  // of one iteration
  kernel.run = [loop = std::move(loop)](const KernelArgs& args) { return loop.Run(args); };
  return kernel;
}

const OpRegistration kWhile({
    .name = "while",
    .doc = "c = body(c, captures) as long as condition(c, captures) holds, at most max_iterations times.",
    .inputs = {"c"},
    .variadic = true,
    .variadic_outputs = true,
    .parse_attrs = &ParseAttrs<WhileAttrs>,
    .type = WhileType,
    .kernel = MakeWhile,
    .gradient = WhileGradient,
    .batch = WhileBatch,
    .bodies =
        [](const Attrs& attrs) {
          const auto& a = attrs.As<WhileAttrs>();
          return std::vector<SubgraphRef>{a.condition, a.body};
        },
});

bool CheckBodies(const Values& carry, BodyBuilder* condition, BodyBuilder* body) {
  if (condition->outputs()[0].type() != kCondition) {
    return condition->Fail(
        absl::StrCat("the condition has to be bool[], but is ", condition->outputs()[0].type().ToString()));
  }
  if (body->outputs().size() != carry.size()) {
    return body->Fail(
        absl::StrCat("the body returns ", body->outputs().size(), " values for a carry of ", carry.size()));
  }
  for (size_t k = 0; k < carry.size(); ++k) {
    const Type &before = carry[k].type(), &after = body->outputs()[k].type();
    if (before == after) continue;
    return body->Fail(absl::StrCat("carry ", k, " is ", before.ToString(), " but the body returns ", after.ToString()));
  }
  return true;
}

}  // namespace

WhileResult BuildWhile(Graph* graph, const WhileInputs& inputs, const WhileCondition& condition, const WhileBody& body,
                       std::source_location location) {
  const Value invalid(graph, {-1, 0});
  const WhileResult none{Values(inputs.carry.size(), invalid), invalid};
  BodyBuilder while_condition("while", graph, location), while_body("while", graph, location);
  Values own_condition, own_body;
  for (const Value& v : inputs.carry) {
    if (!v.valid()) return InvalidResult("while", {v}, location), none;
    if (v.graph() != graph) return while_body.Fail("inputs belong to different graphs"), none;
    own_condition.push_back(while_condition.AddInput("carry", v.type()));
    own_body.push_back(while_body.AddInput("carry", v.type()));
  }
  if (inputs.max_iterations < -1) {
    while_body.Fail(absl::StrCat("max_iterations is ", inputs.max_iterations));
    return none;
  }
  if (!while_condition.Write([&] { return Values{condition(own_condition)}; })) return none;
  if (!while_body.Write([&] { return body(own_body); })) return none;
  if (!CheckBodies(inputs.carry, &while_condition, &while_body)) return none;
  const Values captures = UnitedCaptures({&while_condition, &while_body});
  WhileAttrs attrs{while_condition.Make(captures), while_body.Make(captures), static_cast<int64_t>(inputs.carry.size()),
                   inputs.max_iterations};
  if (attrs.condition == nullptr || attrs.body == nullptr) return none;
  Values all = inputs.carry;
  all.insert(all.end(), captures.begin(), captures.end());
  Values outputs = AddControlFlow(graph, *kWhile.op, all, Attrs(std::move(attrs)), inputs.carry.size() + 1, location);
  if (!graph->status().ok()) return none;
  const Value iterations = outputs.back();
  outputs.pop_back();
  return {std::move(outputs), iterations};
}

WhileResult While(const WhileInputs& inputs, const WhileCondition& condition, const WhileBody& body,
                  std::source_location location) {
  Graph* const graph = ControlFlowGraph({&inputs.carry});
  if (graph == nullptr || !graph->status().ok()) {
    const Value invalid = graph == nullptr ? Value() : Value(graph, {-1, 0});
    return {Values(inputs.carry.size(), invalid), invalid};
  }
  WhileInputs own = inputs;
  for (Value& v : own.carry) v = Captured(graph, v);
  return BuildWhile(graph, own, condition, body, location);
}

}  // namespace adret
