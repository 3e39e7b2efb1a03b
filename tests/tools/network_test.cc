// adret units, run and draw: the network in a file.
#include "adret/explain/network.h"

#include <sys/resource.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "adret/io/idx.h"
#include "adret/io/npy.h"
#include "adret/io/png.h"
#include "adret/nn/trainer.h"
#include "adret/ops/softmax.h"
#include "adret/ops/unary.h"
#include "adret/plot/graph_svg.h"
#include "adret/tests/tools/tool_test.h"

namespace adret::tools {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class NetworkTest : public ToolTest {
 protected:
  // A gradient of greys, other in each channel.
  static Tensor Picture(int64_t channels, int64_t height, int64_t width) {
    Tensor picture(DType::kUint8, {channels, height, width});
    int64_t i = 0;
    for (uint8_t& pixel : picture.mutable_data<uint8_t>()) pixel = static_cast<uint8_t>(i++ * 37 % 251);
    return picture;
  }
  void SavePicture(const std::string& name, int64_t channels, int64_t height, int64_t width) const {
    ASSERT_TRUE(io::SavePng(Path(name), Picture(channels, height, width)).ok());
  }

  // The logits that `adret run` saves for a file.
  Tensor Logits(const std::string& model, const std::string& file, const std::string& flags = "") const {
    const Outcome run = Adret(absl::StrCat("run ", model, " ", file, " --out=logits.npy ", flags));
    EXPECT_EQ(run.code, 0) << run.err;
    return io::LoadNpy(Path("logits.npy")).value_or(Tensor());
  }
  // The logits of images as the library computes them.
  Tensor Expected(const std::string& model, const Tensor& images) const {
    const io::Model loaded = *io::LoadModel(Path(model));
    const explain::Network network =
        *explain::Network::Create(loaded.inputs[0].value, *loaded.Output("logits"), loaded.state);
    return *nn::RunInBatches(network.output(), network.input(), *network.AsImages(images), network.state());
  }
};

TEST_F(NetworkTest, UnitsListsEveryLayer) {
  const Outcome run = Adret("units cnn.adret");
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("image leads to logits; pictures are 1x28x28"));
  EXPECT_THAT(run.out, ContainsRegex("conv2 +conv2d +8 +11x11 +8x8 +conv2:0 to conv2:7"));
  EXPECT_THAT(run.out, ContainsRegex("dense1 +matmul +16 +dense1:0 to dense1:15"));
  EXPECT_THAT(Adret("units mlp.adret").out, ContainsRegex("classes +softmax +3 +classes:0 to classes:2"));
  ExpectMistake("units cnn.adret --input_name=label", 1, "floating-point input");
  EXPECT_THAT(Adret("units cnn.adret --output=dense1").out, HasSubstr("image leads to dense1"));
  ExpectMistake("units cnn.adret --output=losses", 1, "the model has no output 'losses'; the nearest names are loss");
}

TEST_F(NetworkTest, FilesThatDoNotSayWhatAnswersAreLookedIntoToo) {
  Graph graph;
  const Value image = graph.Input("image", DType::kFloat32, {kAnyBatch, 1, 6, 6});
  const Value label = graph.Input("label", DType::kInt64, {kAnyBatch});
  const Value logits = nn::Sequential{nn::Conv2d(2, 3), nn::Flatten(), nn::Dense(3)}(image);
  const Value loss = nn::SoftmaxCrossEntropy(logits, label);
  const State state = *InitialState(graph, 1);
  for (const std::vector<io::NamedValue>& outputs : {std::vector<io::NamedValue>{}, {{"loss", loss}}}) {
    ASSERT_TRUE(io::SaveModel(Path("silent.adret"), {.graph = &graph, .state = &state, .outputs = outputs}).ok());
    EXPECT_THAT(Adret("units silent.adret").out, HasSubstr("image leads to dense1"));
    EXPECT_EQ(Adret("maximize silent.adret --unit=conv1:1 --steps=2").code, 0);
  }
}

