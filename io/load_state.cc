#include "adret/io/load_state.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "adret/core/names.h"
#include "adret/core/nearest_names.h"
#include "adret/core/status.h"
#include "adret/io/in_file.h"
#include "adret/io/npy.h"

namespace adret::io {
namespace {

// Names of a kind that an error lists.
constexpr size_t kMaxListed = 10;
// Names among which the nearest one is looked for: a file may hold a million.
constexpr size_t kMaxCompared = 1000;

// Returns whether pattern fits all of text, where '*' stands for any text. Goes back to the last '*' only, so that the
// time is at most the product of the lengths.
bool Fits(absl::string_view pattern, absl::string_view text) {
  size_t p = 0, t = 0, after_star = absl::string_view::npos, retry = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      after_star = ++p;
      retry = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p, ++t;
    } else if (after_star != absl::string_view::npos) {
      p = after_star;
      t = ++retry;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == absl::string_view::npos;
}

// Returns "2 variables are missing: 'a', 'b'", one text for each name.
std::string Listed(absl::string_view one, absl::string_view many, const std::vector<std::string>& texts) {
  const size_t shown = std::min(texts.size(), kMaxListed);
  const std::string more = shown < texts.size() ? absl::StrCat(", and ", texts.size() - shown, " more") : "";
  return absl::StrCat(texts.size(), " ", texts.size() == 1 ? one : many, ": ",
                      absl::StrJoin(texts.begin(), texts.begin() + shown, ", "), more);
}

class Matcher {
 public:
  Matcher(const NamedTensors& tensors, const State& state, const MatchOptions& options)
      : tensors_(tensors), state_(state), options_(options) {}

  // Fails where the tensors do not fit. Otherwise report() and values() say what becomes of them.
  absl::Status Match() {
    for (const auto& [name, tensor] : tensors_) Place(name, tensor);
    for (const auto& [variable, tensor] : state_.tensors()) {
      if (sources_.count(variable) == 0 && !Ignores(variable)) report_.missing.push_back(variable);
    }
    AD_RETURN_IF_ERROR(Problems());
    for (const auto& [variable, name] : sources_) {
      report_.matched.push_back(variable);
      if (name != variable) report_.renamed.emplace_back(name, variable);
      const DType dtype = state_.tensors().at(variable).dtype();
      const Tensor& tensor = tensors_.at(name);
      if (tensor.dtype() != dtype) report_.converted.push_back(variable);
      values_.emplace_back(variable, tensor.Cast(dtype));
    }
    return absl::OkStatus();
  }

  MatchReport& report() { return report_; }
  std::vector<std::pair<std::string, Tensor>>& values() { return values_; }

 private:
  // Finds the variable of a tensor.
  void Place(const std::string& name, const Tensor& tensor) {
    const std::string variable = Renamed(name);
    if (Ignores(name) || Ignores(variable)) {
      report_.ignored.push_back(name);
      return;
    }
    const auto found = state_.tensors().find(variable);
    if (found == state_.tensors().end()) {
      report_.unexpected.push_back(name);
      return;
    }
    const auto [source, is_first] = sources_.emplace(variable, name);
    if (!is_first) {
      doubles_.push_back(absl::StrCat(Quoted(variable), " (", Quoted(source->second), " and ", Quoted(name), ")"));
    } else if (!Suits(tensor, found->second)) {
      mistyped_.push_back(absl::StrCat(Described(name), " is ", tensor.type().ToString(), " but the variable ",
                                       found->second.type().ToString()));
    }
  }

  bool Suits(const Tensor& tensor, const Tensor& variable) const {
    const bool converts = options_.convert && IsAnyFloating(tensor.dtype()) && IsAnyFloating(variable.dtype());
    return tensor.shape() == variable.shape() && (converts || tensor.dtype() == variable.dtype());
  }

  std::string Renamed(const std::string& name) const {
    std::string result = name;
    size_t longest = 0;
    for (const auto& [from, to] : options_.rename) {
      if (from.size() < longest || !absl::StartsWith(name, from)) continue;
      longest = from.size();
      result = absl::StrCat(to, absl::string_view(name).substr(longest));
    }
    return options_.rename_by ? options_.rename_by(result) : result;
  }

  bool Ignores(absl::string_view name) const {
    return std::any_of(options_.ignore.begin(), options_.ignore.end(),
                       [&](const std::string& pattern) { return Fits(pattern, name); });
  }

