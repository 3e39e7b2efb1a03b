// adret: computation graphs, their derivatives, and what networks learn. This header includes what programs need; who
// writes operations includes core/axis_rules.h, ops/elementwise.h and ops/axes.h besides.
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
#include "adret/core/ancestors.h"
#include "adret/core/batch.h"
#include "adret/core/dim.h"
#include "adret/core/executor.h"
#include "adret/core/graph.h"
#include "adret/core/import.h"
#include "adret/core/op.h"
#include "adret/core/parallel.h"
#include "adret/core/plan_report.h"
#include "adret/core/random.h"
#include "adret/core/shape.h"
#include "adret/core/state.h"
#include "adret/core/status.h"
#include "adret/core/tensor.h"

// ops: the operations.
#include "adret/ops/attention.h"
#include "adret/ops/barrier.h"
#include "adret/ops/batch.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/compare.h"
#include "adret/ops/concat.h"
#include "adret/ops/conv2d.h"
#include "adret/ops/conv_nd.h"
#include "adret/ops/einsum.h"
#include "adret/ops/gather.h"
#include "adret/ops/layout.h"
#include "adret/ops/machine_limits.h"
#include "adret/ops/matmul.h"
#include "adret/ops/narrow.h"
#include "adret/ops/norm.h"
#include "adret/ops/pad.h"
#include "adret/ops/pool2d.h"
#include "adret/ops/pool_nd.h"
#include "adret/ops/random.h"
#include "adret/ops/range.h"
#include "adret/ops/reduce.h"
#include "adret/ops/reshape.h"
#include "adret/ops/resize.h"
#include "adret/ops/scan.h"
#include "adret/ops/shape_of.h"
#include "adret/ops/slice.h"
#include "adret/ops/softmax.h"
#include "adret/ops/sparse_gradient.h"
#include "adret/ops/tile.h"
#include "adret/ops/top_k.h"
#include "adret/ops/transpose.h"
#include "adret/ops/unary.h"
#include "adret/ops/variance.h"
#include "adret/ops/where.h"
#include "adret/ops/window_padding.h"

// autograd: derivatives.
#include "adret/autograd/check_gradients.h"
#include "adret/autograd/gradients.h"
#include "adret/autograd/hessian_vector_product.h"
#include "adret/autograd/jacobian.h"
#include "adret/autograd/jvp.h"
#include "adret/autograd/per_example_gradients.h"
#include "adret/autograd/recompute.h"
#include "adret/autograd/vmap.h"

// nn: layers and training.
#include "adret/nn/attention.h"
#include "adret/nn/batches.h"
#include "adret/nn/embedding.h"
#include "adret/nn/history.h"
#include "adret/nn/inference.h"
#include "adret/nn/initializers.h"
#include "adret/nn/layer_dot.h"
#include "adret/nn/layers.h"
#include "adret/nn/losses.h"
#include "adret/nn/metrics.h"
#include "adret/nn/optimizers.h"
#include "adret/nn/progress.h"
#include "adret/nn/recompute.h"
#include "adret/nn/schedules.h"
#include "adret/nn/summary.h"
#include "adret/nn/trainer.h"
#include "adret/nn/window_layers.h"

// explain: what networks have learned.
#include "adret/explain/adversarial.h"
#include "adret/explain/attribution.h"
#include "adret/explain/canvas.h"
#include "adret/explain/dream.h"
#include "adret/explain/gradient_maps.h"
#include "adret/explain/maximize.h"
#include "adret/explain/network.h"
#include "adret/explain/objective.h"
#include "adret/explain/penalty.h"
#include "adret/explain/receptive_field.h"
#include "adret/explain/relu_rules.h"
#include "adret/explain/resize_images.h"
#include "adret/explain/scores.h"
#include "adret/explain/style.h"
#include "adret/explain/target.h"
#include "adret/explain/transform.h"

// io: files, data sets and pictures.
#include "adret/io/apng.h"
#include "adret/io/contact_sheet.h"
#include "adret/io/csv.h"
#include "adret/io/dataset.h"
#include "adret/io/dot.h"
#include "adret/io/drawn_digits.h"
#include "adret/io/file.h"
#include "adret/io/idx.h"
#include "adret/io/in_file.h"
#include "adret/io/model.h"
#include "adret/io/npy.h"
#include "adret/io/png.h"

#endif  // ADRET_ADRET_H_