TEST_F(NetworkTest, SomePicturesOfAFileCanBeChosen) {
  Tensor digits(DType::kUint8, {4, 28, 28});
  int64_t i = 0;
  for (uint8_t& pixel : digits.mutable_data<uint8_t>()) pixel = static_cast<uint8_t>(i++ * 37 % 241);
  ASSERT_TRUE(io::SaveNpy(Path("digits.npy"), digits).ok());
  ASSERT_TRUE(io::SaveIdx(Path("test-images-idx3-ubyte.gz"), digits, {.gzip = true}).ok());
  const Tensor all = Logits("cnn.adret", "digits.npy");
  for (const std::string file : {"digits.npy", "test-images-idx3-ubyte.gz"}) {
    EXPECT_TRUE(Logits("cnn.adret", file).BitEqual(all));
    const Tensor some = Logits("cnn.adret", "--input=" + file + "[2],'" + file + "[0-1]'");
    ASSERT_EQ(some.shape(), (Shape{3, 10}));
    for (int64_t k = 0; k < 10; ++k) {
      EXPECT_NEAR(some.At(k), all.At(20 + k), 1e-5);
      EXPECT_NEAR(some.At(20 + k), all.At(10 + k), 1e-5);
    }
  }
  EXPECT_THAT(Adret("run cnn.adret 'digits.npy[3]'").out, HasSubstr("digits.npy[3]"));
  ExpectMistake("run cnn.adret 'digits.npy[4]'", 1, "digits.npy holds pictures 0 to 3, and no picture 4");
  ExpectMistake("run cnn.adret 'digits.npy[2-1]'", 1, "'2-1' where pictures' numbers are expected");
  ExpectMistake("run cnn.adret 'digits.npy[x]'", 1, "'x' where pictures' numbers are expected");
  ExpectMistake("dream cnn.adret digits.npy", 1, "holds 4 pictures; choose one of them");
  EXPECT_EQ(Adret("dream cnn.adret 'digits.npy[1]' --zoom=2 --steps=1").code, 0);
  EXPECT_EQ(io::LoadPng(Path("dream.png"))->shape(), (Shape{1, 56, 56}));
  ExpectMistake("dream cnn.adret 'digits.npy[1]' --zoom=0", 1, "--zoom must be above 0");
}

TEST_F(NetworkTest, RunPrintsTheProbableClasses) {
  SavePicture("a.png", 1, 28, 28);
  const Outcome run = Adret("run cnn.adret a.png a.png --top=10");
  EXPECT_EQ(run.code, 0) << run.err;
  Graph graph;
  const Tensor logits = Expected("cnn.adret", Picture(1, 28, 28).Reshaped({1, 1, 28, 28}));
  const Tensor probabilities = *Evaluate(Softmax(graph.Constant(logits)));
  for (int64_t k = 0; k < 10; ++k) {
    EXPECT_THAT(run.out, ContainsRegex(absl::StrFormat(" %d +%.2f %%", k, 100 * probabilities.At(k))));
  }
  EXPECT_EQ(Adret("run cnn.adret --input=a.png,a.png --top=10").out, run.out);
  EXPECT_EQ(Adret("run cnn.adret image=a.png image=a.png --top=10").out, run.out);
  EXPECT_EQ(Adret("run cnn.adret a.png a.png --top=10 --threads=4").out, run.out);
  // An output that is probabilities already stays what it is.
  SavePicture("b.png", 1, 8, 8);
  EXPECT_THAT(Adret("run mlp.adret b.png --top=9").out, ContainsRegex("b.png +[0-2] +[0-9.]+ % +[0-2] "));
}

// Sigmoids are no probabilities of classes that exclude each other, nor is a number for a picture.
TEST_F(NetworkTest, RunPrintsValuesThatAreNoProbabilities) {
  SavePicture("a.png", 1, 6, 6);
  const auto save = [&](const std::function<Value(Value)>& last) {
    Graph graph;
    const Value image = graph.Input("image", DType::kFloat32, {kAnyBatch, 1, 6, 6});
    const Value y = last(nn::Sequential{nn::Flatten(), nn::Dense(2)}(image));
    const State state = *InitialState(graph, 1);
    ASSERT_TRUE(io::SaveModel(Path("net.adret"), {.graph = &graph, .state = &state, .outputs = {{"y", y}}}).ok());
  };
  save([](Value v) { return Sigmoid(v); });
  EXPECT_THAT(Adret("run net.adret a.png").out, AllOf(ContainsRegex("class +value"), Not(HasSubstr("%"))));
  save([](Value v) { return Softmax(v); });
  const std::string softmax = Adret("run net.adret a.png").out;
  EXPECT_THAT(softmax, AllOf(ContainsRegex("class +probability"), HasSubstr("%")));
  save([](Value v) { return Exp(LogSoftmax(v)); });
  EXPECT_EQ(Adret("run net.adret a.png").out, softmax);
}

