// What all commands have in common: help, flags, arguments.
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "adret/tests/tools/tool_test.h"

namespace adret::tools {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

using CommandTest = ToolTest;

// The names in the overview.
std::vector<std::string> Commands(const std::string& overview) {
  std::vector<std::string> names;
  for (const absl::string_view line : absl::StrSplit(overview, '\n')) {
    if (absl::StartsWith(line, "  ") && !absl::StartsWith(line, "  adret ")) {
      names.emplace_back(line.substr(2, line.find(' ', 2) - 2));
    }
  }
  return names;
}

TEST_F(CommandTest, HelpTeachesEachCommandByExample) {
  const Outcome overview = Adret("--help");
  EXPECT_EQ(overview.code, 0);
  EXPECT_EQ(Adret("help").out, overview.out);
  const std::vector<std::string> commands = Commands(overview.out);
  EXPECT_THAT(commands, testing::IsSupersetOf({"summary", "check", "draw", "run", "units", "diff", "help"}));
  for (const std::string& command : commands) {
    const Outcome help = Adret(absl::StrCat("help ", command));
    EXPECT_EQ(help.code, 0) << command;
    EXPECT_EQ(help.out, Adret(absl::StrCat(command, " --help")).out) << command;
    EXPECT_THAT(help.out, AllOf(HasSubstr(absl::StrCat("adret ", command, ": ")), HasSubstr("Examples:")));
  }
  const Outcome none = Adret("");
  EXPECT_EQ(none.code, 2);
  EXPECT_EQ(none.err, overview.out);
}

TEST_F(CommandTest, HelpShowsACommandsOwnFlagsWithDefaults) {
  const std::string help = Adret("summary --help").out;
  EXPECT_THAT(help, AllOf(HasSubstr("--batch=1"), HasSubstr("examples at once"), HasSubstr("--output")));
  EXPECT_THAT(help, Not(HasSubstr("--unit")));
}

// Flags that several commands share say what they are to each.
TEST_F(CommandTest, HelpTellsACommandsOwnDefaultsAndMeanings) {
  EXPECT_THAT(Adret("maximize --help").out, AllOf(HasSubstr("--out=maximize.png "), HasSubstr("--steps=100 "),
                                                  HasSubstr("height, width] to this .npy")));
  EXPECT_THAT(Adret("attribute --help").out, AllOf(HasSubstr("--out=attribute.png "), HasSubstr("to this .npz")));
  EXPECT_THAT(Adret("dream --help").out,
              AllOf(HasSubstr("--out=dream.png "), HasSubstr("--steps=10 "), HasSubstr("--rate=0.02 ")));
  EXPECT_THAT(Adret("style --help").out, AllOf(HasSubstr("--steps=200 "), HasSubstr("enlarge the content first")));
  EXPECT_THAT(Adret("report --help").out, AllOf(HasSubstr("--out=report.html "), HasSubstr("--steps=100 ")));
  EXPECT_THAT(Adret("run --help").out, HasSubstr("--out "));
}

TEST_F(CommandTest, MistakesAreToldInOneSentence) {
  ExpectMistake("summery cnn.adret", 2, "adret: there is no command 'summery'; the nearest names are summary");
  ExpectMistake("help summery", 2, "the nearest names are summary");
  ExpectMistake("summary cnn.adret --bach=3", 2, "adret summary: there is no flag --bach; did you mean --batch?");
  ExpectMistake("summary cnn.adret --unit=conv2:7", 2, "adret summary: there is no flag --unit");
  ExpectMistake("help diff --batch=3", 2, "adret help: there is no flag --batch; the command takes none");
  ExpectMistake("summary cnn.adret --batch=many", 2, "--batch cannot be 'many'");
  ExpectMistake("summary cnn.adret --batch", 2, "--batch needs a value");
  ExpectMistake("draw cnn.adret --nodes=perhaps", 2, "--nodes cannot be 'perhaps'");
  ExpectMistake("summary", 2, "adret summary: expects MODEL, but got no argument");
  ExpectMistake("diff cnn.adret", 2, "adret diff: expects FIRST SECOND, but got only cnn.adret");
  ExpectMistake("summary cnn.adret surplus", 2, "unknown argument 'surplus'");
  ExpectMistake("summary nowhere.adret", 1, "adret summary: cannot open nowhere.adret");
  ExpectMistake("summary cnn.adret --batch=0", 1, "--batch must be at least 1, but is 0");
}

TEST_F(CommandTest, FlagsAreSpelledAsAnywhere) {
  const std::string eight = Adret("summary cnn.adret --batch=8").out;
  EXPECT_THAT(eight, HasSubstr("a batch of 8"));
  EXPECT_EQ(Adret("summary --batch 8 cnn.adret").out, eight);
  EXPECT_EQ(Adret("summary -batch=8 -- cnn.adret").out, eight);
  EXPECT_EQ(Adret("draw cnn.adret --nonodes").out, Adret("draw cnn.adret").out);
  EXPECT_NE(Adret("draw cnn.adret --nodes").out, Adret("draw cnn.adret").out);
}

}  // namespace
}  // namespace adret::tools
