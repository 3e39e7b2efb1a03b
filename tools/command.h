// Command: one subcommand of `adret`, complete in a file of its own.
//
//   // tools/commands/count.cc, after ABSL_FLAG(bool, leaves, false, "count leaves, too")
//   constexpr char kOut[] = "count.txt";
//   absl::StatusOr<int> Count(const std::vector<std::string>& arguments) { return 0; }
//   const tools::CommandRegistration kCount({.name = "count",
//                                     .summary = "Counts the nodes of a model file.",
//                                     .arguments = {"MODEL"},
//                                     .examples = {{"digits.adret --leaves", "all nodes, variables among them"}},
//                                     .flags = {"leaves", {"out", "the counts", kOut}},
//                                     .run = Count});
//
// Help, the number of arguments and the flags that are accepted follow from the constant; no list names the commands.
#ifndef ADRET_TOOLS_COMMAND_H_
#define ADRET_TOOLS_COMMAND_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace adret::tools {

// Exit codes besides those of commands.
inline constexpr int kSuccess = 0, kFailure = 1, kUsageError = 2;

struct Example {
  std::string line;   // what follows "adret <command> "
  std::string gives;  // what the user gets, one line
};

// An Abseil flag that a command takes. Help and initial override the flag's shared help text and default value for this
// command.
struct CommandFlag {
  CommandFlag(const char* flag, std::string text = "", std::string value = "")  // NOLINT: most are but a name
      : name(flag), help(std::move(text)), default_value(std::move(value)) {}

  std::string name;
  std::string help;
  std::string default_value;
};

struct Command {
  std::string name = {};
  std::string summary = {};                 // a sentence
  std::string description = {};             // more, where the summary and the examples do not suffice; lines of help
  std::vector<std::string> arguments = {};  // in order: "MODEL", "PICTURE..." (at least one), "[PICTURE...]"
  std::vector<Example> examples = {};
  std::vector<CommandFlag> flags = {};
  int failure = kFailure;  // exit code when `run` fails
  // Gets the positional arguments, as many as `arguments` allows, and returns the exit code.
  std::function<absl::StatusOr<int>(const std::vector<std::string>& arguments)> run = nullptr;
};

// Registers at start-up; a contradiction (a name taken, an unknown flag) is an internal error when the program starts.
struct CommandRegistration {
  explicit CommandRegistration(Command command);
};

// The registered commands, by name.
std::vector<const Command*> AllCommands();
// NotFound suggests the nearest names.
absl::StatusOr<const Command*> FindCommand(absl::string_view name);

// What `adret --help` and `adret help NAME` print.
std::string Overview();
std::string HelpText(const Command& command);

// The program: finds the command, sets its flags, runs it, says on stderr what went wrong, returns the exit code.
int RunProgram(const std::vector<std::string>& words);

}  // namespace adret::tools

#endif  // ADRET_TOOLS_COMMAND_H_
