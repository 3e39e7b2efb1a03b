#include "adret/explain/gradient_maps.h"

#include "adret/core/executor.h"
#include "adret/ops/binary.h"
#include "adret/ops/reduce.h"
#include "adret/ops/unary.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::explain {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<double> Numbers(const Value& value) {
  const absl::StatusOr<Tensor> tensor = Evaluate(value);
  EXPECT_TRUE(tensor.ok()) << tensor.status();
  return {tensor->data<double>().begin(), tensor->data<double>().end()};
}

// Two images of 1 x 1 x 2, and y = -2 relu(x0) + relu(x1), or its sum over both.
struct Source {
  Source() {
    x = graph.Constant(Tensor::From<double>({2, 1, 1, 2}, {1, 2, -3, 4}));
    maps = Relu(x);
    y = Sum(maps * graph.Constant(Tensor::From<double>({2}, {-2, 1})), {.axes = {1, 2, 3}});
  }
  Graph graph;
  Value x, maps, y;
};

TEST(GradientMapsTest, OfEachExamplesNumberOrTheirSum) {
  Source source;
  for (const Value& y : {source.y, Sum(source.y)}) {
    EXPECT_THAT(Numbers(Saliency(y, source.x)), ElementsAre(2, 1, 0, 1));
    EXPECT_THAT(Numbers(InputXGradient(y, source.x)), ElementsAre(-2, 2, 0, 4));
    EXPECT_THAT(Numbers(GuidedBackprop(y, source.x)), ElementsAre(0, 1, 0, 1));
    EXPECT_THAT(Numbers(Deconvnet(y, source.x)), ElementsAre(0, 1, 0, 1));
  }
}

TEST(GradientMapsTest, GradCamWeighsAMapByItsMeanSlope) {
  Source source;
  const Value pays = 3.0 * source.y + 4.0 * Sum(source.maps, {.axes = {1, 2, 3}});  // slopes -2 and 7: 2.5
  EXPECT_THAT(Numbers(GradCam(pays, source.maps, {.height = 1, .width = 2})), ElementsAre(2.5, 5, 0, 10));
  EXPECT_THAT(Numbers(GradCam(source.y, source.maps, {.height = 1, .width = 2})), ElementsAre(0, 0, 0, 0))
      << "the mean slope is below 0";
  EXPECT_EQ(GradCam(pays, source.maps, {.height = 5, .width = 6}).shape(), (Shape{2, 1, 5, 6}));
  EXPECT_THAT(Numbers(GuidedGradCam(pays, source.x, source.maps)), ElementsAre(0, 35, 0, 70));
}

TEST(GradientMapsTest, SaysWhatIsWrong) {
  Source source;
  const Value flat = Sum(source.x, {.axes = {1, 2}});
  EXPECT_FALSE(GuidedGradCam(source.y, flat, source.maps).valid());
  EXPECT_THAT(std::string(source.graph.status().message()),
              HasSubstr("GuidedGradCam: x must be images [n, channels, height, width], but is f64[2,2] at "
                        "gradient_maps_test.cc"));
  Source other;
  EXPECT_FALSE(Saliency(other.y, source.x).valid());
}

}  // namespace
}  // namespace adret::explain
