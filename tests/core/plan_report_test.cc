#include "adret/core/plan_report.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "adret/core/executor.h"
#include "adret/nn/losses.h"
#include "adret/nn/optimizers.h"
#include "adret/ops/machine_limits.h"
#include "adret/ops/matmul.h"
#include "adret/ops/reduce.h"
#include "adret/ops/unary.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

using absl::StrContains;

// y = relu(x w) with w [3,4], and w descending on y's square.
struct Example {
  explicit Example(bool profile) {
    x = graph.Input("x", DType::kFloat32, {kAnyBatch, 3});
    w = graph.Variable("w", Tensor::Full(DType::kFloat32, {3, 4}, 0.25));
    product = MatMul(x, w);
    line = __LINE__ - 1;
    const Value loss = Mean(Square(Relu(product)));
    const Updates step = nn::Sgd({.learning_rate = 0.1}).Minimize(loss, {w});
    executor.emplace(Executor::Create({loss}, step, {.profile = profile}));
    state = *InitialState(graph, 1);
  }
  void Run(int64_t batch) {
    const auto result = (*executor)->Run({{x, Tensor::Full(DType::kFloat32, {batch, 3}, 1)}}, &state);
    ASSERT_TRUE(result.ok()) << result.status();
  }
  Graph graph;
  Value x, w, product;
  int line = 0;
  std::optional<absl::StatusOr<Executor>> executor;
  State state;
};

std::vector<std::string> Lines(const std::string& text) { return absl::StrSplit(text, '\n', absl::SkipEmpty()); }

TEST(Explain, ReportsWhatStepsCost) {
  Example e(/*profile=*/false);
  const PlanReport report = *(*e.executor)->Report(/*batch=*/5);
  EXPECT_EQ(report.arena_bytes, *(*e.executor)->PeakBytes(5));
  EXPECT_EQ(report.profiled_runs, 0);
  const StepReport& first = report.steps.at(0);
  ASSERT_GE(first.ops.size(), 2);
  EXPECT_EQ(first.ops[0], "matmul");
  EXPECT_EQ(first.ops[1], "relu");
  EXPECT_EQ(first.node, e.product.name());
  EXPECT_EQ(first.source, absl::StrCat("plan_report_test.cc:", e.line));
  EXPECT_EQ(first.inputs.at(0).ToString(), "f32[5,3]");
  EXPECT_EQ(first.inputs.at(1).ToString(), "f32[3,4]");
  EXPECT_EQ(first.outputs.at(0).ToString(), "f32[5,4]");
  // The product's multiply-adds, and one for every element of what follows it.
  EXPECT_EQ(first.flops, 2 * 5 * 3 * 4 + 5 * 4 * static_cast<double>(first.ops.size() - 1));
  int64_t bytes = 0;
  for (const auto* types : {&first.inputs, &first.outputs}) {
    for (const Type& t : *types) bytes += t.bytes();
  }
  EXPECT_EQ(first.bytes, bytes);
  EXPECT_EQ(report.steps.back().place, "variable w");
  EXPECT_TRUE(
      std::any_of(report.steps.begin(), report.steps.end(), [](const auto& s) { return s.place == "fetch 0"; }));
}

TEST(Explain, ArenaOffsetsAreInsideTheArena) {
  Example e(/*profile=*/false);
  const PlanReport report = *(*e.executor)->Report(/*batch=*/64);
  int inside = 0;
  for (const StepReport& s : report.steps) {
    EXPECT_NE(s.arena_offset >= 0, !s.place.empty());
    if (s.arena_offset < 0) continue;
    ++inside;
    EXPECT_EQ(s.arena_offset % static_cast<int64_t>(kAlignment), 0);
    EXPECT_LE(s.arena_offset + s.outputs[0].bytes(), report.arena_bytes);
  }
  EXPECT_GT(inside, 0);
}

