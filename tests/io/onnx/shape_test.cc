// What operators that move numbers mean in old operator sets, which the node suite does not have; symbolic sizes; their
// gradients; and what is refused.
#include <vector>

#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/ops/compare.h"
#include "adret/ops/reduce.h"
#include "adret/ops/shape_of.h"
#include "adret/ops/where.h"
#include "adret/tests/io/onnx/one_node.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::onnx {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using Outputs = absl::StatusOr<std::vector<Tensor>>;

std::vector<double> Numbers(const Outputs& outputs, size_t i = 0) {
  EXPECT_TRUE(outputs.ok()) << outputs.status();
  std::vector<double> numbers;
  if (!outputs.ok() || i >= outputs->size()) return numbers;
  for (int64_t k = 0; k < (*outputs)[i].num_elements(); ++k) numbers.push_back((*outputs)[i].At(k));
  return numbers;
}

std::string ErrorOf(const absl::Status& status) { return std::string(status.message()); }
std::string TypeOf(const Outputs& outputs, size_t i = 0) {
  return outputs.ok() ? (*outputs)[i].type().ToString() : ErrorOf(outputs.status());
}
// Returns the type of the first output of a model that is read.
std::string TypeOf(const absl::StatusOr<io::Model>& model) {
  return model.ok() ? model->outputs[0].value.type().ToString() : ErrorOf(model.status());
}

Tensor Floats(const Shape& shape, std::initializer_list<float> numbers) { return Tensor::From<float>(shape, numbers); }
Tensor Integers(std::initializer_list<int64_t> numbers) {
  return Tensor::From<int64_t>({static_cast<int64_t>(numbers.size())}, numbers);
}
Tensor Counted(const Shape& shape) {
  Tensor x(DType::kFloat32, shape);
  for (int64_t i = 0; i < x.num_elements(); ++i) x.mutable_data<float>()[i] = static_cast<float>(i);
  return x;
}
Type Float(const Shape& shape) { return {DType::kFloat32, shape}; }
const Type kLong1{DType::kInt64, {1}};

using Ints = std::vector<int64_t>;

TEST(OnnxShape, AxesAreAttributesInOldOperatorSets) {
  const Tensor x = Counted({1, 2, 1, 3});
  EXPECT_EQ(TypeOf(OneNode("Squeeze", 1).Attr("axes", Ints{0, 2}).Run({x})), "f32[2,3]");
  EXPECT_EQ(TypeOf(OneNode("Squeeze", 11).Run({x})), "f32[2,3]");
  EXPECT_EQ(TypeOf(OneNode("Unsqueeze", 1).Attr("axes", Ints{0, -1}).Run({x})), "f32[1,1,2,1,3,1]");
  EXPECT_THAT(TypeOf(OneNode("Unsqueeze", 11).Run({x})), HasSubstr("has no axes"));
}

TEST(OnnxShape, ReshapeTakesItsShapeAsAnAttributeFirst) {
  const Tensor x = Counted({2, 3, 4});
  EXPECT_EQ(TypeOf(OneNode("Reshape", 1).Attr("shape", Ints{0, -1}).Run({x})), "f32[2,12]");
  EXPECT_THAT(TypeOf(OneNode("Reshape", 1).Attr("shape", Ints{-1, -1}).Run({x})), HasSubstr("-1 twice"));
  EXPECT_THAT(TypeOf(OneNode("Reshape", 1).Attr("shape", Ints{1, 1, 1, 0}).Run({x})), HasSubstr("rank 3"));
  EXPECT_THAT(TypeOf(OneNode("Reshape", 1).Attr("shape", Ints{5, -1}).Run({x})), HasSubstr("no size for its -1"));
  EXPECT_THAT(TypeOf(OneNode("Reshape", 1).Attr("shape", Ints{-2, 12}).Run({x})), HasSubstr("a dimension is -2"));
}

TEST(OnnxShape, AOneInFrontOfANewShapeIsTheBatchWhereNothingElseFits) {
  const Type images = Float({kAnyBatch, 3, 4}), two{DType::kInt64, {2}};
  EXPECT_EQ(TypeOf(OneNode("Reshape", 5).Load({images, two}, {std::nullopt, Integers({1, 12})})), "f32[?,12]");
  EXPECT_EQ(TypeOf(OneNode("Reshape", 5).Load({images, two}, {std::nullopt, Integers({1, -1})})), "f32[1,12*?]");
  EXPECT_THAT(TypeOf(OneNode("Reshape", 5).Load({images, two}, {std::nullopt, Integers({2, 12})})),
              HasSubstr("do not fit into [2,12]"));
  const Dim time("time");
  EXPECT_EQ(
      TypeOf(OneNode("Reshape", 5)
                 .Load({Float({kAnyBatch, time, 6}), {{DType::kInt64, {4}}}}, {std::nullopt, Integers({0, 0, 2, 3})})),
      "f32[?,time,2,3]");
}

