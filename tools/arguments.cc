#include "adret/tools/arguments.h"

#include <algorithm>
#include <utility>

#include "absl/flags/reflection.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "adret/core/nearest_names.h"
#include "adret/core/status.h"

namespace adret::tools {
namespace {

template <class... Parts>
absl::Status Bad(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

// A flag of the command, or nullptr.
absl::CommandLineFlag* FindFlag(const Command& command, absl::string_view name) {
  const bool takes = std::any_of(command.flags.begin(), command.flags.end(),
                                 [&](const CommandFlag& flag) { return flag.name == name; });
  return takes ? absl::FindCommandLineFlag(name) : nullptr;
}

absl::Status UnknownFlag(const Command& command, absl::string_view name) {
  if (command.flags.empty()) return Bad("there is no flag --", name, "; the command takes none");
  std::vector<std::string> names;
  for (const CommandFlag& flag : command.flags) names.push_back(flag.name);
  const std::string nearest = NearestNames(name, std::move(names), 1)[0];
  return Bad("there is no flag --", name, "; did you mean --", nearest, "?");
}

// words[*at] starts with a dash. Moves *at to the last word that belongs to the flag.
absl::Status SetFlag(const Command& command, const std::vector<std::string>& words, size_t* at) {
  absl::string_view word = words[*at];
  absl::ConsumePrefix(&word, "--") || absl::ConsumePrefix(&word, "-");
  const size_t equals = word.find('=');
  const absl::string_view name = word.substr(0, equals);
  const bool has_value = equals != absl::string_view::npos;
  std::string value(has_value ? word.substr(equals + 1) : "");
  absl::CommandLineFlag* flag = FindFlag(command, name);
  if (absl::string_view positive = name; flag == nullptr && !has_value && absl::ConsumePrefix(&positive, "no")) {
    flag = FindFlag(command, positive);
    if (flag != nullptr && !flag->IsOfType<bool>()) flag = nullptr;
    value = "false";
  }
  if (flag == nullptr) return UnknownFlag(command, name);
  if (!has_value && value.empty()) {
    if (flag->IsOfType<bool>()) {
      value = "true";
    } else if (*at + 1 < words.size()) {
      value = words[++*at];
    } else {
      return Bad("--", name, " needs a value");
    }
  }
  // A list that is given several times has the elements of all of them.
  const std::string before = flag->IsOfType<std::vector<std::string>>() ? flag->CurrentValue() : "";
  if (!before.empty()) value = absl::StrCat(before, ",", value);
  std::string error;
  if (flag->ParseFrom(value, &error)) return absl::OkStatus();
  return Bad("--", flag->Name(), " cannot be '", value, "'",
             absl::StrContains(error, ';') ? absl::StrCat(": ", error.substr(error.find(';') + 2)) : "");
}

absl::Status CheckCount(const Command& command, const std::vector<std::string>& arguments) {
  size_t least = 0, most = 0;
  for (const std::string& argument : command.arguments) {
    least += argument[0] != '[';
    most = absl::StrContains(argument, "...") || most == std::string::npos ? std::string::npos : most + 1;
  }
  if (arguments.size() > most) return Bad("unknown argument '", arguments[most], "'; see adret help ", command.name);
  if (arguments.size() >= least) return absl::OkStatus();
  return Bad("expects ", absl::StrJoin(command.arguments, " "), ", but ",
             arguments.empty() ? "got no argument" : absl::StrCat("got only ", absl::StrJoin(arguments, " ")),
             "; see adret help ", command.name);
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ParseArguments(const Command& command, const std::vector<std::string>& words) {
  std::vector<std::string> arguments;
  for (size_t at = 0; at < words.size(); ++at) {
    if (words[at] == "--") {
      arguments.insert(arguments.end(), words.begin() + at + 1, words.end());
      break;
    }
    if (words[at].size() > 1 && words[at][0] == '-') {
      AD_RETURN_IF_ERROR(SetFlag(command, words, &at));
    } else {
      arguments.push_back(words[at]);
    }
  }
  AD_RETURN_IF_ERROR(CheckCount(command, arguments));
  return arguments;
}

}  // namespace adret::tools
