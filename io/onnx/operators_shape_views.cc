// Other shapes for the same numbers, other orders of axes, and numbers repeated along axes.
#include <algorithm>

#include "adret/core/status.h"
#include "adret/io/onnx/call.h"
#include "adret/io/onnx/operators.h"
#include "adret/io/onnx/shapes.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/reshape.h"
#include "adret/ops/slice.h"
#include "adret/ops/tile.h"
#include "adret/ops/transpose.h"

namespace adret::onnx {
namespace {

using Results = absl::StatusOr<Values>;

// ---- Reshape ----------------------------------------------------------------------------------------------------

// Returns the shape if the numbers of x fit into it, with what follows from the others in place of dimension `free`;
// free < 0: there is none. Codes of the batch mean the batch.
std::optional<Shape> Fit(const Shape& x, Shape shape, int free) {
  if (free >= 0) {
    shape.set(free, 1);
    const int64_t known = shape.num_elements();
    const auto rest = known == 0 ? std::nullopt : Dim::ExactQuotient(Dim::Of(x.num_elements()), Dim::Of(known));
    if (!rest.has_value() || !IsDimCode(rest->code())) return std::nullopt;
    shape.set(free, rest->code());
    return shape;
  }
  const absl::StatusOr<Shape> same = InferReshape(x, shape);
  return same.ok() && *same == shape ? std::optional(shape) : std::nullopt;
}

absl::StatusOr<Value> ReshapeToDims(const Call& c, const Value& x, std::vector<Dim> dims, bool copy_zeros) {
  const Shape& from = x.shape();
  int free = -1;
  for (int i = 0; i < static_cast<int>(dims.size()); ++i) {
    if (dims[i] == Dim(-1)) {
      if (free >= 0) return c.Error("the new shape has -1 twice");
      free = i;
      dims[i] = Dim(1);
    } else if (dims[i] == Dim(0) && copy_zeros) {
      if (i >= from.rank()) return c.Error("dimension ", i, " is 0, but its input has rank ", from.rank());
      dims[i] = from.dim(i);
    }
  }
  AD_ASSIGN_OR_RETURN(const Shape to, ShapeFrom(c, dims));
  std::optional<Shape> shape = Fit(from, to, free);
  // A 1 in front may be a batch that was frozen when the file was written. Where no number is left open, only one of
  // the two meanings fits; where one is, a batch that the caller freed is meant.
  const bool was_batch = from.rank() > 0 && from[0] == kAnyBatch && to.rank() > 0 && to[0] == 1 && free != 0;
  if (was_batch && (!shape.has_value() || c.frees_batch())) {
    Shape batched = to;
    batched.set(0, kAnyBatch);
    if (const std::optional<Shape> fits = Fit(from, batched, free); fits.has_value()) shape = fits;
  }
  if (!shape.has_value()) {
    if (free >= 0) return c.Error("no size for its -1 makes ", x.type().ToString(), " fit into ", to.ToString());
    return c.Error("the numbers of ", x.type().ToString(), " do not fit into ", to.ToString());
  }
  return Reshape(x, *shape);
}

Results ReshapeFrom(Call& c) {
  const bool copy_zeros = c.Int("allowzero", 0) == 0;
  AD_ASSIGN_OR_RETURN(const std::vector<Dim> dims, c.KnownDims(1));
  AD_ASSIGN_OR_RETURN(const Value y, ReshapeToDims(c, c.raw(0), dims, copy_zeros));
  return Values{y};
}

Results ReshapeByAttribute(Call& c) {
  c.Ignore("consumed_inputs");
  std::vector<Dim> dims;
  for (const int64_t n : c.Ints("shape")) dims.push_back(Dim(n));
  AD_ASSIGN_OR_RETURN(const Value y, ReshapeToDims(c, c.raw(0), dims, /*copy_zeros=*/true));
  return Values{y};
}

Results FlattenFrom(Call& c) {
  const Value x = c.raw(0);
  const int64_t given = c.Int("axis", 1), axis = given < 0 ? given + x.rank() : given;
  if (axis < 0 || axis > x.rank()) return c.Error("axis = ", given, " is no axis of a tensor of rank ", x.rank());
  Dim before(1), after(1);
  for (int a = 0; a < x.rank(); ++a) (a < axis ? before : after) = (a < axis ? before : after) * x.shape().dim(a);
  return Values{Reshape(x, {before.code(), after.code()})};
}

// ---- Axes of size 1 ---------------------------------------------------------------------------------------------

Results SqueezeFrom(Call& c) {
  const Value x = c.raw(0);
  AD_ASSIGN_OR_RETURN(const auto axes, c.Integers(1, "axes"));
  return Values{Squeeze(x, axes.value_or(std::vector<int64_t>()))};
}

Results UnsqueezeFrom(Call& c) {
  const Value x = c.raw(0);
  AD_ASSIGN_OR_RETURN(const auto axes, c.Integers(1, "axes"));
  if (!axes.has_value()) return c.Error("has no axes");
  if (axes->size() + x.rank() > kMaxRank) return c.Error("a tensor of rank ", axes->size() + x.rank(), " is too much");
  return Values{Unsqueeze(x, *axes)};
}

// ---- Orders of axes -----------------------------------------------------------------------------------------------

Results TransposeFrom(Call& c) {
  const Value x = c.raw(0);
  const std::vector<int64_t> order = c.Ints("perm");
  if (order.empty() && x.rank() == 0) return Values{x};
  return Values{Transpose(x, order)};
}

// An image whose height and width are each `block` times as large as another one's.
struct Blocks {
  Value x;
  Dim batch, channels, height, width;
  int64_t block;
};

absl::StatusOr<Blocks> BlocksOf(Call& c) {
  const Value x = c.raw(0);
  if (x.rank() != 4) return c.Error("its input must be images, but is ", x.type().ToString());
  const int64_t block = c.Int("blocksize", 0);
  if (block < 1 || block > (1 << 15)) return c.Error("blocksize = ", block, " must be in [1, 2^15]");
  const Shape& s = x.shape();
  return Blocks{x, s.dim(0), s.dim(1), s.dim(2), s.dim(3), block};
}

// Returns b.x with its axes taken apart, put into another order and together again. Fails where the numbers do not fit.
Results Rearranged(const Call& c, const Blocks& b, const std::vector<Dim>& apart, const std::vector<int64_t>& order,
                   const std::vector<Dim>& together) {
  AD_ASSIGN_OR_RETURN(const Shape first, ShapeFrom(c, apart));
  AD_ASSIGN_OR_RETURN(const Shape last, ShapeFrom(c, together));
  if (!Fit(b.x.shape(), first, -1).has_value()) {
    return c.Error("blocks of ", b.block, " do not divide ", b.x.type().ToString());
  }
  return Values{Reshape(Transpose(Reshape(b.x, first), order), last)};
}

Results DepthToSpaceFrom(Call& c) {
  AD_ASSIGN_OR_RETURN(const Blocks b, BlocksOf(c));
  const std::string mode = c.String("mode", "DCR");
  const Dim k(b.block), depth = b.channels / (b.block * b.block);
  const std::vector<Dim> together = {b.batch, depth, b.height * k, b.width * k};
  if (mode == "DCR") {
    return Rearranged(c, b, {b.batch, k, k, depth, b.height, b.width}, {0, 3, 4, 1, 5, 2}, together);
  }
  if (mode != "CRD") return c.Error("mode must be DCR or CRD, but is ", mode);
  return Rearranged(c, b, {b.batch, depth, k, k, b.height, b.width}, {0, 1, 4, 2, 5, 3}, together);
}

Results SpaceToDepthFrom(Call& c) {
  AD_ASSIGN_OR_RETURN(const Blocks b, BlocksOf(c));
  const Dim k(b.block), height = b.height / k, width = b.width / k;
  return Rearranged(c, b, {b.batch, b.channels, height, k, width, k}, {0, 3, 5, 1, 2, 4},
                    {b.batch, b.channels * (b.block * b.block), height, width});
}

// ---- Repeating --------------------------------------------------------------------------------------------------

Results ExpandFrom(Call& c) {
  const Value x = c.raw(0);
  AD_ASSIGN_OR_RETURN(const std::vector<Dim> dims, c.KnownDims(1));
  AD_ASSIGN_OR_RETURN(const Shape target, ShapeFrom(c, dims));
  const absl::StatusOr<Shape> shape = BroadcastShapes(x.shape(), target);
  if (!shape.ok()) return c.Error(x.type().ToString(), " does not expand to ", target.ToString());
  return Values{BroadcastTo(x, *shape)};
}

absl::StatusOr<Value> TileAxis(const Call& c, const Value& x, int axis, const Dim& times) {
  if (times == Dim(0)) return Slice(x, axis, 0, 0);
  if (!IsDimCode(times.code())) return c.Error("axis ", axis, " is repeated ", times.ToString(), " times");
  return Repeat(x, axis, times, /*each=*/false);
}

Results TileFrom(Call& c) {
  Value x = c.raw(0);
  AD_ASSIGN_OR_RETURN(const std::vector<Dim> repeats, c.KnownDims(1));
  if (static_cast<int>(repeats.size()) != x.rank()) {
    return c.Error("has ", repeats.size(), " repeats for ", x.type().ToString());
  }
  std::vector<int64_t> numbers;
  for (const Dim& times : repeats) numbers.push_back(times.number().value_or(0));
  if (std::all_of(numbers.begin(), numbers.end(), [](int64_t n) { return n > 0; })) return Values{Tile(x, numbers)};
  for (int a = 0; a < x.rank(); ++a) {
    AD_ASSIGN_OR_RETURN(x, TileAxis(c, x, a, repeats[a]));
  }
  return Values{x};
}

// In the first operator sets, one axis is repeated.
Results TileOneAxis(Call& c) {
  const Value x = c.raw(0);
  AD_ASSIGN_OR_RETURN(const Dim tiles, KnownDim(c, 1));
  AD_ASSIGN_OR_RETURN(const Dim given, KnownDim(c, 2));
  AD_ASSIGN_OR_RETURN(const int axis, AxisIn(c, given.number().value_or(x.rank()), x.rank()));
  AD_ASSIGN_OR_RETURN(const Value y, TileAxis(c, x, axis, tiles));
  return Values{y};
}

const OperatorRegistration kViews({
    {.name = "Reshape", .since = 1, .from = ReshapeByAttribute, .halves = Halves::kMove},
    {.name = "Reshape",
     .since = 5,
     .from = ReshapeFrom,
     .halves = Halves::kMove,
     .note = "where the batch was freed, a 1 in front of the new shape stands for it"},
    {.name = "Flatten", .since = 1, .from = FlattenFrom, .halves = Halves::kMove},
    {.name = "Squeeze",
     .since = 1,
     .from = SqueezeFrom,
     .halves = Halves::kMove,
     .note = "without axes, those go that are 1 for all sizes"},
    {.name = "Unsqueeze", .since = 1, .from = UnsqueezeFrom, .halves = Halves::kMove},
    {.name = "Transpose", .since = 1, .from = TransposeFrom, .halves = Halves::kMove},
    {.name = "DepthToSpace", .since = 1, .from = DepthToSpaceFrom, .halves = Halves::kMove},
    {.name = "SpaceToDepth", .since = 1, .from = SpaceToDepthFrom, .halves = Halves::kMove},
    {.name = "Expand", .since = 8, .from = ExpandFrom, .halves = Halves::kMove},
    {.name = "Tile", .since = 1, .from = TileOneAxis, .halves = Halves::kMove},
    {.name = "Tile", .since = 6, .from = TileFrom, .halves = Halves::kMove},
});

}  // namespace
}  // namespace adret::onnx
