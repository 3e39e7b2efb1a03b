// Single operations on one thread, with Google Benchmark: what a kernel reaches of flops and bytes per second, to be
// held against benchmarks/machine_limits.
#include <cstdint>
#include <functional>
#include <vector>

#include "adret/adret.h"
#include "benchmark/benchmark.h"

namespace adret {
namespace {

// Makes the values to fetch from the graph's inputs, which it adds with `input`.
using Maker = std::function<Values(const std::function<Value(const Shape&)>& input)>;

void RunKernel(benchmark::State& state, const Maker& make) {
  Graph graph;
  Feeds feeds;
  RandomStream random(/*seed=*/1);
  const auto input = [&](const Shape& shape) {
    Tensor numbers(DType::kFloat32, shape);
    for (float& x : numbers.mutable_data<float>()) x = static_cast<float>(random.Uniform(-1, 1));
    const Value x = graph.Input(absl::StrCat("x", feeds.size()), DType::kFloat32, shape);
    feeds.emplace_back(x, std::move(numbers));
    return x;
  };
  const Values fetches = make(input);
  auto executor = Executor::Create(fetches, {}, {.threads = 1});
  if (!executor.ok()) return state.SkipWithError(std::string(executor.status().message()).c_str());
  for (auto _ : state) benchmark::DoNotOptimize(executor->Run(feeds));
  const PlanReport report = *executor->Report();
  const double runs = static_cast<double>(state.iterations());
  state.counters["flops"] = benchmark::Counter(report.flops() * runs, benchmark::Counter::kIsRate);
  state.SetBytesProcessed(state.iterations() * report.bytes());
}

void Register(const std::string& name, Maker make) {
  benchmark::RegisterBenchmark(name.c_str(), RunKernel, std::move(make))->Unit(benchmark::kMicrosecond);
}

void RegisterConvolutions() {
  constexpr struct {
    const char* name;
    int64_t batch, channels, size, filters, kernel, stride, padding, groups;
  } kCases[] = {
      {"1_to_25_3x3", 16, 1, 28, 25, 3, 1, 0, 1},           {"25_to_50_3x3", 16, 25, 13, 50, 3, 1, 0, 1},
      {"3_to_64_7x7_s2", 1, 3, 224, 64, 7, 2, 3, 1},        {"16_to_16_3x3", 8, 16, 32, 16, 3, 1, 1, 1},
      {"64_to_64_3x3", 1, 64, 56, 64, 3, 1, 1, 1},          {"64_to_256_1x1", 1, 64, 56, 256, 1, 1, 0, 1},
      {"256_to_512_1x1_s2", 1, 256, 28, 512, 1, 2, 0, 1},   {"32_to_32_5x5", 4, 32, 28, 32, 5, 1, 2, 1},
      {"depthwise_144_3x3", 1, 144, 28, 144, 3, 1, 1, 144}, {"512_to_512_3x3", 1, 512, 7, 512, 3, 1, 1, 1},
  };
  for (const auto& c : kCases) {
    const auto forward = [c](const auto& input) {
      const Value x = input(Shape{c.batch, c.channels, c.size, c.size});
      const Value w = input(Shape{c.filters, c.channels / c.groups, c.kernel, c.kernel});
      const Value y =
          Conv2d(x, w, {.stride = {c.stride, c.stride}, .padding = Padding::Explicit(c.padding), .groups = c.groups});
      return std::vector<Value>{x, w, y};
    };
    const auto gradient = [forward](int of) {
      return [forward, of](const auto& input) {
        const std::vector<Value> v = forward(input);
        return Gradients(v[2], {v[of]}, {.seeds = {input(v[2].shape())}});
      };
    };
    const std::string name = absl::StrCat("conv2d/", c.name);
    Register(name + "/forward", [forward](const auto& input) { return Values{forward(input)[2]}; });
    Register(name + "/grad_input", gradient(0));
    Register(name + "/grad_filter", gradient(1));
  }
}

void RegisterMatMuls() {
  for (int64_t n : {16, 64, 256, 512}) {
    Register(absl::StrCat("matmul/", n), [n](const auto& input) {
      return Values{MatMul(input({n, n}), input({n, n}))};
    });
  }
  Register("matmul/128x1250x100", [](const auto& input) {
    return Values{MatMul(input({128, 1250}), input({100, 1250}), {.transpose_b = true})};
  });
  Register("matmul/vector", [](const auto& input) { return Values{MatMul(input({1, 1024}), input({1024, 1024}))}; });
}

void RegisterWindows() {
  const Shape images{8, 64, 56, 56};
  for (int64_t kernel : {2, 3}) {
    const auto pool = [kernel, images](const auto& input) {
      const Value x = input(images);
      return Values{x, nn::MaxPool2d(kernel, {.stride = 2})(x)};
    };
    Register(absl::StrCat("max_pool2d/", kernel), [pool](const auto& input) { return Values{pool(input)[1]}; });
    Register(absl::StrCat("max_pool2d/", kernel, "/train"), [pool](const auto& input) {
      const Values v = pool(input);
      return Gradients(v[1], {v[0]}, {.seeds = {input(v[1].shape())}});
    });
  }
  Register("avg_pool2d/2", [images](const auto& input) { return Values{nn::AvgPool2d(2)(input(images))}; });
}

void RegisterReductions() {
  const Shape images{16, 64, 28, 28};
  Register("sum/all", [images](const auto& input) { return Values{Sum(input(images))}; });
  Register("sum/rows", [](const auto& input) { return Values{Sum(input({1024, 1024}), {.axes = {1}})}; });
  Register("sum/columns", [](const auto& input) { return Values{Sum(input({1024, 1024}), {.axes = {0}})}; });
  Register("sum/channels", [images](const auto& input) { return Values{Sum(input(images), {.axes = {0, 2, 3}})}; });
  Register("max/rows", [](const auto& input) { return Values{Max(input({1024, 1024}), {.axes = {1}})}; });
}

// Normalisations and softmaxes, and their gradients: limited by memory, or by exponentials.
void RegisterNorms() {
  const auto register_both = [](const std::string& name, auto forward) {
    Register(name, [forward](const auto& input) { return Values{forward(input).back()}; });
    Register(name + "/train", [forward](const auto& input) {
      Values v = forward(input);
      const Value y = v.back();
      v.pop_back();
      return Gradients(y, v, {.seeds = {input(y.shape())}});
    });
  };
  for (const Shape& shape : {Shape{1024, 768}, Shape{4096, 32}}) {
    register_both(absl::StrCat("layer_norm/", shape[0], "x", shape[1]), [shape](const auto& input) {
      const Value x = input(shape), scale = input({shape[1]}), bias = input({shape[1]});
      return Values{x, scale, bias, LayerNorm(x, scale, bias)};
    });
  }
  for (const Shape& shape : {Shape{16, 64, 28, 28}, Shape{8192, 128}}) {
    register_both(absl::StrCat("batch_norm/", shape[0], "x", shape[1]), [shape](const auto& input) {
      const Value x = input(shape), scale = input({shape[1]}), bias = input({shape[1]});
      return Values{x, scale, bias, BatchNormTraining(x, scale, bias).y};
    });
  }
  const auto register_rows = [&](const std::string& name, auto f) {
    for (const Shape& shape : {Shape{1024, 1000}, Shape{128, 10}}) {
      register_both(absl::StrCat(name, "/", shape[0], "x", shape[1]), [shape, f](const auto& input) {
        const Value x = input(shape);
        return Values{x, f(x)};
      });
    }
  };
  register_rows("softmax", [](const Value& x) { return Softmax(x); });
  register_rows("softmax/columns", [](const Value& x) { return Softmax(x, 0); });
  register_rows("log_softmax", [](const Value& x) { return LogSoftmax(x); });
  register_rows("log_softmax/columns", [](const Value& x) { return LogSoftmax(x, 0); });
  register_rows("logsumexp", [](const Value& x) { return LogSumExp(x, {.axes = {1}}); });
  register_rows("softmax_cross_entropy", [](const Value& x) {
    return SoftmaxCrossEntropy(x, x.graph()->Constant(Tensor::Zeros(DType::kInt64, {x.shape()[0]})));
  });
}

void RegisterCopies() {
  Register("transpose/matrix", [](const auto& input) { return Values{Transpose(input({1024, 1024}), {1, 0})}; });
  Register("transpose/nchw_to_nhwc", [](const auto& input) {
    return Values{Transpose(input({16, 64, 28, 28}), {0, 2, 3, 1})};
  });
  Register("slice/channels", [](const auto& input) {
    return Values{Slice(input({16, 64, 28, 28}), /*axis=*/1, 8, 24)};
  });
  Register("add/bias", [](const auto& input) { return Values{input({16, 64, 28, 28}) + input({64, 1, 1})}; });
}

void RegisterElementwise() {
  for (int64_t n : {1 << 10, 1 << 16, 1 << 22}) {
    Register(absl::StrCat("elementwise/add/", n), [n](const auto& input) { return Values{input({n}) + input({n})}; });
    Register(absl::StrCat("elementwise/gelu/", n), [n](const auto& input) {
      const Value v = input({n});
      return Values{v * Sigmoid(1.702 * v)};
    });
  }
}

void RegisterFunctions() {
  using Function = Value (*)(Operand);
  constexpr std::pair<const char*, Function> kFunctions[] = {
      {"exp", Exp},
      {"expm1", Expm1},
      {"sin", Sin},
      {"cos", Cos},
      {"tan", Tan},
      {"tanh", Tanh},
      {"erf", Erf},
      {"sigmoid", Sigmoid},
      {"softplus", Softplus},
      {"silu", Silu},
      {"elu", [](Operand x) { return Elu(x); }},
      {"gelu", [](Operand x) { return Gelu(x); }},
      {"gelu_tanh", [](Operand x) { return Gelu(x, {.approximate = true}); }},
  };
  for (const auto& [name, function] : kFunctions) {
    Register(absl::StrCat("function/", name),
             [f = function](const auto& input) { return Values{f(input({1 << 16}))}; });
    Register(absl::StrCat("function/", name, "/train"), [f = function](const auto& input) {
      const Value x = input({1 << 16});
      return Gradients(Sum(f(x)), {x});
    });
  }
}

}  // namespace
}  // namespace adret

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  adret::RegisterConvolutions();
  adret::RegisterMatMuls();
  adret::RegisterWindows();
  adret::RegisterReductions();
  adret::RegisterNorms();
  adret::RegisterCopies();
  adret::RegisterElementwise();
  adret::RegisterFunctions();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