TEST(Explain, ColumnsLineUp) {
  Example e(/*profile=*/true);
  e.Run(1000);
  const MachineLimits limits{.f32_flops = 1e9, .f64_flops = 1e9, .memory = {{1 << 20, 1e9}}};
  const std::string table = *(*e.executor)->Explain(1000, limits);
  const std::vector<std::string> lines = Lines(table);
  const PlanReport report = *(*e.executor)->Report(1000);
  ASSERT_EQ(lines.size(), report.steps.size() + 2) << table;
  // Numbers end where their heading ends, words begin where it begins.
  for (const char* heading : {"flops", "bytes", "time", "share"}) {
    const size_t end = lines[0].find(heading) + std::string(heading).size();
    for (const std::string& line : lines) {
      ASSERT_GT(line.size(), end) << table;
      EXPECT_NE(line[end - 1], ' ') << table;
      EXPECT_EQ(line[end], ' ') << table;
    }
  }
  for (const char* heading : {"ops", "shapes", "built by"}) {
    const size_t begin = lines[0].find(heading);
    ASSERT_NE(begin, std::string::npos) << table;
    for (size_t i = 1; i + 1 < lines.size(); ++i) {
      ASSERT_GT(lines[i].size(), begin) << table;
      EXPECT_NE(lines[i][begin], ' ') << table;
      EXPECT_EQ(lines[i][begin - 1], ' ') << table;
    }
  }
  EXPECT_TRUE(StrContains(lines[1], "matmul + relu")) << table;
  EXPECT_TRUE(StrContains(lines[1], absl::StrCat("plan_report_test.cc:", e.line))) << table;
  EXPECT_TRUE(StrContains(lines.back(), "total")) << table;
  EXPECT_TRUE(StrContains(lines.back(), absl::StrCat("arena ", BytesText(report.arena_bytes)))) << table;
}

TEST(Explain, TimesAndSharesAppearOnceTheyAreKnown) {
  const MachineLimits limits{.f32_flops = 1e9, .f64_flops = 1e9, .memory = {{1 << 20, 1e9}}};
  Example e(/*profile=*/true);
  const std::string before = *(*e.executor)->Explain(7, limits);
  EXPECT_FALSE(StrContains(before, " time")) << before;
  EXPECT_FALSE(StrContains(before, "share")) << before;
  e.Run(7);
  const std::string unlimited = *(*e.executor)->Explain(7);
  EXPECT_TRUE(StrContains(unlimited, " time")) << unlimited;
  EXPECT_FALSE(StrContains(unlimited, "share")) << unlimited;
  EXPECT_TRUE(StrContains(*(*e.executor)->Explain(7, limits), "share"));
  const PlanReport report = *(*e.executor)->Report(7);
  for (const StepReport& s : report.steps) EXPECT_GT(s.seconds, 0);
}

TEST(Explain, PlansWithoutStepsHaveATotal) {
  const MachineLimits limits{.f32_flops = 1e9, .f64_flops = 1e9, .memory = {{1 << 20, 1e9}}};
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {2});
  auto executor = Executor::Create({x}, {}, {.profile = true});
  ASSERT_TRUE(executor->Run({{x, Tensor::Zeros(DType::kFloat32, {2})}}).ok());
  const std::vector<std::string> lines = Lines(*executor->Explain(1, limits));
  ASSERT_EQ(lines.size(), 2);
  EXPECT_FALSE(StrContains(lines[1], "nan")) << lines[1];
}

TEST(Explain, FloorsFollowFromTheLimits) {
  const MachineLimits limits{.f32_flops = 100, .f64_flops = 50, .memory = {{1000, 10}, {2000, 5}}};
  StepReport step{.outputs = {{DType::kFloat32, {2}}}, .flops = 300, .bytes = 1000};
  EXPECT_EQ(step.FlopsFloor(limits), 3);
  EXPECT_EQ(step.BytesFloor(limits), 100);
  step.bytes = 1001;
  EXPECT_EQ(step.BytesFloor(limits), 1001.0 / 5);
  step.bytes = 5000;  // larger than anything measured
  EXPECT_EQ(step.BytesFloor(limits), 1000);
  step.outputs[0].dtype = DType::kFloat64;
  EXPECT_EQ(step.FlopsFloor(limits), 6);
  EXPECT_FALSE(MachineLimits().known());
}

