#include "adret/autograd/scan.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "adret/autograd/scan_internal.h"

namespace adret {
namespace {

// A step's part of a sequence.
Type ElementType(Type sequence) {
  sequence.shape.erase(0);
  return sequence;
}

absl::Status CheckCounts(const TypeContext& c, const ScanAttrs& a) {
  if (a.body == nullptr) return c.Error("has no body");
  if (a.carries < 0 || a.each < 1 || a.carries > c.num_inputs() || a.each > c.num_inputs() - a.carries) {
    return c.Error("expects a sequence and ", a.carries, " initial values of the carry");
  }
  if (a.body->num_inputs() != c.num_inputs()) {
    return c.Error("the body takes ", a.body->num_inputs(), " values, not ", c.num_inputs());
  }
  const auto outputs = static_cast<int64_t>(a.body->outputs().size());
  if (outputs < a.carries) return c.Error("the body returns ", outputs, " values for ", a.carries, " of the carry");
  return absl::OkStatus();
}

absl::StatusOr<Types> ScanType(const TypeContext& c) {
  const auto& a = c.attrs<ScanAttrs>();
  AD_RETURN_IF_ERROR(CheckCounts(c, a));
  const int carries = static_cast<int>(a.carries), captures = static_cast<int>(a.carries + a.each);
  for (int i = 0; i < c.num_inputs(); ++i) {
    const bool sequence = i >= carries && i < captures;
    if (sequence && c.shape(i).rank() == 0) return c.Error("a sequence needs an axis for its steps");
    if (sequence && c.shape(i)[0] != c.shape(carries)[0]) return c.Error("sequences have different lengths");
    const Type type = sequence ? ElementType(c.type(i)) : c.type(i);
    if (type == a.body->input_type(i)) continue;
    return c.Error("the body expects ", a.body->input_type(i).ToString(), " and not ", type.ToString());
  }
  Types types;
  for (int k = 0; k < static_cast<int>(a.body->outputs().size()); ++k) {
    Type type = a.body->output_type(k);
    if (k < carries && type != c.type(k)) {
      return c.Error("carry ", k, " is ", c.type(k).ToString(), " but the body returns ", type.ToString());
    }
    if (k >= carries) type.shape.insert(0, c.shape(carries)[0]);
    types.push_back(std::move(type));
  }
  return types;
}

int64_t Aligned(int64_t bytes) {
  constexpr int64_t kAlign = kAlignment;
  return (bytes + kAlign - 1) / kAlign * kAlign;
}

// The loop itself. The carry goes back and forth between two places in the workspace; the last step writes to the
// outputs, and every step writes its elements of the results to their places.
struct ScanLoop {
  std::shared_ptr<const Body> body;
  int64_t steps = 0;
  int carries = 0, each = 0;
  bool reverse = false;
  std::vector<int64_t> input_bytes = {};   // per step; 0 for what is the same in all of them
  std::vector<int64_t> output_bytes = {};  // the carry's, then per step
  std::vector<int64_t> carry_places = {};  // in each of the two halves
  int64_t half_bytes = 0;

