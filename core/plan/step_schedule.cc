#include "adret/core/plan/step_schedule.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <queue>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "adret/core/status.h"

namespace adret {
namespace {

// Steps that touch fewer elements than this run faster one after the other than side by side.
constexpr int64_t kWorthOverlapping = 32 * 1024;

class Scheduler {
 public:
  Scheduler(const PlanGraph& plan, bool fuse) : plan_(plan), fuse_(fuse) {}

  StepSchedule Run() {
    const int n = static_cast<int>(plan_.nodes.size());
    FindRoots();
    FindLive();
    stage_.assign(n, 0);
    chain_of_.resize(n);
    for (int i = 0; i < n; ++i) chain_of_[i] = i;
    for (int i = 0; i < n; ++i) {
      if (live_[i]) FindStage(i);
    }
    if (fuse_) DelayReadersOfLeaves();
    for (int i = 0; i < n; ++i) {
      if (live_[i]) JoinChains(i);
    }
    MakeSteps();
    consumer_.assign(steps_.size(), -1);
    if (fuse_) AttachEpilogues();
    if (fuse_) AttachConsumers();
    Order();
    FindStored();
    FormLevels();
    return std::move(schedule_);
  }

 private:
  bool Elementwise(int node) const { return plan_.op(node).elementwise(); }
  bool IsLeaf(int node) const { return plan_.op(node).traits.leaf; }
  bool IsView(int node) const { return plan_.op(node).traits.view || plan_.op(node).traits.barrier; }
  int Producer(int value) const { return plan_.values[value].producer; }
  int64_t Count(int value) const { return plan_.values[value].type.shape.num_elements(); }
  int Output(int node) const { return plan_.nodes[node].first_output; }

  void FindRoots() {
    schedule_.root.resize(plan_.values.size());
    for (int v = 0; v < static_cast<int>(plan_.values.size()); ++v) {
      const int producer = Producer(v);
      schedule_.root[v] = producer >= 0 && IsView(producer) ? schedule_.root[plan_.nodes[producer].inputs[0]] : v;
    }
  }

  // Calls f(operand) for everything that a node reads, as its step will read it, and for what the barriers before it
  // wait for: whole values, as those that a broadcast repeats.
  template <class F>
  void ForEachOperand(int node, F f) const {
    const int arity = static_cast<int>(plan_.nodes[node].inputs.size());
    for (int k = 0; k < arity; ++k) {
      if (Elementwise(node) && fuse_) {
        f(ResolveOperand(plan_, schedule_, node, k));
      } else {
        f(ChainOperand{schedule_.root[plan_.nodes[node].inputs[k]], -1});
      }
      ForEachBarrier(plan_, plan_.nodes[node].inputs[k], [&](int barrier) {
        const auto& inputs = plan_.nodes[barrier].inputs;
        for (size_t i = 1; i < inputs.size(); ++i) f(ChainOperand{schedule_.root[inputs[i]], barrier});
      });
    }
  }

  void FindLive() {
    const int n = static_cast<int>(plan_.nodes.size());
    live_.assign(n, false);
    auto need = [&](int value) {
      if (Producer(value) >= 0) live_[Producer(value)] = true;
    };
    for (int v : plan_.fetches) need(schedule_.root[v]);
    for (auto [variable, value] : plan_.updates) need(variable), need(schedule_.root[value]);
    for (int i = n - 1; i >= 0; --i) {
      if (live_[i]) ForEachOperand(i, [&](ChainOperand o) { need(o.value); });
    }
  }

  // Whether node i reads this operand element by element from another element-wise node of its size.
  bool Joins(int i, const ChainOperand& o) const {
    const int p = Producer(o.value);
    return fuse_ && p >= 0 && o.broadcast < 0 && Elementwise(i) && Elementwise(p) && Count(o.value) == Count(Output(i));
  }

