// What element-wise operators, reductions and quantisation mean in old operator sets, which the node suite does not
// have; their gradients where ONNX says nothing; and what is refused.
#include <cmath>
#include <limits>
#include <vector>

#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/ops/reduce.h"
#include "adret/tests/io/onnx/one_node.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::onnx {
namespace {

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

std::string ErrorOf(const absl::StatusOr<std::vector<Tensor>>& outputs) {
  return outputs.ok() ? "" : std::string(outputs.status().message());
}

Tensor Floats(std::initializer_list<float> numbers) {
  return Tensor::From<float>({static_cast<int64_t>(numbers.size())}, numbers);
}
Tensor Integers(std::initializer_list<int64_t> numbers) {
  return Tensor::From<int64_t>({static_cast<int64_t>(numbers.size())}, numbers);
}

TEST(OnnxMath, ClipTakesBoundsAsAttributesInOldOperatorSets) {
  const Tensor x = Floats({-2, 0.5, 2, kInfinity});
  EXPECT_THAT(Numbers(OneNode("Clip", 6).Attr("min", -1.0f).Attr("max", 1.0f).Run({x})), ElementsAre(-1, 0.5, 1, 1));
  EXPECT_THAT(Numbers(OneNode("Clip", 1).Attr("min", 0.0f).Attr("consumed_inputs", std::vector<int64_t>{0}).Run({x})),
              ElementsAre(0, 0.5, 2, kInfinity));
  EXPECT_THAT(Numbers(OneNode("Clip", 6).Run({x})).back(), std::numeric_limits<float>::max());
  EXPECT_THAT(ErrorOf(OneNode("Clip", 13).Attr("min", 0.0f).Run({x})), HasSubstr("has no attribute 'min'"));
}

TEST(OnnxMath, ClipTakesBoundsThatARunKnows) {
  const Tensor x = Floats({-2, 0.5, 2}), min = Tensor::Scalar(DType::kFloat32, 0);
  EXPECT_THAT(Numbers(OneNode("Clip", 13).Run({x, min}, 2)), ElementsAre(0, 0.5, 2));
  EXPECT_THAT(Numbers(OneNode("Clip", 13).Run({x, std::nullopt, min}, 1)), ElementsAre(-2, 0, 0));
  const Tensor above = Tensor::Scalar(DType::kFloat32, 3);
  EXPECT_THAT(Numbers(OneNode("Clip", 13).Run({x, above, min}, 1)), ElementsAre(0, 0, 0));
  EXPECT_THAT(ErrorOf(OneNode("Clip", 13).Run({x, x}, 1)), HasSubstr("must be scalars"));
  EXPECT_THAT(ErrorOf(OneNode("Clip", 13).Run({Tensor::Scalar(DType::kFloat32, 1), Floats({1, 2})}, 2)),
              HasSubstr("must be scalars"));
}

TEST(OnnxMath, PowKeepsTheDTypeOfItsBase) {
  const Tensor i = Tensor::From<int32_t>({2}, {2, 3}), y = Floats({0.5, 2});
  EXPECT_THAT(Numbers(OneNode("Pow", 15).Run({i, y}, 2)), ElementsAre(1, 9));
  EXPECT_THAT(Numbers(OneNode("Pow", 15).Run({y, i}, 2)), ElementsAre(0.25, 8));
  EXPECT_THAT(Numbers(OneNode("Pow", 15).Run({y, Tensor::Scalar(DType::kInt64, 2)}, 1)), ElementsAre(0.25, 4));
}

TEST(OnnxMath, PReluHasASlopeForEachChannelInOldOperatorSets) {
  const Tensor x = Tensor::From<float>({1, 2, 2}, {-1, 1, -2, 2}), slopes = Floats({0.5, 0.25});
  EXPECT_THAT(Numbers(OneNode("PRelu", 6).Run({x, slopes}, 2)), ElementsAre(-0.5, 1, -0.5, 2));
  EXPECT_THAT(Numbers(OneNode("PRelu", 7).Run({x, slopes}, 2)), ElementsAre(-0.5, 1, -1, 2));
  EXPECT_THAT(ErrorOf(OneNode("PRelu", 7).Run({slopes, x}, 2)), HasSubstr("broadcast"));
}

TEST(OnnxMath, FunctionsOfTheFirstOperatorSetsIgnoreHowMemoryIsReused) {
  const std::vector<int64_t> consumed{0};
  for (const char* name : {"Abs", "Relu", "Sqrt", "Sigmoid", "Elu", "Selu", "LeakyRelu", "HardSigmoid"}) {
    EXPECT_TRUE(OneNode(name, 1).Attr("consumed_inputs", consumed).Run({Floats({1, 2})}).ok()) << name;
    EXPECT_FALSE(OneNode(name, 6).Attr("consumed_inputs", consumed).Run({Floats({1, 2})}).ok()) << name;
  }
}

TEST(OnnxMath, CeluTakesNegativeAlpha) {
  const std::vector<double> y = Numbers(OneNode("Celu", 12).Attr("alpha", -2.0f).Run({Floats({-2, 3})}));
  ASSERT_EQ(y.size(), 2u);
  EXPECT_NEAR(y[0], -2 * (std::exp(1) - 1), 1e-5);
  EXPECT_EQ(y[1], 3);
  EXPECT_THAT(ErrorOf(OneNode("Celu", 12).Attr("alpha", 0.0f).Run({Floats({1})})), HasSubstr("alpha must not be 0"));
}

TEST(OnnxMath, ReductionsTakeAxesAsAttributeAndAsInput) {
  const Tensor x = Tensor::From<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  const std::vector<int64_t> last{-1};
  EXPECT_THAT(Numbers(OneNode("ReduceSum", 11).Attr("axes", last).Run({x})), ElementsAre(6, 15));
  EXPECT_THAT(Numbers(OneNode("ReduceSum", 13).Run({x, Integers({0})})), ElementsAre(5, 7, 9));
  EXPECT_THAT(Numbers(OneNode("ReduceMax", 11).Attr("axes", last).Run({x})), ElementsAre(3, 6));
  EXPECT_THAT(Numbers(OneNode("ReduceMax", 18).Run({x, Integers({1})})), ElementsAre(3, 6));
  EXPECT_THAT(Numbers(OneNode("ReduceSumSquare", 18).Attr("noop_with_empty_axes", 1).Run({x})),
              ElementsAre(1, 4, 9, 16, 25, 36));
  const absl::StatusOr<std::vector<Tensor>> kept = OneNode("ReduceMean", 11).Run({x});
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_EQ((*kept)[0].shape(), (Shape{1, 1}));
}

TEST(OnnxMath, ReductionsOfIntegersTruncate) {
  const Tensor x = Tensor::From<int32_t>({2}, {-1, -2});
  EXPECT_THAT(Numbers(OneNode("ReduceMean", 13).Run({x})), ElementsAre(-1));
  EXPECT_THAT(Numbers(OneNode("ReduceL2", 13).Run({x})), ElementsAre(2));
}

TEST(OnnxMath, ReductionsRefuseAxesThatAreNone) {
  const Tensor x = Floats({1, 2});
  const std::vector<int64_t> axes{1};
  EXPECT_THAT(ErrorOf(OneNode("ReduceMax", 11).Attr("axes", axes).Run({x})), HasSubstr("is no axis"));
  EXPECT_THAT(ErrorOf(OneNode("ReduceMax", 18).Run({x, Integers({-2})})), HasSubstr("is no axis"));
  EXPECT_THAT(ErrorOf(OneNode("ReduceMax", 18).Run({x, Integers({0})}, 2)),
              HasSubstr("must be known while the file is read"));
  EXPECT_THAT(ErrorOf(OneNode("ArgMax", 13).Attr("axis", 1).Run({x})), HasSubstr("is no axis"));
  EXPECT_THAT(ErrorOf(OneNode("CumSum", 14).Run({x, Integers({1})})), HasSubstr("its axis must be one"));
  EXPECT_THAT(ErrorOf(OneNode("CumProd", 26).Run({Tensor::Scalar(DType::kFloat32, 1), Integers({0})})),
              HasSubstr("its axis must be one"));
}

TEST(OnnxMath, ArgMaxFindsTheLastOneOfASymbolicAxis) {
  const absl::StatusOr<io::Model> model =
      OneNode("ArgMax", 13).Attr("select_last_index", 1).Load({Type{DType::kFloat32, {kAnyBatch}}});
  ASSERT_TRUE(model.ok()) << model.status();
  const absl::StatusOr<Tensor> y = Evaluate(model->outputs[0].value, {{model->inputs[0].value, Floats({1, 3, 3, 2})}});
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_EQ(y->At(0), 2);
}

TEST(OnnxMath, RunningProductsDoNotOverflowWhereOnlyTheirPartsDo) {
  const Tensor x = Floats({0, 1e30f, 1e30f, 2});
  EXPECT_THAT(Numbers(OneNode("CumProd", 26).Run({x, Integers({0})})), ElementsAre(0, 0, 0, 0));
  const Tensor empty(DType::kFloat32, {0, 2});
  EXPECT_THAT(Numbers(OneNode("CumProd", 26).Run({empty, Integers({0})})), ElementsAre());
}

TEST(OnnxMath, RandomNumbersHaveTheTypeThatTheirAttributesSay) {
  const std::vector<int64_t> shape{2, 3}, negative{-1};
  const absl::StatusOr<std::vector<Tensor>> y =
      OneNode("RandomUniform", 1).Attr("shape", shape).Attr("dtype", 11).Attr("low", 2.0f).Attr("high", 3.0f).Run({});
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_EQ((*y)[0].type(), (Type{DType::kFloat64, {2, 3}}));
  EXPECT_GE((*y)[0].At(0), 2);
  EXPECT_THAT(ErrorOf(OneNode("RandomNormal", 1).Attr("shape", negative).Run({})), HasSubstr("negative"));
  EXPECT_THAT(ErrorOf(OneNode("RandomNormal", 1).Attr("shape", shape).Attr("dtype", 7).Run({})),
              HasSubstr("floating-point"));
}

TEST(OnnxMath, MultinomialDrawsTheLikeliestClass) {
  const Tensor logits = Tensor::From<float>({2, 3}, {0, 100, 0, 100, 0, -kInfinity});
  EXPECT_THAT(Numbers(OneNode("Multinomial", 7).Attr("sample_size", 2).Run({logits})), ElementsAre(1, 1, 0, 0));
}

// ---- Quantisation ------------------------------------------------------------------------------------------------

TEST(OnnxMath, QuantisationRoundsToEvenAndSaturates) {
  const Tensor x = Floats({0.5, 1.5, -0.5, 2.5, 1000, -1000, kInfinity, -kInfinity});
  const Tensor scale = Tensor::Scalar(DType::kFloat32, 1);
  EXPECT_THAT(Numbers(OneNode("QuantizeLinear", 10).Run({x, scale, Tensor::Scalar(DType::kInt8, 1)})),
              ElementsAre(1, 3, 1, 3, 127, -128, 127, -128));
  EXPECT_THAT(Numbers(OneNode("QuantizeLinear", 10).Run({x, scale})), ElementsAre(0, 2, 0, 2, 255, 0, 255, 0));
  EXPECT_THAT(Numbers(OneNode("QuantizeLinear", 21).Attr("output_dtype", 5).Run({x, scale}))[4], 1000);
}

// Two nodes: x -> QuantizeLinear -> DequantizeLinear -> y.
absl::StatusOr<io::Model> QuantisedAndBack() {
  proto::Model model;
  model.add_opset_import()->set_version(13);
  const auto scalar = [&](const char* name, int type) {
    proto::Tensor* tensor = model.mutable_graph()->add_initializer();
    tensor->set_name(name), tensor->set_data_type(type);
    return tensor;
  };
  scalar("scale", 1)->add_float_data(0.5);
  scalar("zero", 3)->add_int32_data(3);
  proto::ValueInfo* x = model.mutable_graph()->add_input();
  x->set_name("x");
  x->mutable_type()->mutable_tensor_type()->set_elem_type(1);
  x->mutable_type()->mutable_tensor_type()->mutable_shape()->add_dim()->set_dim_value(4);
  for (const auto& [op, from, to] :
       {std::tuple("QuantizeLinear", "x", "q"), std::tuple("DequantizeLinear", "q", "y")}) {
    proto::Node* node = model.mutable_graph()->add_node();
    node->set_op_type(op);
    for (const char* input : {from, "scale", "zero"}) node->add_input(input);
    node->add_output(to);
  }
  model.mutable_graph()->add_output()->set_name("y");
  return io::ParseOnnx(model.SerializeAsString());
}

TEST(OnnxMath, GradientsPassQuantisationWhereNothingIsCutOff) {
  const absl::StatusOr<io::Model> model = QuantisedAndBack();
  ASSERT_TRUE(model.ok()) << model.status();
  const Value x = model->inputs[0].value, y = model->outputs[0].value;
  const Value dx = Gradients(Sum(y), {x})[0];
  const absl::StatusOr<std::vector<Tensor>> found = Evaluate({y, dx}, {{x, Floats({0.3, -0.75, 100, -100})}});
  EXPECT_THAT(Numbers(found, 0), ElementsAre(0.5, -1, 62, -65.5));
  EXPECT_THAT(Numbers(found, 1), ElementsAre(1, 1, 0, 0));
}

TEST(OnnxMath, BlocksOfQuantisedNumbersHaveTheirOwnScales) {
  const Tensor x = Tensor::From<int8_t>({5}, {1, 1, 1, 1, 1}), scales = Floats({1, 2, 3});
  EXPECT_THAT(Numbers(OneNode("DequantizeLinear", 21).Attr("axis", 0).Attr("block_size", 2).Run({x, scales})),
              ElementsAre(1, 1, 2, 2, 3));
  for (const int size : {-1, 1, 3, 7}) {
    EXPECT_FALSE(OneNode("DequantizeLinear", 21).Attr("axis", 0).Attr("block_size", size).Run({x, scales}).ok());
  }
  EXPECT_THAT(ErrorOf(OneNode("DequantizeLinear", 21).Attr("axis", 0).Run({x, scales})), HasSubstr("3 scales"));
  EXPECT_THAT(ErrorOf(OneNode("DequantizeLinear", 21).Attr("axis", 1).Run({x, scales})), HasSubstr("axis 1"));
}

TEST(OnnxMath, ConvolutionsOfIntegersAreExact) {
  const Tensor x = Tensor::Full(DType::kUint8, {1, 64, 12, 12}, 255),
               w = Tensor::Full(DType::kInt8, {64, 64, 3, 3}, -127);
  const std::vector<double> y = Numbers(OneNode("ConvInteger", 10).Run({x, w}, 2));
  ASSERT_EQ(y.size(), 64u * 10 * 10);
  for (const double sum : y) EXPECT_EQ(sum, -127.0 * 255 * 64 * 9);
}

TEST(OnnxMath, ConvolutionsOfIntegersRefuseAttributesOfAnotherSize) {
  const Tensor x = Tensor::Full(DType::kUint8, {1, 1, 4, 4}, 1), w = Tensor::Full(DType::kUint8, {1, 1, 3, 3}, 1);
  const std::vector<int64_t> one{1}, two{2, 2};
  EXPECT_THAT(ErrorOf(OneNode("ConvInteger", 10).Attr("strides", one).Run({x, w})), HasSubstr("for 2 axes"));
  EXPECT_THAT(ErrorOf(OneNode("ConvInteger", 10).Attr("kernel_shape", two).Run({x, w})), HasSubstr("kernel_shape"));
  EXPECT_THAT(ErrorOf(OneNode("ConvInteger", 10).Attr("auto_pad", "NONE").Run({x, w})), HasSubstr("auto_pad"));
  EXPECT_FALSE(OneNode("ConvInteger", 10).Attr("group", 0).Run({x, w}).ok());
  EXPECT_FALSE(OneNode("ConvInteger", 10).Run({x, Tensor::Scalar(DType::kUint8, 1)}).ok());
  EXPECT_THAT(Numbers(OneNode("ConvInteger", 10).Attr("auto_pad", "SAME_LOWER").Attr("strides", two).Run({x, w})),
              ElementsAre(4, 6, 6, 9));
}

// ---- Signals and matrices ----------------------------------------------------------------------------------------

TEST(OnnxMath, DeterminantsOfLargerMatricesExchangeRows) {
  const Tensor x = Tensor::From<double>({4, 4}, {0, 2, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 0, 0, 4, 5});
  const std::vector<double> y = Numbers(OneNode("Det", 11).Run({x}));
  ASSERT_EQ(y.size(), 1u);
  EXPECT_NEAR(y[0], 24, 1e-12);
  EXPECT_THAT(Numbers(OneNode("Det", 11).Run({Tensor::Full(DType::kFloat32, {5, 5}, 1)})), ElementsAre(0));
  EXPECT_THAT(ErrorOf(OneNode("Det", 11).Run({Tensor::Full(DType::kFloat32, {2, 3}, 1)})), HasSubstr("not square"));
  EXPECT_THAT(ErrorOf(OneNode("Det", 11).Run({Floats({1})})), HasSubstr("rank 2"));
}

TEST(OnnxMath, FourierTransformsRefuseWhatIsNoSignal) {
  const Tensor real = Tensor::Full(DType::kFloat32, {1, 4, 1}, 1), parts = Tensor::Full(DType::kFloat32, {1, 4, 2}, 1);
  EXPECT_THAT(ErrorOf(OneNode("DFT", 17).Attr("axis", 2).Run({real})), HasSubstr("the last one"));
  EXPECT_THAT(ErrorOf(OneNode("DFT", 17).Attr("axis", 5).Run({real})), HasSubstr("axis 5"));
  EXPECT_THAT(ErrorOf(OneNode("DFT", 17).Attr("onesided", 1).Run({parts})), HasSubstr("real signal"));
  EXPECT_THAT(ErrorOf(OneNode("DFT", 17).Run({real, Integers({0})})), HasSubstr("empty"));
  EXPECT_THAT(ErrorOf(OneNode("DFT", 17).Run({real, Integers({int64_t{1} << 40})})), HasSubstr("2^24"));
  EXPECT_THAT(ErrorOf(OneNode("STFT", 17).Run({real, Integers({0}), std::nullopt, Integers({2})})),
              HasSubstr("at least 1"));
  EXPECT_FALSE(OneNode("STFT", 17).Run({real, Integers({1}), std::nullopt, Integers({9})}).ok());
}

TEST(OnnxMath, TransformsThereAndBackGiveTheSignal) {
  const Tensor x = Tensor::From<float>({1, 5, 1}, {1, -2, 3, 0.5, 4});
  const absl::StatusOr<std::vector<Tensor>> half = OneNode("DFT", 20).Attr("onesided", 1).Run({x});
  ASSERT_TRUE(half.ok()) << half.status();
  EXPECT_EQ((*half)[0].shape(), (Shape{1, 3, 2}));
  const std::vector<double> back = Numbers(
      OneNode("DFT", 20).Attr("onesided", 1).Attr("inverse", 1).Run({(*half)[0], Tensor::Scalar(DType::kInt64, 5)}));
  ASSERT_EQ(back.size(), 5u);
  for (int i = 0; i < 5; ++i) EXPECT_NEAR(back[i], x.At(i), 1e-6);
}

TEST(OnnxMath, WindowsRefuseSizesThatAreNone) {
  for (const int64_t size : {int64_t{-1}, int64_t{1} << 40}) {
    EXPECT_THAT(ErrorOf(OneNode("HannWindow", 17).Run({Tensor::From<int64_t>({}, {size})}, 0)), HasSubstr("size"));
  }
  EXPECT_THAT(Numbers(OneNode("HannWindow", 17).Attr("periodic", 0).Run({Tensor::From<int64_t>({}, {1})}, 0)),
              ElementsAre(0));
}

TEST(OnnxMath, OperatorsThatAreNotReadSayWhy) {
  const std::string error = ErrorOf(OneNode("StringConcat", 20).Run({Floats({1}), Floats({1})}));
  EXPECT_THAT(error, HasSubstr("StringConcat"));
  EXPECT_THAT(error, HasSubstr("strings"));
}

}  // namespace
}  // namespace adret::onnx