TEST(Explain, MeasuredLimitsAreKnown) {
  const MachineLimits limits = MeasureMachineLimits(/*threads=*/1);
  ASSERT_TRUE(limits.known());
  EXPECT_TRUE(std::is_sorted(limits.memory.begin(), limits.memory.end(),
                             [](const auto& a, const auto& b) { return a.bytes < b.bytes; }));
  for (const auto& m : limits.memory) EXPECT_GT(m.bytes_per_second, 0);
}

// ---- Traces

// Messages have a member more where code is compiled for ThreadSanitizer, but not in the library.
#if defined(__SANITIZE_THREAD__)
constexpr bool kProtobufFits = false;
#else
constexpr bool kProtobufFits = true;
#endif

google::protobuf::Struct ParseJson(const std::string& json) {
  google::protobuf::Struct result;
  const auto status = google::protobuf::util::JsonStringToMessage(json, &result);
  EXPECT_TRUE(status.ok()) << status.ToString() << "\n" << json;
  return result;
}

TEST(Explain, TraceHasTheStepsInOrder) {
  if (!kProtobufFits) GTEST_SKIP() << "protobuf was built without ThreadSanitizer";
  Example e(/*profile=*/true);
  EXPECT_EQ((*e.executor)->Trace(4).status().code(), absl::StatusCode::kFailedPrecondition);
  e.Run(4);
  e.Run(4);
  const PlanReport report = *(*e.executor)->Report(4);
  const google::protobuf::Struct trace = ParseJson(*(*e.executor)->Trace(4));
  const auto& events = trace.fields().at("traceEvents").list_value();
  ASSERT_EQ(events.values_size(), static_cast<int>(report.steps.size()));
  double last_end = 0;
  for (int i = 0; i < events.values_size(); ++i) {
    const auto& event = events.values(i).struct_value().fields();
    EXPECT_EQ(event.at("ph").string_value(), "X");
    EXPECT_TRUE(StrContains(event.at("name").string_value(), report.steps[i].ops[0]));
    EXPECT_GE(event.at("ts").number_value() + 0.002, last_end);  // printed with three digits
    EXPECT_GE(event.at("dur").number_value(), 0);
    last_end = event.at("ts").number_value() + event.at("dur").number_value();
    const auto& args = event.at("args").struct_value().fields();
    EXPECT_EQ(args.at("step").number_value(), i);
    EXPECT_EQ(args.at("flops").number_value(), report.steps[i].flops);
    EXPECT_EQ(args.at("bytes").number_value(), static_cast<double>(report.steps[i].bytes));
    EXPECT_EQ(args.at("node").string_value(), report.steps[i].node);
  }
}

TEST(Explain, TracesOfAnyNamesAreJson) {
  if (!kProtobufFits) GTEST_SKIP() << "protobuf was built without ThreadSanitizer";
  const std::vector<std::string> names = {"plain",    "Größe",        "a \"quoted\" \\ name", "tab\tand\nline\x01",
                                          "\xff\xfe", "cut \xe2\x82", "\xed\xa0\x80",         ""};
  for (const std::string& name : names) {
    const PlanReport report{.steps = {{.ops = {"op"}, .node = name}}, .profiled_runs = 1};
    const google::protobuf::Struct trace = ParseJson(ChromeTrace(report));
    const auto& event = trace.fields().at("traceEvents").list_value().values(0).struct_value();
    const std::string& found = event.fields().at("args").struct_value().fields().at("node").string_value();
    if (name[0] != '\xff' && name[0] != '\xed' && !absl::StartsWith(name, "cut")) {
      EXPECT_EQ(found, name);
    }
  }
  ParseJson(ChromeTrace(PlanReport{}));
}

TEST(Explain, BytesReadWell) {
  EXPECT_EQ(BytesText(0), "0 B");
  EXPECT_EQ(BytesText(1023), "1023 B");
  EXPECT_EQ(BytesText(1024), "1.0 KiB");
  EXPECT_EQ(BytesText(int64_t{3} << 29), "1.5 GiB");
}

}  // namespace
}  // namespace adret
