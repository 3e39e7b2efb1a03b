// Edge rows of normalisations and matrix products.
#include "adret/ops/broadcast.h"
#include "adret/ops/matmul.h"
#include "adret/ops/norm.h"
#include "adret/ops/transpose.h"
#include "adret/tests/ops/edge_suite.h"

namespace adret {
namespace {

EdgeRow BatchNorm(std::string name, std::vector<std::string> inputs) {
  return {.name = std::move(name),
          .build =
              [](Args x) {
                const BatchNormResult norm = BatchNormTraining(x[0], x[1], x[2]);
                return Values{norm.y, norm.mean, norm.variance};
              },
          .inputs = std::move(inputs),
          .gradient_ulp = 32,  // means of 8 + i / 1024 round, and are divided by a deviation of 1 / 300
          .of_largest = true};
}
EdgeRow Layer(std::string name, std::vector<std::string> inputs) {
  return {.name = std::move(name),
          .build = [](Args x) { return Values{LayerNorm(x[0], x[1], x[2])}; },
          .inputs = std::move(inputs),
          .gradient_ulp = 32,  // means of 8 + i / 1024 round, and are divided by a deviation of 1 / 300
          .of_largest = true};
}

EdgeRow Rms(std::string name, std::vector<std::string> inputs) {
  return {.name = std::move(name),
          .build = [](Args x) { return Values{RmsNorm(x[0], x[1])}; },
          .inputs = std::move(inputs),
          .gradient_ulp = 32,
          .of_largest = true};
}

const EdgeRows kNorms({
    BatchNorm("batch_norm", {"channels", "scales", "biases"}),
    BatchNorm("batch_norm/images", {"image_channels", "scales", "biases"}),
    BatchNorm("batch_norm/large", {"large_channel", "one_scale", "one_bias"}),
    Layer("layer_norm", {"samples", "sample_scales", "sample_biases"}),
    Layer("layer_norm/no_rows", {"no_samples", "sample_scales", "sample_biases"}),
    Layer("layer_norm/one", {"single", "one_scale", "one_bias"}),
    Rms("rms_norm", {"samples", "sample_scales"}),
    Rms("rms_norm/no_rows", {"no_samples", "sample_scales"}),
    Rms("rms_norm/one", {"single", "one_scale"}),
    {.name = "rms_norm/large",
     .build = [](Args x) { return Values{RmsNorm(Transpose(x[0]), BroadcastTo(x[1], {12}))}; },
     .inputs = {"large_channel", "one_scale"},
     .gradient_ulp = 64,
     .of_largest = true},
});

EdgeRow Product(std::string name, std::string a, std::string b) {
  return {.name = std::move(name),
          .build = [](Args x) { return Values{MatMul(x[0], x[1])}; },
          .inputs = {std::move(a), std::move(b)},
          .ulp = 0,
          .gradient_ulp = 0};
}

const EdgeRows kProducts({
    Product("matmul", "left", "right"),
    Product("matmul/right_edges", "left", "right_edges"),
    Product("matmul/zeros_right", "left", "zeros_right"),
    Product("matmul/no_rows", "none_left", "right"),
    Product("matmul/nothing_to_sum", "thin_left", "thin_right"),
    Product("matmul/one", "one_row", "one_column"),
});

}  // namespace
}  // namespace adret
