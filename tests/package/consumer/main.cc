// Differentiates, saves and loads with the installed adret, next to protobuf messages of its own. Has differentiated in
// a static initialiser before. Prints the number of registered ops.
#include <cstdio>
#include <iostream>
#include <string>

#include "adret/adret.h"
#include "model.pb.h"
#ifdef ADRET_PLOT
#include "adret/plot/graph_svg.h"
#endif

namespace {

// A graph that is there before main().
struct Early {
  Early() : x(graph.Input("x", adret::DType::kFloat64, {adret::kAnyBatch})) {
    const adret::Value dx = adret::Gradients(adret::Sum(adret::Exp(x) * x), {x})[0];
    result = adret::Evaluate(dx, {{x, adret::Tensor::From<double>({2}, {0.0, 1.0})}});
  }
  adret::Graph graph;
  adret::Value x;
  absl::StatusOr<adret::Tensor> result = absl::UnknownError("");
};
const Early early;

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  if (!early.result.ok() || early.result->At(0) != 1.0) {
    std::cerr << "before main: " << early.result.status() << "\n";
    return 1;
  }
  adret::Graph graph;
  adret::Value x = graph.Input("x", adret::DType::kFloat64, {adret::kAnyBatch});
  adret::Value y = adret::Sum(adret::Exp(x) * x);
  adret::Value dx = adret::Gradients(y, {x})[0];
  auto result = adret::Evaluate(dx, {{x, adret::Tensor::From<double>({2}, {0.0, 1.0})}});
  if (!result.ok()) {
    std::cerr << result.status() << "\n";
    return 1;
  }
  if (result->At(0) != 1.0) {
    std::cerr << "the gradient of x exp(x) at 0 is 1, not " << result->At(0) << "\n";
    return 1;
  }

  const std::string path = argv[1];
  absl::Status saved = adret::io::SaveModel(path, {.graph = &graph, .outputs = {{"dx", dx}}});
  auto model = adret::io::LoadModel(path);
  if (!saved.ok() || !model.ok() || model->graph->num_nodes() != graph.num_nodes()) {
    std::cerr << saved << " " << model.status() << "\n";
    return 1;
  }

#ifdef ADRET_PLOT
  // Graphviz's plugins are found.
  const absl::StatusOr<std::string> svg = adret::plot::GraphvizSvg("digraph { a -> b }");
  if (!svg.ok() && !absl::IsUnimplemented(svg.status())) {
    std::cerr << svg.status() << "\n";
    return 1;
  }
#endif

  consumer::Model message;
  message.set_name("ours");
  message.add_numbers(result->At(1));
  consumer::Model copy;
  if (!copy.ParseFromString(message.SerializeAsString()) || copy.numbers(0) != result->At(1)) {
    std::cerr << "the message did not survive\n";
    return 1;
  }
  std::cout << adret::AllOps().size() << "\n";
  return 0;
}
