// ONNX files with the command: written, read, run, differentiated.
#include <string>

#include "adret/io/npy.h"
#include "adret/io/onnx.h"
#include "adret/tests/tools/tool_test.h"

namespace adret::tools {
namespace {

using ::testing::HasSubstr;

class OnnxFilesTest : public ToolTest {
 protected:
  void SetUp() override {
    ToolTest::SetUp();
    const Outcome run = Adret("convert mlp.adret mlp.onnx");
    ASSERT_EQ(run.code, 0) << run.err;
  }
};

TEST_F(OnnxFilesTest, AnswersAreThoseOfTheModelFile) {
  ASSERT_TRUE(io::SaveNpy(Path("x.npy"), Tensor::Full(DType::kFloat64, {2, 64}, 0.5)).ok());
  ASSERT_EQ(Adret("run mlp.adret --feed=x=x.npy --out=own.npz").code, 0);
  const Outcome run = Adret("run mlp.onnx --feed=x=x.npy --out=onnx.npz");
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("classes: f64[2,3]"));
  const Tensor own = io::LoadNpz(Path("own.npz"))->at("classes"), onnx = io::LoadNpz(Path("onnx.npz"))->at("classes");
  ASSERT_EQ(own.type(), onnx.type());
  for (int64_t i = 0; i < own.num_elements(); ++i) EXPECT_NEAR(own.At(i), onnx.At(i), 1e-12);
}

TEST_F(OnnxFilesTest, EveryCommandTakesThem) {
  EXPECT_THAT(Adret("summary mlp.onnx").out, HasSubstr("parameters"));
  EXPECT_THAT(Adret("check mlp.onnx").out, HasSubstr("mlp.onnx: 0 errors"));
  EXPECT_EQ(Adret("plan mlp.onnx --nograph").code, 0);
  EXPECT_EQ(Adret("draw mlp.onnx").code, 0);
  EXPECT_EQ(Adret("diff mlp.onnx mlp.onnx").code, 0);
}

TEST_F(OnnxFilesTest, GradientsAreFilesToo) {
  const Outcome run = Adret("grad mlp.onnx --of=classes:1 --wrt=x --out=slope.onnx");
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("grad_x: f64[?,64]"));
  const absl::StatusOr<io::Model> back = io::LoadOnnx(Path("slope.onnx"));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_TRUE(back->Output("grad_x").ok());
  EXPECT_EQ(Adret("grad cnn.adret --of=loss --out=weights.onnx").code, 0);
}

TEST_F(OnnxFilesTest, DimensionsGetSizes) {
  EXPECT_THAT(Adret("summary mlp.onnx --dims=batch=4").out, HasSubstr("f64[4,64]"));
  ExpectMistake("summary mlp.onnx --dims=time=4", 1, "no dimension of the inputs is called 'time'");
  ExpectMistake("summary mlp.adret --dims=batch=4", 1, "--dims is for ONNX files");
  ExpectMistake("summary mlp.onnx --dims=batch=x", 1, "--dims must be a list");
}

TEST_F(OnnxFilesTest, Mistakes) {
  ExpectMistake("convert nothing.onnx x.adret", 1, "nothing.onnx");
  ExpectMistake("convert mlp.onnx mlp.onnx", 1, "mlp.onnx");
  ExpectMistake("convert mlp.adret old.onnx --opset=3", 1, "operator sets 13 to 27 are written");
  ExpectMistake("grad mlp.onnx --of=classes:9 --wrt=x --out=g.onnx", 1, "has no column 9");
  ExpectMistake("grad mlp.onnx --of=class --wrt=x --out=g.onnx", 1, "the nearest names are");
  ExpectMistake("grad mlp.onnx --of=classes --wrt=x", 1, "--out says which file to write");
  EXPECT_FALSE(Exists("old.onnx"));
  EXPECT_FALSE(Exists("g.onnx"));
}

}  // namespace
}  // namespace adret::tools