  void FindStage(int i) {
    int stage = 0;
    ForEachOperand(i, [&](ChainOperand o) {
      const int p = Producer(o.value);
      if (p >= 0) stage = std::max(stage, stage_[p] + (Joins(i, o) || IsLeaf(p) ? 0 : 1));
    });
    if (!Elementwise(i) && !IsLeaf(i)) ++stage;
    stage_[i] = stage;
  }

  // An element-wise node that reads nothing but leaves and scalars (an optimiser's slots) could run at once, but then
  // its result would go through memory to the chain that wants it. Its stage is raised to that of its readers, which
  // keeps the rule of stages and costs no memory, as leaves are there all the time.
  void DelayReadersOfLeaves() {
    const int n = static_cast<int>(plan_.nodes.size());
    constexpr int kNobody = std::numeric_limits<int>::max();
    std::vector<int> latest(n, kNobody);  // highest stage that the readers of a node allow
    std::vector<bool> wanted(n, false);   // by a chain that it could join
    auto keep = [&](int value) {
      if (Producer(schedule_.root[value]) >= 0) latest[Producer(schedule_.root[value])] = 0;
    };
    for (int v : plan_.fetches) keep(v);
    for (int i = n - 1; i >= 0; --i) {
      if (!live_[i]) continue;
      bool movable = Elementwise(i) && wanted[i] && latest[i] != kNobody;
      ForEachOperand(i, [&](ChainOperand o) {
        const int p = Producer(o.value);
        movable &= p < 0 || IsLeaf(p) || Count(o.value) == 1 || (Joins(i, o) && ReadsOnlyLeaves(p));
      });
      if (movable) stage_[i] = std::max(stage_[i], latest[i]);
      ForEachOperand(i, [&](ChainOperand o) {
        const int p = Producer(o.value);
        if (p < 0) return;
        latest[p] = std::min(latest[p], stage_[i] - (Joins(i, o) ? 0 : 1));
        if (Joins(i, o)) wanted[p] = true;
      });
    }
  }
  bool ReadsOnlyLeaves(int node) const {
    bool result = true;
    ForEachOperand(node, [&](ChainOperand o) {
      result &= Producer(o.value) < 0 || IsLeaf(Producer(o.value)) || Count(o.value) == 1;
    });
    return result;
  }

  void JoinChains(int i) {
    ForEachOperand(i, [&](ChainOperand o) {
      if (Joins(i, o) && stage_[Producer(o.value)] == stage_[i]) Union(i, Producer(o.value));
    });
  }

  int Find(int i) {
    while (chain_of_[i] != i) i = chain_of_[i] = chain_of_[chain_of_[i]];
    return i;
  }
  void Union(int a, int b) {
    a = Find(a), b = Find(b);
    if (a != b) chain_of_[std::max(a, b)] = std::min(a, b);
  }

  void MakeSteps() {
    const int n = static_cast<int>(plan_.nodes.size());
    step_of_node_.assign(n, -1);
    for (int i = 0; i < n; ++i) {
      if (!live_[i] || IsLeaf(i) || IsView(i)) continue;
      const int head = Elementwise(i) ? Find(i) : i;
      if (step_of_node_[head] < 0) {
        step_of_node_[head] = static_cast<int>(steps_.size());
        steps_.emplace_back();
      }
      step_of_node_[i] = step_of_node_[head];
      Step& step = steps_[step_of_node_[i]];
      if (Elementwise(i)) {
        step.chain.push_back(i);
      } else {
        step.kernel = i;
      }
    }
    updates_variable_.assign(steps_.size(), false);
    for (auto [variable, value] : plan_.updates) {
      const int p = Producer(schedule_.root[value]);
      if (p >= 0 && step_of_node_[p] >= 0) updates_variable_[step_of_node_[p]] = true;
    }
  }

  // Everything a step reads that another step or a leaf made.
  std::vector<ChainOperand> Externals(int s) const {
    std::vector<ChainOperand> result;
    auto add = [&](ChainOperand o) {
      const int p = Producer(o.value);
      if (p < 0 || step_of_node_[p] != s) result.push_back(o);
    };
    if (steps_[s].kernel >= 0) ForEachOperand(steps_[s].kernel, add);
    for (int i : steps_[s].chain) ForEachOperand(i, add);
    return result;
  }

