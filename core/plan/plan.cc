#include "adret/core/plan/plan.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "adret/core/parallel.h"
#include "adret/core/plan/body_plan.h"
#include "adret/core/plan/passes.h"
#include "adret/core/plan/placer.h"

namespace adret {

absl::StatusOr<std::unique_ptr<Plan>> Plan::Make(const Graph& graph, absl::Span<const ValueId> fetches,
                                                 absl::Span<const std::pair<ValueId, ValueId>> updates,
                                                 const DimSizes& sizes, const PlanOptions& options) {
  auto plan = MakeVerified(graph, fetches, updates, sizes, options);
  if (!absl::IsInternal(plan.status()) || !options.fuse || !options.fall_back) return plan;
  PlanOptions unfused = options;
  unfused.fuse = false;
  const std::string note =
      absl::StrCat("not fused, since the fused plan would be wrong (please report it): ", plan.status().message());
  plan = MakeVerified(graph, fetches, updates, sizes, unfused);
  if (plan.ok()) (*plan)->note_ = note;
  return plan;
}

absl::StatusOr<std::unique_ptr<Plan>> Plan::MakeVerified(const Graph& graph, absl::Span<const ValueId> fetches,
                                                         absl::Span<const std::pair<ValueId, ValueId>> updates,
                                                         const DimSizes& sizes, const PlanOptions& options) {
  auto plan = std::make_unique<Plan>();
  AD_ASSIGN_OR_RETURN(PassOptions pass_options, PassOptionsFromEnvironment());
  AD_ASSIGN_OR_RETURN(PassRun passes, PassRun::Create(std::move(pass_options)));
  AD_ASSIGN_OR_RETURN(plan->graph_, MakePlanGraph(graph, fetches, updates, sizes, &passes));
  plan->passes_ = passes.reports();
  // Refused here, before sums of sizes could overflow.
  for (const auto& value : plan->graph_.values) {
    if (value.type.bytes() <= options.memory_limit) continue;
    return absl::ResourceExhaustedError(absl::StrCat("a value of type ", value.type.ToString(), " needs ",
                                                     BytesText(value.type.bytes()), ", above the memory limit of ",
                                                     BytesText(options.memory_limit)));
  }
  plan->profile_ = options.profile;
  plan->strict_ = options.strict;
  plan->check_ = options.check;
  plan->threads_ = options.threads;
  plan->body_options_ = options;
  plan->schedule_ = MakeStepSchedule(plan->graph_, options.fuse && passes.Enabled("fuse"));
  if (options.tamper && options.fuse) options.tamper(&plan->schedule_);
  if (passes.dumps()) AD_RETURN_IF_ERROR(passes.Dump("fuse", ToText(plan->graph_, plan->schedule_)));
  absl::Status verified = VerifySchedule(plan->graph_, plan->schedule_);
  if (verified.ok()) {
    AD_RETURN_IF_ERROR(plan->MakeSteps());
    Placer(plan.get()).Run();
    verified = VerifyMemory(plan->Layout());
  }
  if (!verified.ok()) {
    return absl::InternalError(
        absl::StrCat(verified.message(), "; the steps:\n", ToText(plan->graph_, plan->schedule_)));
  }
  if (passes.dumps()) AD_RETURN_IF_ERROR(passes.Dump("steps", ExplainTable(plan->Report())));
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
    if (const int producer_step = schedule_.steps[s].producer_step; producer_step >= 0) {
      const int64_t unit = steps_[producer_step].kernel.finished_unit, plane = data.kernel.in_plane;
      if (unit > 0 && plane > 0 && unit % plane == 0) steps_[producer_step].consumer = s;
    }
    data.first_pointer = num_pointers_;
    for (const auto* list : {&data.inputs, &data.outputs, &data.program_inputs, &data.program_outputs}) {
      num_pointers_ += static_cast<int>(list->size());
    }
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
  // Nothing is to be done for outputs without elements, and kernels need not know how to do that.
  if (std::all_of(outputs.begin(), outputs.end(), [](const Type& t) { return t.shape.num_elements() == 0; })) {
    data->kernel.run = [](const KernelArgs&) { return absl::OkStatus(); };
    return absl::OkStatus();
  }
  auto bodies = PlanBodies(op, node.node->attrs, body_options_);
  if (!bodies.ok()) {
    return absl::Status(bodies.status().code(), absl::StrCat(node.node->name, ": ", bodies.status().message()));
  }
  auto kernel = op.kernel(KernelSpec{&op, &node.node->attrs, inputs, outputs, strict_, *bodies});
  data->bodies = *std::move(bodies);
  if (!kernel.ok()) {
    return absl::Status(kernel.status().code(), absl::StrCat(node.node->name, ": ", kernel.status().message()));
  }
  data->kernel = *std::move(kernel);
  return absl::OkStatus();
}

void Plan::MakeProgram(int s, StepData* data) {
  const Step& step = schedule_.steps[s];
  absl::flat_hash_map<int, Program::Slot> results;                   // value made by the chain -> slot
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

void* Plan::Resolve(const ValuePlace& place, const Bindings& b) const {
  switch (place.kind) {
    case ValuePlace::Kind::kArena:
      return b.arena + place.index;
    case ValuePlace::Kind::kConstant:
      return const_cast<void*>(graph_.constants[place.index].raw());
    case ValuePlace::Kind::kVariable:
      return b.variables[place.index];
    case ValuePlace::Kind::kInput:
      return const_cast<void*>(b.inputs[place.index]);
    case ValuePlace::Kind::kFetch:
      return b.fetches[place.index];
    case ValuePlace::Kind::kTile:
    case ValuePlace::Kind::kNone:
      break;
  }
  return nullptr;
}

void Plan::CopyAll(const std::vector<Copy>& copies, const Bindings& bindings) const {
  for (const Copy& c : copies) {
    if (c.bytes > 0) std::memcpy(Resolve(c.to, bindings), Resolve(c.from, bindings), c.bytes);
  }
}

// What follows a kernel on each range of its result: the step's chain, then the following step.
class Plan::StepEpilogue : public Epilogue {
 public:
  StepEpilogue(const Plan& plan, int s, const StepPointers& pointers, const Bindings& bindings)
      : plan_(plan), data_(plan.steps_[s]), pointers_(pointers), arena_(bindings.arena) {
    if (data_.consumer >= 0) consumer_pointers_ = plan.PointersOf(data_.consumer, bindings);
  }

  void Run(int64_t begin, int64_t n) const override {
    if (data_.tile_stride == 0) {
      RunChain(data_, begin, n, pointers_.program_inputs, pointers_.program_outputs);
    } else {
      RunTileChain(begin, n);
    }
    if (data_.consumer >= 0) RunConsumer(begin, n);
  }

  void* Tile() const override {
    if (data_.outputs.empty() || plan_.places_[data_.outputs[0]].kind != ValuePlace::Kind::kTile) return nullptr;
    return ThreadTiles() + plan_.places_[data_.outputs[0]].index;
  }

 private:
  char* ThreadTiles() const { return arena_ + data_.tiles + ThreadSlot() * data_.tile_stride; }

  void RunChain(const StepData& data, int64_t begin, int64_t n, absl::Span<const void* const> inputs,
                absl::Span<void* const> outputs) const {
    if (data.program.num_instructions() == 0) return;
    char* scratch = arena_ + data.program_scratch + ThreadSlot() * data.program_stride;
    data.program.Run(begin, n, inputs, outputs, scratch);
  }

  // Where element 0 of a value would be if the range at `begin` lay in the whole.
  void* Base(int value, void* pointer, int64_t begin) const {
    const ValuePlace& place = plan_.places_[value];
    if (place.kind != ValuePlace::Kind::kTile) return pointer;
    const auto tile = reinterpret_cast<uintptr_t>(ThreadTiles() + place.index);
    return reinterpret_cast<void*>(tile - static_cast<uintptr_t>(begin * plan_.ElementSize(value)));
  }

  void RunTileChain(int64_t begin, int64_t n) const {
    absl::InlinedVector<const void*, 8> inputs;
    absl::InlinedVector<void*, 8> outputs;
    for (size_t i = 0; i < data_.program_inputs.size(); ++i) {
      inputs.push_back(Base(data_.program_inputs[i], const_cast<void*>(pointers_.program_inputs[i]), begin));
    }
    for (size_t i = 0; i < data_.program_outputs.size(); ++i) {
      outputs.push_back(Base(data_.program_outputs[i], pointers_.program_outputs[i], begin));
    }
    RunChain(data_, begin, n, inputs, outputs);
  }

  void RunConsumer(int64_t begin, int64_t n) const {
    const StepData& f = plan_.steps_[data_.consumer];
    const int64_t first = begin / f.kernel.in_plane, out = first * f.kernel.out_plane;
    const int x = f.inputs[0];
    absl::InlinedVector<void*, 2> outputs;
    for (size_t k = 0; k < f.outputs.size(); ++k) {
      char* output = static_cast<char*>(consumer_pointers_.outputs[k]);
      outputs.push_back(output == nullptr ? nullptr : output + out * plan_.ElementSize(f.outputs[k]));
    }
    const char* from = static_cast<const char*>(Base(x, const_cast<void*>(consumer_pointers_.inputs[0]), begin));
    const int64_t planes = n / f.kernel.in_plane;
    f.kernel.run_planes({from + begin * plan_.ElementSize(x), outputs, planes});
    RunChain(f, out, planes * f.kernel.out_plane, consumer_pointers_.program_inputs,
             consumer_pointers_.program_outputs);
  }

  const Plan& plan_;
  const StepData& data_;
  const StepPointers pointers_;
  StepPointers consumer_pointers_;
  char* arena_;
};

KernelArgs Plan::ArgsOf(int s, const Bindings& bindings) const {
  const StepData& data = steps_[s];
  const StepPointers pointers = PointersOf(s, bindings);
  KernelArgs args;
  args.inputs = pointers.inputs;
  args.outputs = pointers.outputs;
  args.workspace = bindings.arena + data.workspace;
  args.scratch = bindings.arena + data.kernel_scratch;
  args.scratch_stride = data.kernel_stride;
  args.random = bindings.random;
  return args;
}

absl::Status Plan::RunKernel(int s, const Bindings& bindings) const {
  const StepData& data = steps_[s];
  KernelArgs args = ArgsOf(s, bindings);
  const StepEpilogue epilogue(*this, s, PointersOf(s, bindings), bindings);
  if (data.program.num_instructions() > 0 || data.consumer >= 0) args.epilogue = &epilogue;
  return OfKernel(s, data.kernel.run(args));
}

int Plan::LevelOfInputs(int s) const {
  int level = -1;
  for (int v : steps_[s].inputs) {
    const int maker = schedule_.step_of[v];
    if (maker >= 0) level = std::max(level, schedule_.steps[maker].level);
  }
  return level;
}

absl::Status Plan::RunChecks(int level, size_t* next, const Bindings& bindings) const {
  for (; *next < checks_.size() && checks_[*next].level < level; ++*next) {
    const int s = checks_[*next].step;
    FillPointers(s, bindings);
    AD_RETURN_IF_ERROR(OfKernel(s, steps_[s].kernel.check_in_place(ArgsOf(s, bindings))));
  }
  return absl::OkStatus();
}

absl::Status Plan::OfKernel(int s, const absl::Status& status) const {
  if (status.ok()) return status;
  const Node& node = *graph_.nodes[schedule_.steps[s].kernel].node;
  return absl::Status(status.code(), absl::StrCat(node.op->name, " (", node.name, "): ", status.message()));
}

void Plan::RunProgram(int s, const Bindings& bindings) const {
  const Program& program = steps_[s].program;
  const StepEpilogue chain(*this, s, PointersOf(s, bindings), bindings);
  ParallelFor(program.n(), program.grain(), [&](int64_t begin, int64_t end) { chain.Run(begin, end - begin); });
}

void Plan::FillPointers(int s, const Bindings& bindings) const {
  const StepData& data = steps_[s];
  void** pointer = bindings.pointers.data() + data.first_pointer;
  for (const auto* list : {&data.inputs, &data.outputs, &data.program_inputs, &data.program_outputs}) {
    for (int v : *list) *pointer++ = Resolve(places_[v], bindings);
  }
}

Plan::StepPointers Plan::PointersOf(int s, const Bindings& bindings) const {
  const StepData& data = steps_[s];
  void* const* inputs = bindings.pointers.data() + data.first_pointer;
  void* const* outputs = inputs + data.inputs.size();
  void* const* program_inputs = outputs + data.outputs.size();
  void* const* program_outputs = program_inputs + data.program_inputs.size();
  return {.inputs = {inputs, data.inputs.size()},
          .outputs = {outputs, data.outputs.size()},
          .program_inputs = {program_inputs, data.program_inputs.size()},
          .program_outputs = {program_outputs, data.program_outputs.size()}};
}

absl::Status Plan::RunStep(int s, const Bindings& bindings) const {
  FillPointers(s, bindings);
  if (steps_[s].consumer >= 0) FillPointers(steps_[s].consumer, bindings);
  if (steps_[s].kernel.run) return RunKernel(s, bindings);
  RunProgram(s, bindings);
  return absl::OkStatus();
}

absl::Status Plan::RunPair(int s, const Bindings& bindings) const {
  AD_RETURN_IF_ERROR(RunStep(s, bindings));
  const int t = s + 1;
  const bool waits = t < static_cast<int>(steps_.size()) && schedule_.steps[t].producer_step == s && !IsConsumer(t);
  return waits ? RunStep(t, bindings) : absl::OkStatus();
}

absl::Status Plan::RunProfiled(const Bindings& bindings) const {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  const auto elapsed = [&] { return std::chrono::duration<double>(Clock::now() - start).count(); };
  size_t checked = 0;
  for (int s = 0; s < static_cast<int>(steps_.size()); ++s) {
    if (IsConsumer(s)) continue;
    AD_RETURN_IF_ERROR(RunChecks(schedule_.steps[s].level, &checked, bindings));
    const double begin = elapsed();
    AD_RETURN_IF_ERROR(RunStep(s, bindings));
    bindings.times[s] = {begin, elapsed()};
  }
  return absl::OkStatus();
}

absl::Status Plan::Run(const Bindings& bindings) const {
  CopyAll(copies_before_, bindings);
  AD_RETURN_IF_ERROR(check_ ? RunChecked(bindings) : profile_ ? RunProfiled(bindings) : RunLevels(bindings));
  CopyAll(copies_after_, bindings);
  return absl::OkStatus();
}

absl::Status Plan::RunLevels(const Bindings& bindings) const {
  const int n = static_cast<int>(steps_.size());
  size_t checked = 0;
  for (int s = 0; s < n;) {
    AD_RETURN_IF_ERROR(RunChecks(schedule_.steps[s].level, &checked, bindings));
    int end = s, pairs = 0;
    for (; end < n && schedule_.steps[end].level == schedule_.steps[s].level; ++end) {
      pairs += schedule_.steps[end].producer_step < 0;
    }
    if (pairs == 1) {
      AD_RETURN_IF_ERROR(RunPair(s, bindings));
    } else {
      std::vector<absl::Status> statuses(end - s);
      ParallelFor(end - s, 1, [&](int64_t begin, int64_t stop) {
        for (int64_t k = begin; k < stop; ++k) {
          const int t = s + static_cast<int>(k);
          if (schedule_.steps[t].producer_step < 0) statuses[k] = RunPair(t, bindings);
        }
      });
      for (absl::Status& status : statuses) AD_RETURN_IF_ERROR(status);
    }
    s = end;
  }
  return absl::OkStatus();
}

}  // namespace adret
