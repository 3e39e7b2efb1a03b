// How attention is written as ONNX: as products of matrices and a softmax.
#include <limits>

#include "adret/io/onnx/emitter.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/compare.h"
#include "adret/ops/matmul.h"
#include "adret/ops/reduce.h"
#include "adret/ops/reshape.h"
#include "adret/ops/scan.h"
#include "adret/ops/softmax.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"

namespace adret::onnx {
namespace {

constexpr double kLowest = -std::numeric_limits<double>::infinity();

bool SeesAll(const Value& mask) {
  const Node& node = mask.graph()->node(mask.node());
  if (!node.attrs.Is<ConstantAttrs>() || mask.dtype() != DType::kBool) return false;
  const Tensor& seen = node.attrs.As<ConstantAttrs>().value;
  return seen.num_elements() == 1 && seen.At(0) != 0;
}

// 0, 1, ... along the only axis of n elements, as many as a run has.
Value Count(Graph* graph, int64_t n) {
  const Value ones = BroadcastTo(graph->Constant(Tensor::Scalar(DType::kInt64, 1)), {n});
  return CumSum(ones, {.axis = 0, .exclusive = true});
}

struct Scores {
  Value numbers;   // -infinity where a key takes no part
  bool sees_some;  // each query sees a key
};

Scores ScoresOf(const Node& node, const Values& x) {
  const Value &q = x[0], &k = x[1], &mask = x[3];
  Value scores = MatMul(q, k, {.transpose_b = true}) * AttrNamed<double>(node, "scale");
  bool sees_some = true;
  if (mask.dtype() != DType::kBool) {
    scores = scores + mask, sees_some = false;
  } else if (!SeesAll(mask)) {
    scores = Where(mask, scores, kLowest), sees_some = false;
  }
  if (AttrNamed<bool>(node, "causal")) {
    const int64_t queries = scores.shape()[scores.rank() - 2], keys = scores.shape()[scores.rank() - 1];
    const Value query = Unsqueeze(Count(q.graph(), queries), {1}), key = Unsqueeze(Count(q.graph(), keys), {0});
    scores = Where(GreaterEqual(query, key), scores, kLowest);
  }
  return {scores, sees_some};
}

Value Column(const Value& v) { return Unsqueeze(v, {-1}); }

// y, and the logarithm of each query's sum of exponentials: infinity where no key takes part.
Values AttentionOf(const Node& node, const Values& x) {
  const Scores scores = ScoresOf(node, x);
  const Value& s = scores.numbers;
  const std::vector<int64_t> keys = {s.rank() - 1};
  Value weights = Softmax(s);
  if (!scores.sees_some) weights = Where(Equal(s, kLowest), 0.0, weights);
  const Value y = MatMul(weights, x[2]), sum = LogSumExp(s, {.axes = keys});
  if (s.shape()[s.rank() - 1] == 0) return {y, FullLike(sum, -kLowest)};
  const Value most = Max(s, {.axes = keys});
  return {y, Where(Equal(most, kLowest), -kLowest, sum)};
}

// dq = scale ds k, dk = scale ds^T q, dv = p^T dy, with p = exp(scores - lse) and ds = p (dy v^T - delta).
Values AttentionSlope(const Node& node, const Values& x) {
  const Value &q = x[0], &k = x[1], &v = x[2], &lse = x[4], &delta = x[5], &dy = x[6];
  const Value scores = ScoresOf(node, x).numbers;
  const Value p = Where(Equal(scores, kLowest), 0.0, Exp(scores - Column(lse)));
  const Value ds = p * (MatMul(dy, v, {.transpose_b = true}) - Column(delta)) * AttrNamed<double>(node, "scale");
  return {MatMul(ds, k), MatMul(ds, q, {.transpose_a = true}), MatMul(p, dy, {.transpose_a = true})};
}

constexpr absl::string_view kKey = "what dropout drops follows a key, which ONNX's random numbers do not";

const WriterRegistration kAttention({
    {.op = "scaled_dot_product_attention", .expand = AttentionOf},
    {.op = "scaled_dot_product_attention_grad", .expand = AttentionSlope},
    {.op = "scaled_dot_product_attention_dropout", .unsupported = kKey},
    {.op = "scaled_dot_product_attention_dropout_grad", .unsupported = kKey},
});

}  // namespace
}  // namespace adret::onnx