  absl::Status Run(const KernelArgs& args) const {
    absl::InlinedVector<const void*, 16> in(args.inputs.begin(), args.inputs.end());
    absl::InlinedVector<void*, 16> out(args.outputs.begin(), args.outputs.end());
    char* const halves = static_cast<char*>(args.workspace);
    for (int64_t s = 0; s < steps; ++s) {
      const int64_t t = reverse ? steps - 1 - s : s;
      for (int i = carries; i < carries + each; ++i) {
        in[i] = static_cast<const char*>(args.inputs[i]) + t * input_bytes[i];
      }
      for (int k = 0; k < static_cast<int>(out.size()); ++k) {
        out[k] = k >= carries     ? static_cast<char*>(args.outputs[k]) + t * output_bytes[k]
                 : s == steps - 1 ? args.outputs[k]
                                  : halves + (s % 2) * half_bytes + carry_places[k];
      }
      AD_RETURN_IF_ERROR(body->Run(in, out, halves + 2 * half_bytes));
      for (int k = 0; k < carries; ++k) in[k] = out[k];
    }
    for (int k = 0; steps == 0 && k < carries; ++k) {
      if (output_bytes[k] > 0) std::memcpy(args.outputs[k], args.inputs[k], output_bytes[k]);
    }
    return absl::OkStatus();
  }
};

absl::StatusOr<Kernel> MakeScan(const KernelSpec& spec) {
  const auto& a = spec.As<ScanAttrs>();
  ScanLoop loop{.body = spec.bodies[0],
                .steps = spec.x(static_cast<int>(a.carries))[0],
                .carries = static_cast<int>(a.carries),
                .each = static_cast<int>(a.each),
                .reverse = a.reverse};
  const int captures = loop.carries + loop.each;
  for (int i = 0; i < static_cast<int>(spec.inputs.size()); ++i) {
    const bool sequence = i >= loop.carries && i < captures;
    loop.input_bytes.push_back(sequence ? a.body->input_type(i).bytes() : 0);
  }
  for (int k = 0; k < static_cast<int>(spec.outputs.size()); ++k) {
    loop.output_bytes.push_back(a.body->output_type(k).bytes());
    if (k >= loop.carries) continue;
    loop.carry_places.push_back(loop.half_bytes);
    loop.half_bytes += Aligned(loop.output_bytes.back());
  }
  Kernel kernel;
  kernel.workspace_bytes = 2 * loop.half_bytes + loop.body->memory_bytes();
  kernel.flops = static_cast<double>(loop.steps) * loop.body->flops();
  kernel.run = [loop = std::move(loop)](const KernelArgs& args) { return loop.Run(args); };
  return kernel;
}

const OpRegistration kScan({
    .name = "scan",
    .doc = "(c_t+1, y_t) = body(c_t, x_t, captures) for each t along axis 0 of the sequences; y are stacked along it.",
    .inputs = {"x"},
    .variadic = true,
    .variadic_outputs = true,
    .parse_attrs = &ParseAttrs<ScanAttrs>,
    .type = ScanType,
    .kernel = MakeScan,
    .gradient = ScanGradient,
    .batch = ScanBatch,
    .bodies = [](const Attrs& attrs) { return std::vector<SubgraphRef>{attrs.As<ScanAttrs>().body}; },
    .extends =
        [](const Attrs& longer, const Attrs& shorter) {
          const auto &a = longer.As<ScanAttrs>(), &b = shorter.As<ScanAttrs>();
          return a.carries == b.carries && a.each == b.each && a.reverse == b.reverse && a.body->Extends(*b.body);
        },
});

// Builds one Scan() in the graph around it.
class ScanBuilder {
 public:
  ScanBuilder(Graph* graph, const ScanInputs& inputs, std::source_location location)
      : graph_(graph), inputs_(inputs), location_(location), body_(graph) {}

  ScanResult Build(const ScanBody& body) {
    if (!CheckInputs()) return {};
    Values carry, each;
    for (const Value& v : inputs_.carry) carry.push_back(AddInput("carry", v.type()));
    for (const Value& v : inputs_.each) each.push_back(AddInput("each", ElementType(v.type())));
    const ScanStep step = body(carry, each);
    if (!CheckStep(step)) return {};
    Values outputs;
    for (const Values* part : {&step.carry, &step.out}) {
      for (const Value& v : *part) outputs.push_back(body_.Capture(v));
    }
    if (outputs.empty()) Fail("the body returns nothing");
    if (!Adopt(body_.status())) return {};
    Values body_inputs = carry, node_inputs = inputs_.carry;
    body_inputs.insert(body_inputs.end(), each.begin(), each.end());
    node_inputs.insert(node_inputs.end(), inputs_.each.begin(), inputs_.each.end());
    for (const auto& [outer, own] : body_.captures()) body_inputs.push_back(own), node_inputs.push_back(outer);
    auto made = Subgraph::Make(body_inputs, outputs);
    if (!made.ok()) Fail(made.status().message());
    if (!graph_->status().ok()) return {};
    const Values all = AddScan(graph_, node_inputs,
                               {.body = *std::move(made),
                                .carries = static_cast<int64_t>(carry.size()),
                                .each = static_cast<int64_t>(each.size()),
                                .reverse = inputs_.reverse},
                               location_);
    if (!graph_->status().ok()) return {};
    const auto middle = all.begin() + static_cast<int64_t>(carry.size());
    return {{all.begin(), middle}, {middle, all.end()}};
  }

