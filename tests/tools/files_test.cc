// adret summary, check and diff: what is in model files.
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "adret/core/plan_report.h"
#include "adret/io/npy.h"
#include "adret/ops/binary.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"
#include "adret/tests/tools/tool_test.h"

namespace adret::tools {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

using FilesTest = ToolTest;

TEST_F(FilesTest, SummaryShowsLayersMemoryAndSignature) {
  const Outcome run = Adret("summary cnn.adret");
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out, ContainsRegex("conv2 +8x11x11 +296 +34,848"));
  EXPECT_THAT(run.out, ContainsRegex("total +3,722 +62,544"));
  EXPECT_THAT(run.out, ContainsRegex("parameters +3,722 numbers, 14.5 KiB"));
  EXPECT_THAT(run.out, ContainsRegex("input +label +i64.\\?."));
  EXPECT_THAT(run.out, ContainsRegex("training step +updates 25 variables"));
  EXPECT_THAT(run.out, ContainsRegex("metadata +data +drawn digits"));
  // The peak is that of the plan.
  const io::Model model = *io::LoadModel(Path("cnn.adret"));
  Executor executor = *Executor::Create({*model.Output("logits")});
  EXPECT_THAT(Adret("summary cnn.adret --batch=64").out, HasSubstr(BytesText(*executor.PeakBytes(64)) + " at most"));
}

TEST_F(FilesTest, SummaryOfAnotherOutput) {
  EXPECT_THAT(Adret("summary cnn.adret --output=loss").out, HasSubstr("to compute loss of a batch of 1"));
  EXPECT_THAT(Adret("summary mlp.adret").out, HasSubstr("to compute classes of a batch of 1"));
  ExpectMistake("summary cnn.adret --output=logit", 1, "the model has no output 'logit'; the nearest names are logits");
}

// Which output is the main one depends on which input the pictures are for.
TEST_F(FilesTest, SummaryOfAnotherInput) {
  Graph graph;
  const Value left = graph.Input("left", DType::kFloat32, {kAnyBatch, 1, 6, 6});
  const Value right = graph.Input("right", DType::kFloat32, {kAnyBatch, 1, 6, 6});
  const Value a = nn::Sequential{nn::Flatten(), nn::Dense(3)}(left),
              b = nn::Sequential{nn::Flatten(), nn::Dense(4)}(right);
  const State state = *InitialState(graph, 1);
  ASSERT_TRUE(
      io::SaveModel(Path("two.adret"), {.graph = &graph, .state = &state, .outputs = {{"a", a}, {"b", b}}}).ok());
  EXPECT_THAT(Adret("summary two.adret --input_name=right").out, HasSubstr("to compute b of a batch of 1"));
  EXPECT_THAT(Adret("summary two.adret --input_name=left").out, HasSubstr("to compute a of a batch of 1"));
}

TEST_F(FilesTest, CheckFindsEveryFault) {
  const Outcome sound = Adret("check cnn.adret resnet.adret mlp.adret");
  EXPECT_EQ(sound.code, 0);
  EXPECT_EQ(sound.out,
            "cnn.adret: 0 errors, 0 warnings\nresnet.adret: 0 errors, 0 warnings\nmlp.adret: 0 errors, 0 warnings\n");

  // Three faults: bytes of two tensors, and bytes after the end.
  std::string bytes = *io::ReadFile(Path("cnn.adret"));
  bytes[bytes.size() - 1] ^= 1;
  bytes[bytes.size() - 5000] ^= 1;
  ASSERT_TRUE(io::WriteFile(Path("bad.adret"), bytes + "more").ok());
  const Outcome bad = Adret("check bad.adret mlp.adret");
  EXPECT_EQ(bad.code, 1);
  EXPECT_THAT(bad.out, AllOf(HasSubstr("bad.adret: 3 errors, 0 warnings\n"), HasSubstr("4 trailing bytes"),
                             ContainsRegex("tensor [0-9]+: the checksum.*\n.*tensor [0-9]+: the checksum"),
                             HasSubstr("mlp.adret: 0 errors")));
  ExpectMistake("check nowhere.adret", 1, "adret check: cannot open nowhere.adret");
}

TEST_F(FilesTest, CheckRunsTheModelAndNamesTheNodeThatMakesNaN) {
  const auto save = [&](double pixel) {
    const io::NamedTensors arrays = {{"image", Tensor::Full(DType::kFloat32, {4, 1, 28, 28}, pixel)},
                                     {"label", Tensor::Full(DType::kInt64, {4}, 3)}};
    return io::SaveNpz(Path("batch.npz"), arrays);
  };
  ASSERT_TRUE(save(0.5).ok());
  const Outcome good = Adret("check cnn.adret --data=batch.npz");
  EXPECT_EQ(good.code, 0) << good.err;
  EXPECT_THAT(good.out, HasSubstr("every number that it computes from batch.npz is finite"));
  ASSERT_TRUE(save(3e38).ok());
  const Outcome bad = Adret("check cnn.adret --data=batch.npz");
  EXPECT_EQ(bad.code, 1);
  EXPECT_THAT(bad.out,
              AllOf(HasSubstr("error    check_numerics: conv2d 'conv1/conv2d'"), HasSubstr("not of a derivative")));
  ExpectMistake("check cnn.adret --data=nowhere.npz", 1, "adret check: ");
}

