// Small costs, with Google Benchmark: building, differentiating and compiling graphs, and single operations.
#include <cstdint>

#include "adret/adret.h"
#include "benchmark/benchmark.h"

namespace adret {
namespace {

Value LectureLoss(Graph& graph) {
  const Value image = graph.Input("image", DType::kFloat32, {kAnyBatch, 1, 28, 28});
  const Value label = graph.Input("label", DType::kInt64, {kAnyBatch});
  const nn::Sequential net{nn::Conv2d(25, 3), nn::Relu(),    nn::MaxPool2d(2), nn::Conv2d(50, 3), nn::Relu(),
                           nn::MaxPool2d(2),  nn::Flatten(), nn::Dense(100),   nn::Relu(),        nn::Dense(10)};
  return nn::SoftmaxCrossEntropy(net(image), label);
}

Value Chain(Graph& graph, int64_t length) {
  Value y = graph.Input("x", DType::kFloat32, {});
  for (int64_t i = 0; i < length; ++i) y = Tanh(y);
  return y;
}

// Everything before the first run, of training the lecture's network.
void BuildAndCompileTraining(benchmark::State& state) {
  for (auto _ : state) {
    Graph graph;
    const Value loss = LectureLoss(graph);
    auto executor = Executor::Create({loss}, nn::Adam().Minimize(loss, graph.variables()));
    benchmark::DoNotOptimize(executor->PeakBytes(/*batch=*/128));
  }
}
BENCHMARK(BuildAndCompileTraining)->Unit(benchmark::kMillisecond);

void BuildChain(benchmark::State& state) {
  for (auto _ : state) {
    Graph graph;
    benchmark::DoNotOptimize(Chain(graph, state.range(0)));
  }
  state.SetComplexityN(state.range(0));
}
BENCHMARK(BuildChain)->RangeMultiplier(10)->Range(1000, 100000)->Unit(benchmark::kMillisecond)->Complexity();

void DifferentiateChain(benchmark::State& state) {
  for (auto _ : state) {
    Graph graph;
    const Value y = Chain(graph, state.range(0));
    benchmark::DoNotOptimize(Gradients(y, graph.inputs()));
  }
  state.SetComplexityN(state.range(0));
}
BENCHMARK(DifferentiateChain)->RangeMultiplier(10)->Range(1000, 100000)->Unit(benchmark::kMillisecond)->Complexity();

void CompileChain(benchmark::State& state) {
  Graph graph;
  const Value y = Chain(graph, state.range(0));
  const Value dx = Gradients(y, graph.inputs())[0];
  for (auto _ : state) {
    auto executor = Executor::Create({dx});
    benchmark::DoNotOptimize(executor->PeakBytes());
  }
  state.SetComplexityN(state.range(0));
}
BENCHMARK(CompileChain)->RangeMultiplier(10)->Range(1000, 100000)->Unit(benchmark::kMillisecond)->Complexity();

// Runs f of one input of n elements, on one thread.
template <class F>
void RunUnary(benchmark::State& state, F f) {
  const int64_t n = state.range(0);
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {n});
  auto executor = Executor::Create({f(x)}, {}, {.threads = 1});
  const Tensor numbers = Tensor::Full(DType::kFloat32, {n}, 0.5);
  for (auto _ : state) benchmark::DoNotOptimize(executor->Run({{x, numbers}}));
  state.SetItemsProcessed(state.iterations() * n);
}

BENCHMARK_CAPTURE(RunUnary, relu, [](Value x) { return Relu(x); })->Arg(16)->Arg(1 << 12)->Arg(1 << 20);
BENCHMARK_CAPTURE(RunUnary, exp, [](Value x) { return Exp(x); })->Arg(16)->Arg(1 << 12)->Arg(1 << 20);
BENCHMARK_CAPTURE(RunUnary, tanh, [](Value x) { return Tanh(x); })->Arg(16)->Arg(1 << 12)->Arg(1 << 20);
BENCHMARK_CAPTURE(RunUnary, sigmoid, [](Value x) { return Sigmoid(x); })->Arg(16)->Arg(1 << 12)->Arg(1 << 20);
BENCHMARK_CAPTURE(RunUnary, sum, [](Value x) { return Sum(x); })->Arg(16)->Arg(1 << 12)->Arg(1 << 20);
BENCHMARK_CAPTURE(RunUnary, softmax, [](Value x) { return Softmax(x); })->Arg(16)->Arg(1 << 12)->Arg(1 << 20);

}  // namespace
}  // namespace adret
