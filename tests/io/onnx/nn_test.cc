// What convolutions, poolings, norms, products, dropout and samplers mean in old operator sets, which the node suite
// does not have; sizes that only a run knows; training; and what is refused.
#include <cmath>
#include <limits>
#include <vector>

#include "adret/core/executor.h"
#include "adret/tests/io/onnx/one_node.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::onnx {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using Given = std::vector<std::optional<Tensor>>;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Returns the numbers of output i; none after an error, which is a failure.
std::vector<double> Numbers(const absl::StatusOr<std::vector<Tensor>>& outputs, size_t i = 0) {
  EXPECT_TRUE(outputs.ok()) << outputs.status();
  std::vector<double> numbers;
  if (!outputs.ok() || i >= outputs->size()) return numbers;
  for (int64_t k = 0; k < (*outputs)[i].num_elements(); ++k) numbers.push_back((*outputs)[i].At(k));
  return numbers;
}

template <class T>
std::string ErrorOf(const absl::StatusOr<T>& result) {
  return result.ok() ? "" : std::string(result.status().message());
}

// Returns start, start + 1, ... as f32.
Tensor Counting(const Shape& shape, float start = 0) {
  Tensor x(DType::kFloat32, shape);
  for (int64_t i = 0; i < x.num_elements(); ++i) x.mutable_data<float>()[i] = start + static_cast<float>(i);
  return x;
}

Tensor Ones(const Shape& shape) { return Tensor::Full(DType::kFloat32, shape, 1); }

using Sizes = std::vector<int64_t>;

// Runs a model whose input 0 has sizes that only a run knows, on an input, and compares with the sizes known.
void ExpectSameWithSymbols(const OneNode& node, const Given& inputs, const Shape& symbolic) {
  const absl::StatusOr<std::vector<Tensor>> known = node.Run(inputs, inputs.size());
  ASSERT_TRUE(known.ok()) << known.status();
  std::vector<std::optional<Type>> types{Type{inputs[0]->dtype(), symbolic}};
  for (size_t i = 1; i < inputs.size(); ++i) types.push_back(inputs[i]->type());
  absl::StatusOr<io::Model> model = node.Load(types);
  ASSERT_TRUE(model.ok()) << model.status();
  Feeds feeds;
  for (size_t i = 0; i < inputs.size(); ++i) feeds.emplace_back(model->inputs[i].value, *inputs[i]);
  const absl::StatusOr<std::vector<Tensor>> found = Evaluate(Values{model->outputs[0].value}, feeds, &model->state);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ((*found)[0].shape(), (*known)[0].shape());
  EXPECT_EQ(Numbers(found), Numbers(known));
}

// ---- Windows ----------------------------------------------------------------------------------------------------

TEST(OnnxConv, PadsForSymbolicSizesAsForKnownOnes) {
  const Shape symbolic{kAnyBatch, 1, Dim("rows"), Dim("columns")};
  for (const char* mode : {"SAME_UPPER", "SAME_LOWER", "VALID"}) {
    for (const int64_t size : {4, 5, 6, 7}) {
      for (const int64_t stride : {1, 2, 3}) {
        const Given conv{Counting({2, 1, size, size + 3}), Counting({1, 1, 3, 3}, -4)};
        ExpectSameWithSymbols(OneNode("Conv", 11).Attr("auto_pad", mode).Attr("strides", Sizes{stride, stride}), conv,
                              symbolic);
        for (const char* op : {"MaxPool", "AveragePool"}) {
          OneNode pool(op, 11);
          pool.Attr("auto_pad", mode).Attr("strides", Sizes{stride, stride}).Attr("kernel_shape", Sizes{3, 3});
          ExpectSameWithSymbols(pool, {Counting({2, 1, size, size + 3}, -40)}, symbolic);
        }
      }
    }
  }
}