// Returns a file with a Reshape of x, f32[1,3,4], to a shape.
std::string ReshapeFile(std::initializer_list<int64_t> shape) {
  proto::Model model;
  model.add_opset_import()->set_version(13);
  proto::Graph* graph = model.mutable_graph();
  proto::Tensor* numbers = graph->add_initializer();
  numbers->set_name("shape"), numbers->set_data_type(7), numbers->add_dims(static_cast<int64_t>(shape.size()));
  numbers->mutable_int64_data()->Add(shape.begin(), shape.end());
  graph->add_input()->set_name("x");
  proto::Type::TensorType* type = graph->mutable_input(0)->mutable_type()->mutable_tensor_type();
  type->set_elem_type(1);
  for (const int64_t dim : {1, 3, 4}) type->mutable_shape()->add_dim()->set_dim_value(dim);
  proto::Node* node = graph->add_node();
  node->set_op_type("Reshape"), node->add_input("x"), node->add_input("shape"), node->add_output("y");
  graph->add_output()->set_name("y");
  return model.SerializeAsString();
}

TEST(OnnxShape, ABatchThatIsFreedStays) {
  const io::OnnxOptions freed{.sizes = {{"batch", kAnyBatch}}};
  EXPECT_EQ(TypeOf(io::ParseOnnx(ReshapeFile({1, -1}), freed)), "f32[?,12]");
  EXPECT_EQ(TypeOf(io::ParseOnnx(ReshapeFile({1, 2, 6}), freed)), "f32[?,2,6]");
  EXPECT_EQ(TypeOf(io::ParseOnnx(ReshapeFile({-1, 12}), freed)), "f32[?,12]");
  EXPECT_EQ(TypeOf(io::ParseOnnx(ReshapeFile({1, -1}))), "f32[1,12]");
}

// How exporters write an expansion in which -1 keeps a dimension.
TEST(OnnxShape, ChoicesBetweenDimensionsAreKnown) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, Dim("time")});
  const Value sizes = ShapeOf(x), asked = graph.Constant(Integers({-1, 7}));
  const absl::StatusOr<std::vector<Dim>> kept = KnownDims(Where(Equal(asked, -1), sizes, asked));
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_EQ(*kept, (std::vector<Dim>{Dim("?"), Dim(7)}));
  const absl::StatusOr<std::vector<Dim>> never = KnownDims(Where(Equal(sizes, -1), asked, sizes));
  ASSERT_TRUE(never.ok()) << never.status();
  EXPECT_EQ(*never, (std::vector<Dim>{Dim("?"), Dim("time")}));
  EXPECT_FALSE(KnownDims(Where(Equal(sizes, 1), asked, sizes)).ok());
  EXPECT_FALSE(KnownDims(Equal(asked, -1)).ok());
}

TEST(OnnxShape, SlicesAreClampedWhereSizesAreKnown) {
  const Tensor x = Counted({5});
  const auto slice = [&](int64_t begin, int64_t end, int64_t step) {
    return Numbers(OneNode("Slice", 10).Run({x, Integers({begin}), Integers({end}), Integers({0}), Integers({step})}));
  };
  EXPECT_THAT(slice(-100, 100, 2), ElementsAre(0, 2, 4));
  EXPECT_THAT(slice(100, -100, -2), ElementsAre(4, 2, 0));
  EXPECT_THAT(slice(3, 1, 1), ElementsAre());
  EXPECT_THAT(slice(INT64_MIN, INT64_MAX, INT64_MAX), ElementsAre(0));
  EXPECT_THAT(slice(INT64_MAX, INT64_MIN, INT64_MIN), ElementsAre(4));
  EXPECT_THAT(Numbers(OneNode("Slice", 1).Attr("starts", Ints{1}).Attr("ends", Ints{-1}).Run({x})),
              ElementsAre(1, 2, 3));
  EXPECT_THAT(TypeOf(OneNode("Slice", 1).Attr("starts", Ints{1, 2}).Attr("ends", Ints{3, 4}).Run({x})),
              HasSubstr("no axis"));
  EXPECT_THAT(TypeOf(OneNode("Slice", 10).Run({x, Integers({0}), Integers({1}), Integers({0}), Integers({0})})),
              HasSubstr("a step is 0"));
}

