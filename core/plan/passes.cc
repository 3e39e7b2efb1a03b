#include "adret/core/plan/passes.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "adret/core/plan/check_plan_graph.h"
#include "adret/core/plan/plan_text.h"
#include "adret/core/status.h"

namespace adret {
namespace {

namespace fs = std::filesystem;

// Passes that a plan can do without; "slices" is also the name of its only rule.
constexpr absl::string_view kSkippable[] = {"simplify", "slices", "fuse"};

#ifdef ADRET_DEBUG_BUILD
constexpr bool kAlwaysCheck = true;
#else
constexpr bool kAlwaysCheck = false;
#endif

absl::string_view Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool IsPass(absl::string_view name) {
  return std::find(std::begin(kSkippable), std::end(kSkippable), name) != std::end(kSkippable);
}

uint32_t DisabledRules(const std::vector<std::string>& names) {
  const absl::Span<const absl::string_view> rules = RewriteRuleNames();
  uint32_t bits = 0;
  for (size_t r = 0; r < rules.size(); ++r) {
    if (std::find(names.begin(), names.end(), rules[r]) != names.end()) bits |= uint32_t{1} << r;
  }
  return bits;
}

absl::Status CheckNames(const std::vector<std::string>& names) {
  std::vector<absl::string_view> known(RewriteRuleNames().begin(), RewriteRuleNames().end());
  for (absl::string_view pass : kSkippable) {
    if (std::find(known.begin(), known.end(), pass) == known.end()) known.push_back(pass);
  }
  for (const std::string& name : names) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("ADRET_DISABLE names '", name, "', which is no pass; there are ", absl::StrJoin(known, ", ")));
  }
  return absl::OkStatus();
}

// Makes the first of folder/plan-1, plan-2, ... that does not exist yet. Whoever else makes one gets another.
absl::StatusOr<std::string> NewPlanFolder(const std::string& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  for (int number = 1; !error; ++number) {
    const fs::path path = fs::path(folder) / absl::StrCat("plan-", number);
    if (fs::create_directory(path, error)) return path.string();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("ADRET_DUMP: cannot make a folder in '", folder, "': ", error.message()));
}

}  // namespace

absl::StatusOr<PassOptions> PassOptionsFromEnvironment() {
  PassOptions options;
  options.disabled = absl::StrSplit(Environment("ADRET_DISABLE"), ',', absl::SkipWhitespace());
  if (const absl::string_view text = Environment("ADRET_STOP_AT"); !text.empty()) {
    if (!absl::SimpleAtoi(text, &options.stop_at) || options.stop_at < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("ADRET_STOP_AT must be a number of rewrites, 0 or more, but is '", text, "'"));
    }
  }
  options.dump = std::string(Environment("ADRET_DUMP"));
  const absl::string_view check = Environment("ADRET_CHECK_PLANS");
  if (!check.empty() && check != "0" && check != "1") {
    return absl::InvalidArgumentError(absl::StrCat("ADRET_CHECK_PLANS must be 0 or 1, but is '", check, "'"));
  }
  options.check = check.empty() ? kAlwaysCheck : check == "1";
  return options;
}

PassRun::PassRun(PassOptions options)
    : options_(std::move(options)),
      counter_(DisabledRules(options_.disabled), options_.stop_at, !options_.dump.empty()) {}

absl::StatusOr<PassRun> PassRun::Create(PassOptions options) {
  AD_RETURN_IF_ERROR(CheckNames(options.disabled));
  PassRun run(std::move(options));
  if (!run.options_.dump.empty()) {
    AD_ASSIGN_OR_RETURN(run.folder_, NewPlanFolder(run.options_.dump));
  }
  return run;
}

bool PassRun::Enabled(absl::string_view pass) const {
  return std::find(options_.disabled.begin(), options_.disabled.end(), pass) == options_.disabled.end();
}

absl::StatusOr<bool> PassRun::Apply(absl::string_view name, PlanGraph* plan,
                                    absl::FunctionRef<absl::StatusOr<bool>()> pass) {
  using Clock = std::chrono::steady_clock;
  PassReport& report = reports_.emplace_back(PassReport{.name = std::string(name)});
  report.skipped = IsPass(name) && !Enabled(name);
  bool changed = false;
  if (!report.skipped) {
    const Clock::time_point start = Clock::now();
    AD_ASSIGN_OR_RETURN(changed, pass());
    report.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  }
  report.nodes = static_cast<int>(plan->nodes.size());
  report.rewrites = counter_.count();
  if (report.skipped) return false;
  if (dumps()) {
    AD_RETURN_IF_ERROR(Dump(name, PlanGraphText(*plan)));
    AD_RETURN_IF_ERROR(Write("rewrites.txt", counter_.log()));
  }
  if (options_.check) AD_RETURN_IF_ERROR(Check(name, *plan));
  return changed;
}

absl::Status PassRun::Check(absl::string_view name, const PlanGraph& plan) {
  absl::Status status = CheckPlanGraph(plan);
  if (status.ok()) {
    std::vector<Type> types;
    for (int v : plan.fetches) types.push_back(plan.values[v].type);
    if (reports_.size() == 1) fetch_types_ = types;
    if (types != fetch_types_) status = absl::InternalError("(3) a fetch has another type than before");
  }
  if (status.ok()) return status;
  return absl::InternalError(absl::StrCat("the plan is wrong after pass ", reports_.size(), ", '", name,
                                          "': ", status.message(), "\n", PlanGraphText(plan)));
}

absl::Status PassRun::Dump(absl::string_view name, absl::string_view text) {
  return Write(absl::StrFormat("%02d-%s.txt", ++num_files_, name), text);
}

absl::Status PassRun::Write(const std::string& file, absl::string_view text) const {
  const std::string path = (fs::path(folder_) / file).string();
  std::ofstream out(path, std::ios::binary);
  out << text;
  out.close();
  if (out.good()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("ADRET_DUMP: cannot write '", path, "'"));
}

}  // namespace adret