TEST(OnnxPool, RoundsSymbolicSizesUp) {
  for (const int64_t size : {4, 5, 6, 7}) {
    for (const char* op : {"MaxPool", "AveragePool"}) {
      OneNode pool(op, 11);
      pool.Attr("ceil_mode", 1).Attr("strides", Sizes{2, 2}).Attr("kernel_shape", Sizes{3, 2});
      ExpectSameWithSymbols(pool, {Counting({2, 1, size, size + 3}, -40)}, {kAnyBatch, 1, Dim("rows"), Dim("columns")});
    }
  }
}

TEST(OnnxConv, RefusesWhatDoesNotFit) {
  const Tensor x = Ones({1, 2, 5, 5}), w = Ones({3, 2, 3, 3});
  const auto error = [&](OneNode node) { return ErrorOf(node.Run({x, w}, 2)); };
  EXPECT_THAT(error(OneNode("Conv", 11).Attr("kernel_shape", Sizes{2, 2})), HasSubstr("kernel_shape is another one"));
  EXPECT_THAT(error(OneNode("Conv", 11).Attr("strides", Sizes{0, 1})), HasSubstr("strides must be in [1, 2^24]"));
  EXPECT_THAT(error(OneNode("Conv", 11).Attr("strides", Sizes{1})), HasSubstr("strides must have 2 numbers"));
  EXPECT_THAT(error(OneNode("Conv", 11).Attr("pads", Sizes{-1, 0, 0, 0})), HasSubstr("pads must be in [0, 2^24]"));
  EXPECT_THAT(error(OneNode("Conv", 11).Attr("auto_pad", "BOTH")), HasSubstr("auto_pad must be"));
  EXPECT_THAT(error(OneNode("Conv", 11).Attr("group", 3)), HasSubstr("groups"));
  EXPECT_THAT(error(OneNode("Conv", 11).Attr("dilations", Sizes{3, 3})), HasSubstr("the window covers 7"));
  EXPECT_THAT(ErrorOf(OneNode("Conv", 11).Run({Ones({2, 2}), w}, 2)), HasSubstr("one, two or three axes"));
  EXPECT_THAT(ErrorOf(OneNode("Conv", 11).Run({x, Tensor::Scalar(DType::kFloat32, 1)}, 2)), HasSubstr("filters"));
  EXPECT_THAT(ErrorOf(OneNode("Conv", 11).Run({x, w, Ones({2})}, 3)), HasSubstr("the bias must be [3]"));
  EXPECT_THAT(ErrorOf(OneNode("Conv", 11).Run({x}, 1)), HasSubstr("missing"));
  EXPECT_THAT(ErrorOf(OneNode("ConvTranspose", 11).Run({x, w}, 2)), HasSubstr("number of channels"));
  EXPECT_THAT(ErrorOf(OneNode("ConvTranspose", 11).Attr("output_shape", Sizes{5}).Run({x, Ones({2, 1, 2, 2})}, 2)),
              HasSubstr("output_shape must have 2 numbers"));
  EXPECT_THAT(ErrorOf(OneNode("MaxPool", 11).Run({x})), HasSubstr("kernel_shape is missing"));
  EXPECT_THAT(ErrorOf(OneNode("MaxPool", 11).Attr("kernel_shape", Sizes{9, 9}).Run({x})), HasSubstr("window covers 9"));
  OneNode small("AveragePool", 11);
  small.Attr("kernel_shape", Sizes{1, 1}).Attr("strides", Sizes{3, 3}).Attr("auto_pad", "SAME_UPPER");
  EXPECT_THAT(ErrorOf(small.Run({Ones({1, 1, 6, 6})})), HasSubstr("is not read"));
}