TEST(OnnxShape, SlicesOfSymbolicAxesFollowTheirSize) {
  const Type x = Float({kAnyBatch, Dim("time"), 8});
  const auto slice = [&](int64_t begin, int64_t end) {
    return TypeOf(
        OneNode("Slice", 10)
            .Load({x, kLong1, kLong1, kLong1}, {std::nullopt, Integers({begin}), Integers({end}), Integers({1})}));
  };
  EXPECT_EQ(slice(0, INT64_MAX), "f32[?,time,8]");
  EXPECT_EQ(slice(1, INT32_MAX), "f32[?,time - 1,8]");
  EXPECT_EQ(slice(-1, INT64_MAX), "f32[?,1,8]");
  EXPECT_EQ(slice(0, -1), "f32[?,time - 1,8]");
}

TEST(OnnxShape, SplitTakesSizesAsAttributeAndDividesSymbolicAxes) {
  const Tensor x = Counted({5});
  const Outputs parts = OneNode("Split", 2).Attr("split", Ints{2, 3}).Outputs(2).Run({x});
  EXPECT_THAT(Numbers(parts, 0), ElementsAre(0, 1));
  EXPECT_THAT(Numbers(parts, 1), ElementsAre(2, 3, 4));
  EXPECT_THAT(TypeOf(OneNode("Split", 2).Outputs(2).Run({x})), HasSubstr("do not divide"));
  EXPECT_THAT(TypeOf(OneNode("Split", 2).Attr("split", Ints{2, 2}).Outputs(2).Run({x})), HasSubstr("make 4"));
  EXPECT_THAT(TypeOf(OneNode("Split", 2).Attr("split", Ints{7, -2}).Outputs(2).Run({x})), HasSubstr("size -2"));
  const Type doubled = Float({(Dim("time") * 2).code()});
  EXPECT_EQ(TypeOf(OneNode("Split", 11).Outputs(2).Load({doubled})), "f32[time]");
}

TEST(OnnxShape, PadsAreAttributesFirst) {
  const Tensor x = Counted({3});
  EXPECT_THAT(Numbers(OneNode("Pad", 1).Attr("paddings", Ints{1, 2}).Attr("value", 7.0f).Run({x})),
              ElementsAre(7, 0, 1, 2, 7, 7));
  EXPECT_THAT(Numbers(OneNode("Pad", 2).Attr("pads", Ints{-1, 2}).Run({x})), ElementsAre(1, 2, 0, 0));
  EXPECT_THAT(Numbers(OneNode("Pad", 2).Attr("pads", Ints{2, -1}).Attr("mode", "edge").Run({x})),
              ElementsAre(0, 0, 0, 1));
  EXPECT_THAT(Numbers(OneNode("Pad", 19).Attr("mode", "wrap").Run({x, Integers({4, 1})})),
              ElementsAre(2, 0, 1, 2, 0, 1, 2, 0));
  EXPECT_THAT(TypeOf(OneNode("Pad", 2).Attr("pads", Ints{1}).Run({x})), HasSubstr("has 1 pads"));
  EXPECT_THAT(TypeOf(OneNode("Pad", 2).Attr("pads", Ints{-2, -2}).Run({x})), HasSubstr("leave nothing"));
  EXPECT_THAT(TypeOf(OneNode("Pad", 2).Attr("pads", Ints{INT64_MIN, INT64_MAX}).Run({x})), HasSubstr("axis 0"));
}

TEST(OnnxShape, PadTakesAValueThatARunKnows) {
  const Outputs y = OneNode("Pad", 11).Run({Counted({2}), Integers({1, 1}), Tensor::Scalar(DType::kFloat32, 9)}, 1);
  EXPECT_THAT(Numbers(y), ElementsAre(9, 0, 1, 9));
  const absl::StatusOr<io::Model> model =
      OneNode("Pad", 11).Load({Float({2}), {{DType::kInt64, {2}}}, Float({})}, {std::nullopt, Integers({1, 1})});
  EXPECT_EQ(TypeOf(model), "f32[4]");
}

