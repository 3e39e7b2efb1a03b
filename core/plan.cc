#include "adret/core/plan.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "adret/core/parallel.h"
#include "adret/core/placer.h"

namespace adret {

absl::StatusOr<std::unique_ptr<Plan>> Plan::Make(const Graph& graph, absl::Span<const ValueId> fetches,
                                                 absl::Span<const std::pair<ValueId, ValueId>> updates, int64_t batch,
                                                 const PlanOptions& options) {
  auto plan = std::make_unique<Plan>();
  AD_ASSIGN_OR_RETURN(plan->graph_, MakePlanGraph(graph, fetches, updates, batch));
  // Refused here, before sums of sizes could overflow.
  for (const auto& value : plan->graph_.values) {
    if (value.type.bytes() <= options.memory_limit) continue;
    return absl::ResourceExhaustedError(absl::StrCat("a value of type ", value.type.ToString(), " needs ",
                                                     BytesText(value.type.bytes()), ", above the memory limit of ",
                                                     BytesText(options.memory_limit)));
  }
  plan->profile_ = options.profile;
  plan->schedule_ = MakeSchedule(plan->graph_, options.fuse);
  AD_RETURN_IF_ERROR(plan->MakeSteps());
  Placer(plan.get(), options.threads).Run();
  if (plan->arena_bytes_ > options.memory_limit) {
    return absl::ResourceExhaustedError(absl::StrCat("the plan needs ", BytesText(plan->arena_bytes_),
                                                     ", above the memory limit of ", BytesText(options.memory_limit)));
  }
  return plan;
}

absl::Status Plan::MakeSteps() {
  steps_.resize(schedule_.steps.size());
  for (int s = 0; s < static_cast<int>(steps_.size()); ++s) {
    if (schedule_.steps[s].kernel >= 0) AD_RETURN_IF_ERROR(MakeKernel(schedule_.steps[s], &steps_[s]));
    if (!schedule_.steps[s].chain.empty()) MakeProgram(s, &steps_[s]);
    StepData& data = steps_[s];
    data.input_pointers.resize(data.inputs.size());
    data.output_pointers.resize(data.outputs.size());
    data.program_input_pointers.resize(data.program_inputs.size());
    data.program_output_pointers.resize(data.program_outputs.size());
  }
  return absl::OkStatus();
}

absl::Status Plan::MakeKernel(const Step& step, StepData* data) {
  const auto& node = graph_.nodes[step.kernel];
  const Op& op = *node.node->op;
  Types inputs, outputs;
  for (int v : node.inputs) {
    inputs.push_back(graph_.values[v].type);
    data->inputs.push_back(schedule_.root[v]);
  }
  for (int k = 0; k < graph_.num_outputs(step.kernel); ++k) {
    outputs.push_back(graph_.values[node.first_output + k].type);
    data->outputs.push_back(node.first_output + k);
  }
  auto kernel = op.kernel(KernelSpec{&op, &node.node->attrs, inputs, outputs});
  if (!kernel.ok()) {
    return absl::Status(kernel.status().code(), absl::StrCat(node.node->name, ": ", kernel.status().message()));
  }
  data->kernel = *std::move(kernel);
  return absl::OkStatus();
}

void Plan::MakeProgram(int s, StepData* data) {
  const Step& step = schedule_.steps[s];
  absl::flat_hash_map<int, Program::Slot> results;                  // value made by the chain -> slot
  absl::flat_hash_map<std::pair<int, int>, Program::Slot> operands;  // (value, broadcast) -> slot
  const auto& values = graph_.values;
  const int64_t n = values[graph_.nodes[step.chain[0]].first_output].type.shape.num_elements();
  for (int i : step.chain) {
    const auto& node = graph_.nodes[i];
    absl::InlinedVector<Program::Slot, 4> slots;
    Types types;
    for (int k = 0; k < static_cast<int>(node.inputs.size()); ++k) {
      types.push_back(values[node.inputs[k]].type);
      const ChainOperand o = ResolveOperand(graph_, schedule_, i, k);
      if (auto it = results.find(o.value); it != results.end() && o.broadcast < 0) {
        slots.push_back(it->second);
        continue;
      }
      auto [it, inserted] = operands.try_emplace(std::pair(o.value, o.broadcast), -1);
      if (inserted) {
        const DType dtype = values[o.value].type.dtype;
        if (o.broadcast < 0) {
          it->second = data->program.AddInput(dtype);
        } else {
          // The innermost source of a broadcast of broadcasts decides the pattern.
          int source = graph_.nodes[o.broadcast].inputs[0];
          for (int p = values[source].producer; p >= 0 && graph_.op(p).traits.broadcast; p = values[source].producer) {
            source = graph_.nodes[p].inputs[0];
          }
          const Shape& to = values[graph_.nodes[o.broadcast].first_output].type.shape;
          it->second = data->program.AddBroadcastInput(dtype, MakeBroadcastPattern(values[source].type.shape, to));
        }
        data->program_inputs.push_back(o.value);
      }
      slots.push_back(it->second);
    }
    const Types outputs{values[node.first_output].type};
    const KernelSpec spec{node.node->op, &node.node->attrs, types, outputs};
    results[node.first_output] = data->program.AddInstruction(spec.op->span_kernel(spec), slots, outputs[0].dtype);
  }
  for (int i : step.chain) {
    const int value = graph_.nodes[i].first_output;
    if (!schedule_.stored[value]) continue;
    data->program.AddOutput(results[value]);
    data->program_outputs.push_back(value);
  }
  data->program.Finish(n);
}

void* Plan::Resolve(const Place& place, const Bindings& b) const {
  switch (place.kind) {
    case Place::Kind::kArena: return b.arena + place.index;
    case Place::Kind::kConstant: return const_cast<void*>(graph_.constants[place.index].raw());
    case Place::Kind::kVariable: return b.variables[place.index];
    case Place::Kind::kInput: return const_cast<void*>(b.inputs[place.index]);
    case Place::Kind::kFetch: return b.fetches[place.index];
    case Place::Kind::kNone: break;
  }
  return nullptr;
}

void Plan::CopyAll(const std::vector<Copy>& copies, const Bindings& bindings) const {
  for (const Copy& c : copies) std::memcpy(Resolve(c.to, bindings), Resolve(c.from, bindings), c.bytes);
}

// Runs a step's chain on the part of the kernel's output that is final.
class Plan::ChainEpilogue : public Epilogue {
 public:
  ChainEpilogue(const StepData& data, char* arena) : data_(data), arena_(arena) {}
  void Run(int64_t begin, int64_t n) const override {
    char* scratch = arena_ + data_.program_scratch + ThreadSlot() * data_.program_stride;
    data_.program.Run(begin, n, data_.program_input_pointers, data_.program_output_pointers, scratch);
  }