TEST(OnnxConvTranspose, FillsUpWhatOutputShapeAsksFor) {
  OneNode node("ConvTranspose", 7);
  node.Attr("strides", Sizes{2}).Attr("output_shape", Sizes{1, 1, 6});  // some files name batch and channels, too
  EXPECT_THAT(Numbers(node.Run({Counting({1, 1, 2}, 1), Ones({1, 1, 2})}, 2)), ElementsAre(1, 1, 2, 2, 0, 0));
  OneNode padded("ConvTranspose", 7);
  padded.Attr("output_padding", Sizes{2}).Attr("dilations", Sizes{3});  // less than the dilation
  EXPECT_THAT(Numbers(padded.Run({Counting({1, 1, 2}, 1), Ones({1, 1, 2})}, 2)), ElementsAre(1, 2, 0, 1, 2, 0, 0));
}

TEST(OnnxPool, PoolsIntegersAndCountsIndicesThroughAllChannels) {
  const Tensor x = Tensor::From<int8_t>({1, 2, 2, 2}, {-5, -3, -4, -6, 1, 2, 9, 3});
  const auto y = OneNode("MaxPool", 12).Attr("kernel_shape", Sizes{2, 2}).Outputs(2).Run({x});
  EXPECT_THAT(Numbers(y), ElementsAre(-3, 9));
  EXPECT_THAT(Numbers(y, 1), ElementsAre(1, 6));
  const auto columns =
      OneNode("MaxPool", 12).Attr("kernel_shape", Sizes{2, 2}).Attr("storage_order", 1).Outputs(2).Run({x});
  EXPECT_THAT(Numbers(columns, 1), ElementsAre(2, 5));
  // In three dimensions: 0 .. 7 in each of two images, of which only a run knows how many there are.
  ExpectSameWithSymbols(OneNode("MaxPool", 12).Attr("kernel_shape", Sizes{2, 2, 2}).Outputs(2),
                        {Counting({2, 1, 2, 2, 2})}, {kAnyBatch, 1, 2, 2, 2});
}

TEST(OnnxPool, LpPoolTakesPAsANumberInTheFirstOperatorSet) {
  const Tensor x = Tensor::From<float>({1, 1, 4}, {3, -4, 0, 0});
  const auto pool = [](int version) {
    OneNode node("LpPool", version);
    node.Attr("kernel_shape", Sizes{2}).Attr("strides", Sizes{2});
    return node;
  };
  EXPECT_THAT(Numbers(pool(1).Attr("p", 1.0f).Run({x})), ElementsAre(7, 0));
  EXPECT_THAT(Numbers(pool(2).Attr("p", 2).Run({x})), ElementsAre(5, 0));
  EXPECT_THAT(ErrorOf(pool(2).Attr("p", 0).Run({x})), HasSubstr("p must be positive"));
  EXPECT_THAT(ErrorOf(pool(2).Attr("p", 2.0f).Run({x})), HasSubstr("the attribute p is a number"));
}

// ---- Norms ------------------------------------------------------------------------------------------------------

TEST(OnnxBatchNorm, TrainsAsEachOperatorSetSays) {
  const Tensor x = Tensor::From<float>({2, 1}, {1, 3}), one = Ones({1}), zero = Tensor::Zeros(DType::kFloat32, {1});
  const Given given{x, one, zero, zero, one};
  const auto norm = [](int version) { return OneNode("BatchNormalization", version).Attr("epsilon", 0.0f); };
  EXPECT_THAT(Numbers(norm(14).Run(given)), ElementsAre(1, 3));
  EXPECT_THAT(Numbers(norm(14).Attr("training_mode", 1).Run(given)), ElementsAre(-1, 1));
  EXPECT_THAT(Numbers(norm(9).Run(given)), ElementsAre(1, 3));
  EXPECT_THAT(Numbers(norm(9).Outputs(3).Run(given)), ElementsAre(-1, 1));
  EXPECT_THAT(Numbers(norm(7).Attr("spatial", 0).Run(given)), ElementsAre(1, 3));
  EXPECT_THAT(Numbers(norm(6).Run(given)), ElementsAre(-1, 1));
  EXPECT_THAT(Numbers(norm(6).Attr("is_test", 1).Run(given)), ElementsAre(1, 3));
  const auto running = norm(14).Attr("training_mode", 1).Attr("momentum", 0.5f).Outputs(3).Run(given);
  EXPECT_THAT(Numbers(running, 1), ElementsAre(1));  // 0.5 * 0 + 0.5 * 2
  EXPECT_THAT(Numbers(running, 2), ElementsAre(1));  // 0.5 * 1 + 0.5 * 1
  EXPECT_THAT(ErrorOf(norm(6).Attr("spatial", 0).Run(given)), HasSubstr("training with spatial = 0"));
  EXPECT_THAT(ErrorOf(norm(14).Run({x, one, zero, zero, Ones({2})})), HasSubstr("must be [1]"));
  EXPECT_THAT(ErrorOf(norm(14).Run({x, one, zero, zero})), HasSubstr("missing"));
}

