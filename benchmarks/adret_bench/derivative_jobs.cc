// Derivatives that training does not need: of every example's loss, of a gradient along a direction, of all outputs.
#include "absl/strings/str_cat.h"
#include "adret/adret.h"
#include "bench.h"

namespace adret::bench {
namespace {

constexpr int64_t kImages = 128;

// The lecture's network in training mode, on images that are known to be so many.
struct Lecture {
  Value Logits(const Value& images) const { return net(images); }

  nn::Sequential net{nn::Conv2d(25, 3), nn::Relu(),    nn::MaxPool2d(2), nn::Conv2d(50, 3), nn::Relu(),
                     nn::MaxPool2d(2),  nn::Flatten(), nn::Dense(100),   nn::Relu(),        nn::Dense(10)};
};

// The gradient of each image's loss with respect to each variable.
absl::StatusOr<Iteration> PerExample(const Bench& bench) {
  auto session = std::make_shared<Session>();
  const Lecture lecture;
  const Value x = FedInput(*session, "image", Normal({kImages, 1, 28, 28}));
  const Value label = FedInput(*session, "label", Labels(kImages, 10));
  (void)lecture.Logits(x);  // makes the variables
  const auto loss = [&](Args v) {
    return nn::SoftmaxCrossEntropy(lecture.Logits(Reshape(v[0], {1, 1, 28, 28})), Reshape(v[1], {1}));
  };
  return OneRun(session, PerExampleGradients(loss, {x, label}, session->graph.variables()), {}, bench);
}

// The Hessian of the mean loss times a direction, for all variables.
absl::StatusOr<Iteration> HessianTimesVector(const Bench& bench) {
  auto session = std::make_shared<Session>();
  const Value x = FedInput(*session, "image", Normal({kImages, 1, 28, 28}));
  const Value label = FedInput(*session, "label", Labels(kImages, 10));
  const Value loss = nn::SoftmaxCrossEntropy(Lecture().Logits(x), label);
  const Values variables = session->graph.variables();
  Values direction;
  for (const Value& v : variables) {
    direction.push_back(FedInput(*session, absl::StrCat("direction", direction.size()), Normal(v.shape())));
  }
  return OneRun(session, HessianVectorProduct(loss, variables, direction), {}, bench);
}

// d 10 outputs / d 784 inputs of a multilayer perceptron, for each example.
absl::StatusOr<Iteration> OutputsByInputs(const Bench& bench, int64_t batch) {
  auto session = std::make_shared<Session>();
  const nn::Sequential net{nn::Dense(512), nn::Relu(), nn::Dense(512), nn::Relu(), nn::Dense(10)};
  const Value x = FedInput(*session, "x", Normal({batch, 784}));
  (void)net(x);  // makes the variables
  const auto jacobian = [&](Args v) { return Values{Jacobian(Reshape(net(Reshape(v[0], {1, 784})), {10}), v[0])}; };
  return OneRun(session, Vmap(jacobian, {x}), {}, bench);
}

}  // namespace

void DerivativeJobs(Bench& bench) {
  const Work images{static_cast<double>(kImages), "image"};
  bench.Run("lecture_cnn/per_example_gradients/batch:128", images, [&] { return PerExample(bench); });
  bench.Run("lecture_cnn/hvp/batch:128", images, [&] { return HessianTimesVector(bench); });
  for (int64_t batch : {1, 128}) {
    bench.Run(absl::StrCat("mlp/jacobian/batch:", batch), {static_cast<double>(batch), "example"},
              [&] { return OutputsByInputs(bench, batch); });
  }
}

}  // namespace adret::bench