 private:
  const StepData& data_;
  char* arena_;
};

absl::Status Plan::RunKernel(int s, const Bindings& bindings) {
  StepData& data = steps_[s];
  KernelArgs args;
  args.inputs = data.input_pointers;
  args.outputs = data.output_pointers;
  args.workspace = bindings.arena + data.workspace;
  args.scratch = bindings.arena + data.kernel_scratch;
  args.scratch_stride = data.kernel_stride;
  args.random = bindings.random;
  const ChainEpilogue epilogue(data, bindings.arena);
  if (data.program.num_instructions() > 0) args.epilogue = &epilogue;
  absl::Status status = data.kernel.run(args);
  if (status.ok()) return status;
  const Node& node = *graph_.nodes[schedule_.steps[s].kernel].node;
  return absl::Status(status.code(), absl::StrCat(node.op->name, " (", node.name, "): ", status.message()));
}

void Plan::RunProgram(StepData& data, const Bindings& bindings) {
  const ChainEpilogue chain(data, bindings.arena);
  ParallelFor(data.program.n(), data.program.grain(), [&](int64_t begin, int64_t end) { chain.Run(begin, end - begin); });
}

absl::Status Plan::RunStep(int s, const Bindings& bindings) {
  StepData& data = steps_[s];
  auto fill = [&](const std::vector<int>& values, auto* pointers) {
    for (size_t i = 0; i < values.size(); ++i) (*pointers)[i] = Resolve(places_[values[i]], bindings);
  };
  fill(data.inputs, &data.input_pointers);
  fill(data.outputs, &data.output_pointers);
  fill(data.program_inputs, &data.program_input_pointers);
  fill(data.program_outputs, &data.program_output_pointers);
  if (data.kernel.run) return RunKernel(s, bindings);
  RunProgram(data, bindings);
  return absl::OkStatus();
}

absl::Status Plan::RunProfiled(const Bindings& bindings) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  const auto elapsed = [&] { return std::chrono::duration<double>(Clock::now() - start).count(); };
  for (int s = 0; s < static_cast<int>(steps_.size()); ++s) {
    const double begin = elapsed();
    AD_RETURN_IF_ERROR(RunStep(s, bindings));
    const double end = elapsed();
    steps_[s].last_start = begin;
    steps_[s].last_end = end;
    steps_[s].seconds += end - begin;
  }
  ++profiled_runs_;
  return absl::OkStatus();
}

absl::Status Plan::Run(const Bindings& bindings) {
  CopyAll(copies_before_, bindings);
  AD_RETURN_IF_ERROR(profile_ ? RunProfiled(bindings) : RunWaves(bindings));
  CopyAll(copies_after_, bindings);
  return absl::OkStatus();
}

absl::Status Plan::RunWaves(const Bindings& bindings) {
  const int n = static_cast<int>(steps_.size());
  for (int s = 0; s < n;) {
    int end = s + 1;
    while (end < n && schedule_.steps[end].wave == schedule_.steps[s].wave) ++end;
    if (end == s + 1) {
      AD_RETURN_IF_ERROR(RunStep(s, bindings));
    } else {
      std::vector<absl::Status> statuses(end - s);
      ParallelFor(end - s, 1, [&](int64_t begin, int64_t stop) {
        for (int64_t k = begin; k < stop; ++k) statuses[k] = RunStep(s + static_cast<int>(k), bindings);
      });
      for (absl::Status& status : statuses) AD_RETURN_IF_ERROR(status);
    }
    s = end;
  }
  return absl::OkStatus();
}

}  // namespace adret