TEST(OnnxShape, CastDropsHighBits) {
  const auto cast = [](const Tensor& x, DType to) {
    return Numbers(OneNode("Cast", 13).Attr("to", ElementTypeOf(to)).Run({x}));
  };
  const Tensor x = Integers({200, -1, 256, (int64_t{1} << 32) + 5});
  EXPECT_THAT(cast(x, DType::kInt8), ElementsAre(-56, -1, 0, 5));
  EXPECT_THAT(cast(x, DType::kUint8), ElementsAre(200, 255, 0, 5));
  EXPECT_THAT(cast(x, DType::kInt32), ElementsAre(200, -1, 256, 5));
  EXPECT_THAT(cast(x, DType::kUint32), ElementsAre(200, 4294967295.0, 256, 5));
  EXPECT_THAT(cast(x, DType::kBool), ElementsAre(1, 1, 1, 1));
  EXPECT_THAT(Numbers(OneNode("Cast", 1).Attr("to", "INT32").Run({Floats({2}, {1.9f, -1.9f})})), ElementsAre(1, -1));
  EXPECT_THAT(TypeOf(OneNode("Cast", 1).Attr("to", "STRING").Run({x})), HasSubstr("no dtype"));
}

TEST(OnnxShape, IndicesThatARunKnowsMayBeNegative) {
  const Tensor x = Counted({3, 2}), k = Integers({-1, 0});
  EXPECT_THAT(Numbers(OneNode("Gather", 1).Run({x, k}, 2)), ElementsAre(4, 5, 0, 1));
  EXPECT_THAT(Numbers(OneNode("Gather", 1).Run({x, k}, 1)), ElementsAre(4, 5, 0, 1));
  EXPECT_THAT(TypeOf(OneNode("Gather", 1).Run({x, Integers({3})}, 1)), HasSubstr("index 3 is outside"));
  EXPECT_THAT(TypeOf(OneNode("Gather", 1).Run({x, Integers({-4})}, 2)), HasSubstr("outside an axis of size 3"));
  EXPECT_THAT(TypeOf(OneNode("Gather", 1).Run({x, Floats({1}, {0})}, 2)), HasSubstr("must be integers"));
  // A place outside one axis must not become one of another row.
  const Tensor tuples = Tensor::From<int64_t>({2, 2}, {0, -1, 2, 0}), wrong = Tensor::From<int64_t>({1, 2}, {0, 2});
  EXPECT_THAT(Numbers(OneNode("GatherND", 12).Run({x, tuples}, 2)), ElementsAre(1, 4));
  EXPECT_THAT(TypeOf(OneNode("GatherND", 12).Run({x, wrong}, 2)), HasSubstr("index -1"));
  EXPECT_THAT(TypeOf(OneNode("GatherND", 12).Run({x, wrong}, 1)), HasSubstr("index 2 is outside"));
}

TEST(OnnxShape, ScattersReduceWhatOccursTwice) {
  const Tensor x = Floats({3}, {1, 2, 3}), k = Integers({0, 0, -1}), u = Floats({3}, {4, 0.5, 7});
  const auto scatter = [&](const char* reduction, size_t fed) {
    const Tensor indices = k.Reshaped({3, 1});
    return fed == 1 ? Numbers(OneNode("ScatterElements", 18).Attr("reduction", reduction).Run({x, k, u}))
                    : Numbers(OneNode("ScatterND", 18).Attr("reduction", reduction).Run({x, indices, u}, fed));
  };
  for (const size_t fed : {1, 0}) {
    EXPECT_THAT(scatter("none", fed), ElementsAre(0.5, 2, 7));
    EXPECT_THAT(scatter("add", fed), ElementsAre(5.5, 2, 10));
    EXPECT_THAT(scatter("mul", fed), ElementsAre(2, 2, 21));
    EXPECT_THAT(scatter("max", fed), ElementsAre(4, 2, 7));
    EXPECT_THAT(scatter("min", fed), ElementsAre(0.5, 2, 3));
  }
  EXPECT_THAT(scatter("add", 3), ElementsAre(5.5, 2, 10));
  EXPECT_THAT(TypeOf(OneNode("ScatterElements", 18).Attr("reduction", "mul").Run({x, k, u}, 3)),
              HasSubstr("must be known while the file is read"));
  EXPECT_THAT(TypeOf(OneNode("ScatterElements", 18).Attr("reduction", "or").Run({x, k, u})), HasSubstr("no reduction"));
}

