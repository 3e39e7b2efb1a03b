// Plan::RunChecked(): a run that looks at everything that its steps read and write (ExecutorOptions::check_numerics).
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "adret/core/plan/plan.h"

namespace adret {
namespace {

// Bytes that outputs are filled with before a step. Two, four or eight of the first make a NaN, and it is no bool. An
// element that still looks like them afterwards may be a result all the same: so the step is run again over the second.
constexpr uint8_t kPatterns[] = {0xFF, 0xFE};

template <class T>
int64_t FirstNotFinite(const void* data, int64_t n) {
  const T* x = static_cast<const T*>(data);
  for (int64_t i = 0; i < n; ++i) {
    if (!std::isfinite(static_cast<double>(x[i]))) return i;
  }
  return -1;
}

// Returns the index of the first element that is infinite or NaN, or -1.
int64_t FirstNotFinite(const Type& type, const void* data) {
  if (data == nullptr) return -1;
  const int64_t n = type.shape.num_elements();
  if (!IsAnyFloating(type.dtype)) return -1;
  return VisitAnyFloating(type.dtype, [&](auto tag) { return FirstNotFinite<typename decltype(tag)::type>(data, n); });
}

std::string NumberText(const Type& type, const void* data, int64_t i) {
  const double x = VisitAnyFloating(type.dtype, [&](auto tag) {
    return static_cast<double>(static_cast<const typename decltype(tag)::type*>(data)[i]);
  });
  return std::isnan(x) ? "NaN" : x > 0 ? "infinity" : "-infinity";
}

}  // namespace

class Plan::Checker {
 public:
  Checker(const Plan& plan, const Bindings& bindings) : plan_(plan), bindings_(bindings) {}

  // Runs step s and its consumer.
  absl::Status Run(int s) {
    FindValues(s);
    const bool finite = InputsAreFinite();
    Fill(kPatterns[0]);
    AD_RETURN_IF_ERROR(plan_.RunStep(s, bindings_));
    std::vector<Unwritten> suspects = FindPattern(kPatterns[0]);
    if (!suspects.empty()) {
      Fill(kPatterns[1]);
      AD_RETURN_IF_ERROR(plan_.RunStep(s, bindings_));
      for (const Unwritten& u : suspects) {
        if (HasPattern(u, kPatterns[1])) return LeftUnwritten(s, u);
      }
    }
    return finite ? CheckOutputs(s) : absl::OkStatus();
  }

 private:
  struct Unwritten {
    int value;
    int64_t element;
  };

  const Type& TypeOf(int value) const { return plan_.graph_.values[value].type; }
  char* Data(int value) const { return static_cast<char*>(plan_.Resolve(plan_.places_[value], bindings_)); }

  // What is in memory as a whole: tiles are not.
  void FindValues(int s) {
    inputs_.clear(), outputs_.clear();
    std::vector<int> parts{s};
    if (plan_.steps_[s].consumer >= 0) parts.push_back(plan_.steps_[s].consumer);
    for (int part : parts) {
      const StepData& data = plan_.steps_[part];
      for (const auto* list : {&data.outputs, &data.program_outputs}) {
        for (int v : *list) {
          if (Data(v) != nullptr && TypeOf(v).bytes() > 0) outputs_.push_back(v);
        }
      }
      inputs_.insert(inputs_.end(), data.inputs.begin(), data.inputs.end());
      inputs_.insert(inputs_.end(), data.program_inputs.begin(), data.program_inputs.end());
    }
  }

  bool InputsAreFinite() const {
    for (int v : inputs_) {
      if (std::find(outputs_.begin(), outputs_.end(), v) != outputs_.end()) continue;
      if (FirstNotFinite(TypeOf(v), Data(v)) >= 0) return false;
    }
    return true;
  }

  void Fill(uint8_t pattern) const {
    for (int v : outputs_) std::memset(Data(v), pattern, TypeOf(v).bytes());
  }

  // The first element of each output that looks like the pattern.
  std::vector<Unwritten> FindPattern(uint8_t pattern) const {
    std::vector<Unwritten> found;
    for (int v : outputs_) {
      for (int64_t i = 0; i < TypeOf(v).shape.num_elements(); ++i) {
        if (HasPattern({v, i}, pattern)) found.push_back({v, i});
      }
    }
    return found;
  }

  bool HasPattern(const Unwritten& u, uint8_t pattern) const {
    const size_t size = SizeOf(TypeOf(u.value).dtype);
    const char* element = Data(u.value) + u.element * static_cast<int64_t>(size);
    for (size_t b = 0; b < size; ++b) {
      if (static_cast<uint8_t>(element[b]) != pattern) return false;
    }
    return true;
  }

  // "op 'name' built at net.cc:7, a part of a derivative", for each node of the step.
  std::string NodesText(int s, int producer) const {
    std::vector<int> nodes;
    for (int part : {s, plan_.steps_[s].consumer}) {
      if (part < 0) continue;
      const Step& step = plan_.schedule_.steps[part];
      if (step.kernel >= 0) nodes.push_back(step.kernel);
      nodes.insert(nodes.end(), step.chain.begin(), step.chain.end());
    }
    const auto text = [&](int i) {
      const Node& node = *plan_.graph_.nodes[i].node;
      const std::string line = SourceLine(node.location);
      return absl::StrCat(node.op->name, " '", node.name, "'", line.empty() ? "" : " at ", line,
                          node.gradient ? " (of a derivative)" : " (not of a derivative)");
    };
    if (nodes.size() == 1) return text(producer);
    std::vector<std::string> all;
    for (int i : nodes) all.push_back(plan_.graph_.op(i).name);
    return absl::StrCat(text(producer), " in the step ", absl::StrJoin(all, " + "));
  }

  absl::Status LeftUnwritten(int s, const Unwritten& u) const {
    return absl::InternalError(absl::StrCat("check_numerics: ", NodesText(s, plan_.graph_.values[u.value].producer),
                                            " left element ", u.element, " of ", TypeOf(u.value).ToString(),
                                            " unwritten"));
  }

  absl::Status CheckOutputs(int s) const {
    for (int v : outputs_) {
      const int64_t i = FirstNotFinite(TypeOf(v), Data(v));
      if (i < 0) continue;
      return absl::OutOfRangeError(absl::StrCat(
          "check_numerics: ", NodesText(s, plan_.graph_.values[v].producer), " made ",
          NumberText(TypeOf(v), Data(v), i), " out of finite numbers, at element ", i, " of ", TypeOf(v).ToString()));
    }
    return absl::OkStatus();
  }

  const Plan& plan_;
  const Bindings& bindings_;
  std::vector<int> inputs_, outputs_;  // values of the step that is checked
};

absl::Status Plan::RunChecked(const Bindings& bindings) const {
  Checker checker(*this, bindings);
  for (int s = 0; s < static_cast<int>(steps_.size()); ++s) {
    if (!IsConsumer(s)) AD_RETURN_IF_ERROR(checker.Run(s));
  }
  return absl::OkStatus();
}

}  // namespace adret