TEST_F(NetworkTest, PicturesFitTheNetwork) {
  SavePicture("grey.png", 1, 28, 28);
  const Tensor grey = Expected("cnn.adret", Picture(1, 28, 28).Reshaped({1, 1, 28, 28}));
  EXPECT_TRUE(Logits("cnn.adret", "grey.png").BitEqual(grey));

  // The same as an array, of bytes and of numbers, with and without axes of length 1.
  const Tensor bytes = Picture(1, 28, 28);
  Tensor numbers(DType::kFloat64, {28, 28});
  for (int64_t i = 0; i < 784; ++i) numbers.mutable_data<double>()[i] = bytes.At(i) / 255;
  ASSERT_TRUE(io::SaveNpy(Path("bytes.npy"), bytes).ok());
  ASSERT_TRUE(io::SaveNpy(Path("numbers.npy"), numbers).ok());
  EXPECT_TRUE(Logits("cnn.adret", "bytes.npy").BitEqual(grey));
  EXPECT_TRUE(Logits("cnn.adret", "numbers.npy").BitEqual(grey));
  EXPECT_EQ(Logits("cnn.adret", "numbers.npy grey.png bytes.npy").shape(), (Shape{3, 10}));

  // Colour to grey by Rec. 709; grey to colour; what is transparent over white.
  const Tensor colour = Picture(3, 28, 28);
  Tensor luminance(DType::kFloat32, {1, 1, 28, 28});
  for (int64_t i = 0; i < 784; ++i) {
    luminance.mutable_data<float>()[i] = static_cast<float>(
        (0.2126 * colour.At(i) + 0.7152 * colour.At(784 + i) + 0.0722 * colour.At(2 * 784 + i)) / 255);
  }
  ASSERT_TRUE(io::SavePng(Path("colour.png"), colour).ok());
  const Tensor from_colour = Logits("cnn.adret", "colour.png"), expected = Expected("cnn.adret", luminance);
  for (int64_t k = 0; k < 10; ++k) EXPECT_NEAR(from_colour.At(k), expected.At(k), 1e-5);

  SavePicture("small.png", 1, 16, 16);
  Tensor three(DType::kUint8, {1, 3, 16, 16});
  for (int64_t i = 0; i < 768; ++i)
    three.mutable_data<uint8_t>()[i] = static_cast<uint8_t>(Picture(1, 16, 16).At(i % 256));
  EXPECT_TRUE(Logits("resnet.adret", "small.png").BitEqual(Expected("resnet.adret", three)));

  Tensor clear = Picture(4, 16, 16);
  for (int64_t i = 768; i < 1024; ++i) clear.mutable_data<uint8_t>()[i] = 0;
  ASSERT_TRUE(io::SavePng(Path("clear.png"), clear).ok());
  EXPECT_TRUE(Logits("resnet.adret", "clear.png")
                  .BitEqual(Expected("resnet.adret", Tensor::Full(DType::kUint8, {1, 3, 16, 16}, 255))));
}

// What an array is depends on the network, not on whether there happen to be three.
TEST_F(NetworkTest, ArraysOfAnyNumberOfPictures) {
  for (int64_t n = 1; n <= 4; ++n) {
    const Tensor bytes = Picture(n, 28, 28), expected = Expected("cnn.adret", bytes.Reshaped({n, 1, 28, 28}));
    ASSERT_TRUE(io::SaveNpy(Path("grey.npy"), bytes).ok());
    EXPECT_TRUE(Logits("cnn.adret", "grey.npy").BitEqual(expected)) << n;
    ASSERT_TRUE(io::SaveNpy(Path("grey.npy"), bytes.Reshaped({n, 1, 28, 28})).ok());
    EXPECT_TRUE(Logits("cnn.adret", "grey.npy").BitEqual(expected)) << n;
    const Tensor colour = Picture(3 * n, 16, 16).Reshaped({n, 3, 16, 16});
    ASSERT_TRUE(io::SaveNpy(Path("colour.npy"), colour).ok());
    EXPECT_TRUE(Logits("resnet.adret", "colour.npy").BitEqual(Expected("resnet.adret", colour))) << n;
    ASSERT_TRUE(io::SaveNpy(Path("last.npy"), colour.Reshaped({n, 16, 16, 3})).ok());
    ExpectMistake("run resnet.adret last.npy --resize", 1, "the picture has 16 channels, but the network's have 3");
  }
}

