// adret maximize, attribute, dream and style: what a network sees.
#include <csignal>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "adret/explain/attribution.h"
#include "adret/io/npy.h"
#include "adret/io/png.h"
#include "adret/tests/tools/tool_test.h"

namespace adret::tools {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

class ExplainTest : public ToolTest {
 protected:
  void SetUp() override {
    ToolTest::SetUp();
    SavePicture("grey.png", 1, 28, 28);
    SavePicture("wide.png", 1, 40, 60);
    SavePicture("colour.png", 3, 16, 16);
    SavePicture("photo.png", 3, 30, 20);
    SavePicture("row.png", 1, 8, 8);
  }
  void SavePicture(const std::string& name, int64_t channels, int64_t height, int64_t width) const {
    Tensor picture(DType::kUint8, {channels, height, width});
    int64_t i = 0;
    for (uint8_t& pixel : picture.mutable_data<uint8_t>()) pixel = static_cast<uint8_t>(i++ * 37 % 251);
    ASSERT_TRUE(io::SavePng(Path(name), picture).ok());
  }
  std::string Bytes(const std::string& name) const { return io::ReadFile(Path(name)).value_or("no " + name); }
  Shape SizeOf(const std::string& name) const {
    const absl::StatusOr<Tensor> picture = io::LoadPng(Path(name));
    EXPECT_TRUE(picture.ok()) << picture.status();
    return picture.value_or(Tensor()).shape();
  }
};

TEST_F(ExplainTest, MaximizeWritesPicturesOfAnyUnit) {
  const Outcome run = Adret(
      "maximize cnn.adret --unit='conv2:*' --steps=20 --out=new/sheet.png --animate=new/film.png "
      "--curve=new/curve.png --array=new/images.npy");
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out, ContainsRegex("unit +before +after\nconv2:0 +-?[0-9.e-]+ +-?[0-9.e-]+\n"));
  EXPECT_THAT(run.out, HasSubstr("conv2:7 "));
  for (const char* name : {"new/sheet.png", "new/film.png", "new/curve.png"}) EXPECT_EQ(SizeOf(name)[0], 3) << name;
  EXPECT_THAT(Bytes("new/film.png"), HasSubstr("acTL"));
  EXPECT_EQ(io::LoadNpy(Path("new/images.npy"))->shape(), (Shape{8, 1, 28, 28}));

  for (const std::string words :
       {"cnn.adret --unit=logits:5%", "cnn.adret --unit=conv2:1@3,5", "cnn.adret --unit=conv1",
        "cnn.adret --unit='conv2:1+-0.5*dense1:3'",
        "cnn.adret --unit=dense1:0-3 --l1=0.5 --blur=0.3 --total_variation=0.1",
        "cnn.adret --unit=conv2:1 --images=3 --diversity=0.1 --patience=5", "mlp.adret --unit='classes:*'",
        "resnet.adret --unit=residual1/conv1:2 --basis=fourier --bounds=sigmoid --decorrelate --ascender=adam",
        "resnet.adret --unit=logits:4 --transforms=pad:2,jitter:2,roll:1,scale:10,rotate:15",
        "resnet.adret --unit=batch_norm1:0 --transforms=lucid --ascender=plain"}) {
    const Outcome other = Adret("maximize " + words + " --steps=3");
    EXPECT_EQ(other.code, 0) << words << ": " << other.err;
    EXPECT_EQ(other.err, "maximize.png\n") << words;
  }
}

TEST_F(ExplainTest, PicturesHaveTheSameBytesOnAnyNumberOfThreads) {
  const auto bytes = [&](int threads) {
    const std::string how = absl::StrCat(" --threads=", threads);
    std::string all;
    for (const std::string words :
         {"maximize cnn.adret --unit='conv2:*' --steps=10 --transforms=pad:4,jitter:4,rotate:5",
          "attribute cnn.adret --input=grey.png --method=all", "dream cnn.adret --input=wide.png --unit=conv2",
          "style cnn.adret --content=wide.png --style=grey.png --steps=10"}) {
      const Outcome run = Adret(words + how + " --out=picture.png");
      EXPECT_EQ(run.code, 0) << words << run.err;
      absl::StrAppend(&all, Bytes("picture.png"), run.out);
    }
    return all;
  };
  const std::string one = bytes(1);
  EXPECT_TRUE(bytes(2) == one);
  EXPECT_TRUE(bytes(4) == one);
}

