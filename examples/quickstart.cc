// A function, its gradient and its second derivative. A gradient is a graph: differentiate it again.
#include <cstdio>

#include "adret/adret.h"

int main() {
  using namespace adret;
  Graph graph;
  Value x = graph.Input("x", DType::kFloat64, {});
  Value y = Sin(x) * Exp(-x);
  Value dy = Gradients(y, {x})[0];
  Value d2y = Gradients(dy, {x})[0];

  std::printf("     x        y       y'      y''\n");
  for (double at : {0.0, 0.5, 1.0, 1.5}) {
    auto results = Evaluate({y, dy, d2y}, {{x, Tensor::Scalar(DType::kFloat64, at)}});
    if (!results.ok()) return std::fprintf(stderr, "%s\n", results.status().ToString().c_str()), 1;
    std::printf("%6.2f %8.4f %8.4f %8.4f\n", at, (*results)[0].At(0), (*results)[1].At(0), (*results)[2].At(0));
  }
}
