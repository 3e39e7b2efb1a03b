// Plan::Layout(): where values are and when they are in use, for VerifyMemory().
#include <algorithm>
#include <utility>

#include "adret/core/plan/layout_builder.h"

namespace adret {
namespace {

bool Contains(const std::vector<int>& values, int value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

}  // namespace

PlanLayout Plan::Layout() const { return LayoutBuilder(*this).Build(); }

Plan::LayoutBuilder::LayoutBuilder(const Plan& plan)
    : plan_(plan), end_(plan.schedule_.steps.empty() ? 0 : plan.schedule_.steps.back().level + 1) {}

PlanLayout Plan::LayoutBuilder::Build() {
  layout_.arena_bytes = plan_.arena_bytes_;
  layout_.fetch_writers.assign(plan_.fetch_buffers_.size(), 0);
  area_of_.assign(plan_.places_.size(), -1);
  FindReaders();
  FindLastFailure();
  layout_.arena.reserve(2 * plan_.steps_.size());
  layout_.overwrites.reserve(plan_.variables_.size());
  for (int s = 0; s < static_cast<int>(plan_.steps_.size()); ++s) {
    for (int v : plan_.steps_[s].outputs) AddValue(s, v);
    for (int v : plan_.steps_[s].program_outputs) AddValue(s, v);
    AddWorkAreas(s);
  }
  for (int s = 0; s < static_cast<int>(plan_.steps_.size()); ++s) AddInPlace(s);
  for (const Copy& copy : plan_.copies_before_) {
    if (copy.to.kind == ValuePlace::Kind::kArena) layout_.arena.push_back({copy.to.index, copy.bytes, 0, end_, -1, -1});
    if (copy.to.kind == ValuePlace::Kind::kFetch) ++layout_.fetch_writers[copy.to.index];
  }
  return std::move(layout_);
}

void Plan::LayoutBuilder::FindReaders() {
  readers_.resize(plan_.places_.size());
  for (int s = 0; s < static_cast<int>(plan_.steps_.size()); ++s) {
    const auto read = [&](int value) {
      Readers& r = readers_[value];
      if (r.last != s) r = {s, r.last};
    };
    for (int v : plan_.steps_[s].inputs) read(v);
    for (int v : plan_.steps_[s].program_inputs) read(v);
  }
  copied_at_end_.assign(plan_.places_.size(), false);
  for (auto [variable, value] : plan_.graph_.updates) copied_at_end_[plan_.schedule_.root[value]] = true;
  old_value_.assign(plan_.variables_.size(), -1);
  for (const auto& node : plan_.graph_.nodes) {
    const ValuePlace& place = plan_.places_[node.first_output];
    if (node.node->op->traits.leaf && place.kind == ValuePlace::Kind::kVariable) {
      old_value_[place.index] = node.first_output;
    }
  }
}

void Plan::LayoutBuilder::FindLastFailure() {
  std::vector<int> failure(plan_.steps_.size(), -1);  // the level in which a step may fail, or -1
  for (int s = 0; s < static_cast<int>(plan_.steps_.size()); ++s) {
    if (plan_.steps_[s].kernel.run) failure[s] = Level(s);
  }
  // A check tells the truth when what the kernel reads is there.
  for (const Check& check : plan_.checks_) {
    if (check.level >= plan_.LevelOfInputs(check.step)) failure[check.step] = std::min(check.level, Level(check.step));
  }
  for (int level : failure) last_failure_ = std::max(last_failure_, level);
}

int Plan::LayoutBuilder::LastReadBesides(int s, int value) const {
  const int reader = readers_[value].last == s ? readers_[value].before : readers_[value].last;
  return reader < 0 ? -1 : Level(reader);
}

void Plan::LayoutBuilder::AddValue(int s, int value) {
  const ValuePlace& place = plan_.places_[value];
  if (place.kind == ValuePlace::Kind::kArena) {
    const int last = copied_at_end_[value] ? end_ : std::max(Level(s), LastReadBesides(s, value));
    area_of_[value] = static_cast<int>(layout_.arena.size());
    layout_.arena.push_back({place.index, Bytes(value), Level(s), last, value, s});
  } else if (place.kind == ValuePlace::Kind::kFetch) {
    ++layout_.fetch_writers[place.index];
  } else if (place.kind == ValuePlace::Kind::kVariable) {
    AddOverwrite(s, value);
  } else if (place.kind == ValuePlace::Kind::kTile) {
    // A consumer is the step just behind its producer.
    const StepData& data = plan_.steps_[s];
    const bool elsewhere = copied_at_end_[value] || readers_[value].last > std::max(s, data.consumer);
    layout_.tiles.push_back(
        {place.index, data.kernel.tile_elements * plan_.ElementSize(value), data.tile_stride, s, elsewhere});
  }
}

bool Plan::LayoutBuilder::MayOverwrite(int s, int output, int input) const {
  const StepData& data = plan_.steps_[s];
  const int value = data.program_inputs[input];
  return data.program.CanOverwrite(output, input) && !Contains(data.inputs, value) &&
         std::count(data.program_inputs.begin(), data.program_inputs.end(), value) == 1;
}

void Plan::LayoutBuilder::AddOverwrite(int s, int value) {
  const StepData& data = plan_.steps_[s];
  const int variable = static_cast<int>(plan_.places_[value].index), old = old_value_[variable];
  PlanLayout::Overwrite overwrite{.variable = variable, .step = s, .level = Level(s), .last_failure = last_failure_};
  overwrite.last_read = LastReadBesides(s, old);
  if (Contains(data.outputs, value)) {
    const auto& inputs = data.inputs;
    overwrite.safe_in_place = data.kernel.check_in_place != nullptr && value == data.outputs[0] && inputs[0] == old &&
                              std::find(inputs.begin() + 1, inputs.end(), old) == inputs.end() &&
                              data.program_inputs.empty();
    layout_.overwrites.push_back(overwrite);
    return;
  }
  const auto& outputs = data.program_outputs;
  const int output = static_cast<int>(std::find(outputs.begin(), outputs.end(), value) - outputs.begin());
  overwrite.safe_in_place = output < static_cast<int>(outputs.size()) && !Contains(data.inputs, old);
  for (int k = 0; k < static_cast<int>(data.program_inputs.size()) && overwrite.safe_in_place; ++k) {
    if (data.program_inputs[k] == old) overwrite.safe_in_place = MayOverwrite(s, output, k);
  }
  layout_.overwrites.push_back(overwrite);
}

void Plan::LayoutBuilder::AddWorkAreas(int s) {
  const StepData& data = plan_.steps_[s];
  const auto add = [&](int64_t offset, int64_t bytes) {
    if (bytes > 0) layout_.arena.push_back({offset, bytes, Level(s), Level(s), -1, s});
  };
  add(data.workspace, data.kernel.workspace_bytes);
  add(data.kernel_scratch, data.kernel_stride * plan_.threads_);
  add(data.program_scratch, data.program_stride * plan_.threads_);
  add(data.tiles, data.tile_stride * plan_.threads_);
}

void Plan::LayoutBuilder::AddInPlace(int s) {
  const StepData& data = plan_.steps_[s];
  for (int j = 0; j < static_cast<int>(data.program_outputs.size()); ++j) {
    const int later = area_of_[data.program_outputs[j]];
    if (later < 0) continue;
    for (int k = 0; k < static_cast<int>(data.program_inputs.size()); ++k) {
      const int value = data.program_inputs[k], earlier = area_of_[value];
      if (earlier < 0 || layout_.arena[earlier].offset != layout_.arena[later].offset) continue;
      // Nobody else reads the operand in this level or later.
      const bool last = readers_[value].last == s && LastReadBesides(s, value) < Level(s);
      if (last && MayOverwrite(s, j, k)) layout_.arena[later].over = earlier;
    }
  }
}

}  // namespace adret