TEST_F(NetworkTest, APictureIsOneUnderAnyName) {
  ASSERT_TRUE(io::SavePng(Path("clear.png"), Picture(4, 28, 28)).ok());
  std::filesystem::copy(Path("clear.png"), Path("clear.picture"));
  EXPECT_TRUE(Logits("cnn.adret", "clear.picture").BitEqual(Logits("cnn.adret", "clear.png")));
}

// The file's bytes and the network's numbers are held, and little else.
TEST_F(NetworkTest, ManyPicturesTakeLittleMemory) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers keep what is freed";
#endif
  const auto peak_bytes = [this](const std::string& file) {
    const std::string line = absl::StrCat("cd ", folder_, " && exec ", ADRET_COMMAND, " run cnn.adret ", file,
                                          " --out=logits.npy 2>.err >.out");
    const pid_t child = fork();
    if (child == 0) {
      execl("/bin/sh", "sh", "-c", line.c_str(), nullptr);
      _exit(127);
    }
    int status = 0;
    struct rusage usage = {};
    wait4(child, &status, 0, &usage);
    EXPECT_EQ(status, 0) << *io::ReadFile(Path(".err"));
    return int64_t{usage.ru_maxrss} << 10;
  };
  const Tensor many = Tensor::Zeros(DType::kUint8, {40000, 28, 28});
  ASSERT_TRUE(io::SaveNpy(Path("one.npy"), Tensor::Zeros(DType::kUint8, {1, 28, 28})).ok());
  ASSERT_TRUE(io::SaveNpy(Path("many.npy"), many).ok());
  EXPECT_LT(peak_bytes("many.npy") - peak_bytes("one.npy"), 8 * many.num_bytes());
}

TEST_F(NetworkTest, PicturesOfAnotherSizeAreResizedOnRequest) {
  ASSERT_TRUE(io::SavePng(Path("even.png"), Tensor::Full(DType::kUint8, {1, 40, 56}, 200)).ok());
  ExpectMistake("run cnn.adret even.png", 1,
                "even.png: the picture is 56x40, but the network's are 28x28 (width x height); --resize fits it");
  EXPECT_TRUE(Logits("cnn.adret", "even.png", "--resize")
                  .BitEqual(Expected("cnn.adret", Tensor::Full(DType::kUint8, {1, 1, 28, 28}, 200))));
  ASSERT_TRUE(io::SaveNpy(Path("many.npy"), Tensor::Zeros(DType::kFloat32, {1, 7, 28, 28})).ok());
  ExpectMistake("run cnn.adret many.npy", 1, "the picture has 7 channels, but the network's have 1");
  ASSERT_TRUE(io::SaveNpy(Path("line.npy"), Tensor::Zeros(DType::kFloat32, {5})).ok());
  ExpectMistake("run cnn.adret line.npy", 1, "an array [5] is no picture; the network expects f32[?,1,28,28]");
}

TEST_F(NetworkTest, RunSavesAnyValue) {
  SavePicture("a.png", 1, 28, 28);
  const Outcome run = Adret("run cnn.adret a.png --fetch=conv2 --out=new/folder/maps.npy");
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(io::LoadNpy(Path("new/folder/maps.npy"))->shape(), (Shape{1, 8, 11, 11}));
  EXPECT_EQ(Adret("run cnn.adret a.png --fetch=logits").out, Adret("run cnn.adret a.png").out);
  EXPECT_THAT(Adret("run cnn.adret a.png --fetch=dense1").out, StartsWith("f32[1,16] "));

  // Inputs by name.
  ASSERT_TRUE(io::SaveNpy(Path("x.npy"), Tensor::Zeros(DType::kFloat32, {2, 1, 28, 28})).ok());
  ASSERT_TRUE(io::SaveNpy(Path("y.npy"), Tensor::From<int32_t>({2}, {3, 4})).ok());
  const io::Model model = *io::LoadModel(Path("cnn.adret"));
  const Tensor loss = *Evaluate(*model.Output("loss"),
                                {{*model.Input("image"), Tensor::Zeros(DType::kFloat32, {2, 1, 28, 28})},
                                 {*model.Input("label"), Tensor::From<int64_t>({2}, {3, 4})}},
                                &model.state);
  EXPECT_EQ(Adret("run cnn.adret image=x.npy label=y.npy --fetch=loss").out, loss.ToString() + "\n");
}

