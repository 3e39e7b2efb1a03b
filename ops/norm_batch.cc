#include <cstdint>
#include <vector>

#include "adret/ops/batch.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/norm_batch_internal.h"
#include "adret/ops/reduce.h"
#include "adret/ops/reshape.h"

namespace adret {
namespace {

// Returns a norm's parameter i for each example, repeated to the shape of x, all examples' x.
Value ParameterOfEach(const BatchContext& c, int i, const Value& x) {
  const Value each = Stacked(c, i);
  if (!each.valid() || !x.valid()) return InvalidResult(c.node().op->name, {each, x});
  Shape shape = each.shape();
  while (shape.rank() < x.rank()) shape.insert(1, 1);
  return BroadcastTo(Reshape(each, shape), x.shape());
}

// Scale and bias of one example, with neither scaling nor bias.
struct PlainParameters {
  Value ones, zeros;
  explicit PlainParameters(const BatchContext& c)
      : ones(OnesLike(Value(c.graph(), c.node().inputs[1]))), zeros(ZerosLike(ones)) {}
};

// Sums over what examples do not share: the rows of each.
Value OverRows(const Value& v, int parameter_rank) {
  std::vector<int64_t> rows;
  for (int a = 1; a < v.rank() - parameter_rank; ++a) rows.push_back(a);
  return rows.empty() ? v : Sum(v, {.axes = rows});
}

}  // namespace

// Where examples share scale and bias, they are more rows. Otherwise they are applied afterwards.
Values LayerNormBatch(const BatchContext& c) {
  const Value x = Stacked(c, 0);
  if (!c.batched(1) && !c.batched(2)) return BuildMulti("layer_norm", {x, c.x(1), c.x(2)}, c.node().attrs);
  const PlainParameters plain(c);
  Values result = BuildMulti("layer_norm", {x, plain.ones, plain.zeros}, c.node().attrs);
  result[0] = result[0] * ParameterOfEach(c, 1, x) + ParameterOfEach(c, 2, x);
  return result;
}

// The gradients of scale and bias are sums over an example, no longer over all rows.
Values LayerNormXGradBatch(const BatchContext& c) {
  const Value x = Stacked(c, 0), mean = Stacked(c, 2), variance = Stacked(c, 3), dy = Stacked(c, 4);
  const PlainParameters plain(c);
  const Value dz = dy * ParameterOfEach(c, 1, x);
  const Value dx = BuildMulti("layer_norm_x_grad", {x, plain.ones, mean, variance, dz}, c.node().attrs)[0];
  const Value z = BuildMulti("layer_norm", {x, plain.ones, plain.zeros}, c.node().attrs)[0];
  if (!dx.valid() || !z.valid()) return Values(3);
  return {dx, OverRows(dy * z, plain.ones.rank()), OverRows(dy, plain.ones.rank())};
}

Values RmsNormBatch(const BatchContext& c) {
  const Value x = Stacked(c, 0);
  if (!c.batched(1)) return BuildMulti("rms_norm", {x, c.x(1)}, c.node().attrs);
  const PlainParameters plain(c);
  Values result = BuildMulti("rms_norm", {x, plain.ones}, c.node().attrs);
  result[0] = result[0] * ParameterOfEach(c, 1, x);
  return result;
}

Values RmsNormXGradBatch(const BatchContext& c) {
  const Value x = Stacked(c, 0), mean_square = Stacked(c, 2), dy = Stacked(c, 3);
  const PlainParameters plain(c);
  const Value dz = dy * ParameterOfEach(c, 1, x);
  const Value dx = BuildMulti("rms_norm_x_grad", {x, plain.ones, mean_square, dz}, c.node().attrs)[0];
  const Value z = BuildMulti("rms_norm", {x, plain.ones}, c.node().attrs)[0];
  if (!dx.valid() || !z.valid()) return Values(2);
  return {dx, OverRows(dy * z, plain.ones.rank())};
}

}  // namespace adret
