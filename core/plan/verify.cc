#include "adret/core/plan/verify.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "adret/core/status.h"

namespace adret {
namespace {

template <class... Parts>
absl::Status Broken(int invariant, const Parts&... parts) {
  return absl::InternalError(absl::StrCat("plan invariant (", invariant, ") is broken: ", parts...));
}

class ScheduleVerifier {
 public:
  ScheduleVerifier(const PlanGraph& graph, const StepSchedule& schedule) : graph_(graph), schedule_(schedule) {}

  absl::Status Run() {
    AD_RETURN_IF_ERROR(FindMakers());
    AD_RETURN_IF_ERROR(CheckLevels());
    FindAliases();
    for (int s = 0; s < num_steps(); ++s) AD_RETURN_IF_ERROR(CheckStep(s));
    for (int v : graph_.fetches) AD_RETURN_IF_ERROR(CheckMade(v, "a fetch"));
    for (auto [variable, value] : graph_.updates) AD_RETURN_IF_ERROR(CheckMade(value, "an update"));
    return absl::OkStatus();
  }

 private:
  int num_steps() const { return static_cast<int>(schedule_.steps.size()); }
  int Producer(int value) const { return graph_.values[value].producer; }
  int Output(int node) const { return graph_.nodes[node].first_output; }
  int64_t Count(int value) const { return graph_.values[value].type.shape.num_elements(); }
  const std::string& Name(int node) const { return graph_.nodes[node].node->name; }

  // Fills maker_: the step of each node.
  absl::Status FindMakers() {
    maker_.assign(graph_.nodes.size(), -1);
    position_.assign(graph_.nodes.size(), -1);
    for (int s = 0; s < num_steps(); ++s) {
      const Step& step = schedule_.steps[s];
      if (step.kernel >= 0) AD_RETURN_IF_ERROR(SetMaker(step.kernel, s, 0));
      for (int i = 0; i < static_cast<int>(step.chain.size()); ++i) {
        AD_RETURN_IF_ERROR(SetMaker(step.chain[i], s, i + 1));
        if (!graph_.op(step.chain[i]).elementwise()) {
          return Broken(3, "'", Name(step.chain[i]), "' is in the chain of step ", s, " but is not element-wise");
        }
      }
    }
    return absl::OkStatus();
  }
  absl::Status SetMaker(int node, int s, int position) {
    if (maker_[node] >= 0) return Broken(1, "'", Name(node), "' is in step ", maker_[node], " and in step ", s);
    maker_[node] = s;
    position_[node] = position;
    return absl::OkStatus();
  }

  // Fills is_alias_: the values whose numbers are another value's, or are repeated from one. Nodes of chains make none.
  void FindAliases() {
    is_alias_.assign(graph_.values.size(), false);
    for (int i = 0; i < static_cast<int>(graph_.nodes.size()); ++i) {
      if (position_[i] > 0) continue;
      const OpTraits& traits = graph_.op(i).traits;
      if (traits.view || traits.broadcast || traits.barrier) is_alias_[Output(i)] = true;
    }
  }

  absl::Status CheckMade(int value, const char* what) const {
    const int root = schedule_.root[value], p = Producer(root);
    if (p < 0 || graph_.op(p).traits.leaf) return absl::OkStatus();
    if (maker_[p] < 0) return Broken(1, "no step computes '", Name(p), "', ", what, " of the run");
    if (schedule_.step_of[root] != maker_[p]) {
      return Broken(1, "'", Name(p), "' is said to come from step ", schedule_.step_of[root], " but is in step ",
                    maker_[p]);
    }
    if (!schedule_.stored[root]) return Broken(1, "'", Name(p), "', ", what, " of the run, is not stored");
    return absl::OkStatus();
  }

