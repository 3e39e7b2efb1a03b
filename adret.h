// adret: computation graphs, their derivatives, and what networks learn. This header includes all public ones.
//
//   #include "adret/adret.h"
//   using namespace adret;
//
//   Graph graph;
//   Value x = graph.Input("x", DType::kFloat64, {});
//   Value slope = Gradients(Sin(x), {x})[0];
//   absl::StatusOr<Tensor> y = Evaluate(slope, {{x, Tensor::Scalar(DType::kFloat64, 0)}});      // cos(0) = 1
#ifndef ADRET_ADRET_H_
#define ADRET_ADRET_H_

// core: what a graph is and how it runs.
#include "adret/core/executor.h"
#include "adret/core/graph.h"
#include "adret/core/op.h"
#include "adret/core/parallel.h"
#include "adret/core/random.h"
#include "adret/core/shape.h"
#include "adret/core/state.h"
#include "adret/core/status.h"
#include "adret/core/tensor.h"

// autograd: derivatives.
#include "adret/autograd/check_gradients.h"
#include "adret/autograd/gradients.h"

// nn: layers and training.
#include "adret/nn/batches.h"
#include "adret/nn/initializers.h"
#include "adret/nn/layers.h"
#include "adret/nn/losses.h"
#include "adret/nn/metrics.h"
#include "adret/nn/optimizers.h"
#include "adret/nn/progress.h"
#include "adret/nn/schedules.h"
#include "adret/nn/summary.h"
#include "adret/nn/trainer.h"

#endif  // ADRET_ADRET_H_
