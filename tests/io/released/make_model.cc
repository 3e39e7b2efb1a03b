// Makes the model file that a release leaves behind (see tests/io/released_test.cc), and what it computes:
//
//   make_model 0.1.0         # writes 0.1.0.adret and 0.1.0.npz
//
// A small network with what files have to keep: layers, batch statistics, dropout and its random numbers, a symbolic
// batch, a training step with Adam, clipping and a schedule, free text. In f64, so that kernels may change and results
// still agree to ten digits.
#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"
#include "adret/adret.h"

namespace adret {
namespace {

constexpr int kSteps = 3;
constexpr int64_t kBatch = 4;

Tensor Pixels() {
  Tensor t(DType::kFloat64, {kBatch, 1, 8, 8});
  auto numbers = t.mutable_data<double>();
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<double>(i * 37 % 101) / 50 - 1;
  return t;
}

absl::Status Make(const std::string& release) {
  Graph graph;
  Value image = graph.Input("image", DType::kFloat64, {kAnyBatch, 1, 8, 8});
  Value label = graph.Input("label", DType::kInt64, {kAnyBatch});
  nn::Sequential net{nn::Conv2d(4, 3), nn::BatchNorm(), nn::Relu(),
                     nn::MaxPool2d(2), nn::Flatten(),   nn::Dropout(0.5),
                     nn::Dense(6),     nn::Tanh(),      nn::Dense(3).Named("logits")};
  Value loss = nn::SoftmaxCrossEntropy(net(image), label);
  Value answer = Softmax(net(image, nn::Mode::kInference));
  Updates step = nn::Adam({.learning_rate = nn::Cosine({.start = 0.05, .steps = 10}), .common = {.clip_norm = 1}})
                     .Minimize(loss, graph.variables());
  AD_ASSIGN_OR_RETURN(State state, InitialState(graph, /*seed=*/7));
  AD_RETURN_IF_ERROR(io::SaveModel(absl::StrCat(release, ".adret"), {.graph = &graph,
                                                                     .state = &state,
                                                                     .outputs = {{"loss", loss}, {"answer", answer}},
                                                                     .updates = step,
                                                                     .metadata = {{"release", release}}}));

  const Tensor images = Pixels(), labels = Tensor::From<int64_t>({kBatch}, {0, 1, 2, 1});
  io::NamedTensors golden = {{"input/image", images}, {"input/label", labels}};
  AD_ASSIGN_OR_RETURN(Executor executor, Executor::Create({loss, answer}, step));
  for (int i = 0; i < kSteps; ++i) {
    AD_ASSIGN_OR_RETURN(const std::vector<Tensor> results, executor.Run({{image, images}, {label, labels}}, &state));
    golden[absl::StrCat("step", i, "/loss")] = results[0];
    golden[absl::StrCat("step", i, "/answer")] = results[1];
  }
  return io::SaveNpz(absl::StrCat(release, ".npz"), golden);
}

}  // namespace
}  // namespace adret

int main(int argc, char** argv) {
  const absl::Status status =
      argc == 2 ? adret::Make(argv[1]) : absl::InvalidArgumentError("usage: make_model RELEASE");
  if (status.ok()) return 0;
  std::fprintf(stderr, "make_model: %s\n", std::string(status.message()).c_str());
  return 1;
}
