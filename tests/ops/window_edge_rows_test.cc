// Edge rows of what slides windows over images: convolutions, poolings; and of resizing.
#include "absl/strings/str_cat.h"
#include "adret/autograd/gradients.h"
#include "adret/ops/conv2d.h"
#include "adret/ops/pool2d.h"
#include "adret/ops/resize.h"
#include "adret/tests/ops/edge_suite.h"

namespace adret {
namespace {

// Numbers are whole and small where they are finite, so results are exact.
EdgeRow Exact(std::string name, std::function<Values(Args)> build, std::vector<std::string> inputs) {
  return {.name = std::move(name), .build = std::move(build), .inputs = std::move(inputs), .ulp = 0, .gradient_ulp = 0};
}

EdgeRow Conv(std::string name, std::string x, std::string w, Conv2dAttrs attrs = {}) {
  return Exact("conv2d" + name, [attrs](Args x) { return Values{Conv2d(x[0], x[1], attrs)}; },
               {std::move(x), std::move(w)});
}
EdgeRow Transposed(std::string name, std::string x, ConvTranspose2dAttrs attrs = {}) {
  return Exact("conv_transpose2d" + name, [attrs](Args x) { return Values{ConvTranspose2d(x[0], x[1], attrs)}; },
               {std::move(x), "transposed_filters"});
}

const Conv2dAttrs kStride{.stride = {2, 2}, .padding = Padding::Explicit(1)};
const Conv2dAttrs kDilation{.padding = Padding::Explicit(2), .dilation = {2, 2}};

const EdgeRows kConvolutions({
    Conv("", "pixels", "filters"),
    Conv("/stride", "pixels", "filters", kStride),
    Conv("/dilation", "pixels", "filters", kDilation),
    Conv("/no_images", "no_images", "filters"),
    Conv("/one_pixel", "one_pixel", "one_by_one"),
    Conv("/one_pixel_padded", "one_pixel", "filters", {.padding = Padding::Explicit(1)}),
    Conv("/depthwise", "pixels", "depthwise_filters", {.groups = 2}),
    Conv("/unread", "pixels", "one_by_one", {.stride = {5, 4}}),
    Transposed("", "pixels", {.stride = {2, 2}, .padding = Padding::Explicit(1)}),
    Transposed("/one_pixel", "one_pixel"),
    Transposed("/no_images", "no_images"),
});

struct Pool {
  std::string name;
  std::array<int64_t, 2> kernel, stride;
  int64_t padding;
};

std::vector<EdgeRow> PoolRows() {
  std::vector<EdgeRow> rows;
  for (const Pool& p : {Pool{"", {2, 2}, {2, 2}, 0}, {"/padded", {3, 3}, {2, 2}, 1}, {"/overlap", {3, 3}, {1, 1}, 0}}) {
    const auto max = [p](Args x) {
      const MaxPool2dResult pool =
          MaxPool2dWithArgmax(x[0], {.kernel = p.kernel, .stride = p.stride, .padding = Padding::Explicit(p.padding)});
      return Values{pool.y, pool.argmax};
    };
    const auto mean = [p](Args x) {
      return Values{AvgPool2d(x[0], {.kernel = p.kernel, .stride = p.stride, .padding = Padding::Explicit(p.padding)})};
    };
    rows.push_back(Exact("max_pool2d" + p.name, max, {"pool_pixels"}));
    EdgeRow average = Exact("avg_pool2d" + p.name, mean, {"pool_pixels"});
    average.ulp = 1, average.gradient_ulp = 2;  // a ninth is not exact
    rows.push_back(average);
  }
  return rows;
}
const EdgeRows kPools(PoolRows());

const EdgeRows kMorePools({
    Exact("max_pool2d/no_images", [](Args x) { return Values{MaxPool2d(x[0])}; }, {"no_images"}),
    Exact("avg_pool2d/no_images", [](Args x) { return Values{AvgPool2d(x[0])}; }, {"no_images"}),
    Exact("max_pool2d/one_pixel",
          [](Args x) {
            return Values{MaxPool2d(x[0], {.kernel = {1, 1}})};
          },
          {"one_pixel"}),
    Exact("avg_pool2d/one_pixel",
          [](Args x) {
            return Values{AvgPool2d(x[0], {.kernel = {1, 1}})};
          },
          {"one_pixel"}),
    {.name = "avg_pool2d/pixels",
     .build =
         [](Args x) {
           return Values{AvgPool2d(
               x[0],
               {.kernel = {3, 3}, .stride = {2, 2}, .padding = Padding::Explicit(1), .count_include_pad = false})};
         },
     .inputs = {"pool_pixels"}},
    // The gradient of a pooling, as a function of its cotangent.
    Exact("max_pool2d_x_grad", [](Args x) { return Gradients(MaxPool2d(x[0]), {x[0]}, {.seeds = {x[1]}}); },
          {"pool_pixels", "pool_dy"}),
});

std::vector<EdgeRow> ResizeRows() {
  struct Size {
    std::string name;
    int64_t height, width;
  };
  std::vector<EdgeRow> rows;
  for (const Size& s : {Size{"up", 6, 8}, {"down", 2, 2}, {"one", 1, 1}, {"same", 3, 4}}) {
    const auto nearest = [s](Args x) { return Values{ResizeNearest(x[0], {s.height, s.width})}; };
    const auto bilinear = [s](Args x) { return Values{ResizeBilinear(x[0], {s.height, s.width})}; };
    const auto corners = [s](Args x) { return Values{ResizeBilinear(x[0], {s.height, s.width, true})}; };
    rows.push_back(Exact("resize_nearest/" + s.name, nearest, {"resized"}));
    rows.push_back({.name = "resize_bilinear/" + s.name, .build = bilinear, .inputs = {"resized"}, .of_largest = true});
    rows.push_back(
        {.name = "resize_bilinear/corners_" + s.name, .build = corners, .inputs = {"resized"}, .of_largest = true});
  }
  return rows;
}
const EdgeRows kResizes(ResizeRows());

Values Nearest(Value x, int64_t height, int64_t width) { return {ResizeNearest(x, {height, width})}; }
Values Bilinear(Value x, int64_t height, int64_t width) { return {ResizeBilinear(x, {height, width})}; }
const EdgeRows kMoreResizes({
    Exact("resize_nearest/one_pixel", [](Args x) { return Nearest(x[0], 2, 3); }, {"one_pixel"}),
    Exact("resize_nearest/no_images", [](Args x) { return Nearest(x[0], 3, 2); }, {"no_images"}),
    Exact("resize_bilinear/one_pixel", [](Args x) { return Bilinear(x[0], 2, 3); }, {"one_pixel"}),
    Exact("resize_bilinear/no_images", [](Args x) { return Bilinear(x[0], 3, 2); }, {"no_images"}),
});

}  // namespace
}  // namespace adret
