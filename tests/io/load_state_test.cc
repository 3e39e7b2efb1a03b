#include "adret/io/load_state.h"

#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "adret/core/executor.h"
#include "adret/core/graph.h"
#include "adret/io/npy.h"
#include "adret/ops/binary.h"
#include "adret/tests/temp_folder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

Tensor F32(double value, const Shape& shape = {2, 3}) { return Tensor::Full(DType::kFloat32, shape, value); }

State StateOf(const NamedTensors& tensors) {
  State state;
  for (const auto& [name, tensor] : tensors) state.Set(name, tensor.Clone());
  return state;
}

// The error of matching, which changes nothing.
std::string ErrorOf(const NamedTensors& tensors, State state, const MatchOptions& options = {}) {
  const std::string before = state.Digest();
  const absl::StatusOr<MatchReport> report = MatchState(tensors, &state, options);
  EXPECT_EQ(state.Digest(), before);
  EXPECT_EQ(report.status().code(), absl::StatusCode::kInvalidArgument) << report.status();
  return std::string(report.status().message());
}

TEST(MatchStateTest, PutsTensorsIntoVariablesByName) {
  State state = StateOf({{"a", F32(0)}, {"b", F32(0)}});
  const absl::StatusOr<MatchReport> report = MatchState({{"a", F32(1)}, {"b", F32(2)}}, &state);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(state.Get("a")->At(0), 1);
  EXPECT_EQ(state.Get("b")->At(5), 2);
  EXPECT_THAT(report->matched, ElementsAre("a", "b"));
  EXPECT_THAT(report->renamed, IsEmpty());
  EXPECT_THAT(report->converted, IsEmpty());
}

TEST(MatchStateTest, ReplacesTheLongestBeginning) {
  State state = StateOf({{"layers/0.w", F32(0)}, {"norm/w", F32(0)}, {"other/head", F32(0)}});
  const MatchOptions options = {
      .rename = {{"encoder.", "layers/"}, {"encoder.norm.", "norm/"}, {"", "other/"}, {"encoder.norm.w.b", "x"}}};
  const absl::StatusOr<MatchReport> report =
      MatchState({{"encoder.0.w", F32(1)}, {"encoder.norm.w", F32(2)}, {"head", F32(3)}}, &state, options);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(state.Get("layers/0.w")->At(0), 1);
  EXPECT_EQ(state.Get("norm/w")->At(0), 2);
  EXPECT_EQ(state.Get("other/head")->At(0), 3);
  EXPECT_THAT(report->renamed, ElementsAre(Pair("encoder.0.w", "layers/0.w"), Pair("encoder.norm.w", "norm/w"),
                                           Pair("head", "other/head")));
}

TEST(MatchStateTest, AFunctionRenamesAfterTheTable) {
  State state = StateOf({{"net/0/w", F32(0)}});
  const MatchOptions options = {.rename = {{"model.", "net."}}, .rename_by = [](absl::string_view name) {
                                  return absl::StrReplaceAll(name, {{".", "/"}, {"weight", "w"}});
                                }};
  const absl::StatusOr<MatchReport> report = MatchState({{"model.0.weight", F32(1)}}, &state, options);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(state.Get("net/0/w")->At(0), 1);
}

TEST(MatchStateTest, OneErrorNamesAllThatDoesNotFit) {
  const State state = StateOf({{"conv1/w", F32(0)}, {"conv2/w", F32(0)}, {"dense/w", F32(0)}, {"dense/b", F32(0)}});
  const NamedTensors tensors = {
      {"conv1/w", F32(1, {3, 2})}, {"conv_2/w", F32(1)}, {"dense/w", F32(1).Cast(DType::kFloat64)}, {"extra", F32(1)}};
  EXPECT_EQ(ErrorOf(tensors, state),
            "the tensors do not fit the state: "
            "2 variables are missing: 'conv2/w' (nearest: 'conv_2/w'), 'dense/b'; "
            "2 tensors are unexpected: 'conv_2/w' (nearest: 'conv2/w'), 'extra'; "
            "2 tensors have another type: 'conv1/w' is f32[3,2] but the variable f32[2,3], "
            "'dense/w' is f64[2,3] but the variable f32[2,3]");
}