  // Returns the kernel whose epilogue this chain can be, or -1: the one of highest rank among those that it reads
  // element by element, if everything else that it reads has a lower rank.
  int EpilogueOf(int s) const {
    const Step& step = steps_[s];
    const int64_t count = Count(Output(step.chain[0]));
    const std::vector<ChainOperand> externals = Externals(s);
    auto rank = [&](int p) { return std::pair(stage_[p], p); };
    int best = -1;
    for (const ChainOperand& o : externals) {
      const int p = Producer(o.value);
      if (p < 0 || o.broadcast >= 0 || Elementwise(p) || IsLeaf(p) || Count(o.value) != count) continue;
      if (!plan_.op(p).traits.epilogue || o.value != Output(p)) continue;
      const Step& kernel_step = steps_[step_of_node_[p]];
      if (kernel_step.chain.empty() && (best < 0 || rank(best) < rank(p))) best = p;
    }
    if (best < 0) return -1;
    for (const ChainOperand& o : externals) {
      if ((o.value != Output(best) || o.broadcast >= 0) && !IsBefore(o.value, best)) return -1;
    }
    return best;
  }

  // Whether a value comes from a unit whose rank is below that of a unit that begins with `kernel` (see the header):
  // leaves, lower stages, element-wise nodes of the kernel's stage (whose chain is alone, or behind a kernel of a lower
  // stage), and kernels of its stage with a lower number.
  bool IsBefore(int value, int kernel) const {
    const int p = Producer(value);
    if (p < 0 || IsLeaf(p) || stage_[p] < stage_[kernel]) return true;
    return stage_[p] == stage_[kernel] && p != kernel && (Elementwise(p) || p < kernel);
  }

  void AttachEpilogues() {
    for (int s = 0; s < static_cast<int>(steps_.size()); ++s) {
      // A kernel's step may have its epilogue already: that stays where it is.
      if (steps_[s].kernel >= 0 || steps_[s].chain.empty()) continue;
      // A chain that updates variables runs on its own, at the end, in place.
      if (updates_variable_[s]) continue;
      const int kernel = EpilogueOf(s);
      if (kernel < 0) continue;
      const int target = step_of_node_[kernel];
      for (int i : steps_[s].chain) step_of_node_[i] = target;
      steps_[target].chain = std::move(steps_[s].chain);
      steps_[s].chain.clear();
    }
  }

  // The step of a kernel whose finished ranges this step's kernel can follow, or -1.
  int ProducerStepOf(int s) const {
    const int kernel = steps_[s].kernel;
    if (kernel < 0 || !plan_.op(kernel).traits.planes || updates_variable_[s]) return -1;
    const int x = schedule_.root[plan_.nodes[kernel].inputs[0]], producer = Producer(x);
    if (producer < 0 || step_of_node_[producer] < 0) return -1;
    const int producer_step = step_of_node_[producer], first = steps_[producer_step].kernel;
    if (first < 0 || !plan_.op(first).traits.epilogue || updates_variable_[producer_step]) return -1;
    if (!Elementwise(producer) && x != Output(first)) return -1;
    if (consumer_[producer_step] >= 0 || is_consumer_[producer_step]) return -1;
    for (const ChainOperand& o : Externals(s)) {
      // Nothing but x may depend on the producer_step, whose first node is its kernel.
      if ((o.value != x || o.broadcast >= 0) && !IsBefore(o.value, first)) return -1;
    }
    // Its chain reads other parts of x than the kernel does.
    for (int i : steps_[s].chain) {
      bool reads_x = false;
      ForEachOperand(i, [&](ChainOperand o) { reads_x |= o.value == x; });
      if (reads_x) return -1;
    }
    return producer_step;
  }

  void AttachConsumers() {
    is_consumer_.assign(steps_.size(), false);
    for (int s = 0; s < static_cast<int>(steps_.size()); ++s) {
      const int producer_step = ProducerStepOf(s);
      if (producer_step < 0) continue;
      consumer_[producer_step] = s;
      is_consumer_[s] = true;
    }
  }

