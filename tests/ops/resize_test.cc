#include "adret/ops/resize.h"

#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "adret/core/executor.h"
#include "adret/tests/ops/op_suite.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

OpCase Bilinear(const std::string& name, ResizeBilinearAttrs attrs) {
  return {.name = absl::StrCat("resize_bilinear/", name),
          .build = [attrs](Args x) { return Values{ResizeBilinear(x[0], attrs)}; },
          .inputs = {{.shape = {2, 2, 4, 5}, .batch = true}}};
}

const OpCases kCases([] {
  OpCase up = Bilinear("up", {.height = 7, .width = 9});
  up.bad = [](Graph* g) { ResizeBilinear(g->Input("x", DType::kFloat32, {1, 1, 4, 4}), {.height = 0, .width = 3}); };
  up.bad_message = "the height and width of the result must be in [1, 2^24], but are 0 and 3";
  OpCase nearest{.name = "resize_nearest",
                 .build = [](Args x) { return Values{ResizeNearest(x[0], {.height = 7, .width = 3})}; },
                 .inputs = {{.shape = {2, 2, 4, 5}, .batch = true}},
                 .reference =
                     [](absl::Span<const Tensor> x) {
                       Tensor y(DType::kFloat64, {2, 2, 7, 3});
                       for (int64_t i = 0; i < y.num_elements(); ++i) {
                         const int64_t plane = i / 21, row = i / 3 % 7 * 4 / 7, column = i % 3 * 5 / 3;
                         y.mutable_data<double>()[i] = x[0].At((plane * 4 + row) * 5 + column);
                       }
                       return std::vector<Tensor>{y};
                     }};
  nearest.bad = [](Graph* g) { ResizeNearest(g->Input("x", DType::kFloat32, {1, 4, 4}), {.height = 2, .width = 3}); };
  nearest.bad_message = "rank";
  return std::vector<OpCase>{up, nearest, Bilinear("down", {.height = 2, .width = 3}),
                             Bilinear("corners", {.height = 6, .width = 3, .align_corners = true})};
}());

std::vector<GoldenCase> Golden(const std::string& name, int64_t height, int64_t width) {
  return {
      {absl::StrCat("resize_bilinear/", name),
       [=](Args x) { return Values{ResizeBilinear(x[0], {.height = height, .width = width})}; }},
      {absl::StrCat("resize_bilinear/corners_", name),
       [=](Args x) { return Values{ResizeBilinear(x[0], {.height = height, .width = width, .align_corners = true})}; }},
      {absl::StrCat("resize_nearest/", name),
       [=](Args x) { return Values{ResizeNearest(x[0], {.height = height, .width = width})}; }}};
}
const GoldenCases kUp("conv", Golden("up", 7, 9));
const GoldenCases kDown("conv", Golden("down", 3, 2));
const GoldenCases kMixed("conv", Golden("mixed", 2, 11));
const GoldenCases kOne("conv", Golden("one", 1, 1));

// f32(2 / 82) * 41 is less than 1: PyTorch's mode nearest takes row 0 for row 41 there, as the header says.
TEST(ResizeNearest, FloorsExactQuotients) {
  EXPECT_EQ(std::floor(2.0f / 82.0f * 41.0f), 0.0f);
  for (DType dtype : {DType::kFloat32, DType::kFloat64}) {
    Graph graph;
    const Value x = graph.Constant(Tensor::From<double>({1, 1, 2, 1}, {5, 7}).Cast(dtype));
    auto y = Evaluate(ResizeNearest(x, {.height = 82, .width = 1}));
    ASSERT_TRUE(y.ok()) << y.status();
    for (int64_t i = 0; i < 82; ++i) EXPECT_EQ(y->At(i), i < 41 ? 5 : 7) << i;
  }
}

}  // namespace
}  // namespace adret
