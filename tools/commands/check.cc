// adret check: everything that is wrong with a model file.
#include <algorithm>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "adret/core/status.h"
#include "adret/io/file.h"
#include "adret/io/model.h"
#include "adret/tools/command.h"

namespace adret::tools {
namespace {

std::string Count(int64_t n, absl::string_view what) { return absl::StrCat(n, " ", what, n == 1 ? "" : "s"); }

absl::StatusOr<int> Check(const std::vector<std::string>& arguments) {
  bool sound = true;
  for (const std::string& path : arguments) {
    if (const absl::Status opened = io::InputFile::Open(path).status(); !opened.ok()) {
      std::fprintf(stderr, "adret check: %s\n", std::string(opened.message()).c_str());
      sound = false;
      continue;
    }
    const std::vector<io::Finding> findings = io::CheckModel(path);
    const int64_t errors = std::count_if(findings.begin(), findings.end(),
                                         [](const io::Finding& f) { return f.severity == io::Finding::kError; });
    const int64_t warnings = static_cast<int64_t>(findings.size()) - errors;
    std::printf("%s: %s, %s\n", path.c_str(), Count(errors, "error").c_str(), Count(warnings, "warning").c_str());
    for (const io::Finding& f : findings) {
      std::printf("  %s  %s\n", f.severity == io::Finding::kError ? "error  " : "warning", f.message.c_str());
    }
    sound = sound && errors == 0;
  }
  return sound ? kSuccess : kFailure;
}

const CommandRegistration kCheck(
    {.name = "check",
     .summary = "Finds everything that is wrong with a model file, not only the first thing.",
     .description = "Errors: checksums, names, ops and attributes that this build does not know, types, references,\n"
                    "variables without tensors. Of files that load, warnings: NaN and Inf, variables and inputs that\n"
                    "nothing depends on, no outputs. The exit code is 1 when there are errors.",
     .arguments = {"MODEL..."},
     .examples = {{"digits.adret", "\"digits.adret: 0 errors, 0 warnings\", or a line for each finding"},
                  {"*.adret && echo all sound", "many files at once"}},
     .run = Check});

}  // namespace
}  // namespace adret::tools