 private:
  void Fail(absl::string_view message) {
    graph_->Fail(absl::InvalidArgumentError(absl::StrCat("scan: ", message)), location_);
  }
  bool Adopt(const absl::Status& status) {
    if (!status.ok()) graph_->Fail(status, {});
    return graph_->status().ok();
  }

  Value AddInput(absl::string_view what, const Type& type) {
    return body_.Input(absl::StrCat(what, body_.num_nodes()), type.dtype, type.shape, location_);
  }

  bool CheckInputs() {
    for (const Values* part : {&inputs_.carry, &inputs_.each}) {
      for (const Value& v : *part) {
        if (!v.valid()) InvalidResult("scan", {v}, location_);
        if (!v.valid()) return false;
        if (v.graph() != graph_) Fail("inputs belong to different graphs");
      }
    }
    if (inputs_.each.empty()) Fail("needs at least one sequence");
    for (const Value& v : inputs_.each) {
      if (v.rank() == 0) Fail(absl::StrCat("a sequence needs an axis for its steps, but is ", v.type().ToString()));
    }
    return graph_->status().ok();
  }

  // The carry has to keep its types: that is said here, where there is a name for what is wrong.
  bool CheckStep(const ScanStep& step) {
    if (!Adopt(body_.status())) return false;
    if (step.carry.size() != inputs_.carry.size()) {
      Fail(absl::StrCat("the body returns ", step.carry.size(), " values for a carry of ", inputs_.carry.size()));
      return false;
    }
    for (const Values* part : {&step.carry, &step.out}) {
      for (const Value& v : *part) {
        const bool known = v.valid() && (v.graph() == &body_ || body_.IsInside(v.graph()));
        if (!known)
          Fail(v.valid() ? "the body returns a value of an unrelated graph"
                         : "the body returns a Value that was never built");
      }
    }
    for (size_t k = 0; k < step.carry.size() && graph_->status().ok(); ++k) {
      const Type &before = inputs_.carry[k].type(), &after = step.carry[k].type();
      if (before == after) continue;
      Fail(absl::StrCat("carry ", k, " is ", before.ToString(), " but the body returns ", after.ToString()));
    }
    return graph_->status().ok();
  }

  Graph* const graph_;
  const ScanInputs& inputs_;
  const std::source_location location_;
  Graph body_;
};

}  // namespace

Values AddScan(Graph* graph, const Values& inputs, ScanAttrs attrs, std::source_location location) {
  const size_t outputs = attrs.body->outputs().size();
  absl::InlinedVector<ValueId, 3> ids;
  for (const Value& v : inputs) ids.push_back(v.id());
  const bool valid = std::all_of(inputs.begin(), inputs.end(), [](const Value& v) { return v.valid(); });
  const NodeId id = valid ? graph->AddNode(*kScan.op, ids, Attrs(std::move(attrs)), location) : -1;
  Values values;
  for (size_t k = 0; k < outputs; ++k) values.emplace_back(graph, ValueId{id, id < 0 ? 0 : static_cast<int32_t>(k)});
  return values;
}

ScanResult Scan(const ScanInputs& inputs, const ScanBody& body, std::source_location location) {
  Graph* graph = nullptr;
  for (const Values* part : {&inputs.carry, &inputs.each}) {
    for (const Value& v : *part) {
      if (v.graph() != nullptr && (graph == nullptr || v.graph()->IsInside(graph))) graph = v.graph();
    }
  }
  if (graph == nullptr || !graph->status().ok()) return {};
  ScanInputs own = inputs;
  for (Values* part : {&own.carry, &own.each}) {
    for (Value& v : *part) {
      if (v.valid() && graph->IsInside(v.graph())) v = graph->Capture(v);
    }
  }
  return ScanBuilder(graph, own, location).Build(body);
}

}  // namespace adret