TEST_F(NetworkTest, MistakesCostNoFile) {
  SavePicture("a.png", 1, 28, 28);
  ASSERT_TRUE(io::WriteFile(Path("old.npy"), "old").ok());
  ExpectMistake("run cnn.adret", 1, "expects pictures or arrays");
  ExpectMistake("run cnn.adret nowhere.png --out=old.npy", 1, "nowhere.png");
  ExpectMistake("run cnn.adret cnn.adret --out=old.npy", 1, "cnn.adret");
  ExpectMistake("run cnn.adret a.png --fetch=conf2 --out=old.npy", 1, "the nearest names are conv2");
  ExpectMistake("run cnn.adret a.png --fetch=loss --out=old.npy", 1, "output must be floating-point");
  ExpectMistake("run cnn.adret a.png --top=0 --out=old.npy", 1, "--top must be at least 1");
  ExpectMistake("run cnn.adret a.png --threads=-1", 1, "--threads must be between 0 and");
  ExpectMistake("run cnn.adret a.png --out=a.png/x.npy", 1, "a.png");
  ExpectMistake("run cnn.adret label=a.png", 1, "a.png: several inputs at once are fed with arrays (.npy)");
  ExpectMistake("run cnn.adret image=old.npy a.png", 1, "old.npy");
  ExpectMistake("draw cnn.adret --format=pdf", 1, "--format must be dot or svg, but is 'pdf'");
  ExpectMistake("draw cnn.adret --unit=conv2:8 --out=old.npy", 1, "adret draw: ");
  ExpectMistake("draw cnn.adret --unit=conf2:1 --out=old.npy", 1, "the nearest names are conv2");
  ExpectMistake("draw cnn.adret --out=a.png/x.svg", 1, "a.png");
  EXPECT_EQ(*io::ReadFile(Path("old.npy")), "old");
}

TEST_F(NetworkTest, DrawShowsLayersOrNodes) {
  const Outcome layers = Adret("draw resnet.adret");
  EXPECT_EQ(layers.code, 0) << layers.err;
  EXPECT_THAT(layers.out, AllOf(StartsWith("digraph"), HasSubstr("residual1/conv1\\n6x16x16\\n324 parameters"),
                                Not(HasSubstr("#c2410c"))));
  EXPECT_THAT(Adret("draw resnet.adret --unit=residual1/conv1:3").out, HasSubstr("#c2410c"));
  const std::string nodes = Adret("draw cnn.adret --nodes").out;
  EXPECT_THAT(nodes, AllOf(HasSubstr("conv2d"), HasSubstr("f32[?,4,26,26]"), Not(HasSubstr("adam"))));
  EXPECT_THAT(Adret("draw cnn.adret --nodes --unit=conv2:7").out, HasSubstr("conv2d_x_grad"));
}

TEST_F(NetworkTest, DrawWritesSvg) {
  if (absl::IsUnimplemented(plot::GraphvizSvg("digraph {}").status())) GTEST_SKIP() << "built without Graphviz";
  const Outcome run = Adret("draw cnn.adret --unit=conv2:7 --out=pictures/net.svg");
  EXPECT_EQ(run.code, 0) << run.err;
  const std::string svg = *io::ReadFile(Path("pictures/net.svg"));
  EXPECT_THAT(svg,
              AllOf(StartsWith("<svg"), HasSubstr("3,216 parameters"), HasSubstr("conv2:7"), HasSubstr("#c2410c")));
  EXPECT_EQ(Adret("draw cnn.adret --unit=conv2:7 --format=svg").out, svg);
}

}  // namespace
}  // namespace adret::tools
