#include "adret/tools/command.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/flags/reflection.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "adret/core/nearest_names.h"
#include "adret/core/status.h"
#include "adret/tools/arguments.h"

namespace adret::tools {
namespace {

// Never destroyed, as the registry of ops.
absl::btree_map<std::string, Command>& Registry() {
  static auto* commands = new absl::btree_map<std::string, Command>;
  return *commands;
}

bool IsHelp(absl::string_view word) { return word == "--help" || word == "-help" || word == "-h"; }

int Complain(absl::string_view who, const absl::Status& status, int code) {
  std::fprintf(stderr, "%s: %s\n", std::string(who).c_str(), std::string(status.message()).c_str());
  return code;
}

int Print(absl::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (std::fflush(stdout) == 0) return kSuccess;
  return Complain("adret", absl::ResourceExhaustedError("cannot write to the standard output"), kFailure);
}

int RunCommand(const Command& command, const std::vector<std::string>& words) {
  const std::string who = absl::StrCat("adret ", command.name);
  const absl::StatusOr<std::vector<std::string>> arguments = ParseArguments(command, words);
  if (!arguments.ok()) return Complain(who, arguments.status(), kUsageError);
  absl::StatusOr<int> code = command.run(*arguments);
  if (code.ok() && std::fflush(stdout) != 0) code = absl::ResourceExhaustedError("cannot write to the standard output");
  return code.ok() ? *code : Complain(who, code.status(), command.failure);
}

// Text in lines of at most `width` characters, each but the first after `indent` spaces.
std::string Wrapped(absl::string_view text, size_t width, size_t indent) {
  std::string result, line;
  for (absl::string_view word : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    if (!line.empty() && line.size() + 1 + word.size() > width) {
      absl::StrAppend(&result, line, "\n", std::string(indent, ' '));
      line.clear();
    }
    absl::StrAppend(&line, line.empty() ? "" : " ", word);
  }
  return result + line;
}

std::string FlagHelp(const std::vector<CommandFlag>& flags) {
  std::vector<std::pair<std::string, std::string>> rows;
  size_t width = 0;
  for (const CommandFlag& of_command : flags) {
    const absl::CommandLineFlag& flag = *absl::FindCommandLineFlag(of_command.name);
    const std::string value = of_command.default_value.empty() ? flag.DefaultValue() : of_command.default_value;
    const bool is_off = flag.IsOfType<bool>() && value == "false";
    rows.push_back({absl::StrCat("--", of_command.name, is_off || value.empty() ? "" : absl::StrCat("=", value)),
                    of_command.help.empty() ? flag.Help() : of_command.help});
    width = std::max(width, rows.back().first.size());
  }
  std::string text;
  for (const auto& [name, help] : rows) {
    absl::StrAppendFormat(&text, "  %-*s  %s\n", static_cast<int>(width), name, Wrapped(help, 112 - width, width + 4));
  }
  return text;
}

}  // namespace

CommandRegistration::CommandRegistration(Command command) {
  AD_CHECK(!command.summary.empty() && !command.examples.empty() && command.run != nullptr);
  const std::string name = command.name;
  AD_CHECK(Registry().try_emplace(name, std::move(command)).second);
}

std::vector<const Command*> AllCommands() {
  std::vector<const Command*> commands;
  for (const auto& [name, command] : Registry()) commands.push_back(&command);
  return commands;
}

absl::StatusOr<const Command*> FindCommand(absl::string_view name) {
  auto it = Registry().find(name);
  if (it != Registry().end()) return &it->second;
  std::vector<std::string> names;
  for (const auto& [known, command] : Registry()) names.push_back(known);
  return absl::NotFoundError(absl::StrCat("there is no command '", name, "'; the nearest names are ",
                                          absl::StrJoin(NearestNames(name, std::move(names), 2), ", ")));
}

std::string Overview() {
  std::string text =
      "adret: looks into trained networks, given as model files.\n\n"
      "  adret COMMAND MODEL ...        runs a command\n"
      "  adret help COMMAND             explains it, with examples\n\n";
  for (const Command* command : AllCommands()) {
    absl::StrAppendFormat(&text, "  %-10s  %s\n", command->name, command->summary);
  }
  return text;
}

std::string HelpText(const Command& command) {
  std::string text = absl::StrCat("adret ", command.name, ": ", command.summary, "\n\n  adret ", command.name);
  for (const std::string& argument : command.arguments) absl::StrAppend(&text, " ", argument);
  absl::StrAppend(&text, command.flags.empty() ? "" : " [--flag=value ...]", "\n");
  if (!command.description.empty()) absl::StrAppend(&text, "\n", command.description, "\n");
  absl::StrAppend(&text, "\nExamples:\n\n");
  for (const Example& example : command.examples) {
    absl::StrAppend(&text, "  adret ", command.name, example.line.empty() ? "" : " ", example.line, "\n      ",
                    example.gives, "\n");
  }
  if (!command.flags.empty()) absl::StrAppend(&text, "\nFlags, with their defaults:\n\n", FlagHelp(command.flags));
  return text;
}

int RunProgram(const std::vector<std::string>& words) {
  for (const Command* command : AllCommands()) {
    for (const CommandFlag& flag : command->flags) AD_CHECK(absl::FindCommandLineFlag(flag.name) != nullptr);
  }
  if (words.empty()) {
    std::fputs(Overview().c_str(), stderr);
    return kUsageError;
  }
  if (IsHelp(words[0])) return Print(Overview());
  const absl::StatusOr<const Command*> command = FindCommand(words[0]);
  if (!command.ok()) return Complain("adret", command.status(), kUsageError);
  const std::vector<std::string> rest(words.begin() + 1, words.end());
  if (std::any_of(rest.begin(), std::find(rest.begin(), rest.end(), "--"), IsHelp)) return Print(HelpText(**command));
  return RunCommand(**command, rest);
}

}  // namespace adret::tools
