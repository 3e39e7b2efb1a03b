// How reductions, products of matrices and picking by index are written as ONNX.
#include <algorithm>
#include <limits>
#include <numeric>

#include "adret/io/onnx/emitter.h"
#include "adret/io/onnx/same_operator.h"
#include "adret/ops/axes.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/compare.h"
#include "adret/ops/gather.h"
#include "adret/ops/matmul.h"
#include "adret/ops/range.h"
#include "adret/ops/reduce.h"
#include "adret/ops/reshape.h"
#include "adret/ops/scan.h"
#include "adret/ops/top_k.h"
#include "adret/ops/transpose.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"

namespace adret::onnx {
namespace {

using Result = absl::StatusOr<Names>;

// Axes are an attribute until operator set 18 (13 for sums), and an input from then on.
std::string Reduce(Emitter& e, absl::string_view op_type, const std::string& x, const ReduceAttrs& a) {
  const EmittedAttr keep{"keepdims", int64_t{a.keepdims}};
  const bool as_input = e.version() >= (op_type == "ReduceSum" ? 13 : 18);
  if (as_input) return e.Node(op_type, {x, e.Integers(a.axes)}, {keep, {"noop_with_empty_axes", int64_t{1}}});
  if (a.axes.empty()) return x;
  return e.Node(op_type, {x}, {{"axes", a.axes}, keep});
}
template <OperatorName kName>
Result ReduceTo(Emitter& e, const Site& s) {
  return Names{Reduce(e, kName.text, s.x(), s.attrs<ReduceAttrs>())};
}
template <OperatorName kName>
Result ArgTo(Emitter& e, const Site& s) {
  const ArgReduceAttrs& a = s.attrs<ArgReduceAttrs>();
  return Names{e.Node(kName.text, s.inputs, {{"axis", a.axis}, {"keepdims", int64_t{a.keepdims}}})};
}

// The number of elements along axes, in x's dtype.
Result SizeTo(Emitter& e, const Site& s) {
  Dim size(1);
  for (const int64_t axis : s.attrs<ReduceAttrs>().axes) size = size * s.shape().dim(static_cast<int>(axis));
  return Names{e.Reshape(e.Cast(e.Dimension(size), s.y().dtype), {})};
}

Result MatMulTo(Emitter& e, const Site& s) {
  const MatMulAttrs& a = s.attrs<MatMulAttrs>();
  const auto turned = [&](int i, bool turn) {
    if (!turn) return s.x(i);
    std::vector<int64_t> permutation(s.shape(i).rank());
    std::iota(permutation.begin(), permutation.end(), 0);
    std::swap(permutation[permutation.size() - 1], permutation[permutation.size() - 2]);
    return e.Node("Transpose", {s.x(i)}, {{"perm", permutation}});
  };
  return Names{e.Node("MatMul", {turned(0, a.transpose_a), turned(1, a.transpose_b)})};
}

Result CumSumTo(Emitter& e, const Site& s) {
  const CumSumAttrs& a = s.attrs<CumSumAttrs>();
  return Names{e.Node("CumSum", {s.x(), e.Constant(Tensor::Scalar(DType::kInt64, static_cast<double>(a.axis)))},
                      {{"exclusive", int64_t{a.exclusive}}, {"reverse", int64_t{a.reverse}}})};
}
Result TopKTo(Emitter& e, const Site& s) {
  const TopKAttrs& a = s.attrs<TopKAttrs>();
  return e.NodeMulti("TopK", {s.x(), e.Integers({a.k})}, 2, {{"axis", a.axis}});
}
Result OneHotTo(Emitter& e, const Site& s) {
  const OneHotAttrs& a = s.attrs<OneHotAttrs>();
  // Off, on; where an index is out of range, ONNX gives zeros and adret an error.
  Tensor values = Tensor::From<float>({2}, {0, 1}).Cast(a.dtype);
  return Names{e.Node("OneHot", {s.x(), e.Integers({a.depth}), e.Constant(values)})};
}

Result GatherTo(Emitter& e, const Site& s) {
  return Names{e.Node("Gather", s.inputs, {{"axis", s.attrs<AxisAttrs>().axis}})};
}
Result GatherElementsTo(Emitter& e, const Site& s) {
  return Names{e.Node("GatherElements", s.inputs, {{"axis", s.attrs<AxisAttrs>().axis}})};
}

// ScatterND needs the indices of axis 0: the axis goes to the front, and the indices become a column.
Result ScatterTo(Emitter& e, const Site& s, const EmittedAttrs& attrs) {
  const int axis = static_cast<int>(s.attrs<AxisAttrs>().axis), rank = s.shape().rank(), indexed = s.shape(1).rank();
  std::vector<int64_t> front(rank), back(rank), updates(s.shape(2).rank());
  std::iota(front.begin(), front.end(), 0);
  std::rotate(front.begin(), front.begin() + axis, front.begin() + axis + 1);
  for (int a = 0; a < rank; ++a) back[front[a]] = a;
  // updates: the axes before, those of the indices, those behind.
  std::iota(updates.begin(), updates.end(), 0);
  std::rotate(updates.begin(), updates.begin() + axis, updates.begin() + axis + indexed);
  const auto turned = [&](const std::string& x, const std::vector<int64_t>& permutation) {
    return axis == 0 ? x : e.Node("Transpose", {x}, {{"perm", permutation}});
  };
  const std::string column = e.Node("Unsqueeze", {e.Cast(s.x(1), DType::kInt64), e.Integers({indexed})});
  const std::string result = e.Node("ScatterND", {turned(s.x(0), front), column, turned(s.x(2), updates)}, attrs);
  return Names{turned(result, back)};
}
Result ScatterPutTo(Emitter& e, const Site& s) { return ScatterTo(e, s, {}); }
Result ScatterAddTo(Emitter& e, const Site& s) {
  if (e.version() < 16) return absl::UnimplementedError("adding up by index needs operator set 16");
  return ScatterTo(e, s, {{"reduction", std::string("add")}});
}
Result ScatterElementsAddTo(Emitter& e, const Site& s) {
  if (e.version() < 16) return absl::UnimplementedError("adding up by index needs operator set 16");
  return Names{
      e.Node("ScatterElements", s.inputs, {{"axis", s.attrs<AxisAttrs>().axis}, {"reduction", std::string("add")}})};
}

// Computes sqrt(sum (x / m)^2) m with m the largest |x|: squares neither overflow nor vanish.
Values NormOf(const Node& node, const Values& x) {
  const ReduceAttrs& a = node.attrs.As<ReduceAttrs>();
  const ReduceAttrs kept{.axes = a.axes, .keepdims = true};
  const Value most = Max(Abs(x[0]), kept);
  const Value safe =
      Where(LogicalAnd(Greater(most, 0.0), Less(most, std::numeric_limits<double>::infinity())), most, OnesLike(most));
  const Value norm = Sqrt(Sum(Square(x[0] / safe), kept)) * safe;
  return {Reshape(norm, node.outputs[0].shape)};
}

// Moves the axes to the end and makes them one: the rest, and the number of elements along them.
struct Rows {
  Value x;  // [..., n]
  std::vector<int64_t> back;
  Shape moved;
};
Rows RowsOf(const Value& x, std::vector<int64_t> axes) {
  std::vector<int64_t> permutation;
  for (int a = 0; a < x.rank(); ++a) {
    if (std::find(axes.begin(), axes.end(), a) == axes.end()) permutation.push_back(a);
  }
  const size_t rest = permutation.size();
  permutation.insert(permutation.end(), axes.begin(), axes.end());
  Rows rows;
  rows.back.resize(permutation.size());
  for (size_t a = 0; a < permutation.size(); ++a) rows.back[permutation[a]] = static_cast<int64_t>(a);
  const Value moved = Transpose(x, permutation);
  rows.moved = moved.shape();
  Shape flat;
  Dim n(1);
  for (int a = 0; a < x.rank(); ++a) {
    if (a < static_cast<int>(rest)) {
      flat.push_back(rows.moved[a]);
    } else {
      n = n * rows.moved.dim(a);
    }
  }
  flat.push_back(n.code());
  rows.x = Reshape(moved, flat);
  return rows;
}
Value FromRows(const Rows& rows, const Value& y) { return Transpose(Reshape(y, rows.moved), rows.back); }

template <bool kMax>
Values ExtremeMask(const Node& node, const Values& x) {
  const Rows rows = RowsOf(x[0], node.attrs.As<ReduceAttrs>().axes);
  const ArgReduceAttrs last{.axis = rows.x.rank() - 1, .keepdims = true};
  const Value place = kMax ? ArgMax(rows.x, last) : ArgMin(rows.x, last);
  // 0, 1, 2, ... along the last axis, however long it is.
  const Value count = CumSum(Cast(OnesLike(rows.x), DType::kInt64), {.axis = rows.x.rank() - 1, .exclusive = true});
  return {FromRows(rows, Cast(Equal(count, BroadcastTo(place, rows.x.shape())), x[0].dtype()))};
}

// Multiplies the others of each row, which are a row of a square.
Values ProductOfOthers(const Node& node, const Values& x) {
  const Rows rows = RowsOf(x[0], node.attrs.As<ReduceAttrs>().axes);
  const int64_t n = rows.x.shape()[rows.x.rank() - 1];
  if (n < 0) return {InvalidResult("prod_others", {x[0]})};
  Shape square = rows.x.shape();
  square.push_back(n);
  const Value lines = BroadcastTo(Unsqueeze(rows.x, {-2}), square);
  const Value own = BroadcastTo(
      Cast(OneHot(Range(x[0].graph(), {.dtype = DType::kInt64, .limit = double(n)}), n), DType::kBool), square);
  return {FromRows(rows, Prod(Where(own, OnesLike(lines), lines), {.axes = {-1}}))};
}

const WriterRegistration kReduce({
    {.op = "sum", .to = ReduceTo<"ReduceSum">},
    {.op = "prod", .to = ReduceTo<"ReduceProd">},
    {.op = "max", .to = ReduceTo<"ReduceMax">},
    {.op = "min", .to = ReduceTo<"ReduceMin">},
    {.op = "logsumexp", .to = ReduceTo<"ReduceLogSumExp">},
    {.op = "norm", .expand = NormOf},
    {.op = "argmax", .to = ArgTo<"ArgMax">},
    {.op = "argmin", .to = ArgTo<"ArgMin">},
    {.op = "size", .to = SizeTo},
    {.op = "max_mask", .expand = ExtremeMask<true>},
    {.op = "min_mask", .expand = ExtremeMask<false>},
    {.op = "prod_others", .expand = ProductOfOthers},
    {.op = "prod_others_x_grad", .unsupported = "the third derivative of a product has no operator"},
    {.op = "matmul", .to = MatMulTo},
    {.op = "cumsum", .to = CumSumTo},
    {.op = "top_k", .to = TopKTo},
    {.op = "one_hot", .to = OneHotTo},
    {.op = "gather", .to = GatherTo},
    {.op = "gather_elements", .to = GatherElementsTo},
    {.op = "scatter", .to = ScatterPutTo},
    {.op = "scatter_add", .to = ScatterAddTo},
    {.op = "scatter_elements_add", .to = ScatterElementsAddTo},
});

}  // namespace
}  // namespace adret::onnx