TEST(OnnxShape, TopKTakesKAsAnAttributeFirst) {
  const Tensor x = Floats({4}, {3, 1, 4, 1});
  const Outputs y = OneNode("TopK", 1).Attr("k", 2).Outputs(2).Run({x});
  EXPECT_THAT(Numbers(y, 0), ElementsAre(4, 3));
  EXPECT_THAT(Numbers(y, 1), ElementsAre(2, 0));
  const Tensor bytes = Tensor::From<uint8_t>({4}, {0, 255, 7, 0});
  const Outputs least = OneNode("TopK", 11).Attr("largest", 0).Outputs(2).Run({bytes, Integers({3})});
  EXPECT_THAT(Numbers(least, 0), ElementsAre(0, 0, 7));
  EXPECT_THAT(Numbers(least, 1), ElementsAre(0, 3, 2));
  EXPECT_EQ(TypeOf(OneNode("TopK", 11).Outputs(2).Run({x, Integers({0})})), "f32[0]");
  EXPECT_THAT(TypeOf(OneNode("TopK", 11).Outputs(2).Run({x, Integers({5})})), HasSubstr("top_k"));
}

TEST(OnnxShape, UpsampleRepeatsAndInterpolates) {
  const Tensor x = Floats({1, 1, 1, 2}, {0, 4});
  const Tensor scales = Floats({4}, {1, 1, 1, 2});
  EXPECT_THAT(Numbers(OneNode("Upsample", 9).Run({x, scales})), ElementsAre(0, 0, 4, 4));
  EXPECT_THAT(Numbers(OneNode("Upsample", 9).Attr("mode", "linear").Run({x, scales})), ElementsAre(0, 2, 4, 4));
  EXPECT_THAT(Numbers(OneNode("Upsample", 1).Attr("height_scale", 2.0f).Attr("width_scale", 1.0f).Run({x})),
              ElementsAre(0, 4, 0, 4));
  // The data of ONNX's own case of operator set 10.
  const Tensor rows = Floats({1, 1, 2, 4}, {1, 2, 3, 4, 5, 6, 7, 8});
  EXPECT_THAT(Numbers(OneNode("Resize", 10).Run({rows, Floats({4}, {1, 1, 0.6f, 0.6f})})), ElementsAre(1, 3));
  EXPECT_THAT(TypeOf(OneNode("Upsample", 9).Run({x, Floats({4}, {1, 1, 0, -1})})), HasSubstr("has the scale 0"));
  EXPECT_THAT(TypeOf(OneNode("Upsample", 9).Run({x, Floats({1}, {1})})), HasSubstr("has 1 scales"));
  EXPECT_THAT(TypeOf(OneNode("Upsample", 9).Attr("mode", "best").Run({x, scales})), HasSubstr("no mode best"));
}

// Reads a Resize of [?,2,height,width] by 2, and runs it on images of another size.
Outputs ResizeSymbolic(OneNode node) {
  AD_ASSIGN_OR_RETURN(io::Model model,
                      node.Load({Float({kAnyBatch, 2, Dim("height"), Dim("width")}), std::nullopt, Float({4})},
                                {std::nullopt, std::nullopt, Floats({4}, {1, 1, 2, 2})}));
  AD_ASSIGN_OR_RETURN(const Executor executor, Executor::Create({model.outputs[0].value}, {}, {.threads = 1}));
  return executor.Run({{model.inputs[0].value, Counted({1, 2, 2, 3})}}, &model.state);
}

TEST(OnnxShape, ResizeOfSymbolicSizesIsThatOfKnownOnes) {
  for (const char* mode : {"nearest", "linear"}) {
    for (const char* coordinates : {"half_pixel", "asymmetric", "pytorch_half_pixel"}) {
      OneNode node("Resize", 13);
      node.Attr("mode", mode).Attr("coordinate_transformation_mode", coordinates).Attr("nearest_mode", "floor");
      const Outputs known = node.Run({Counted({1, 2, 2, 3}), std::nullopt, Floats({4}, {1, 1, 2, 2})});
      const Outputs symbolic = ResizeSymbolic(node);
      if (absl::string_view(mode) == "nearest" && absl::string_view(coordinates) != "asymmetric") {
        EXPECT_THAT(TypeOf(symbolic), HasSubstr("must be known"));
        continue;
      }
      EXPECT_EQ(TypeOf(symbolic), "f32[1,2,4,6]");
      EXPECT_THAT(Numbers(symbolic), testing::Pointwise(testing::FloatNear(1e-5f), Numbers(known))) << coordinates;
    }
  }
}