// A BatchNormalization whose parameters are initialisers.
std::string BatchNormFile() {
  proto::Model model;
  model.add_opset_import()->set_version(14);
  proto::Graph* graph = model.mutable_graph();
  proto::Node* node = graph->add_node();
  node->set_op_type("BatchNormalization");
  node->add_output("y");
  for (const char* name : {"x", "scale", "bias", "mean", "variance"}) node->add_input(name);
  for (const char* name : {"scale", "bias", "mean", "variance"}) {
    proto::Tensor* tensor = graph->add_initializer();
    tensor->set_name(name), tensor->set_data_type(1), tensor->add_dims(1);
    tensor->add_float_data(*name == 's' || *name == 'v' ? 1 : 0);
  }
  proto::ValueInfo* input = graph->add_input();
  input->set_name("x");
  proto::Type::TensorType* type = input->mutable_type()->mutable_tensor_type();
  type->set_elem_type(1);
  type->mutable_shape()->add_dim()->set_dim_value(2), type->mutable_shape()->add_dim()->set_dim_value(1);
  graph->add_output()->set_name("y");
  return model.SerializeAsString();
}

TEST(OnnxBatchNorm, UpdatesRunningStatisticsOnlyInTraining) {
  const absl::StatusOr<io::Model> inference = io::ParseOnnx(BatchNormFile());
  ASSERT_TRUE(inference.ok()) << inference.status();
  EXPECT_EQ(inference->graph->side_updates().size(), 0u);
  absl::StatusOr<io::Model> training = io::ParseOnnx(BatchNormFile(), {.training = true});
  ASSERT_TRUE(training.ok()) << training.status();
  ASSERT_EQ(training->graph->side_updates().size(), 2u);
  const auto& [mean, next] = training->graph->side_updates()[0];
  EXPECT_EQ(mean.name(), "mean");
  const Feeds feeds{{training->inputs[0].value, Tensor::From<float>({2, 1}, {1, 3})}};
  const absl::StatusOr<Tensor> moved = Evaluate(next, feeds, &training->state);
  ASSERT_TRUE(moved.ok()) << moved.status();
  EXPECT_NEAR(moved->At(0), 0.2, 1e-6);
}

TEST(OnnxNorm, ScalesGroupsInOneOperatorSetAndChannelsInTheNext) {
  const Tensor x = Tensor::From<float>({1, 4, 1}, {-1, 1, -1, 1}), bias = Tensor::Zeros(DType::kFloat32, {2});
  const Tensor two = Tensor::From<float>({2}, {1, 2}), four = Tensor::From<float>({4}, {1, 2, 3, 4});
  const auto norm = [](int version) {
    return OneNode("GroupNormalization", version).Attr("num_groups", 2).Attr("epsilon", 0.0f);
  };
  EXPECT_THAT(Numbers(norm(18).Run({x, two, bias})), ElementsAre(-1, 1, -2, 2));
  EXPECT_THAT(Numbers(norm(21).Run({x, four, Tensor::Zeros(DType::kFloat32, {4})})), ElementsAre(-1, 2, -3, 4));
  EXPECT_THAT(ErrorOf(norm(21).Run({x, two, bias})), HasSubstr("must be [4]"));
  EXPECT_THAT(ErrorOf(norm(18).Run({x, four, four})), HasSubstr("must be [2]"));
  EXPECT_THAT(ErrorOf(norm(18).Run({Ones({1, 3, 1}), two, bias})), HasSubstr("do not divide"));
}

