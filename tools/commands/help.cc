// adret help: what the commands do.
#include <cstdio>

#include "adret/core/status.h"
#include "adret/tools/command.h"

namespace adret::tools {
namespace {

absl::StatusOr<int> Help(const std::vector<std::string>& arguments) {
  if (arguments.empty()) {
    std::fputs(Overview().c_str(), stdout);
    return kSuccess;
  }
  AD_ASSIGN_OR_RETURN(const Command* const command, FindCommand(arguments[0]));
  std::fputs(HelpText(*command).c_str(), stdout);
  return kSuccess;
}

const CommandRegistration kHelp({.name = "help",
                                 .summary = "Explains a command, with examples.",
                                 .arguments = {"[COMMAND]"},
                                 .examples = {{"", "all commands, a line each"},
                                              {"summary", "how to call adret summary, and what its flags mean"}},
                                 .failure = kUsageError,
                                 .run = Help});

}  // namespace
}  // namespace adret::tools
