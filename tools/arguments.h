// ParseArguments(): the words after a command's name, as flags and positional arguments.
//
//   absl::StatusOr<std::vector<std::string>> arguments =
//       tools::ParseArguments(command, {"digits.adret", "--batch=8"});       // sets FLAGS_batch, returns digits.adret
#ifndef ADRET_TOOLS_ARGUMENTS_H_
#define ADRET_TOOLS_ARGUMENTS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "adret/tools/command.h"

namespace adret::tools {

// Sets the command's flags (--name=value, --name value, --switch, --noswitch; one dash does, too) and returns the other
// words; all words after "--" are such. A flag that is a list may be given several times. Abseil's own parser takes every flag of the program for any command, and ends
// the process on an error; flags here are Abseil's, set through its reflection.
//
// InvalidArgument, in one sentence: a flag that the command does not take (the nearest of its flags is suggested), a
// value that the flag cannot have, none, too few or too many arguments.
absl::StatusOr<std::vector<std::string>> ParseArguments(const Command& command, const std::vector<std::string>& words);

}  // namespace adret::tools

#endif  // ADRET_TOOLS_ARGUMENTS_H_