TEST(OnnxNorm, GivesStatisticsOfHalvesAsFloats) {
  const Tensor x = Tensor::From<float>({1, 2}, {-1, 1}).Cast(DType::kFloat16);
  const Tensor scale = Ones({2}).Cast(DType::kFloat16);
  const auto y = OneNode("LayerNormalization", 17).Attr("epsilon", 0.0f).Outputs(3).Run({x, scale, scale}, 3);
  EXPECT_THAT(Numbers(y), ElementsAre(0, 2));
  ASSERT_TRUE(y.ok());
  EXPECT_EQ((*y)[0].dtype(), DType::kFloat16);
  EXPECT_EQ((*y)[1].type(), (Type{DType::kFloat32, {1, 1}}));
  EXPECT_EQ((*y)[2].dtype(), DType::kFloat32);
  EXPECT_THAT(ErrorOf(OneNode("LayerNormalization", 17).Attr("axis", 2).Run({x, scale})), HasSubstr("is no axis"));
  EXPECT_THAT(ErrorOf(OneNode("LayerNormalization", 17).Run({x, Ones({3}).Cast(DType::kFloat16)})),
              HasSubstr("must fit"));
}

// ---- Softmax, losses, dropout -----------------------------------------------------------------------------------

TEST(OnnxSoftmax, FlattensInOldOperatorSets) {
  const Tensor x = Tensor::Zeros(DType::kFloat32, {2, 2, 2});
  EXPECT_THAT(Numbers(OneNode("Softmax", 13).Run({x})), Each(0.5));
  EXPECT_THAT(Numbers(OneNode("Softmax", 11).Run({x})), Each(0.25));
  EXPECT_THAT(Numbers(OneNode("Softmax", 1).Attr("axis", 0).Run({x})), Each(0.125));
  EXPECT_THAT(Numbers(OneNode("Hardmax", 11).Run({x})), ElementsAre(1, 0, 0, 0, 1, 0, 0, 0));
  EXPECT_THAT(ErrorOf(OneNode("Softmax", 11).Attr("axis", 4).Run({x})), HasSubstr("is no axis"));
  ExpectSameWithSymbols(OneNode("LogSoftmax", 11), {Counting({3, 2, 2})}, {kAnyBatch, Dim("a"), Dim("b")});
}

TEST(OnnxLoss, LeavesIgnoredTargetsOut) {
  const Tensor x = Tensor::From<float>({2, 2}, {-1, -2, -kInfinity, -4});
  const Tensor targets = Tensor::From<int64_t>({2}, {1, -1});
  const OneNode loss = OneNode("NegativeLogLikelihoodLoss", 13).Attr("ignore_index", -1);
  EXPECT_THAT(Numbers(loss.Run({x, targets}, 2)), ElementsAre(2));
  EXPECT_THAT(Numbers(loss.Run({x, targets, Tensor::From<float>({2}, {5, 3})}, 3)), ElementsAre(2));
  EXPECT_THAT(ErrorOf(OneNode("NegativeLogLikelihoodLoss", 13).Run({x, targets}, 2)), HasSubstr("-1"));
  EXPECT_THAT(ErrorOf(loss.Run({x, x}, 2)), HasSubstr("targets must be integers"));
}

