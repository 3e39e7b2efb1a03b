// The op "scan": type rule and kernel.
#include <cstring>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "adret/autograd/body_internal.h"
#include "adret/autograd/scan_internal.h"
#include "adret/core/parallel.h"
#include "adret/core/rounding.h"

namespace adret {
namespace {

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
    const Type type = sequence ? ScanElement(c.type(i)) : c.type(i);
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

// The loop itself, for each part of the examples (ScanParts). The carry goes back and forth between two places in the
// part's workspace; the last step writes to the outputs, and every step writes its elements of the results to their
// places.
struct ScanLoop {
  std::shared_ptr<const Body> body;
  int64_t steps = 0, parts = 1;
  int carries = 0, each = 0;
  bool reverse = false;
  std::vector<int64_t> input_bytes = {};       // per step; 0 for what is the same in all of them
  std::vector<int64_t> input_part_bytes = {};  // per part; 0 for what is the same in all of them
  std::vector<int64_t> output_bytes = {};      // the carry's, then per step
  std::vector<int64_t> carry_places = {};      // in each of the two halves
  int64_t half_bytes = 0;

  int64_t PartWorkspaceBytes() const { return RoundUp(2 * half_bytes + body->memory_bytes(), int64_t{kAlignment}); }

  absl::Status Run(const KernelArgs& args) const {
    for (int k = 0; steps == 0 && k < carries; ++k) {
      if (output_bytes[k] > 0) std::memcpy(args.outputs[k], args.inputs[k], output_bytes[k]);
    }
    if (steps == 0) return absl::OkStatus();
    if (parts == 1) return RunPart(args, 0);
    absl::InlinedVector<absl::Status, 16> statuses(parts);
    ParallelFor(parts, 1, [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) statuses[p] = RunPart(args, p);
    });
    for (const absl::Status& status : statuses) AD_RETURN_IF_ERROR(status);
    return absl::OkStatus();
  }

  absl::Status RunPart(const KernelArgs& args, int64_t part) const {
    absl::InlinedVector<const void*, 16> in, first;
    for (size_t i = 0; i < args.inputs.size(); ++i) {
      first.push_back(static_cast<const char*>(args.inputs[i]) + part * input_part_bytes[i]);
    }
    absl::InlinedVector<char*, 16> first_out;
    for (size_t k = 0; k < args.outputs.size(); ++k) {
      first_out.push_back(static_cast<char*>(args.outputs[k]) + part * (output_bytes[k] / parts));
    }
    in = first;
    absl::InlinedVector<void*, 16> out(args.outputs.size());
    char* const halves = static_cast<char*>(args.workspace) + part * PartWorkspaceBytes();
    for (int64_t s = 0; s < steps; ++s) {
      const int64_t t = reverse ? steps - 1 - s : s;
      for (int i = carries; i < carries + each; ++i) in[i] = static_cast<const char*>(first[i]) + t * input_bytes[i];
      for (int k = 0; k < static_cast<int>(out.size()); ++k) {
        out[k] = k >= carries     ? first_out[k] + t * output_bytes[k]
                 : s == steps - 1 ? first_out[k]
                                  : halves + (s % 2) * half_bytes + carry_places[k];
      }
      AD_RETURN_IF_ERROR(body->Run(in, out, halves + 2 * half_bytes));
      for (int k = 0; k < carries; ++k) in[k] = out[k];
    }
    return absl::OkStatus();
  }
};

absl::StatusOr<Kernel> MakeScan(const KernelSpec& spec) {
  const auto& a = spec.As<ScanAttrs>();
  const ScanParts parts = PartsOf(a);
  ScanLoop loop{.body = spec.bodies[0],
                .steps = spec.x(static_cast<int>(a.carries))[0],
                .parts = parts.parts,
                .carries = static_cast<int>(a.carries),
                .each = static_cast<int>(a.each),
                .reverse = a.reverse};
  const int captures = loop.carries + loop.each;
  for (int i = 0; i < static_cast<int>(spec.inputs.size()); ++i) {
    const bool sequence = i >= loop.carries && i < captures;
    const int64_t bytes = a.body->input_type(i).bytes();
    loop.input_bytes.push_back(sequence ? bytes : 0);
    loop.input_part_bytes.push_back(parts.has_examples[i] ? bytes / parts.parts : 0);
  }
  for (int k = 0; k < static_cast<int>(spec.outputs.size()); ++k) {
    loop.output_bytes.push_back(a.body->output_type(k).bytes());
    if (k >= loop.carries) continue;
    loop.carry_places.push_back(loop.half_bytes);
    loop.half_bytes += RoundUp(loop.output_bytes.back() / parts.parts, int64_t{kAlignment});
  }
  Kernel kernel;
  kernel.workspace_bytes = loop.parts * loop.PartWorkspaceBytes();
  kernel.flops = static_cast<double>(loop.steps * loop.parts) * loop.body->flops();
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
    .bodies = [](const Attrs& attrs) { return std::vector<SubgraphRef>{PartsOf(attrs.As<ScanAttrs>()).body}; },
    .extends =
        [](const Attrs& longer, const Attrs& shorter) {
          const auto &a = longer.As<ScanAttrs>(), &b = shorter.As<ScanAttrs>();
          return a.carries == b.carries && a.each == b.each && a.reverse == b.reverse && a.body->Extends(*b.body);
        },
});

}  // namespace

Values AddScan(Graph* graph, const Values& inputs, ScanAttrs attrs, std::source_location location) {
  const size_t outputs = attrs.body->outputs().size();
  return AddControlFlow(graph, *kScan.op, inputs, Attrs(std::move(attrs)), outputs, location);
}

}  // namespace adret