  absl::Status CheckLevels() const {
    for (int s = 0; s < num_steps(); ++s) {
      const Step& step = schedule_.steps[s];
      if (s > 0 && step.level < schedule_.steps[s - 1].level) {
        return Broken(4, "step ", s, " has level ", step.level, " after level ", schedule_.steps[s - 1].level);
      }
      if (step.producer_step < 0) continue;
      if (step.producer_step != s - 1 || step.level != schedule_.steps[s - 1].level ||
          schedule_.steps[s - 1].producer_step >= 0) {
        return Broken(4, "step ", s, " consumes step ", step.producer_step, ", which is not the unit just before it");
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckStep(int s) const {
    const Step& step = schedule_.steps[s];
    if (step.kernel >= 0) {
      for (int v : graph_.nodes[step.kernel].inputs) {
        AD_RETURN_IF_ERROR(CheckRead(s, step.kernel, schedule_.root[v], false));
        if (is_alias_[v]) AD_RETURN_IF_ERROR(CheckBarriers(s, step.kernel, v));
      }
      if (!step.chain.empty()) AD_RETURN_IF_ERROR(CheckEpilogue(s));
      if (step.producer_step >= 0 && !graph_.op(step.kernel).traits.planes) {
        return Broken(3, "step ", s, " consumes planes, but '", Name(step.kernel), "' does not work plane by plane");
      }
    } else if (step.chain.empty() || step.producer_step >= 0) {
      return Broken(3, "step ", s, " has no kernel, and ", step.chain.empty() ? "no chain" : "consumes another step");
    }
    for (int node : step.chain) AD_RETURN_IF_ERROR(CheckChainNode(s, step.chain[0], node));
    return absl::OkStatus();
  }

  absl::Status CheckChainNode(int s, int first, int node) const {
    const int made = Output(node), of_first = Output(first);
    if (graph_.values[made].type.shape != graph_.values[of_first].type.shape && Count(made) != Count(of_first)) {
      return Broken(3, "'", Name(node), "' is in the chain of step ", s, ", which has ", Count(of_first),
                    " elements, but has ", Count(made));
    }
    const auto& inputs = graph_.nodes[node].inputs;
    for (int k = 0; k < static_cast<int>(inputs.size()); ++k) {
      if (!is_alias_[inputs[k]] && IsFinal(s, node, schedule_.root[inputs[k]], true)) continue;
      const ChainOperand o = ResolveOperand(graph_, schedule_, node, k);
      AD_RETURN_IF_ERROR(CheckRead(s, node, o.value, o.broadcast < 0));
      AD_RETURN_IF_ERROR(CheckBarriers(s, node, inputs[k]));
    }
    return absl::OkStatus();
  }

  // Whether what the barriers between `input` and its numbers wait for is final when `reader` reads it.
  absl::Status CheckBarriers(int s, int reader, int input) const {
    absl::Status status;
    ForEachBarrier(graph_, input, [&](int barrier) {
      const auto& inputs = graph_.nodes[barrier].inputs;
      for (size_t i = 1; i < inputs.size(); ++i) status.Update(CheckRead(s, reader, schedule_.root[inputs[i]], false));
    });
    return status;
  }

  absl::Status CheckEpilogue(int s) const {
    const Step& step = schedule_.steps[s];
    if (!graph_.op(step.kernel).traits.epilogue) {
      return Broken(3, "step ", s, " has a chain, but its kernel '", Name(step.kernel), "' announces no results");
    }
    if (Count(Output(step.chain[0])) == Count(Output(step.kernel))) return absl::OkStatus();
    return Broken(3, "the chain of step ", s, " has ", Count(Output(step.chain[0])), " elements, its kernel '",
                  Name(step.kernel), "' ", Count(Output(step.kernel)));
  }

  // Whether `value` is final when `reader`, a node of step s, reads it. Flat: element i is read for element i.
  bool IsFinal(int s, int reader, int value, bool flat) const {
    const int p = Producer(value);
    if (p < 0) return true;
    const int maker = maker_[p];
    if (maker < 0) return graph_.op(p).traits.leaf;
    const Step& step = schedule_.steps[s];
    if (maker == s) {
      const bool announced = p != step.kernel || value == Output(p);
      return flat && announced && position_[p] < position_[reader];
    }
    if (!schedule_.stored[value]) return false;
    return (maker < s && schedule_.steps[maker].level < step.level) ||
           (maker == step.producer_step && reader == step.kernel);
  }

  absl::Status CheckRead(int s, int reader, int value, bool flat) const {
    return IsFinal(s, reader, value, flat) ? absl::OkStatus() : ReadTooEarly(s, reader, value);
  }

  // Says why a value is not final.
  absl::Status ReadTooEarly(int s, int reader, int value) const {
    const int p = Producer(value), maker = maker_[p];
    if (maker < 0) return Broken(1, "no step computes '", Name(p), "', which '", Name(reader), "' reads");
    if (maker == s)
      return Broken(2, "'", Name(reader), "' in step ", s, " reads '", Name(p), "' of the same step too early");
    if (!schedule_.stored[value]) {
      return Broken(1, "'", Name(p), "' is not stored, but '", Name(reader), "' of another step reads it");
    }
    return Broken(2, "'", Name(reader), "' in step ", s, " (level ", schedule_.steps[s].level, ") reads '", Name(p),
                  "' of step ", maker, " (level ", schedule_.steps[maker].level, ")");
  }

  const PlanGraph& graph_;
  const StepSchedule& schedule_;
  std::vector<int> maker_;      // of nodes: the step that it is in, or -1
  std::vector<int> position_;   // of nodes: 0 for a kernel, then as in the chain
  std::vector<bool> is_alias_;  // of values
};

// A set of whole numbers below n that knows the next one from any place on.
class NumberSet {
 public:
  explicit NumberSet(int n) : words_(n / 64 + 1, 0) {}
  void Insert(int i) { words_[i / 64] |= uint64_t{1} << (i % 64); }
  void Erase(int i) { words_[i / 64] &= ~(uint64_t{1} << (i % 64)); }
  // Returns the least member that is at least i, or -1.
  int AtLeast(int i) const {
    size_t w = i / 64;
    if (w >= words_.size()) return -1;
    for (uint64_t word = words_[w] >> (i % 64) << (i % 64);; word = words_[w]) {
      if (word != 0) return static_cast<int>(w * 64) + std::countr_zero(word);
      if (++w == words_.size()) return -1;
    }
  }
  // Returns the greatest member below i, or -1.
  int Below(int i) const {
    int w = i / 64;
    for (uint64_t word = words_[w] & ((uint64_t{1} << (i % 64)) - 1);; word = words_[w]) {
      if (word != 0) return w * 64 + 63 - std::countl_zero(word);
      if (--w < 0) return -1;
    }
  }

 private:
  std::vector<uint64_t> words_;
};

// Goes through the levels and keeps the areas that are in use, by their rank among all offsets. Nearly linear: sorting
// offsets, and looking for the neighbours of an area in a set of bits.
class AreasInUse {
 public:
  explicit AreasInUse(const PlanLayout& layout) : layout_(layout), areas_(layout.arena) {}

  absl::Status Run() {
    int levels = 0;
    for (const PlanLayout::Area& area : areas_) {
      if (area.offset < 0 || area.bytes < 0 || area.offset + area.bytes > layout_.arena_bytes ||
          area.first > area.last || area.first < 0) {
        return Broken(5, "step ", area.step, " writes bytes [", area.offset, ", ", area.offset + area.bytes,
                      ") of an arena of ", layout_.arena_bytes, " from level ", area.first, " to ", area.last);
      }
      levels = std::max(levels, area.last + 1);
    }
    RankOffsets();
    const ByLevel starts(areas_, levels, [](const PlanLayout::Area& a) { return a.first; });
    const ByLevel ends(areas_, levels, [](const PlanLayout::Area& a) { return a.last; });
    for (int level = 0; level < levels; ++level) {
      for (int i : starts.At(level)) AD_RETURN_IF_ERROR(Use(i));
      for (int i : ends.At(level)) Release(i);
    }
    return absl::OkStatus();
  }

 private:
  // The areas in groups: those of each level.
  class ByLevel {
   public:
    template <class F>
    ByLevel(const std::vector<PlanLayout::Area>& areas, int levels, F level_of) : begin_(levels + 1, 0) {
      for (const PlanLayout::Area& a : areas) ++begin_[level_of(a) + 1];
      std::partial_sum(begin_.begin(), begin_.end(), begin_.begin());
      members_.resize(areas.size());
      std::vector<int> next(begin_.begin(), begin_.end() - 1);
      for (int i = 0; i < static_cast<int>(areas.size()); ++i) members_[next[level_of(areas[i])]++] = i;
    }
    absl::Span<const int> At(int level) const {
      return absl::MakeConstSpan(members_).subspan(begin_[level], begin_[level + 1] - begin_[level]);
    }

   private:
    std::vector<int> begin_, members_;
  };

  // Areas at one offset have one rank.
  void RankOffsets() {
    std::vector<int> order(areas_.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](int a, int b) { return areas_[a].offset < areas_[b].offset; });
    rank_.resize(areas_.size());
    int rank = -1;
    for (size_t k = 0; k < order.size(); ++k) {
      if (k == 0 || areas_[order[k]].offset != areas_[order[k - 1]].offset) ++rank;
      rank_[order[k]] = rank;
    }
    at_rank_.resize(rank + 1);
    in_use_ = NumberSet(rank + 1);
  }

  absl::Status Use(int i) {
    const PlanLayout::Area& area = areas_[i];
    if (area.bytes == 0) return absl::OkStatus();
    const int rank = rank_[i], before = in_use_.Below(rank), next = in_use_.AtLeast(rank);
    if (before >= 0) {
      const PlanLayout::Area& other = areas_[at_rank_[before]];
      if (other.offset + other.bytes > area.offset) return Overlap(i, at_rank_[before]);
    }
    if (next >= 0 && areas_[at_rank_[next]].offset < area.offset + area.bytes) {
      const PlanLayout::Area& other = areas_[at_rank_[next]];
      const bool same = next == rank && other.bytes == area.bytes;
      if (!same || area.over != at_rank_[next] || other.last != area.first) return Overlap(i, at_rank_[next]);
    }
    in_use_.Insert(rank);
    at_rank_[rank] = i;
    return absl::OkStatus();
  }

  void Release(int i) {
    if (areas_[i].bytes > 0 && at_rank_[rank_[i]] == i) in_use_.Erase(rank_[i]);
  }

  absl::Status Overlap(int i, int other) const {
    const PlanLayout::Area &a = areas_[i], &b = areas_[other];
    return Broken(5, "step ", a.step, " writes bytes [", a.offset, ", ", a.offset + a.bytes, ") in level ", a.first,
                  ", while [", b.offset, ", ", b.offset + b.bytes, ") of step ", b.step, " is in use until level ",
                  b.last);
  }

  const PlanLayout& layout_;
  const std::vector<PlanLayout::Area>& areas_;
  std::vector<int> rank_;     // of areas
  std::vector<int> at_rank_;  // the area in use, where there is one
  NumberSet in_use_{0};       // ranks
};

absl::Status VerifyOverwrites(const PlanLayout& layout) {
  std::vector<bool> written;
  for (const PlanLayout::Overwrite& o : layout.overwrites) {
    if (o.variable >= static_cast<int>(written.size())) written.resize(o.variable + 1);
    if (written[o.variable]) return Broken(6, "variable ", o.variable, " is written by two steps");
    written[o.variable] = true;
    if (o.last_failure >= o.level) {
      return Broken(6, "step ", o.step, " overwrites variable ", o.variable, " in level ", o.level,
                    ", but the run may still fail in level ", o.last_failure);
    }
    if (o.last_read >= o.level || !o.safe_in_place) {
      return Broken(6, "step ", o.step, " overwrites variable ", o.variable, " in level ", o.level,
                    ", while its old value is still to be read");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status VerifySchedule(const PlanGraph& graph, const StepSchedule& schedule) {
  return ScheduleVerifier(graph, schedule).Run();
}

absl::Status VerifyMemory(const PlanLayout& layout) {
  AD_RETURN_IF_ERROR(AreasInUse(layout).Run());
  AD_RETURN_IF_ERROR(VerifyOverwrites(layout));
  for (const PlanLayout::Tile& t : layout.tiles) {
    if (t.offset < 0 || t.offset + t.bytes > t.tile_bytes || t.read_elsewhere) {
      return Broken(8, "step ", t.step, " keeps a value as a tile of bytes [", t.offset, ", ", t.offset + t.bytes,
                    ") of ", t.tile_bytes, t.read_elsewhere ? ", but others read it" : "");
    }
  }
  for (size_t i = 0; i < layout.fetch_writers.size(); ++i) {
    if (layout.fetch_writers[i] != 1) {
      return Broken(7, "returned tensor ", i, " is written by ", layout.fetch_writers[i], " values");
    }
  }
  return absl::OkStatus();
}

}  // namespace adret