TEST(OnnxDropout, DropsWhereTheFileOrTheRunSays) {
  const Tensor x = Ones({1000}), ratio = Tensor::Scalar(DType::kFloat32, 0.75);
  const Tensor yes = Tensor::Full(DType::kBool, {}, 1), no = Tensor::Full(DType::kBool, {}, 0);
  EXPECT_THAT(Numbers(OneNode("Dropout", 13).Run({x})), Each(1));
  EXPECT_THAT(Numbers(OneNode("Dropout", 10).Attr("ratio", 0.9f).Run({x})), Each(1));
  EXPECT_THAT(Numbers(OneNode("Dropout", 6).Attr("is_test", 1).Run({x})), Each(1));
  EXPECT_THAT(Numbers(OneNode("Dropout", 13).Run({x, ratio, no}, 3)), Each(1));
  for (const size_t fed : {1, 3}) {  // known while the file is read, or in a run
    const auto y = OneNode("Dropout", 13).Outputs(2).Run({x, ratio, yes}, fed);
    const std::vector<double> numbers = Numbers(y), mask = Numbers(y, 1);
    double kept = 0;
    for (size_t i = 0; i < numbers.size(); ++i) {
      EXPECT_EQ(numbers[i], 4 * mask[i]);
      kept += mask[i];
    }
    EXPECT_NEAR(kept, 250, 60);
  }
  EXPECT_THAT(ErrorOf(OneNode("Dropout", 6).Attr("ratio", 1.5f).Run({x})), HasSubstr("must be in [0, 1)"));
}

// ---- Products ---------------------------------------------------------------------------------------------------

TEST(OnnxGemm, TakesIntegersAndTermsThatCountForNothing) {
  const Tensor a = Tensor::From<int32_t>({1, 2}, {1, 2}), b = Tensor::From<int32_t>({3, 2}, {1, 2, 3, 4, 5, 6});
  EXPECT_THAT(Numbers(OneNode("Gemm", 13).Attr("transB", 1).Attr("alpha", 2.0f).Run({a, b}, 2)),
              ElementsAre(10, 22, 34));
  EXPECT_THAT(ErrorOf(OneNode("Gemm", 13).Attr("transB", 1).Attr("alpha", 0.5f).Run({a, b}, 2)), HasSubstr("integers"));
  const Tensor one = Ones({1, 1}), infinite = Tensor::Full(DType::kFloat32, {1}, kInfinity);
  EXPECT_THAT(Numbers(OneNode("Gemm", 7).Attr("beta", 0.0f).Run({one, one, infinite}, 3)), ElementsAre(1));
  EXPECT_THAT(Numbers(OneNode("Gemm", 6).Attr("broadcast", 1).Run({one, one, Ones({1})}, 3)), ElementsAre(2));
  EXPECT_THAT(ErrorOf(OneNode("Gemm", 7).Run({Ones({1, 1, 1}), one, one}, 3)), HasSubstr("must be matrices"));
  EXPECT_THAT(ErrorOf(OneNode("Gemm", 7).Run({one, one, Ones({1, 1, 1})}, 3)), HasSubstr("C must fit"));
  EXPECT_THAT(ErrorOf(OneNode("MatMul", 13).Run({Tensor::Scalar(DType::kFloat32, 1), one}, 2)), HasSubstr("scalar"));
}

// ---- Samplers ---------------------------------------------------------------------------------------------------

