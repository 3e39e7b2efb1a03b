// The lecture's network: training, inference, and the images that its second convolution's filters look for.
#include "absl/strings/str_cat.h"
#include "adret/adret.h"
#include "bench.h"

namespace adret::bench {
namespace {

constexpr int64_t kFilters = 50;  // of the second convolution
constexpr int kAscentSteps = 20;

// What the filters of the second convolution see: the network up to there.
nn::Sequential Trunk() { return {nn::Conv2d(25, 3), nn::Relu(), nn::MaxPool2d(2), nn::Conv2d(kFilters, 3)}; }

nn::Sequential Network() {
  return {Trunk(), nn::Relu(), nn::MaxPool2d(2), nn::Flatten(), nn::Dense(100), nn::Relu(), nn::Dense(10)};
}

void Train(Bench& bench, int64_t batch) {
  bench.Run(absl::StrCat("lecture_cnn/train/batch:", batch), {static_cast<double>(batch), "image"}, [&] {
    auto session = std::make_shared<Session>();
    const Value x = FedInput(*session, "image", Normal({batch, 1, 28, 28}), Batch::kSymbolic);
    const Value label = FedInput(*session, "label", Labels(batch, 10), Batch::kSymbolic);
    const Value loss = nn::SoftmaxCrossEntropy(Network()(x), label);
    const Updates step = nn::Adam({.learning_rate = 1e-3}).Minimize(loss, session->graph.variables());
    return OneRun(session, {loss}, step, bench);
  });
}

void Infer(Bench& bench, int64_t batch) {
  bench.Run(absl::StrCat("lecture_cnn/infer/batch:", batch), {static_cast<double>(batch), "image"}, [&] {
    auto session = std::make_shared<Session>();
    const Value x = FedInput(*session, "image", Normal({batch, 1, 28, 28}), Batch::kSymbolic);
    return OneRun(session, {Network()(x, nn::Mode::kInference)}, {}, bench);
  });
}

// One step up the slope of activation: x += 0.1 g / (rms(g) + 1e-8), each image by its own length.
Updates Ascend(Value activation, Value x) {
  const Value g = Gradients(activation, {x})[0];
  const Value rms = Sqrt(Mean(Square(g), {.axes = {1, 2, 3}, .keepdims = true}));
  return {{x, x + 0.1 * (g / (rms + 1e-8))}};
}

// Twenty steps from start, with executor e.
absl::Status Climb(Session& session, int e, const Tensor& start) {
  session.state.Set("x", start);
  for (int i = 0; i < kAscentSteps; ++i) {
    AD_RETURN_IF_ERROR(session.executors[e].Run({}, &session.state).status());
  }
  return absl::OkStatus();
}

absl::StatusOr<Iteration> OneByOne(const Bench& bench) {
  auto session = std::make_shared<Session>();
  const Value x = session->graph.Variable("x", Tensor::Zeros(DType::kFloat32, {1, 1, 28, 28}));
  const Value maps = Trunk()(x);
  AD_RETURN_IF_ERROR(InitializeMissing(session->graph, /*seed=*/1, &session->state));
  Cost cost;
  for (int64_t k = 0; k < kFilters; ++k) {
    const Updates step = Ascend(Sum(Slice(maps, /*axis=*/1, k, k + 1)), x);
    AD_ASSIGN_OR_RETURN(Executor executor, Executor::Create({}, step, {.threads = bench.threads()}));
    AD_ASSIGN_OR_RETURN(const Cost once, CostOf(*session, {}, step, executor));
    cost = Plus(cost, Times(kAscentSteps, once));
    session->executors.push_back(std::move(executor));
  }
  const Tensor start = Normal({1, 1, 28, 28}, 0.1);
  const auto run = [session, start] {
    for (int k = 0; k < kFilters; ++k) AD_RETURN_IF_ERROR(Climb(*session, k, start));
    return absl::OkStatus();
  };
  return Iteration{run, cost};
}

absl::StatusOr<Iteration> Batched(const Bench& bench) {
  auto session = std::make_shared<Session>();
  const Tensor start = Normal({kFilters, 1, 28, 28}, 0.1);
  const Value x = session->graph.Variable("x", start);
  // Image k is to please filter k.
  Tensor own = Tensor::Zeros(DType::kFloat32, {kFilters, kFilters, 1, 1});
  for (int64_t k = 0; k < kFilters; ++k) own.mutable_data<float>()[k * kFilters + k] = 1;
  const Updates step = Ascend(Sum(Trunk()(x) * session->graph.Constant(own)), x);
  AD_ASSIGN_OR_RETURN(const Iteration once, OneRun(session, {}, step, bench));
  return Iteration{[session, start] { return Climb(*session, 0, start); }, Times(kAscentSteps, once.cost)};
}

}  // namespace

void LectureJobs(Bench& bench) {
  for (int64_t batch : {32, 128, 512}) Train(bench, batch);
  for (int64_t batch : {1, 128, 1024}) Infer(bench, batch);
  const Work work{static_cast<double>(kFilters * kAscentSteps), "ascent step"};
  bench.Run("lecture_cnn/ascend/one_by_one", work, [&] { return OneByOne(bench); });
  bench.Run("lecture_cnn/ascend/batched", work, [&] { return Batched(bench); });
}

}  // namespace adret::bench