TEST_F(ExplainTest, AttributeExplainsAnswersAndUnits) {
  const Outcome run =
      Adret("attribute cnn.adret --input=grey.png,grey.png --method=all --out=all.png --array=maps.npz");
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out, ContainsRegex("picture +target +value +completeness error\ngrey.png +logits:[0-9]"));
  const io::NamedTensors maps = *io::LoadNpz(Path("maps.npz"));
  EXPECT_EQ(maps.size(), explain::AttributionMethods().size());
  for (const explain::AttributionMethod& method : explain::AttributionMethods()) {
    ASSERT_TRUE(maps.contains(method.name)) << method.name;
    EXPECT_EQ(maps.at(method.name).shape()[0], 2);
  }
  for (const std::string words :
       {"cnn.adret grey.png --target=conv2:3", "cnn.adret grey.png --target=conv2:3@2,2 --method=smooth_grad",
        "cnn.adret grey.png --target=logits:3% --method=integrated_gradients --contours=0.3,0.6",
        "cnn.adret grey.png grey.png --target=logits:1,2 --method=occlusion --window=9 --stride=9",
        "mlp.adret row.png --method=feature_ablation --grid=2", "resnet.adret colour.png --method=guided_grad_cam",
        "resnet.adret photo.png --resize --method=grad_cam --maps=conv1"}) {
    const Outcome other = Adret("attribute " + words);
    EXPECT_EQ(other.code, 0) << words << ": " << other.err;
    EXPECT_EQ(other.err, "attribute.png\n") << words;
  }
}

// A sheet that cannot be painted is refused before anything is computed.
TEST_F(ExplainTest, AttributeRefusesTooManyPicturesAtOnce) {
  ASSERT_TRUE(io::SaveNpy(Path("many.npy"), Tensor::Zeros(DType::kUint8, {2000, 28, 28})).ok());
  ExpectMistake("attribute cnn.adret many.npy --method=all --samples=1000000 --array=maps.npz", 1,
                absl::StrCat("a sheet of 2000 pictures and ", explain::AttributionMethods().size(),
                             " methods is too large; choose some, such as test.npy[0-49]"));
  EXPECT_FALSE(Exists("maps.npz"));
  ASSERT_TRUE(io::SaveNpy(Path("some.npy"), Tensor::Zeros(DType::kUint8, {50, 28, 28})).ok());
  const Outcome run = Adret("attribute cnn.adret some.npy --array=maps.npz");
  EXPECT_EQ(run.err, "maps.npz\nattribute.png\n");
}

TEST_F(ExplainTest, DreamsAndPaintsAtThePicturesSize) {
  EXPECT_EQ(Adret("dream cnn.adret --input=wide.png").code, 0);
  EXPECT_EQ(SizeOf("dream.png"), (Shape{1, 40, 60}));
  EXPECT_EQ(Adret("dream resnet.adret photo.png --unit='conv1+2*residual1/conv1:3' --octaves=2 --steps=3").code, 0);
  EXPECT_EQ(SizeOf("dream.png"), (Shape{3, 30, 20}));
  const Outcome run =
      Adret("style resnet.adret --content=photo.png --style=wide.png --steps=3 --style_layers=conv1,relu1");
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("style of conv1, relu1: distance"));
  EXPECT_EQ(SizeOf("style.png"), (Shape{3, 30, 20}));
}