TEST(OnnxGridSample, ReadsImagesOfSymbolicSizes) {
  const Tensor grid = Tensor::From<float>({2, 1, 2, 2}, {-0.9f, 0.3f, 1.4f, -1.2f, 0, 0, 0.5f, 3});
  const Shape symbolic{kAnyBatch, 2, Dim("rows"), Dim("columns")};
  for (const char* padding : {"zeros", "border", "reflection"}) {
    for (const char* mode : {"linear", "nearest", "cubic"}) {
      OneNode node("GridSample", 20);
      node.Attr("mode", mode).Attr("padding_mode", padding);
      std::vector<std::optional<Type>> types{Type{DType::kFloat32, symbolic},
                                             Type{DType::kFloat32, {kAnyBatch, 1, 2, 2}}};
      const auto known = node.Run({Counting({2, 2, 3, 4}), grid}, 2);
      absl::StatusOr<io::Model> model = node.Load(types);
      ASSERT_TRUE(model.ok()) << model.status();
      const Feeds feeds{{model->inputs[0].value, Counting({2, 2, 3, 4})}, {model->inputs[1].value, grid}};
      EXPECT_EQ(Numbers(Evaluate(Values{model->outputs[0].value}, feeds, &model->state)), Numbers(known));
    }
  }
  EXPECT_THAT(ErrorOf(OneNode("GridSample", 20).Attr("mode", "bent").Run({Ones({2, 1, 2, 2}), grid}, 2)),
              HasSubstr("mode must be"));
  EXPECT_THAT(ErrorOf(OneNode("GridSample", 20).Run({Ones({2, 1, 2}), grid}, 2)), HasSubstr("expects"));
  EXPECT_THAT(ErrorOf(OneNode("GridSample", 20).Run({Ones({2, 1, 0, 2}), grid}, 2)), HasSubstr("no pixels"));
}

TEST(OnnxRegions, AreChecked) {
  const Tensor x = Counting({1, 1, 4, 4}), boxes = Tensor::From<float>({1, 5}, {0, 0, 0, 3, 3});
  OneNode pool("MaxRoiPool", 1);
  pool.Attr("pooled_shape", Sizes{2, 2});
  EXPECT_THAT(Numbers(pool.Run({x, boxes}, 1)), ElementsAre(5, 7, 13, 15));
  EXPECT_THAT(ErrorOf(pool.Run({x, boxes}, 2)), HasSubstr("must be known while the file is read"));
  EXPECT_THAT(ErrorOf(OneNode("MaxRoiPool", 1).Run({x, boxes}, 1)), HasSubstr("pooled_shape"));
  const Tensor corners = Tensor::From<float>({1, 4}, {0, 0, 3, 3}), image = Tensor::From<int64_t>({1}, {0});
  EXPECT_THAT(ErrorOf(OneNode("RoiAlign", 16).Run({x, corners, image}, 3)), HasSubstr("must be known"));
  EXPECT_THAT(ErrorOf(OneNode("RoiAlign", 16).Attr("sampling_ratio", 1).Run({x, boxes, image}, 3)),
              HasSubstr("expects images"));
  const Tensor huge = Tensor::From<float>({1, 4}, {0, 0, 1e9f, kInfinity});
  EXPECT_THAT(ErrorOf(OneNode("RoiAlign", 16).Run({x, huge, image}, 1)), HasSubstr("a box is larger"));
}

TEST(OnnxCol2Im, ChecksThatBlocksFit) {
  const Tensor image = Tensor::From<int64_t>({2}, {3, 3}), block = Tensor::From<int64_t>({2}, {2, 2});
  EXPECT_THAT(Numbers(OneNode("Col2Im", 18).Run({Ones({1, 4, 4}), image, block})),
              ElementsAre(1, 2, 1, 2, 4, 2, 1, 2, 1));
  EXPECT_THAT(ErrorOf(OneNode("Col2Im", 18).Run({Ones({1, 4, 5}), image, block})), HasSubstr("do not fit x"));
  EXPECT_THAT(ErrorOf(OneNode("Col2Im", 18).Run({Ones({1, 4, 4}), Tensor::From<int64_t>({2}, {3, -3}), block})),
              HasSubstr("sizes of the image"));
  EXPECT_THAT(ErrorOf(OneNode("Col2Im", 18).Run({Ones({1, 4, 4}), image, Tensor::From<int64_t>({2}, {0, 2})})),
              HasSubstr("window"));
}

}  // namespace
}  // namespace adret::onnx