// The example of docs/model_files.md.
TEST(MatchStateTest, ErrorsSayWhatNamesBecame) {
  const State state = StateOf({{"dense1/w", F32(0, {100, 784})}, {"dense2/w", F32(0)}, {"dense2/b", F32(0)}});
  const MatchOptions options = {.rename = {{"model.0.", "dense1/"}}, .rename_by = [](absl::string_view name) {
                                  return absl::StrReplaceAll(name, {{"weight", "w"}, {"bias", "b"}});
                                }};
  const NamedTensors tensors = {
      {"model.0.weight", F32(1, {784, 100})}, {"model.2.weight", F32(1)}, {"model.2.bias", F32(1)}};
  EXPECT_EQ(
      ErrorOf(tensors, state, options),
      "the tensors do not fit the state: 2 variables are missing: 'dense2/b', 'dense2/w'; "
      "2 tensors are unexpected: 'model.2.bias' (here 'model.2.b'), 'model.2.weight' (here 'model.2.w'); "
      "1 tensor has another type: 'model.0.weight' (here 'dense1/w') is f32[784,100] but the variable f32[100,784]");
}

TEST(MatchStateTest, ErrorsShowBothNames) {
  const MatchOptions options = {.rename = {{"encoder.", "layers/"}}};
  EXPECT_THAT(ErrorOf({{"encoder.w", F32(1)}}, StateOf({{"layers/v", F32(0)}}), options),
              HasSubstr("1 variable is missing: 'layers/v' (nearest: 'layers/w'); "
                        "1 tensor is unexpected: 'encoder.w' (here 'layers/w') (nearest: 'layers/v')"));
  EXPECT_THAT(
      ErrorOf({{"encoder.w", F32(1)}}, StateOf({{"layers/w", F32(0, {2})}}), options),
      HasSubstr("1 tensor has another type: 'encoder.w' (here 'layers/w') is f32[2,3] but the variable f32[2]"));
  EXPECT_THAT(ErrorOf({{"encoder.w", F32(1)}, {"layers/w", F32(1)}}, StateOf({{"layers/w", F32(0)}}), options),
              HasSubstr("1 variable gets two tensors: 'layers/w' ('encoder.w' and 'layers/w')"));
}

TEST(MatchStateTest, ErrorsListTheFirstTen) {
  NamedTensors variables, tensors;
  for (int i = 0; i < 25; ++i) {
    variables[absl::StrCat("v", 100 + i)] = F32(0);
    tensors[absl::StrCat("t", 100 + i)] = F32(0);
  }
  const std::string error = ErrorOf(tensors, StateOf(variables));
  EXPECT_THAT(error, HasSubstr("25 variables are missing: 'v100' (nearest: 't100'), "));
  EXPECT_THAT(error, HasSubstr("'v109' (nearest: 't109'), and 15 more; 25 tensors are unexpected: "));
  EXPECT_THAT(error, Not(HasSubstr("'v110'")));
  EXPECT_THAT(error, HasSubstr("'t109' (nearest: 'v109'), and 15 more"));
}

TEST(MatchStateTest, AllowsWhatItIsToldTo) {
  State state = StateOf({{"a", F32(5)}, {"b", F32(0)}});
  const absl::StatusOr<MatchReport> report =
      MatchState({{"b", F32(1)}, {"c", F32(1)}}, &state, {.allow_missing = true, .allow_unexpected = true});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_THAT(report->matched, ElementsAre("b"));
  EXPECT_THAT(report->missing, ElementsAre("a"));
  EXPECT_THAT(report->unexpected, ElementsAre("c"));
  EXPECT_EQ(state.Get("a")->At(0), 5);
  EXPECT_FALSE(state.Contains("c"));
  EXPECT_THAT(ErrorOf({{"c", F32(1)}}, state, {.allow_missing = true}), Not(HasSubstr("missing")));
  EXPECT_THAT(ErrorOf({{"c", F32(1)}}, state, {.allow_unexpected = true}), Not(HasSubstr("unexpected")));
}

TEST(MatchStateTest, IgnoresPatternsOnBothSides) {
  State state = StateOf({{"w", F32(0)}, {"adam_m/w", F32(5)}});
  const NamedTensors tensors = {{"w", F32(1)}, {"bn.num_batches_tracked", F32(1)}, {"m.w", F32(1)}};
  const absl::StatusOr<MatchReport> report =
      MatchState(tensors, &state, {.rename = {{"m.", "adam_m/"}}, .ignore = {"*.num_batches_*", "adam*/*"}});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_THAT(report->ignored, ElementsAre("bn.num_batches_tracked", "m.w"));
  EXPECT_THAT(report->missing, IsEmpty());
  EXPECT_EQ(state.Get("adam_m/w")->At(0), 5);
}