TEST_F(ExplainTest, MistakesAreToldInOneSentenceAndOverwriteNothing) {
  const std::string before = "what was here before";
  ASSERT_TRUE(io::WriteFile(Path("old.png"), before).ok());
  ASSERT_TRUE(Adret("maximize cnn.adret --unit=conv2:1 --steps=1").code == 0);
  const auto expect = [&](const std::string& words, const std::string& message, int code = 1) {
    ExpectMistake(words + " --out=old.png", code, message);
    EXPECT_EQ(Bytes("old.png"), before) << words;
  };
  expect("maximize cnn.adret --unit=conv3:1", "no layer 'conv3'; the nearest names are conv");
  expect("maximize cnn.adret --unit=conv2:8", "layer conv2 has units 0 to 7, and no unit 8");
  expect("maximize cnn.adret --unit=conv2:1@11,0", "11 x 11, and have no position 11,0");
  expect("maximize cnn.adret --unit=logits:x", "'x' where a unit's number is expected");
  expect("maximize cnn.adret", "--unit must say what to excite");
  for (const char* command : {"maximize cnn.adret --unit=conv2:1", "dream cnn.adret --input=wide.png --unit=conv2",
                              "style cnn.adret --content=wide.png --style=grey.png", "report cnn.adret"}) {
    for (const char* steps : {"0", "-1"}) {
      expect(absl::StrCat(command, " --steps=", steps), absl::StrCat("--steps must be at least 1, but is ", steps));
    }
    if (absl::StrContains(command, "report")) continue;
    for (const char* rate : {"0", "-1", "nan"}) {
      expect(absl::StrCat(command, " --rate=", rate), absl::StrCat("--rate must be positive, but is ", rate));
    }
  }
  expect("maximize cnn.adret --unit=conv2:1 --basis=wavelets",
         "--basis must be one of pixels, fourier, but is 'wavelets'");
  expect("maximize cnn.adret --unit=conv2:1 --transforms=shake:3", "--transforms has 'shake:3'");
  expect("maximize cnn.adret --unit=conv2:1 --transforms=jitter:30", "Jitter: 30 pixels");
  expect("maximize cnn.adret --unit=conv2:1 --l1=-2", "at least 0");
  expect("maximize cnn.adret --unit=conv2:1 --images=100000", "--images must be between 1 and 4096");
  expect("maximize cnn.adret --unit=conv2:1 --decorrelate", "3 channels");
  expect("maximize cnn.adret --unit=conv2:1 --threads=-1", "--threads must be between");
  expect("maximize cnn.adret --unit=conv2:1 --speed=3", "there is no flag --speed", 2);
  expect("maximize nowhere.adret --unit=conv2:1", "nowhere.adret");
  expect("maximize cnn.adret --unit=conv2:1 --curve=old.png/curve.png", "old.png");
  ExpectMistake("maximize cnn.adret --unit=conv2:1 --out=old.png/x.png", 1, "old.png");
  ExpectMistake("maximize cnn.adret --unit=conv2:1 --out=/proc/x.png", 1, "/proc");
  ExpectMistake("maximize cnn.adret --unit=conv2:1 --out=old.png/new/x.png", 1, "old.png");
  ExpectMistake("maximize cnn.adret --unit=conv2:1 --out=/proc/new/x.png", 1, "/proc");
  ExpectMistake("maximize cnn.adret --unit=conv2:1 --out=new/", 1, "'new/' does not name a file");
  expect("attribute cnn.adret", "no picture to look at");
  expect("attribute cnn.adret --input=wide.png", "the picture is 60x40, but the network's are 28x28");
  expect("attribute resnet.adret --input=row.png", "8x8");
  expect("attribute cnn.adret --input=grey.png --method=guess", "guess");
  expect("attribute cnn.adret --input=grey.png --target=logits:10", "units 0 to 9, and no unit 10");
  expect("attribute cnn.adret --input=grey.png --target=logits:1,2", "names 2");
  expect("attribute mlp.adret --input=row.png --method=grad_cam", "no layer before 'classes' has maps");
  expect("attribute cnn.adret --input=grey.png --contours=much", "'much' where a number is expected");
  expect("attribute cnn.adret --input=cnn.adret", "cnn.adret");
  expect("dream cnn.adret", "one picture dreams, but 0 are given");
  expect("dream cnn.adret --input=wide.png --unit=logits:1", "made for one size");
  expect("dream mlp.adret --input=row.png", "no layer whose units have maps");
  expect("dream cnn.adret --input=wide.png --unit='conv2:*'", "a dream has one objective");
  expect("style cnn.adret --content=wide.png", "--style must name a picture");
  expect("style cnn.adret --content=wide.png --style=grey.png --style_layers=conv9", "'conv9'");
  expect("style cnn.adret --content=wide.png --style=nowhere.png", "nowhere.png");
}