  // The last node of a step and its consumer.
  int LastNode(int s) const {
    const Step& step = steps_[s];
    const int last = std::max(step.kernel, step.chain.empty() ? -1 : step.chain.back());
    return consumer_[s] < 0 ? last : std::max(last, LastNode(consumer_[s]));
  }

  // Topological order of the steps, as near to the order of the nodes as possible; updates of variables last, consumers
  // behind their producers.
  void Order() {
    const int n = static_cast<int>(steps_.size());
    std::vector<std::vector<int>> readers(n);
    std::vector<int> waiting(n, 0), unit(n);  // unit: the step itself, or its producer_step
    for (int s = 0; s < n; ++s) unit[s] = s;
    for (int s = 0; s < n; ++s) {
      if (consumer_[s] >= 0) unit[consumer_[s]] = s;
    }
    for (int s = 0; s < n; ++s) {
      for (const ChainOperand& o : Externals(s)) {
        const int p = Producer(o.value);
        if (p < 0 || step_of_node_[p] < 0 || unit[step_of_node_[p]] == unit[s]) continue;
        readers[unit[step_of_node_[p]]].push_back(unit[s]);
        ++waiting[unit[s]];
      }
    }
    using Key = std::tuple<bool, int, int>;
    std::priority_queue<Key, std::vector<Key>, std::greater<>> ready;
    auto push = [&](int s) {
      if (LastNode(s) >= 0) ready.emplace(updates_variable_[s], LastNode(s), s);
    };
    for (int s = 0; s < n; ++s) {
      if (waiting[s] == 0 && unit[s] == s) push(s);
    }
    std::vector<int> position(n, -1);
    auto emit = [&](int s, int producer_step) {
      position[s] = static_cast<int>(schedule_.steps.size());
      schedule_.steps.push_back(std::move(steps_[s]));
      schedule_.steps.back().producer_step = producer_step;
    };
    while (!ready.empty()) {
      const int s = std::get<2>(ready.top());
      ready.pop();
      emit(s, -1);
      if (consumer_[s] >= 0) emit(consumer_[s], position[s]);
      for (int r : readers[s]) {
        if (--waiting[r] == 0) push(r);
      }
    }
    schedule_.step_of.assign(plan_.values.size(), -1);
    for (int v = 0; v < static_cast<int>(plan_.values.size()); ++v) {
      const int p = Producer(schedule_.root[v]);
      if (p >= 0 && step_of_node_[p] >= 0) schedule_.step_of[v] = position[step_of_node_[p]];
    }
    steps_ = {};
  }

  template <class F>
  void ForEachRead(const Step& step, F f) const {
    if (step.kernel >= 0) ForEachOperand(step.kernel, f);
    for (int i : step.chain) ForEachOperand(i, f);
  }

  void FindStored() {
    schedule_.stored.assign(plan_.values.size(), false);
    auto store = [&](int value) { schedule_.stored[schedule_.root[value]] = true; };
    for (int v : plan_.fetches) store(v);
    for (auto [variable, value] : plan_.updates) store(value);
    for (int s = 0; s < static_cast<int>(schedule_.steps.size()); ++s) {
      const Step& step = schedule_.steps[s];
      ForEachRead(step, [&](ChainOperand o) {
        if (schedule_.step_of[o.value] != s) store(o.value);
      });
      // A kernel writes all of its outputs.
      for (int k = 0; step.kernel >= 0 && k < plan_.num_outputs(step.kernel); ++k) store(Output(step.kernel) + k);
    }
  }

  int64_t Work(const Step& step) const {
    int64_t elements = 0;
    ForEachRead(step, [&](ChainOperand o) { elements += Count(o.value); });
    for (int i : step.chain) elements += Count(Output(i));
    if (step.kernel >= 0) elements += Count(Output(step.kernel));
    return elements;
  }