TEST_F(FilesTest, CheckWarnsOfNumbersThatAreNone) {
  io::Model model = *io::LoadModel(Path("mlp.adret"));
  Tensor w = model.state.Get("dense1/w")->Clone();
  w.mutable_data<double>()[5] = std::numeric_limits<double>::quiet_NaN();
  model.state.Set("dense1/w", w);
  ASSERT_TRUE(io::SaveModel(Path("nan.adret"), model.contents()).ok());
  const Outcome run = Adret("check nan.adret");
  EXPECT_EQ(run.code, 0);
  EXPECT_THAT(run.out, HasSubstr("warning  variable 'dense1/w': 1 of 768 numbers is NaN"));
}

TEST_F(FilesTest, DiffOfTheSame) {
  const Outcome same = Adret("diff cnn.adret cnn.adret");
  EXPECT_EQ(same.code, 0);
  EXPECT_EQ(same.out + same.err, "");
}

TEST_F(FilesTest, DiffOfNumbers) {
  io::Model model = *io::LoadModel(Path("mlp.adret"));
  Tensor b = Tensor::From<double>({3}, {3, 0, -4});
  model.state.Set("dense2/b", b);
  ASSERT_TRUE(io::SaveModel(Path("a.adret"), model.contents()).ok());
  b = Tensor::From<double>({3}, {3, 0.5, -4});
  model.state.Set("dense2/b", b);
  model.state.step = 7;
  model.metadata["note"] = "second";
  ASSERT_TRUE(io::SaveModel(Path("b.adret"), model.contents()).ok());
  const Outcome run = Adret("diff a.adret b.adret");
  EXPECT_EQ(run.code, 1);
  EXPECT_THAT(run.out, AllOf(ContainsRegex("dense2/b +0.5 +0.1\n"), ContainsRegex("step +0 +7"),
                             ContainsRegex("metadata +note +- +second")));
  EXPECT_THAT(run.out, Not(HasSubstr("dense1")));
}

TEST_F(FilesTest, StoredDTypesAreShown) {
  const auto save = [&](const std::string& name, DType dtype, double last) {
    Graph graph;
    const Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, 3});
    const Value w = graph.Variable("w", Tensor::From<double>({3}, {3, 0, last}).Cast(dtype), /*trainable=*/false);
    const Value y = x * Cast(w, DType::kFloat32);
    const Value index = graph.Input("index", DType::kUint16, {kAnyBatch});
    io::ModelContents contents{.graph = &graph, .inputs = {{"x", x}, {"index", index}}, .outputs = {{"y", y}}};
    const State state = *InitialState(graph, 1);
    contents.state = &state;
    ASSERT_TRUE(io::SaveModel(Path(name), contents).ok());
  };
  save("a.adret", DType::kBFloat16, -4);
  save("b.adret", DType::kBFloat16, -3.984375);
  save("c.adret", DType::kFloat16, -4);
  EXPECT_THAT(Adret("diff a.adret b.adret").out, ContainsRegex("w +0.0156 +0.0031"));
  EXPECT_THAT(Adret("diff a.adret c.adret").out, ContainsRegex("attribute +w dtype +bf16 +f16"));
  EXPECT_THAT(Adret("summary a.adret").out, AllOf(HasSubstr("f32[?,3]"), HasSubstr("u16[?]")));
  EXPECT_EQ(Adret("check a.adret").code, 0);
}

TEST_F(FilesTest, DiffOfGraphs) {
  const auto save = [&](const std::string& name, int64_t stride, bool more) {
    Graph graph;
    const Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, 1, 9, 9});
    const Value y = nn::Sequential{nn::Conv2d(2, 3, {.stride = stride})}(x).Named("y");
    std::vector<io::NamedValue> outputs = {{"y", y}};
    if (more) outputs.push_back({"z", Tanh(y).Named("z")});
    const State state = *InitialState(graph, 1);
    ASSERT_TRUE(io::SaveModel(Path(name), {.graph = &graph, .state = &state, .outputs = outputs}).ok());
  };
  save("a.adret", 1, false);
  save("b.adret", 2, true);
  const Outcome run = Adret("diff a.adret b.adret");
  EXPECT_EQ(run.code, 1);
  EXPECT_THAT(run.out,
              AllOf(ContainsRegex("attribute +conv[^ ]* stride +.1,1. +.2,2."), ContainsRegex("node +z +- +tanh"),
                    ContainsRegex("output +z +- +z f32"), ContainsRegex("output +y +y f32.*7,7. +y f32.*4,4.")));
  EXPECT_THAT(run.out, Not(HasSubstr("relative")));  // the weights are the same
  ExpectMistake("diff a.adret nowhere.adret", 2, "adret diff: cannot open nowhere.adret");
}

}  // namespace
}  // namespace adret::tools
