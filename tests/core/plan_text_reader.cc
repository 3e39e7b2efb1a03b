#include "adret/tests/core/plan_text_reader.h"

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "adret/core/plan/check_plan_graph.h"
#include "adret/core/plan/passes.h"
#include "adret/core/plan/plan_text.h"
#include "adret/core/plan/rewrite.h"
#include "adret/core/plan/simplify.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

// The lines of a text, each with single spaces.
std::vector<std::string> Lines(absl::string_view text) {
  std::vector<std::string> lines;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    if (!words.empty()) lines.push_back(absl::StrJoin(words, " "));
  }
  return lines;
}

std::vector<int64_t> Numbers(absl::string_view text) {
  absl::ConsumePrefix(&text, "[");
  absl::ConsumeSuffix(&text, "]");
  std::vector<int64_t> numbers;
  for (absl::string_view word : absl::StrSplit(text, ',', absl::SkipEmpty())) {
    EXPECT_TRUE(absl::SimpleAtoi(word, &numbers.emplace_back())) << word;
  }
  return numbers;
}

bool IsType(absl::string_view word) { return absl::StrContains(word, "[") && !absl::StrContains(word, "="); }

Type ParseType(absl::string_view word) {
  absl::ConsumeSuffix(&word, ",");
  const size_t bracket = word.find('[');
  for (DType dtype : {DType::kFloat32, DType::kFloat64, DType::kInt32, DType::kInt64, DType::kUint8, DType::kBool}) {
    if (word.substr(0, bracket) == Name(dtype)) return {dtype, Shape(Numbers(word.substr(bracket)))};
  }
  ADD_FAILURE() << word;
  return {};
}

ValueId ReadValue(absl::string_view word) {
  const std::vector<int64_t> numbers = Numbers(absl::StrJoin(absl::StrSplit(word, ':'), ","));
  return {static_cast<NodeId>(numbers[0]), numbers.size() > 1 ? static_cast<int32_t>(numbers[1]) : 0};
}

// The op's defaults, but what is given; shapes and dtypes that are not given are those of the outputs.
Attrs ReadAttrs(const Op& op, const std::map<std::string, std::string>& given, const Types& types) {
  AttrList list = op.parse_attrs({}, MissingAttrs::kDefault)->list();
  for (Attr& attr : list) {
    const auto it = given.find(attr.name);
    if (auto* shape = std::get_if<Shape>(&attr.value)) {
      *shape = it == given.end() ? types[0].shape : Shape(Numbers(it->second));
    } else if (auto* dtype = std::get_if<DType>(&attr.value)) {
      *dtype = types[0].dtype;
    } else if (it == given.end()) {
      continue;
    } else if (auto* numbers = std::get_if<std::vector<int64_t>>(&attr.value)) {
      *numbers = Numbers(it->second);
    } else if (auto* flag = std::get_if<bool>(&attr.value)) {
      *flag = it->second == "true";
    } else if (auto* number = std::get_if<int64_t>(&attr.value)) {
      *number = Numbers(it->second)[0];
    } else {
      ADD_FAILURE() << op.name << ": the reader does not know the kind of " << attr.name;
    }
  }
  return *op.parse_attrs(list, MissingAttrs::kError);
}

}  // namespace

std::string NormalText(absl::string_view text) { return absl::StrJoin(Lines(text), "\n"); }

TextReader::TextReader(absl::string_view text) {
  for (const std::string& line : Lines(text)) Read(line);
  EXPECT_TRUE(graph.status().ok()) << graph.status();
}

void TextReader::Read(const std::string& line) {
  std::vector<std::string> words = absl::StrSplit(line, ' ');
  if (words[0] == "fetch") {
    for (size_t i = 1; i < words.size(); ++i) fetches.push_back(ReadValue(absl::StripSuffix(words[i], ",")));
  } else if (words[0] == "update") {
    updates.emplace_back(ReadValue(words[1]), ReadValue(words[3]));
  } else {
    EXPECT_EQ(words[0], absl::StrCat(graph.num_nodes()));
    ReadNode({words.begin() + 1, words.end()});
  }
}

void TextReader::ReadNode(const std::vector<std::string>& words) {
  const std::string& op = words[0];
  if (op == "input") graph.Input(words[1], ParseType(words[2]).dtype, ParseType(words[2]).shape);
  if (op == "variable") {
    const Type type = ParseType(words[2]);
    graph.Variable(words[1], Tensor::Zeros(type.dtype, type.shape));
  }
  double number = 0;
  if (op == "constant") {
    EXPECT_TRUE(absl::SimpleAtod(words.back(), &number)) << words.back();
    graph.Constant(Tensor::Full(ParseType(words[1]).dtype, ParseType(words[1]).shape, number));
  }
  if (op == "input" || op == "variable" || op == "constant") return;
  Types types;
  std::vector<ValueId> inputs;
  std::map<std::string, std::string> given;
  for (size_t i = 1; i < words.size(); ++i) {
    if (IsType(words[i])) {
      types.push_back(ParseType(words[i]));
    } else if (absl::StrContains(words[i], "=")) {
      const std::pair<std::string, std::string> parts = absl::StrSplit(words[i], absl::MaxSplits('=', 1));
      given[parts.first] = std::string(absl::StripSuffix(parts.second, ","));
    } else {
      inputs.push_back(ReadValue(words[i]));
    }
  }
  const Op* found = FindOp(op);
  ASSERT_NE(found, nullptr) << op;
  graph.AddNode(*found, inputs, ReadAttrs(*found, given, types), {});
}

// Runs these passes and no others.
PlanGraph RunPasses(const TextReader& reader, const std::vector<std::string>& passes, RewriteCounter* counter) {
  PassRun lower = *PassRun::Create({.disabled = {"simplify", "slices"}, .check = true});
  auto plan = MakePlanGraph(reader.graph, reader.fetches, reader.updates, 0, &lower);
  EXPECT_TRUE(plan.ok()) << plan.status();
  for (const std::string& pass : passes) {
    if (pass == "simplify") plan = Simplify(*std::move(plan), counter);
    if (pass == "slices") PushDownSlices(&*plan, counter);
    EXPECT_TRUE(CheckPlanGraph(*plan).ok()) << pass << ": " << CheckPlanGraph(*plan) << "\n" << PlanGraphText(*plan);
  }
  return *std::move(plan);
}

}  // namespace adret