  void FormLevels() {
    std::vector<bool> updates(plan_.nodes.size(), false);  // nodes that make a variable's new value
    for (auto [variable, value] : plan_.updates) {
      if (Producer(schedule_.root[value]) >= 0) updates[Producer(schedule_.root[value])] = true;
    }
    const auto updates_by_kernel = [&](const Step& step) { return step.kernel >= 0 && updates[step.kernel]; };
    int level = -1, level_start = 0;
    bool joinable = false;
    const int n = static_cast<int>(schedule_.steps.size());
    for (int s = 0; s < n; ++s) {
      Step& step = schedule_.steps[s];
      if (step.producer_step >= 0) {
        step.level = level;
        continue;
      }
      const int end = s + 1 < n && schedule_.steps[s + 1].producer_step == s ? s + 2 : s + 1;
      bool independent = true;
      int64_t work = 0;
      for (int t = s; t < end; ++t) {
        ForEachRead(schedule_.steps[t], [&](ChainOperand o) {
          const int made_by = schedule_.step_of[o.value];
          independent &= made_by < level_start || (made_by >= s && made_by < end);
        });
        work += Work(schedule_.steps[t]);
      }
      const bool heavy = work >= kWorthOverlapping;
      // A kernel that updates a variable can do so in place when no other kernel may fail at the same time.
      const bool apart = updates_by_kernel(step) && (s == 0 || !updates_by_kernel(schedule_.steps[s - 1]));
      if (!(joinable && heavy && independent) || apart) {
        ++level;
        level_start = s;
        joinable = heavy;
      }
      step.level = level;
    }
  }

  const PlanGraph& plan_;
  const bool fuse_;
  StepSchedule schedule_;
  std::vector<bool> live_;
  std::vector<int> stage_;         // of nodes
  std::vector<int> chain_of_;      // union-find over nodes
  std::vector<int> step_of_node_;  // before ordering
  std::vector<Step> steps_;        // before ordering
  std::vector<bool> updates_variable_;
  std::vector<int> consumer_;  // of a step, or -1; before ordering
  std::vector<bool> is_consumer_;
};

}  // namespace

ChainOperand ResolveOperand(const PlanGraph& plan, const StepSchedule& schedule, int node, int operand) {
  const auto is_broadcast = [&](int value) {
    const int p = plan.values[value].producer;
    return p >= 0 && plan.op(p).traits.broadcast;
  };
  const int root = schedule.root[plan.nodes[node].inputs[operand]];
  if (!is_broadcast(root)) return {root, -1};
  const int repeated = plan.values[root].producer;
  // Broadcasting aligns to the right, so a broadcast of a broadcast is one broadcast.
  int source = plan.nodes[repeated].inputs[0];
  while (is_broadcast(source)) source = plan.nodes[plan.values[source].producer].inputs[0];
  return {schedule.root[source], repeated};
}

std::string ToText(const PlanGraph& plan, const StepSchedule& schedule) {
  std::string out;
  for (size_t s = 0; s < schedule.steps.size(); ++s) {
    const Step& step = schedule.steps[s];
    std::vector<int> nodes = step.chain;
    if (step.kernel >= 0) nodes.insert(nodes.begin(), step.kernel);
    absl::StrAppend(&out, "step ", s, " level ", step.level);
    if (step.producer_step >= 0) absl::StrAppend(&out, " consumes step ", step.producer_step);
    for (int node : nodes) {
      absl::StrAppend(&out, node == nodes[0] ? ": " : " + ", plan.op(node).name, "(");
      for (size_t k = 0; k < plan.nodes[node].inputs.size(); ++k) {
        absl::StrAppend(&out, k == 0 ? "v" : ", v", schedule.root[plan.nodes[node].inputs[k]]);
      }
      absl::StrAppend(&out, ") -> v", plan.nodes[node].first_output, " '", plan.nodes[node].node->name, "'");
    }
    out += "\n";
  }
  return out;
}

StepSchedule MakeStepSchedule(const PlanGraph& plan, bool fuse) { return Scheduler(plan, fuse).Run(); }

}  // namespace adret