  // Returns a tensor's name in quotes, with that of its variable where it is another.
  std::string Described(const std::string& name) const {
    const std::string variable = Renamed(name);
    return variable == name ? Quoted(name) : absl::StrCat(Quoted(name), " (here ", Quoted(variable), ")");
  }

  absl::Status Problems() const {
    std::vector<std::string> problems;
    if (!options_.allow_missing && !report_.missing.empty()) {
      problems.push_back(Listed("variable is missing", "variables are missing", DescribeMissing()));
    }
    if (!options_.allow_unexpected && !report_.unexpected.empty()) {
      problems.push_back(Listed("tensor is unexpected", "tensors are unexpected", DescribeUnexpected()));
    }
    if (!mistyped_.empty()) {
      problems.push_back(Listed("tensor has another type", "tensors have another type", mistyped_));
    }
    if (!doubles_.empty()) {
      problems.push_back(Listed("variable gets two tensors", "variables get two tensors", doubles_));
    }
    if (problems.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("the tensors do not fit the state: ", absl::StrJoin(problems, "; ")));
  }

  // Adds to the texts of those names that are listed the nearest one of the others, where half of it is the same.
  static std::vector<std::string> WithNearest(std::vector<std::string> texts, const std::vector<std::string>& names,
                                              const std::vector<std::string>& others) {
    const std::vector<std::string> compared(others.begin(), others.begin() + std::min(others.size(), kMaxCompared));
    for (size_t i = 0; i < std::min(texts.size(), kMaxListed); ++i) {
      const std::vector<std::string> nearest = NearestNames(names[i], compared, 1);
      if (nearest.empty()) continue;
      const size_t longer = std::max(names[i].size(), nearest[0].size());
      if (2 * static_cast<size_t>(EditDistance(names[i], nearest[0])) > longer) continue;
      absl::StrAppend(&texts[i], " (nearest: ", Quoted(nearest[0]), ")");
    }
    return texts;
  }

  std::vector<std::string> UnexpectedHere() const {
    std::vector<std::string> here;
    for (const std::string& name : report_.unexpected) here.push_back(Renamed(name));
    return here;
  }

  std::vector<std::string> DescribeMissing() const {
    std::vector<std::string> texts;
    for (const std::string& variable : report_.missing) texts.push_back(Quoted(variable));
    return WithNearest(std::move(texts), report_.missing, UnexpectedHere());
  }

  std::vector<std::string> DescribeUnexpected() const {
    std::vector<std::string> texts;
    for (const std::string& name : report_.unexpected) texts.push_back(Described(name));
    return WithNearest(std::move(texts), UnexpectedHere(), report_.missing);
  }

  const NamedTensors& tensors_;
  const State& state_;
  const MatchOptions& options_;
  std::map<std::string, std::string> sources_;  // by variable, the file's name of its tensor
  std::vector<std::string> mistyped_;           // texts for the error
  std::vector<std::string> doubles_;
  MatchReport report_;
  std::vector<std::pair<std::string, Tensor>> values_;
};

absl::StatusOr<NamedTensors> LoadTensors(const std::string& path, const SafetensorsOptions& file) {
  if (absl::EndsWith(path, ".npz")) {
    return LoadNpz(path, {.max_bytes = file.limits.memory_budget, .max_arrays = file.limits.tensors});
  }
  AD_ASSIGN_OR_RETURN(Safetensors read, LoadSafetensors(path, file));
  return std::move(read.tensors);
}

}  // namespace

absl::StatusOr<MatchReport> MatchState(const NamedTensors& tensors, State* state, const MatchOptions& options) {
  Matcher matcher(tensors, *state, options);
  AD_RETURN_IF_ERROR(matcher.Match());
  for (auto& [variable, value] : matcher.values()) state->Set(variable, std::move(value));
  return std::move(matcher.report());
}

absl::StatusOr<MatchReport> LoadState(const std::string& path, State* state, const MatchOptions& options,
                                      const SafetensorsOptions& file) {
  AD_ASSIGN_OR_RETURN(const NamedTensors tensors, LoadTensors(path, file));
  absl::StatusOr<MatchReport> report = MatchState(tensors, state, options);
  if (!report.ok()) return InFile(path, report.status());
  return report;
}

}  // namespace adret::io
