// Putting by index.
#include <algorithm>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "adret/core/status.h"
#include "adret/io/onnx/call.h"
#include "adret/io/onnx/operators.h"
#include "adret/io/onnx/places.h"
#include "adret/io/onnx/shapes.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/compare.h"
#include "adret/ops/gather.h"
#include "adret/ops/reshape.h"
#include "adret/ops/where.h"

namespace adret::onnx {
namespace {

using Results = absl::StatusOr<Values>;

// A reduction other than a sum takes one scatter for each time that the most frequent index occurs.
constexpr int64_t kMostRounds = 64;

absl::StatusOr<Value> Reduce(const Call& c, const std::string& reduction, const Value& a, const Value& b) {
  if (reduction == "mul") return a * b;
  if (reduction == "max") return Maximum(a, b);
  if (reduction == "min") return Minimum(a, b);
  return c.Error("there is no reduction ", reduction);
}

// Groups updates so that no place is in a group twice; each group is in the order of the updates.
std::vector<std::vector<int64_t>> Rounds(const std::vector<int64_t>& places) {
  absl::flat_hash_map<int64_t, size_t> times;
  std::vector<std::vector<int64_t>> rounds;
  for (size_t m = 0; m < places.size(); ++m) {
    const size_t round = times[places[m]]++;
    if (round == rounds.size()) rounds.emplace_back();
    rounds[round].push_back(static_cast<int64_t>(m));
  }
  return rounds;
}

// Puts updates, [.., rest], into rows of x, [n, rest]. Input 1 has the indices.
Results ScatterRows(Call& c, Value x, const Places& places, Value updates, const std::string& reduction) {
  if (reduction == "none") return Values{Scatter(x, places.Checked(), updates, 0)};
  if (reduction == "add") return Values{ScatterAdd(x, places.Checked(), updates, 0)};
  if (!places.known.has_value()) {
    AD_RETURN_IF_ERROR(c.Known(1).status());
    return c.Unsupported("the reduction ", reduction, " needs a known shape, but x is ", x.type().ToString());
  }
  const std::vector<std::vector<int64_t>> rounds = Rounds(*places.known);
  if (rounds.size() > kMostRounds) return c.Unsupported("an index occurs ", rounds.size(), " times");
  Shape rows = x.shape();
  rows.set(0, static_cast<int64_t>(places.known->size()));
  updates = Reshape(updates, rows);
  for (const std::vector<int64_t>& round : rounds) {
    std::vector<int64_t> targets;
    for (const int64_t m : round) targets.push_back((*places.known)[m]);
    const Shape count{static_cast<int64_t>(round.size())};
    const Value target = c.graph()->Constant(Tensor::From<int64_t>(count, targets));
    const Value update = Gather(updates, c.graph()->Constant(Tensor::From<int64_t>(count, round)), 0);
    AD_ASSIGN_OR_RETURN(const Value reduced, Reduce(c, reduction, Gather(x, target, 0), update));
    x = Scatter(x, target, reduced, 0);
  }
  return Values{x};
}

// Returns the first `axes` axes of x as one.
Value WithRows(const Value& x, int axes) {
  Dim rows(1);
  for (int a = 0; a < axes; ++a) rows = rows * x.shape().dim(a);
  Shape shape{rows.code()};
  for (int a = axes; a < x.rank(); ++a) shape.push_back(x.shape()[a]);
  return Reshape(x, shape);
}

Results Back(const Value& x, Results y) {
  if (y.ok()) (*y)[0] = Reshape((*y)[0], x.shape());
  return y;
}

Results ScatterNDFrom(Call& c) {
  const Value x = c.x(0), updates = c.x(2);
  AD_ASSIGN_OR_RETURN(const Places places, TuplePlaces(c, 1, x, 0));
  const Shape tuples = c.shape(1);
  const auto axes = static_cast<int>(tuples[tuples.rank() - 1]);
  return Back(x, ScatterRows(c, WithRows(x, axes), places, updates, c.String("reduction", "none")));
}

Results ScatterElementsFrom(Call& c) {
  const Value x = c.x(0), updates = c.x(2);
  AD_ASSIGN_OR_RETURN(const int64_t axis, c.Axis("axis", 0, x.rank()));
  const std::string reduction = c.String("reduction", "none");
  if (updates.shape() != c.shape(1)) {
    return c.Error("updates, ", updates.type().ToString(), ", and indices, ", c.raw(1).type().ToString(), ", differ");
  }
  AD_ASSIGN_OR_RETURN(const Places places, ElementPlaces(c, 1, x, static_cast<int>(axis)));
  return Back(x, ScatterRows(c, WithRows(x, x.rank()), places, updates, reduction));
}

// ---- TensorScatter ------------------------------------------------------------------------------------------------

// Returns where in its line, [batch, 1.., update], each update goes: from the example's first place on.
Value LinePlaces(Call& c, const Value& cache, const Value& update, int axis, bool circular) {
  Value place = Along(Counting(c.graph(), update.shape().dim(axis)), axis, axis + 1);
  if (c.has(2)) place = place + Along(Cast(c.raw(2), DType::kInt64), 0, axis + 1);
  if (!circular) return place;
  const Value size = SizeOfAxes(cache, axis, axis + 1);
  return place - place / size * size;
}

Results TensorScatterFrom(Call& c) {
  const Value cache = c.raw(0), update = c.raw(1);
  AD_ASSIGN_OR_RETURN(const int64_t given, c.Axis("axis", -2, cache.rank()));
  const auto axis = static_cast<int>(given);
  const std::string mode = c.String("mode", "linear");
  if (mode != "linear" && mode != "circular") return c.Error("mode must be linear or circular, but is ", mode);
  if (axis == 0 || update.rank() != cache.rank()) {
    return c.Error("axis ", axis, " of ", cache.type().ToString(), " takes no update ", update.type().ToString());
  }
  if (c.has(2) && c.shape(2).rank() != 1) return c.Error("write_indices must be a list");
  Shape lines;
  Dim count(1);
  for (int a = 0; a < axis; ++a) {
    lines.push_back(cache.shape()[a]);
    count = count * cache.shape().dim(a);
  }
  lines.push_back(1);
  const Value size = SizeOfAxes(cache, axis, axis + 1);
  const Value place = LinePlaces(c, cache, update, axis, mode == "circular");
  const Value inside = LogicalAnd(GreaterEqual(place, 0), Less(place, size));
  const Value start = Reshape(Counting(c.graph(), count) * size, lines);
  const Value rows = Where(inside, start + place, -1);
  return Values{Reshape(Scatter(WithRows(cache, axis + 1), rows, update, 0), cache.shape())};
}

constexpr absl::string_view kKnown = "for the reductions mul, max and min, indices must be known";

const OperatorRegistration kScatters({
    {.name = "Scatter", .since = 9, .from = ScatterElementsFrom, .note = kKnown},
    {.name = "ScatterElements", .since = 11, .from = ScatterElementsFrom, .note = kKnown},
    {.name = "ScatterND", .since = 11, .from = ScatterNDFrom, .note = kKnown},
    {.name = "TensorScatter", .since = 24, .from = TensorScatterFrom, .halves = Halves::kMove},
});

}  // namespace
}  // namespace adret::onnx
