// adret check: everything that is wrong with a model file.
#include <algorithm>
#include <cstdio>
#include <vector>

#include "absl/flags/declare.h"
#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "adret/core/executor.h"
#include "adret/core/status.h"
#include "adret/io/file.h"
#include "adret/io/model.h"
#include "adret/io/npy.h"
#include "adret/tools/command.h"
#include "adret/tools/common_flags.h"
#include "adret/tools/open_model.h"

ABSL_DECLARE_FLAG(std::string, data);

namespace adret::tools {
namespace {

std::string Count(int64_t n, absl::string_view what) { return absl::StrCat(n, " ", what, n == 1 ? "" : "s"); }

// Runs everything that a model file computes, its outputs and its training step, on the arrays that bear the names of
// its inputs, with ExecutorOptions::check_numerics. The file stays as it is.
absl::Status RunChecked(const std::string& path, const io::NamedTensors& arrays) {
  AD_ASSIGN_OR_RETURN(io::Model model, OpenModel(path));
  Feeds feeds;
  std::vector<std::string> names;
  for (const io::NamedValue& input : model.inputs) {
    names.push_back(input.name);
    const auto array = arrays.find(input.name);
    if (array != arrays.end()) feeds.emplace_back(input.value, array->second.Cast(input.value.dtype()));
  }
  if (feeds.empty() && !names.empty()) {
    return absl::NotFoundError(
        absl::StrCat("--data has no array for any input; there are ", absl::StrJoin(names, ", ")));
  }
  std::vector<Value> outputs;
  for (const io::NamedValue& output : model.outputs) outputs.push_back(output.value);
  if (outputs.empty() && model.updates.empty()) return absl::NotFoundError("the file has no outputs to compute");
  AD_ASSIGN_OR_RETURN(const std::optional<int> threads, Threads());
  AD_ASSIGN_OR_RETURN(Executor executor,
                      Executor::Create(outputs, model.updates, {.threads = threads, .check_numerics = true}));
  return executor.Run(feeds, &model.state).status();
}

absl::StatusOr<int> Check(const std::vector<std::string>& arguments) {
  bool sound = true;
  io::NamedTensors arrays;
  const std::string data = absl::GetFlag(FLAGS_data);
  if (!data.empty()) {
    AD_ASSIGN_OR_RETURN(arrays, io::LoadNpz(data));
  }
  for (const std::string& path : arguments) {
    if (const absl::Status opened = io::InputFile::Open(path).status(); !opened.ok()) {
      std::fprintf(stderr, "adret check: %s\n", std::string(opened.message()).c_str());
      sound = false;
      continue;
    }
    const std::vector<io::Finding> findings = CheckAnyModel(path);
    const int64_t errors = std::count_if(findings.begin(), findings.end(),
                                         [](const io::Finding& f) { return f.severity == io::Finding::kError; });
    const int64_t warnings = static_cast<int64_t>(findings.size()) - errors;
    std::printf("%s: %s, %s\n", path.c_str(), Count(errors, "error").c_str(), Count(warnings, "warning").c_str());
    for (const io::Finding& f : findings) {
      std::printf("  %s  %s\n", f.severity == io::Finding::kError ? "error  " : "warning", f.message.c_str());
    }
    sound = sound && errors == 0;
    if (data.empty() || errors > 0) continue;
    const absl::Status numbers = RunChecked(path, arrays);
    std::printf("  %s\n", numbers.ok() ? absl::StrCat("every number that it computes from ", data, " is finite").c_str()
                                       : absl::StrCat("error    ", numbers.message()).c_str());
    sound = sound && numbers.ok();
  }
  return sound ? kSuccess : kFailure;
}

const CommandRegistration kCheck(
    {.name = "check",
     .summary = "Finds everything that is wrong with a model file, not only the first thing.",
     .description = "Errors: checksums, names, ops and attributes that this build does not know, types, references,\n"
                    "variables without tensors. Of files that load, warnings: NaN and Inf, variables and inputs that\n"
                    "nothing depends on, no outputs. The exit code is 1 when there are errors.\n"
                    "With --data, also runs the outputs and the training step, and names the first node that makes an\n"
                    "infinity or NaN out of finite numbers: its op, its name, and whether it is part of a derivative.",
     .arguments = {"MODEL..."},
     .examples = {{"digits.adret", "\"digits.adret: 0 errors, 0 warnings\", or a line for each finding"},
                  {"*.adret && echo all sound", "many files at once"},
                  {"digits.adret --data=batch.npz",
                   "runs it on numpy.savez(\"batch.npz\", image=..., label=...), an array for each input"}},
     .flags = {{"data", "file of NumPy's (.npz) with arrays that bear the names of inputs", "none: nothing is run"},
               "threads",
               "dims"},
     .run = Check});

}  // namespace
}  // namespace adret::tools