TEST(OnnxShape, ResizeIsDifferentiable) {
  for (const char* mode : {"nearest", "linear", "cubic"}) {
    OneNode node("Resize", 13);
    node.Attr("mode", mode).Attr("coordinate_transformation_mode", "asymmetric").Attr("nearest_mode", "floor");
    absl::StatusOr<io::Model> model = node.Load({Float({1, 2, 3, 4}), std::nullopt, Float({4})},
                                                {std::nullopt, std::nullopt, Floats({4}, {1, 1, 1.7f, 0.6f})});
    ASSERT_TRUE(model.ok()) << model.status();
    const Value dx = Gradients(Sum(model->outputs[0].value), {model->inputs[0].value})[0];
    const absl::StatusOr<Tensor> total = Evaluate(Sum(dx), {{model->inputs[0].value, Counted({1, 2, 3, 4})}});
    ASSERT_TRUE(total.ok()) << total.status();
    EXPECT_NEAR(total->At(0), 2 * 5 * 2, 1e-4) << mode;  // each element of the result is a mean
  }
}

TEST(OnnxShape, ShapesAreFoldedWhereTheyAreKnown) {
  const Type x = Float({kAnyBatch, 3, Dim("time")});
  const absl::StatusOr<io::Model> part = OneNode("Shape", 15).Attr("start", 1).Attr("end", 2).Load({x});
  ASSERT_TRUE(part.ok()) << part.status();
  const Value y = part->outputs[0].value;
  EXPECT_TRUE(y.graph()->node(y.node()).attrs.Is<ConstantAttrs>());
  EXPECT_EQ(TypeOf(OneNode("Shape", 1).Load({x})), "i64[3]");
  EXPECT_EQ(TypeOf(OneNode("Size", 1).Load({x})), "i64[]");
}

TEST(OnnxShape, ResultsWhoseSizeDependsOnNumbersNeedThem) {
  const Tensor x = Floats({2, 2}, {1, 0, 1, 1});
  EXPECT_THAT(Numbers(OneNode("NonZero", 9).Run({x}, 0)), ElementsAre(0, 1, 1, 0, 0, 1));
  EXPECT_THAT(TypeOf(OneNode("NonZero", 9).Run({x}, 1)), HasSubstr("must be known while the file is read"));
  EXPECT_THAT(TypeOf(OneNode("Unique", 11).Run({x}, 1)), HasSubstr("must be known while the file is read"));
  const Tensor condition = Tensor::From<bool>({3}, {false, true, true});
  EXPECT_THAT(TypeOf(OneNode("Compress", 9).Attr("axis", 0).Run({x, condition})), HasSubstr("longer than axis 0"));
}

TEST(OnnxShape, SizesThatDoNotFitAreRefused) {
  const Tensor x = Counted({1, 8, 2, 3});
  EXPECT_THAT(TypeOf(OneNode("DepthToSpace", 1).Attr("blocksize", 3).Run({x})), HasSubstr("do not divide"));
  EXPECT_THAT(TypeOf(OneNode("DepthToSpace", 1).Attr("blocksize", 0).Run({x})), HasSubstr("blocksize = 0"));
  EXPECT_THAT(TypeOf(OneNode("SpaceToDepth", 1).Attr("blocksize", 2).Run({x})), HasSubstr("do not divide"));
  EXPECT_THAT(TypeOf(OneNode("Expand", 8).Run({x, Integers({5, 1, 1})})), HasSubstr("does not expand"));
  EXPECT_THAT(TypeOf(OneNode("Expand", 8).Run({x, Integers({-1})})), HasSubstr("a dimension is -1"));
  EXPECT_THAT(TypeOf(OneNode("Tile", 6).Run({x, Integers({1, 2})})), HasSubstr("has 2 repeats"));
  EXPECT_EQ(TypeOf(OneNode("Tile", 6).Run({x, Integers({1, 0, 1, 2})})), "f32[1,0,2,6]");
  EXPECT_THAT(TypeOf(OneNode("Tile", 6).Run({x, Integers({1, -1, 1, 2})})), HasSubstr("repeated -1 times"));
  EXPECT_THAT(TypeOf(OneNode("Flatten", 1).Attr("axis", 5).Run({x})), HasSubstr("axis = 5"));
  EXPECT_THAT(TypeOf(OneNode("ConstantOfShape", 9).Run({Integers({int64_t{1} << 40, int64_t{1} << 40})}, 0)),
              HasSubstr("[1099511627776,1099511627776]"));
}

}  // namespace
}  // namespace adret::onnx
