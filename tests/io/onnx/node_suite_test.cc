// Every case of ONNX's node suite passes, or stands with its reason in node_suite_exceptions.txt.
//
//   ADRET_ONNX_CASES=lstm onnx_test --gtest_filter='NodeSuite.*'     # what becomes of cases with "lstm" in the name
#include "adret/tests/io/onnx/node_suite.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <regex>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "adret/core/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::onnx {
namespace {

// The least number of cases that pass. It only grows.
constexpr int kPassing = 1519;

// Results are random numbers: only their types are compared.
bool IsRandom(const std::string& name) {
  static const std::regex kRandom("test_(bernoulli|training_dropout).*");
  static const std::regex kExact("test_training_dropout_(zero_ratio).*");
  return std::regex_match(name, kRandom) && !std::regex_match(name, kExact);
}

// Returns how far from 0 results may be that should be 0. Those of the inverse Fourier transform were computed in f32,
// which left up to 2e-7.
double NearZero(const std::string& name) { return absl::StartsWith(name, "test_dft_inverse") ? 1e-6 : 1e-7; }

absl::Status RunCase(const NodeCase& node_case) {
  AD_ASSIGN_OR_RETURN(const NodeData data, LoadNodeCase(node_case));
  AD_ASSIGN_OR_RETURN(io::Model model, LoadNodeModel(data));
  AD_ASSIGN_OR_RETURN(const std::vector<Tensor> found, RunNodeModel(data, &model));
  if (found.size() != data.outputs.size()) return absl::DataLossError("another number of outputs");
  for (size_t i = 0; i < found.size(); ++i) {
    if (IsRandom(node_case.name) && found[i].type() == data.outputs[i].type()) continue;
    const std::string difference = Difference(found[i], data.outputs[i], NearZero(node_case.name));
    if (!difference.empty()) return absl::DataLossError(absl::StrCat("WRONG: output ", i, " ", difference));
  }
  return absl::OkStatus();
}

struct Exception {
  std::regex cases;
  std::string line;
  int used = 0;
};

// Lines of "regular expression: reason".
std::vector<Exception> ReadExceptions() {
  std::vector<Exception> exceptions;
  std::ifstream file("tests/io/onnx/node_suite_exceptions.txt");
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    const std::pair<std::string, std::string> parts = absl::StrSplit(line, absl::MaxSplits(": ", 1));
    exceptions.push_back({std::regex(parts.first), line});
  }
  return exceptions;
}

TEST(NodeSuite, EveryCasePassesOrHasAReason) {
  if (NodeCases().empty()) GTEST_SKIP() << "ADRET_DATA is not set, or has no onnx/node_1.22.0.tar.xz";
  const char* chosen = std::getenv("ADRET_ONNX_CASES");
  std::vector<Exception> exceptions = ReadExceptions();
  int passed = 0;
  for (const NodeCase& node_case : NodeCases()) {
    if (chosen != nullptr && !absl::StrContains(node_case.name, chosen)) continue;
    const absl::Status status = RunCase(node_case);
    if (chosen != nullptr)
      std::printf("%-70s %s\n", node_case.name.c_str(), status.ok() ? "passes" : std::string(status.message()).c_str());
    if (status.ok()) {
      ++passed;
      continue;
    }
    if (chosen != nullptr) continue;
    bool excused = false;
    for (Exception& exception : exceptions) {
      if (!std::regex_match(node_case.name, exception.cases)) continue;
      excused = status.code() != absl::StatusCode::kDataLoss;  // never a wrong number
      ++exception.used;
      break;
    }
    EXPECT_TRUE(excused) << node_case.name << ": " << status.message();
  }
  std::printf("%d of %zu cases pass\n", passed, NodeCases().size());
  if (chosen != nullptr) return;
  EXPECT_GE(passed, kPassing);
  for (const Exception& exception : exceptions) EXPECT_GT(exception.used, 0) << "no case needs: " << exception.line;
}

}  // namespace
}  // namespace adret::onnx
