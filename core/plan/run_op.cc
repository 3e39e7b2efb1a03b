#include "adret/core/plan/run_op.h"

#include <algorithm>

#include "absl/container/inlined_vector.h"
#include "adret/core/parallel.h"
#include "adret/core/plan/body_plan.h"

namespace adret {

absl::StatusOr<std::vector<Tensor>> RunOp(const Op& op, const Attrs& attrs, absl::Span<const Type> input_types,
                                          absl::Span<const Type> output_types, absl::Span<const Tensor> inputs,
                                          const RandomKey& random) {
  if (op.traits.view || op.traits.identity || op.traits.barrier) {
    std::vector<Tensor> same;
    for (size_t i = 0; i < output_types.size(); ++i) same.push_back(inputs[i].Reshaped(output_types[i].shape));
    return same;
  }
  std::vector<Tensor> outputs;
  absl::InlinedVector<const void*, 4> in;
  absl::InlinedVector<void*, 4> out;
  for (const Tensor& t : inputs) in.push_back(t.raw());
  for (const Type& t : output_types) outputs.emplace_back(t.dtype, t.shape);
  for (Tensor& t : outputs) out.push_back(t.mutable_raw());
  if (std::all_of(outputs.begin(), outputs.end(), [](const Tensor& t) { return t.num_elements() == 0; }))
    return outputs;
  AD_ASSIGN_OR_RETURN(const auto bodies, PlanBodies(op, attrs, {.memory_limit = int64_t{64} << 30, .fuse = false}));
  const KernelSpec spec{&op, &attrs, input_types, output_types, false, bodies};
  if (op.elementwise()) {
    const SpanKernel span = op.span_kernel(spec);
    span.fn(in.data(), out[0], outputs[0].num_elements(), span.params.data());
    return outputs;
  }
  AD_ASSIGN_OR_RETURN(const Kernel kernel, op.kernel(spec));
  // Slots of the calling thread's arena may be more than one: scratch for the most that TBB can hand out here would
  // be unknown, so the kernel runs in a pool of one thread.
  AD_ASSIGN_OR_RETURN(const ThreadPool pool, ThreadPool::Create(1));
  AD_ASSIGN_OR_RETURN(const auto workspace, AllocateAligned(kernel.workspace_bytes));
  AD_ASSIGN_OR_RETURN(const auto scratch, AllocateAligned(kernel.scratch_bytes));
  KernelArgs args;
  args.inputs = in;
  args.outputs = out;
  args.workspace = workspace.get();
  args.scratch = scratch.get();
  args.scratch_stride = 0;
  args.random = random;
  absl::Status status;
  pool.Run([&] { status = kernel.run(args); });
  AD_RETURN_IF_ERROR(status);
  return outputs;
}

}  // namespace adret
