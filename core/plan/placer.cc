#include "adret/core/plan/placer.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "adret/core/rounding.h"

namespace adret {

void Plan::Placer::Run() {
  const int values = static_cast<int>(plan_.graph_.values.size());
  plan_.places_.resize(values);
  buffer_of_.assign(values, -1);
  last_read_.assign(values, -1);
  readers_.resize(values);
  PlaceLeaves();
  FindReads();
  PlaceFetches();
  PlaceUpdates();
  for (int s = 0; s < static_cast<int>(plan_.steps_.size()); ++s) {
    PlaceStep(s);
    PlaceScratch(s);
  }
  plan_.arena_bytes_ = PlaceBuffers(&buffers_);
  ReadOffsets();
}

int Plan::Placer::NewBuffer(int64_t bytes, int first, int last) {
  buffers_.push_back({bytes, first, last});
  return static_cast<int>(buffers_.size()) - 1;
}

void Plan::Placer::PlaceLeaves() {
  for (const auto& node : plan_.graph_.nodes) {
    if (!node.node->op->traits.leaf) continue;
    const bool variable = node.node->attrs.Is<VariableAttrs>();
    auto& list = variable ? plan_.variables_ : plan_.inputs_;
    plan_.places_[node.first_output] = {variable ? ValuePlace::Kind::kVariable : ValuePlace::Kind::kInput,
                                        static_cast<int64_t>(list.size())};
    list.push_back(node.id);
  }
  for (size_t v = 0; v < plan_.graph_.values.size(); ++v) {
    const int constant = plan_.graph_.values[v].constant;
    if (constant >= 0) plan_.places_[v] = {ValuePlace::Kind::kConstant, constant};
  }
}

void Plan::Placer::FindReads() {
  for (int s = 0; s < static_cast<int>(plan_.steps_.size()); ++s) {
    auto read = [&](int value) {
      last_read_[value] = std::max(last_read_[value], level(s));
      if (readers_[value].empty() || readers_[value].back() != s) readers_[value].push_back(s);
    };
    for (int v : plan_.steps_[s].inputs) read(v);
    for (int v : plan_.steps_[s].program_inputs) read(v);
  }
}

// Fetched results are written straight into the tensors that a run returns.
void Plan::Placer::PlaceFetches() {
  for (int value : plan_.graph_.fetches) {
    const int r = root(value);
    ValuePlace& place = plan_.places_[r];
    const bool leaf_variable = place.kind == ValuePlace::Kind::kVariable;
    ValuePlace fetched = place;
    if (place.kind == ValuePlace::Kind::kNone || leaf_variable) {
      fetched = {ValuePlace::Kind::kFetch, static_cast<int64_t>(plan_.fetch_buffers_.size())};
      plan_.fetch_buffers_.push_back(plan_.graph_.values[r].type);
      // A variable is returned as it was before the run.
      if (leaf_variable) {
        plan_.copies_before_.push_back({place, fetched, Bytes(r)});
      } else {
        place = fetched;
      }
    }
    plan_.fetches_.push_back({fetched, plan_.graph_.values[value].type.shape});
  }
}

bool Plan::Placer::CanOverwrite(int s, int variable, int value) const {
  const StepData& data = plan_.steps_[s];
  if (data.kernel.run) {
    return data.kernel.check_in_place != nullptr && data.outputs[0] == value && data.inputs[0] == variable &&
           std::count(data.inputs.begin(), data.inputs.end(), variable) == 1;
  }
  const auto& outputs = data.program_outputs;
  const int out = static_cast<int>(std::find(outputs.begin(), outputs.end(), value) - outputs.begin());
  for (int k = 0; k < static_cast<int>(data.program_inputs.size()); ++k) {
    if (data.program_inputs[k] == variable && !data.program.CanOverwrite(out, k)) return false;
  }
  return true;
}

bool Plan::Placer::CanUpdateInPlace(int variable, int value) const {
  const int s = plan_.schedule_.step_of[value];
  if (plan_.check_ || s < 0 || value == variable || plan_.places_[value].kind != ValuePlace::Kind::kNone) return false;
  for (int reader : readers_[variable]) {
    if (reader != s && level(reader) >= level(s)) return false;
  }
  return CanOverwrite(s, variable, value);
}

// A kernel may fail as long as there is one, and a failed run must not have changed any variable. Kernels that could
// write into variables are asked as soon as they can tell (Plan::Check). A step that comes after the last possible
// failure may write.
std::vector<Plan::Placer::InPlace> Plan::Placer::FindInPlace() const {
  std::vector<InPlace> found;
  absl::flat_hash_set<int> values, asked;
  for (auto [variable, new_value] : plan_.graph_.updates) {
    const int value = root(new_value);
    if (!CanUpdateInPlace(variable, value) || !values.insert(value).second) continue;
    found.push_back({variable, value, plan_.schedule_.step_of[value]});
    if (plan_.steps_[found.back().step].kernel.run) asked.insert(found.back().step);
  }
  int last_failure = -1;  // the last level in which the run may fail
  for (int s = 0; s < static_cast<int>(plan_.steps_.size()); ++s) {
    if (!plan_.steps_[s].kernel.run) continue;
    last_failure = std::max(last_failure, asked.contains(s) ? plan_.LevelOfInputs(s) : level(s));
  }
  // A kernel that is left out is not asked, and fails in its own level: that is no later than the last failure.
  std::erase_if(found, [&](const InPlace& u) { return level(u.step) <= last_failure; });
  return found;
}

void Plan::Placer::PlaceUpdates() {
  const int end = plan_.schedule_.steps.empty() ? 0 : plan_.schedule_.steps.back().level + 1;
  for (const InPlace& u : FindInPlace()) {
    in_place_[u.value] = static_cast<int>(plan_.places_[u.variable].index);
    plan_.places_[u.value] = plan_.places_[u.variable];
    if (plan_.steps_[u.step].kernel.run) plan_.checks_.push_back({plan_.LevelOfInputs(u.step), u.step});
  }
  std::sort(plan_.checks_.begin(), plan_.checks_.end(),
            [](const Check& a, const Check& b) { return std::pair(a.level, a.step) < std::pair(b.level, b.step); });
  for (auto [variable, new_value] : plan_.graph_.updates) {
    const ValuePlace target = plan_.places_[variable];
    plan_.written_variables_.push_back(static_cast<int>(target.index));
    const int value = root(new_value);
    if (value == variable) continue;
    const auto in_place = in_place_.find(value);
    if (in_place != in_place_.end() && in_place->second == target.index) continue;
    ValuePlace source = plan_.places_[value];
    if (source.kind == ValuePlace::Kind::kVariable && in_place == in_place_.end()) {
      // Another variable's old value, which may be overwritten before it is copied: keep it aside.
      const int buffer = NewBuffer(Bytes(value), 0, end);
      plan_.copies_before_.push_back({source, {ValuePlace::Kind::kArena, buffer}, Bytes(value)});
      plan_.copies_after_.push_back({{ValuePlace::Kind::kArena, buffer}, target, Bytes(value)});
      continue;
    }
    last_read_[value] = end;
    plan_.copies_after_.push_back({{ValuePlace::Kind::kNone, value}, target, Bytes(value)});
  }
}

bool Plan::Placer::ReuseInput(int s, int output_index) {
  if (plan_.check_) return false;  // its inputs are looked at after a step
  const StepData& data = plan_.steps_[s];
  const int value = data.program_outputs[output_index];
  for (int k = 0; k < static_cast<int>(data.program_inputs.size()); ++k) {
    const int input = data.program_inputs[k];
    const int buffer = buffer_of_[input];
    if (buffer < 0 || !data.program.CanOverwrite(output_index, k) || Bytes(input) != Bytes(value)) continue;
    // The buffer may hold something newer than the input already (another output of this step).
    if (buffers_[buffer].last > level(s) || last_read_[input] > level(s)) continue;
    const auto reads_input = [&](int v) { return v == input; };
    if (std::count_if(data.program_inputs.begin(), data.program_inputs.end(), reads_input) > 1) continue;
    if (std::any_of(data.inputs.begin(), data.inputs.end(), reads_input)) continue;
    const bool read_beside = std::any_of(readers_[input].begin(), readers_[input].end(),
                                         [&](int t) { return t != s && level(t) == level(s); });
    if (read_beside) continue;
    const bool taken = std::any_of(data.program_outputs.begin(), data.program_outputs.begin() + output_index,
                                   [&](int v) { return buffer_of_[v] == buffer; });
    if (taken) continue;
    buffer_of_[value] = buffer;
    buffers_[buffer].last = std::max(buffers_[buffer].last, std::max(last_read_[value], level(s)));
    return true;
  }
  return false;
}

void Plan::Placer::PlaceOutput(int s, int value) {
  if (plan_.places_[value].kind != ValuePlace::Kind::kNone) return;
  buffer_of_[value] = NewBuffer(Bytes(value), level(s), std::max(level(s), last_read_[value]));
}

bool Plan::Placer::FitsTile(int s, int value) const {
  if (plan_.places_[value].kind != ValuePlace::Kind::kNone || last_read_[value] > level(s)) return false;
  return std::all_of(readers_[value].begin(), readers_[value].end(),
                     [&](int t) { return t == s || t == plan_.steps_[s].consumer; });
}

bool Plan::Placer::ReuseTile(int s, int output_index) {
  const StepData& data = plan_.steps_[s];
  const int value = data.program_outputs[output_index];
  for (int k = 0; k < static_cast<int>(data.program_inputs.size()); ++k) {
    const int input = data.program_inputs[k];
    const ValuePlace place = plan_.places_[input];
    if (place.kind != ValuePlace::Kind::kTile || !data.program.CanOverwrite(output_index, k)) continue;
    if (readers_[input].size() > 1) continue;  // the consumer reads it too
    const bool taken =
        std::any_of(data.program_outputs.begin(), data.program_outputs.begin() + output_index, [&](int v) {
          return plan_.places_[v].kind == ValuePlace::Kind::kTile && plan_.places_[v].index == place.index;
        });
    if (taken) continue;
    plan_.places_[value] = place;
    return true;
  }
  return false;
}

void Plan::Placer::PlaceTiles(int s) {
  StepData& data = plan_.steps_[s];
  if (data.consumer < 0 || data.kernel.tile_elements == 0) return;
  auto place = [&](int value) {
    plan_.places_[value] = {ValuePlace::Kind::kTile, data.tile_stride};
    data.tile_stride += RoundUp(data.kernel.tile_elements * plan_.ElementSize(value), kAlignment);
  };
  if (FitsTile(s, data.outputs[0])) place(data.outputs[0]);
  for (int j = 0; j < static_cast<int>(data.program_outputs.size()); ++j) {
    const int value = data.program_outputs[j];
    if (FitsTile(s, value) && !ReuseTile(s, j)) place(value);
  }
}

void Plan::Placer::PlaceStep(int s) {
  const StepData& data = plan_.steps_[s];
  PlaceTiles(s);
  for (int v : data.outputs) {
    const bool unread = plan_.IsConsumer(s) && last_read_[v] < 0;  // consumers need not write it
    if (!unread) PlaceOutput(s, v);
  }
  for (int j = 0; j < static_cast<int>(data.program_outputs.size()); ++j) {
    const int v = data.program_outputs[j];
    if (plan_.places_[v].kind == ValuePlace::Kind::kNone && !ReuseInput(s, j)) PlaceOutput(s, v);
  }
}

void Plan::Placer::PlaceScratch(int s) {
  StepData& data = plan_.steps_[s];
  auto reserve = [&](int64_t bytes, int64_t* offset) {
    if (bytes > 0) offsets_.emplace_back(offset, NewBuffer(bytes, level(s), level(s)));
  };
  data.kernel_stride = RoundUp(data.kernel.scratch_bytes, kAlignment);
  data.program_stride = data.program.num_instructions() > 0 ? RoundUp(data.program.scratch_bytes(), kAlignment) : 0;
  reserve(data.kernel.workspace_bytes, &data.workspace);
  reserve(data.kernel_stride * plan_.threads_, &data.kernel_scratch);
  reserve(data.program_stride * plan_.threads_, &data.program_scratch);
  reserve(data.tile_stride * plan_.threads_, &data.tiles);
}

void Plan::Placer::ReadOffsets() {
  for (size_t v = 0; v < buffer_of_.size(); ++v) {
    if (buffer_of_[v] >= 0) plan_.places_[v] = {ValuePlace::Kind::kArena, buffers_[buffer_of_[v]].offset};
  }
  for (auto [where, buffer] : offsets_) *where = buffers_[buffer].offset;
  // Copies named buffers and values while offsets were unknown.
  for (Copy& c : plan_.copies_before_) {
    if (c.to.kind == ValuePlace::Kind::kArena) c.to.index = buffers_[c.to.index].offset;
  }
  for (Copy& c : plan_.copies_after_) {
    if (c.from.kind == ValuePlace::Kind::kArena) c.from.index = buffers_[c.from.index].offset;
    if (c.from.kind == ValuePlace::Kind::kNone) c.from = plan_.places_[c.from.index];
  }
}

}  // namespace adret
