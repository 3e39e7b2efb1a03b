#include "adret/ops/sparse_gradient.h"

#include <utility>
#include <vector>

#include "adret/core/axis_rules.h"
#include "adret/ops/axes.h"
#include "adret/ops/batch.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/concat.h"
#include "adret/ops/gather.h"
#include "adret/ops/kernels/gather.h"
#include "adret/ops/reshape.h"
#include "adret/ops/where.h"

namespace adret {
namespace {

const OpRegistration kSparseGradient({
    .name = "sparse_gradient",
    .doc = "y = x, whose gradient optimisers take row by row.",
    .inputs = {"x"},
    .type = [](const TypeContext& c) -> absl::StatusOr<Types> { return Types{c.type(0)}; },
    .gradient = [](const GradientContext& c) { return Values{SparseGradient(c.dy())}; },
    .traits = {.identity = true},
});

template <class T>
Kernel LastOccurrenceKernel(const Shape& x) {
  const AxisSplit s = SplitAt(x, x.rank() - 1);
  return Kernel{.run =
                    [s](const KernelArgs& args) {
                      int64_t* table = static_cast<int64_t*>(args.workspace);
                      for (int64_t line = 0; line < s.outer; ++line) {
                        kernels::LastOccurrence(args.in<T>(0) + line * s.n, s.n, table,
                                                args.out<int64_t>() + line * s.n);
                      }
                      return absl::OkStatus();
                    },
                .workspace_bytes = kernels::LastOccurrenceWorkspace(s.n)};
}

// A primitive, since what could be put together instead (scattering places into an array and gathering them again)
// needs an array as long as the largest number.
const OpRegistration kLastOccurrence({
    .name = "last_occurrence",
    .doc = "y[.., k] = the largest j with x[.., j] = x[.., k], i64.",
    .inputs = {"x"},
    .type = [](const TypeContext& c) -> absl::StatusOr<Types> {
      if (c.dtype(0) != DType::kInt32 && c.dtype(0) != DType::kInt64) return c.Error("x must be i32 or i64");
      if (c.shape(0).rank() == 0) return c.Error("x must have an axis");
      return Types{{DType::kInt64, c.shape(0)}};
    },
    .kernel = [](const KernelSpec& spec) -> absl::StatusOr<Kernel> {
      return spec.dtype() == DType::kInt32 ? LastOccurrenceKernel<int32_t>(spec.x(0))
                                           : LastOccurrenceKernel<int64_t>(spec.x(0));
    },
    .no_gradient = "a place is an integer",
    .batch = [](const BatchContext& c) { return BuildStacked(c, c.node().attrs); },
    .axes = MakeAxisRules({
        .labels = [](const KernelSpec& spec) { return LanesExcept(spec, {spec.x(0).rank() - 1}); },
    }),
});

// Whether a value is zeros, as ZerosLike() makes them.
bool IsZeros(Value v) {
  const Graph& graph = *v.graph();
  while (graph.node(v.node()).op->traits.broadcast) v = Value(v.graph(), graph.node(v.node()).inputs[0]);
  const Attrs& attrs = graph.node(v.node()).attrs;
  if (!attrs.Is<ConstantAttrs>()) return false;
  const Tensor& numbers = attrs.As<ConstantAttrs>().value;
  return numbers.num_elements() == 1 && numbers.At(0) == 0;
}

// What a gradient is the sum of, in order, and whether some of it is marked by sparse_gradient.
struct Terms {
  Values values;
  bool sparse = false;
};
Terms TermsOf(const Value& sum) {
  Terms terms;
  Values open{sum};
  while (!open.empty()) {
    const Value v = open.back();
    open.pop_back();
    const Node& node = v.graph()->node(v.node());
    const bool mark = node.op == kSparseGradient.op;
    if (mark || node.op->name == "add") {
      terms.sparse |= mark;
      for (auto input = node.inputs.rbegin(); input != node.inputs.rend(); ++input) {
        open.emplace_back(v.graph(), *input);
      }
    } else {
      terms.values.push_back(v);
    }
  }
  return terms;
}

}  // namespace

Value SparseGradient(Operand x) { return Build("sparse_gradient", {x}); }

Value LastOccurrence(Operand x) { return Build("last_occurrence", {x}); }

std::optional<SparseRows> SparseRowsOf(const Value& gradient) {
  if (!gradient.valid()) return std::nullopt;
  Graph* graph = gradient.graph();
  const Terms terms = TermsOf(gradient);
  if (!terms.sparse) return std::nullopt;
  for (const Value& term : terms.values) {
    const Node& node = graph->node(term.node());
    if (node.op->name != "scatter_add" || node.attrs.As<AxisAttrs>().axis != 0) return std::nullopt;
    if (!IsZeros(Value(graph, node.inputs[0]))) return std::nullopt;
  }
  Values indices, updates;
  for (const Value& term : terms.values) {
    const auto inputs = graph->node(term.node()).inputs;
    indices.push_back(Cast(Reshape(Value(graph, inputs[1]), {-1}), DType::kInt64));
    Shape rows = gradient.shape();
    rows.set(0, indices.back().shape()[0]);
    updates.push_back(Reshape(Value(graph, inputs[2]), rows));
  }
  const Value all = Concat(indices), each = Concat(updates);
  return SparseRows{all, ScatterAdd(ZerosLike(each), LastOccurrence(all), each)};
}

}  // namespace adret
