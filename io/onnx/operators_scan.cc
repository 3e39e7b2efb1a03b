// Scan: a loop over the elements of sequences.
#include <algorithm>
#include <vector>

#include "adret/autograd/scan.h"
#include "adret/autograd/vmap.h"
#include "adret/core/status.h"
#include "adret/io/onnx/bodies.h"
#include "adret/io/onnx/call.h"
#include "adret/io/onnx/onnx.pb.h"
#include "adret/io/onnx/operators.h"
#include "adret/ops/compare.h"
#include "adret/ops/slice.h"
#include "adret/ops/where.h"

namespace adret::onnx {
namespace {

using Results = absl::StatusOr<Values>;

// The states and sequences of a node, and what its attributes say about them.
struct ScanCall {
  const proto::Graph* body = nullptr;
  int states = 0, sequences = 0, outputs = 0;          // outputs: those that every step adds to
  std::vector<int64_t> in_directions, out_directions;  // 1: backwards
  Values values;                                       // states, then sequences
};

// Returns a list of an attribute, with zeros where it is left out. Fails where it has another length.
absl::StatusOr<std::vector<int64_t>> ListOf(Call& c, absl::string_view name, int size) {
  std::vector<int64_t> list = c.Ints(name);
  if (list.empty()) list.resize(size, 0);
  if (static_cast<int>(list.size()) == size) return list;
  return c.Error(name, " has ", list.size(), " numbers where ", size, " are expected");
}

absl::StatusOr<std::vector<int64_t>> Directions(Call& c, absl::string_view name, int size) {
  AD_ASSIGN_OR_RETURN(std::vector<int64_t> list, ListOf(c, name, size));
  for (const int64_t direction : list) {
    if (direction != 0 && direction != 1) return c.Error(name, " has ", direction, " where 0 or 1 is expected");
  }
  return list;
}

// first: the first input that is a state or a sequence.
absl::StatusOr<ScanCall> ReadScan(Call& c, int first) {
  ScanCall scan;
  AD_ASSIGN_OR_RETURN(scan.body, c.GraphAttr("body"));
  const int given = c.num_inputs() - first;
  const int64_t sequences = c.Int("num_scan_inputs", 0);
  if (sequences < 1 || sequences > given) {
    return c.Error("num_scan_inputs is ", sequences, ", but there are ", std::max(given, 0), " states and sequences");
  }
  scan.sequences = static_cast<int>(sequences);
  scan.states = given - scan.sequences;
  scan.outputs = scan.body->output_size() - scan.states;
  if (scan.outputs < 0) return c.Error("its body returns fewer values than there are states");
  for (int i = first; i < c.num_inputs(); ++i) {
    if (!c.has(i)) return c.Error("input ", i, " is missing");
    scan.values.push_back(c.raw(i));
  }
  return scan;
}

// Builds the loop over axis 0 of the sequences, for these states and sequences. lengths: the number of the steps that
// count, i64[]; no value: all. After an error in the body its results are of no use.
Values BuildScan(const ScanCall& scan, BodyCall* body, const Values& values, const Value& length) {
  const auto middle = values.begin() + scan.states;
  const bool reverse = std::all_of(scan.in_directions.begin(), scan.in_directions.end(), [](auto d) { return d == 1; });
  ScanInputs inputs{.carry = {values.begin(), middle}, .each = {middle, values.end()}, .reverse = reverse};
  for (int i = 0; i < scan.sequences; ++i) {
    if (!reverse && scan.in_directions[i] == 1) inputs.each[i] = Flip(inputs.each[i], {0});
  }
  if (length.valid()) {
    inputs.each.push_back(StepNumbers(length.graph(), inputs.each[0].shape().dim(0)));
  }
  const ScanResult r = Scan(inputs, [&](const Values& carry, const Values& each) {
    Values all = carry;
    all.insert(all.end(), each.begin(), each.begin() + scan.sequences);
    const Values outputs = body->Build(all, carry, 0);
    ScanStep step{.carry = {outputs.begin(), outputs.begin() + scan.states},
                  .out = {outputs.begin() + scan.states, outputs.end()}};
    if (!length.valid()) return step;
    const Value counts = Less(each.back(), length);
    for (int k = 0; k < scan.states; ++k) step.carry[k] = Where(counts, step.carry[k], carry[k]);
    return step;
  });
  Values results = r.carry;
  for (int k = 0; k < static_cast<int>(r.out.size()); ++k) {
    results.push_back((scan.out_directions[k] == 1) == reverse ? r.out[k] : Flip(r.out[k], {0}));
  }
  return results;
}

// Since operator set 9: any axes, no batch.
Results ScanFrom(Call& c) {
  AD_ASSIGN_OR_RETURN(ScanCall scan, ReadScan(c, 0));
  AD_ASSIGN_OR_RETURN(scan.in_directions, Directions(c, "scan_input_directions", scan.sequences));
  AD_ASSIGN_OR_RETURN(scan.out_directions, Directions(c, "scan_output_directions", scan.outputs));
  AD_ASSIGN_OR_RETURN(const std::vector<int64_t> in_axes, ListOf(c, "scan_input_axes", scan.sequences));
  AD_ASSIGN_OR_RETURN(const std::vector<int64_t> out_axes, ListOf(c, "scan_output_axes", scan.outputs));
  for (int i = 0; i < scan.sequences; ++i) {
    Value& x = scan.values[scan.states + i];
    const absl::StatusOr<int> axis = NormalizeAxis(in_axes[i], x.rank());
    if (!axis.ok()) return c.Error("scan_input_axes has ", in_axes[i], " for ", x.type().ToString());
    x = AxisToFront(x, *axis);
  }
  BodyCall body(c, *scan.body, scan.states + scan.sequences, scan.states + scan.outputs);
  Values results = BuildScan(scan, &body, scan.values, Value());
  AD_RETURN_IF_ERROR(body.status());
  AD_RETURN_IF_ERROR(c.graph()->status());
  for (int k = 0; k < scan.outputs; ++k) {
    Value& y = results[scan.states + k];
    if (!y.valid()) return results;
    const absl::StatusOr<int> axis = NormalizeAxis(out_axes[k], y.rank());
    if (!axis.ok()) return c.Error("scan_output_axes has ", out_axes[k], " for ", y.type().ToString());
    y = FrontToAxis(y, *axis);
  }
  return results;
}

// In operator set 8 axis 0 has the examples of a batch, and axis 1 the elements of sequences.
Results ScanOfBatchFrom(Call& c) {
  AD_ASSIGN_OR_RETURN(ScanCall scan, ReadScan(c, 1));
  AD_ASSIGN_OR_RETURN(scan.in_directions, Directions(c, "directions", scan.sequences));
  scan.out_directions.assign(scan.outputs, 0);
  for (size_t i = 0; i < scan.values.size(); ++i) {
    const int least = static_cast<int>(i) < scan.states ? 1 : 2;
    if (scan.values[i].rank() >= least) continue;
    return c.Error("input ", i + 1, " needs ", least == 1 ? "an axis of examples" : "axes of examples and of steps",
                   ", but is ", scan.values[i].type().ToString());
  }
  Values inputs = scan.values;
  const bool lengths = c.has(0);
  if (lengths) inputs.push_back(c.raw(0));
  if (lengths && (!IsInteger(c.dtype(0)) || c.shape(0).rank() != 1)) {
    return c.Error("sequence_lens is ", c.raw(0).type().ToString(), " where i64[n] is expected");
  }
  if (lengths && std::any_of(scan.in_directions.begin(), scan.in_directions.end(), [](auto d) { return d == 1; })) {
    return c.Unsupported("sequences of several lengths are not read backwards");
  }
  BodyCall body(c, *scan.body, scan.states + scan.sequences, scan.states + scan.outputs);
  Values results = Vmap(
      [&](Args example) {
        const Values values(example.begin(), example.begin() + scan.states + scan.sequences);
        return BuildScan(scan, &body, values, lengths ? Cast(example.back(), DType::kInt64) : Value());
      },
      inputs);
  AD_RETURN_IF_ERROR(body.status());
  return results;
}

const OperatorRegistration kScan({
    {.name = "Scan",
     .since = 9,
     .from = ScanFrom,
     .halves = Halves::kMove,
     .note = "States keep their types from step to step."},
    {.name = "Scan",
     .since = 8,
     .from = ScanOfBatchFrom,
     .halves = Halves::kMove,
     .note = "States keep their types from step to step. With sequence_lens, directions are 0."},
});

}  // namespace
}  // namespace adret::onnx