TEST(MatchStateTest, PatternsFitWholeNames) {
  const auto fits = [](const std::string& pattern, const std::string& name) {
    State state;
    return MatchState({{name, F32(1)}}, &state, {.ignore = {pattern}}).ok();
  };
  for (const char* pattern : {"*", "abcabc", "a*", "*c", "*ca*", "a*b*c", "abc*abc", "*abcabc*", "**", "*b*b*"}) {
    EXPECT_TRUE(fits(pattern, "abcabc")) << pattern;
  }
  for (const char* pattern : {"", "a", "abc", "*b", "b*", "abcabc?", "abcabca", "a*d*c", "*bb*", "abc*abcabc"}) {
    EXPECT_FALSE(fits(pattern, "abcabc")) << pattern;
  }
  // Takes time in proportion to the product of the lengths.
  std::string hard;
  for (int i = 0; i < 200; ++i) hard += "a*";
  EXPECT_FALSE(fits(hard + "b", std::string(1000, 'a')));
}

TEST(MatchStateTest, ConvertsBetweenFloatingTypes) {
  constexpr DType kFloats[] = {DType::kFloat16, DType::kBFloat16, DType::kFloat32, DType::kFloat64};
  for (const DType from : kFloats) {
    for (const DType to : kFloats) {
      State state = StateOf({{"w", Tensor::Zeros(to, {2})}});
      const NamedTensors tensors = {{"w", Tensor::From<double>({2}, {1.5, -2}).Cast(from)}};
      const absl::StatusOr<MatchReport> report = MatchState(tensors, &state, {.convert = true});
      ASSERT_TRUE(report.ok()) << report.status();
      EXPECT_TRUE(state.Get("w")->BitEqual(Tensor::From<double>({2}, {1.5, -2}).Cast(to)));
      EXPECT_EQ(report->converted.size(), from == to ? 0 : 1);
    }
  }
  const State integers = StateOf({{"w", Tensor::Zeros(DType::kInt32, {2})}});
  EXPECT_THAT(ErrorOf({{"w", F32(1, {2})}}, integers, {.convert = true}), HasSubstr("another type"));
  EXPECT_THAT(ErrorOf({{"w", Tensor::Zeros(DType::kInt64, {2})}}, integers, {.convert = true}),
              HasSubstr("another type"));
  EXPECT_THAT(ErrorOf({{"w", Tensor::Zeros(DType::kBFloat16, {2})}}, StateOf({{"w", F32(0, {2})}})),
              HasSubstr("is bf16[2] but the variable f32[2]"));
}

TEST(LoadStateTest, ReadsSafetensorsAndNpz) {
  const TempFolder folder;
  const NamedTensors tensors = {{"enc.w", F32(1)}, {"enc.b", F32(2)}};
  ASSERT_TRUE(SaveSafetensors(folder / "x.safetensors", tensors).ok());
  ASSERT_TRUE(SaveNpz(folder / "x.npz", tensors).ok());
  for (const char* name : {"x.safetensors", "x.npz"}) {
    State state = StateOf({{"l/w", F32(0)}, {"l/b", F32(0)}});
    const absl::StatusOr<MatchReport> report = LoadState(folder / name, &state, {.rename = {{"enc.", "l/"}}});
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_THAT(report->matched, ElementsAre("l/b", "l/w"));
    EXPECT_EQ(state.Get("l/w")->At(0), 1);
    EXPECT_THAT(LoadState(folder / name, &state).status().message(),
                HasSubstr(absl::StrCat(name, ": the tensors do not fit the state: 2 variables are missing")));
    EXPECT_EQ(LoadState(folder / name, &state, {}, {.limits = {.memory_budget = 10}}).status().code(),
              absl::StatusCode::kResourceExhausted);
  }
}

// What a run updates is a copy: neither the file nor another state that shares it changes.
TEST(LoadStateTest, TrainingLeavesTheMappedFileAlone) {
  const TempFolder folder;
  const std::string path = folder / "x.safetensors";
  ASSERT_TRUE(SaveSafetensors(path, {{"w", F32(1)}}).ok());
  Graph graph;
  const Value w = graph.Variable("w", F32(0));
  const Updates step = {{w, w + w}};
  Executor executor = *Executor::Create({}, step);
  for (const bool map : {true, false}) {
    State state = StateOf({{"w", F32(0)}}), other = state;
    ASSERT_TRUE(LoadState(path, &state, {}, {.map = map}).ok());
    ASSERT_TRUE(MatchState({{"w", *state.Get("w")}}, &other).ok());
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(executor.Run({}, &state).ok());
    EXPECT_EQ(state.Get("w")->At(0), 4);
    EXPECT_EQ(other.Get("w")->At(0), 1);
    EXPECT_EQ(LoadSafetensors(path)->tensors.at("w").At(0), 1);
  }
}

}  // namespace
}  // namespace adret::io
