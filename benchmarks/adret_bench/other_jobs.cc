// Pooling, matrix products, element-wise chains, the loss, tables, and what an operation costs that does next to
// nothing.
#include "absl/strings/str_cat.h"
#include "adret/adret.h"
#include "bench.h"

namespace adret::bench {
namespace {

void MaxPool(Bench& bench, int64_t kernel, int64_t stride) {
  const Shape shape{32, 64, 56, 56};
  const Work work{static_cast<double>(shape.num_elements()), "element"};
  const std::string name = absl::StrCat("maxpool/k", kernel, "s", stride);
  const nn::Layer pool = nn::MaxPool2d(kernel, {.stride = stride});
  bench.Run(name + "/forward", work, [&] {
    auto session = std::make_shared<Session>();
    return OneRun(session, {pool(FedInput(*session, "x", Normal(shape)))}, {}, bench);
  });
  bench.Run(name + "/train", work, [&] {
    auto session = std::make_shared<Session>();
    const Value x = FedInput(*session, "x", Normal(shape));
    const Value y = pool(x);
    const Value dy = FedInput(*session, "dy", Normal(y.shape()));
    return OneRun(session, Gradients(y, {x}, {.seeds = {dy}}), {}, bench);
  });
}

void MatrixProduct(Bench& bench, int64_t n) {
  const double d = static_cast<double>(n);
  bench.Run(absl::StrCat("matmul/", n), {2 * d * d * d, "flop"}, [&] {
    auto session = std::make_shared<Session>();
    const Value a = FedInput(*session, "a", Normal({n, n}));
    const Value b = FedInput(*session, "b", Normal({n, n}));
    return OneRun(session, {MatMul(a, b)}, {}, bench);
  });
}

Value Chain(Value v) { return v * Sigmoid(1.702 * v) + Tanh(v) * 0.5; }

void ElementwiseChain(Bench& bench) {
  constexpr int64_t kElements = int64_t{1} << 22;
  const Work work{static_cast<double>(kElements), "element"};
  bench.Run("elementwise/chain/forward", work, [&] {
    auto session = std::make_shared<Session>();
    return OneRun(session, {Chain(FedInput(*session, "v", Normal({kElements})))}, {}, bench);
  });
  bench.Run("elementwise/chain/train", work, [&] {
    auto session = std::make_shared<Session>();
    const Value v = FedInput(*session, "v", Normal({kElements}));
    const Value dy = FedInput(*session, "dy", Tensor::Full(DType::kFloat32, {kElements}, 1));
    return OneRun(session, Gradients(Chain(v), {v}, {.seeds = {dy}}), {}, bench);
  });
}

void CrossEntropy(Bench& bench) {
  const Shape shape{4096, 1000};
  bench.Run("softmax_cross_entropy/train", {static_cast<double>(shape.num_elements()), "element"}, [&] {
    auto session = std::make_shared<Session>();
    const Value z = FedInput(*session, "z", Normal(shape));
    const Value label = FedInput(*session, "label", Labels(shape[0], 1000));
    return OneRun(session, Gradients(nn::SoftmaxCrossEntropy(z, label), {z}), {}, bench);
  });
}

// A step of stochastic gradient descent on a table of `rows` vectors of 64 numbers, of which 128 are looked up.
void TrainTable(Bench& bench, int64_t rows, bool sparse) {
  constexpr int64_t kTokens = 128, kWidth = 64;
  const std::string name = absl::StrCat("embedding/train/", rows, sparse ? "" : "/dense");
  bench.Run(name, {static_cast<double>(kTokens), "token"}, [&] {
    auto session = std::make_shared<Session>();
    const Value tokens = FedInput(*session, "tokens", Labels(kTokens, static_cast<uint32_t>(rows)));
    const Value loss = Mean(Square(nn::Embedding(rows, kWidth, {.sparse = sparse})(tokens)));
    return OneRun(session, {loss}, nn::Sgd({.learning_rate = 1e-3}).Minimize(loss, session->graph.variables()), bench);
  });
}

// Both the result and the slope are fetched, and the cotangent is fed, so that nothing of it can be known beforehand.
void Overhead(Bench& bench) {
  bench.Run("overhead/1000_scalar_ops/train", {1000, "op"}, [&] {
    auto session = std::make_shared<Session>();
    const Value s = FedInput(*session, "s", Tensor::Scalar(DType::kFloat32, 1));
    const Value dy = FedInput(*session, "dy", Tensor::Scalar(DType::kFloat32, 1));
    Value y = s;
    for (int i = 0; i < 500; ++i) y = y * 0.999 + 0.001;
    return OneRun(session, {y, Gradients(y, {s}, {.seeds = {dy}})[0]}, {}, bench);
  });
}

}  // namespace

void OtherJobs(Bench& bench) {
  MaxPool(bench, 2, 2);
  MaxPool(bench, 3, 2);
  for (int64_t n : {256, 1024, 2048}) MatrixProduct(bench, n);
  ElementwiseChain(bench);
  CrossEntropy(bench);
  for (int64_t rows : {10'000, 100'000, 1'000'000}) {
    for (const bool sparse : {true, false}) TrainTable(bench, rows, sparse);
  }
  Overhead(bench);
}

}  // namespace adret::bench
