// What a plugin does with adret, and the program that loads it as well.
#include <iostream>
#include <string>

#include "adret/adret.h"

// Multiplies, differentiates, saves to a file and loads it; returns the number of registered ops, or -1.
extern "C" int UseAdret(const char* path) {
  adret::Graph graph;
  const adret::Value x = graph.Input("x", adret::DType::kFloat32, {adret::kAnyBatch, 8});
  const adret::Value w = graph.Variable("w", adret::Tensor::Full(adret::DType::kFloat32, {8, 8}, 2));
  const adret::Value dw = adret::Gradients(adret::Sum(adret::MatMul(x, w)), {w})[0];
  const adret::State state = *adret::InitialState(graph, 1);
  const auto result = adret::Evaluate(dw, {{x, adret::Tensor::Full(adret::DType::kFloat32, {3, 8}, 1)}}, &state);
  const absl::Status saved = adret::io::SaveModel(path, {.graph = &graph, .state = &state, .outputs = {{"dw", dw}}});
  const auto model = adret::io::LoadModel(path);
  if (result.ok() && result->At(0) == 3 && saved.ok() && model.ok()) return static_cast<int>(adret::AllOps().size());
  std::cerr << result.status() << " " << saved << " " << model.status() << "\n";
  return -1;
}