TEST_F(ExplainTest, ARunThatFailsLeavesNoFolder) {
  ExpectMistake("maximize cnn.adret --unit=conv2:1 --l1=-2 --out=new/sheet.png --array=other/new/images.npy", 1,
                "at least 0");
  ExpectMistake("draw cnn.adret --unit=conf2:1 --out=new/folder/net.dot", 1, "the nearest names are conv2");
  EXPECT_FALSE(Exists("new"));
  EXPECT_FALSE(Exists("other"));
  EXPECT_EQ(Adret("draw cnn.adret --out=new/folder/net.dot").err, "new/folder/net.dot\n");
  EXPECT_TRUE(Exists("new/folder/net.dot"));
}

TEST_F(ExplainTest, NothingThatIsReadOrWrittenIsOverwritten) {
  ASSERT_EQ(Adret("attribute cnn.adret grey.png --array=maps.npz").code, 0);
  const std::string model = Bytes("cnn.adret"), picture = Bytes("grey.png");
  for (const std::string words :
       {"maximize cnn.adret --unit=conv2:1 --out=cnn.adret", "maximize cnn.adret --unit=conv2:1 --array=./cnn.adret",
        "attribute cnn.adret --input=grey.png --out=grey.png", "dream cnn.adret 'grey.png[0]' --out=./grey.png",
        "style cnn.adret --content=wide.png --style=grey.png --out=grey.png", "draw cnn.adret --out=cnn.adret"}) {
    ExpectMistake(words, 1, "would overwrite what is read");
  }
  ExpectMistake("maximize cnn.adret --unit=conv2:1 --out=z.png --curve=./z.png", 1, "would be written twice");
  ExpectMistake("maximize cnn.adret --unit=conv2:1 --out=z.jpg", 1, "what is written is png");
  EXPECT_EQ(Bytes("cnn.adret"), model);
  EXPECT_EQ(Bytes("grey.png"), picture);
  EXPECT_FALSE(Exists("z.png"));
}

TEST_F(ExplainTest, NumbersThatAreNotFiniteAreRefused) {
  Tensor picture = Tensor::Zeros(DType::kFloat32, {28, 28});
  picture.mutable_data<float>()[5] = NAN;
  ASSERT_TRUE(io::SaveNpy(Path("nan.npy"), picture).ok());
  ExpectMistake("attribute cnn.adret nan.npy", 1, "nan.npy: the picture has numbers that are not finite");
  ExpectMistake("run cnn.adret nan.npy", 1, "not finite");
  ExpectMistake("dream cnn.adret nan.npy", 1, "not finite");
  ExpectMistake("maximize cnn.adret --unit=conv2:1 --bounds=none --rate=1e300 --steps=3", 1, "not finite");
  EXPECT_FALSE(Exists("maximize.png"));
}

TEST_F(ExplainTest, TargetsAreCalledWhatTheyAre) {
  EXPECT_THAT(Adret("attribute cnn.adret grey.png --target=logits:5%").out, HasSubstr(" logits:5% "));
  EXPECT_THAT(Adret("attribute cnn.adret grey.png --target=conv2:3@2,2").out, HasSubstr(" conv2:3@2,2 "));
  EXPECT_EQ(Adret("attribute mlp.adret row.png --method=all").code, 0) << "those that need no maps";
}

// A long run that is ended leaves the old file and nothing else.
TEST_F(ExplainTest, AnInterruptedRunLeavesCompleteFilesOnly) {
  ASSERT_EQ(Adret("maximize cnn.adret --unit='conv2:*' --steps=1 --out=out/sheet.png").code, 0);
  const std::string before = Bytes("out/sheet.png");
  for (const int signal : {SIGINT, SIGTERM, SIGKILL}) {
    const std::string line = absl::StrCat("cd ", folder_, " && exec ", ADRET_COMMAND,
                                          " maximize cnn.adret --unit='conv2:*' --steps=100000000 --out=out/sheet.png "
                                          "--curve=out/curve.png 2>/dev/null");
    const pid_t child = fork();
    if (child == 0) {
      execl("/bin/sh", "sh", "-c", line.c_str(), nullptr);
      _exit(127);
    }
    absl::SleepFor(absl::Milliseconds(300));
    kill(child, signal);
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(Bytes("out/sheet.png"), before);
    int files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(Path("out"))) files += entry.is_regular_file();
    EXPECT_EQ(files, 1) << "signal " << signal;
  }
}

}  // namespace
}  // namespace adret::tools
