// ResNet-20 for 32x32 colour images (He et al. 2016, section 4.2, with projection shortcuts), and a perceptron.
#include <vector>

#include "adret/adret.h"
#include "bench.h"

namespace adret::bench {
namespace {

nn::Layer Conv(int64_t filters, int64_t kernel, int64_t stride) {
  return nn::Conv2d(filters, kernel, {.stride = stride, .padding = Padding::Explicit(kernel / 2), .bias = false});
}

nn::Layer Block(int64_t in, int64_t out, int64_t stride) {
  const nn::Sequential body{Conv(out, 3, stride), nn::BatchNorm(), nn::Relu(), Conv(out, 3, 1), nn::BatchNorm()};
  if (in == out) return nn::Sequential{nn::Residual(body), nn::Relu()};
  return nn::Sequential{nn::Residual(body, nn::Sequential{Conv(out, 1, stride), nn::BatchNorm()}), nn::Relu()};
}

// recompute: the intermediate values of each block are computed again when its gradient needs them.
nn::Sequential ResNet20(bool recompute) {
  std::vector<nn::Layer> layers = {Conv(16, 3, 1), nn::BatchNorm(), nn::Relu()};
  for (const nn::Layer& block : {Block(16, 16, 1), Block(16, 16, 1), Block(16, 16, 1),  //
                                 Block(16, 32, 2), Block(32, 32, 1), Block(32, 32, 1),  //
                                 Block(32, 64, 2), Block(64, 64, 1), Block(64, 64, 1)}) {
    layers.push_back(recompute ? nn::Recompute(block) : block);
  }
  layers.insert(layers.end(), {nn::GlobalAvgPool2d(), nn::Flatten(), nn::Dense(10)});
  return nn::Sequential(layers);
}

void Train(Bench& bench, const char* job, const nn::Sequential& net, const Shape& images,
           const nn::Optimizer& optimizer) {
  bench.Run(job, {static_cast<double>(images[0]), "image"}, [&] {
    auto session = std::make_shared<Session>();
    const Value x = FedInput(*session, "image", Normal(images), Batch::kSymbolic);
    const Value label = FedInput(*session, "label", Labels(images[0], 10), Batch::kSymbolic);
    const Value loss = nn::SoftmaxCrossEntropy(net(x), label);
    return OneRun(session, {loss}, optimizer.Minimize(loss, session->graph.variables()), bench);
  });
}

}  // namespace

void NetworkJobs(Bench& bench) {
  const nn::Optimizer sgd = nn::Sgd({.learning_rate = 0.1, .momentum = 0.9, .weight_decay = 1e-4});
  Train(bench, "resnet20/train/batch:64", ResNet20(/*recompute=*/false), {64, 3, 32, 32}, sgd);
  Train(bench, "resnet20/train_recompute/batch:64", ResNet20(/*recompute=*/true), {64, 3, 32, 32}, sgd);
  const nn::Sequential mlp{nn::Dense(512), nn::Relu(), nn::Dense(512), nn::Relu(), nn::Dense(10)};
  Train(bench, "mlp/train/batch:128", mlp, {128, 784}, nn::Adam({.learning_rate = 1e-3}));
}

}  // namespace adret::bench
