// Edge rows of what moves numbers, picks them by their places, or makes them from nothing.
#include "adret/ops/broadcast.h"
#include "adret/ops/concat.h"
#include "adret/ops/gather.h"
#include "adret/ops/narrow.h"
#include "adret/ops/pad.h"
#include "adret/ops/random.h"
#include "adret/ops/range.h"
#include "adret/ops/reshape.h"
#include "adret/ops/shape_of.h"
#include "adret/ops/slice.h"
#include "adret/ops/sparse_gradient.h"
#include "adret/ops/tile.h"
#include "adret/ops/transpose.h"
#include "adret/tests/ops/edge_suite.h"

namespace adret {
namespace {

// Moving numbers rounds nothing.
EdgeRow Move(std::string name, std::vector<std::string> inputs, std::function<Value(Args)> f) {
  return {.name = std::move(name),
          .build = [f = std::move(f)](Args x) { return Values{f(x)}; },
          .inputs = std::move(inputs),
          .ulp = 0,
          .gradient_ulp = 0};
}

const EdgeRows kShapes({
    Move("reshape", {"square"},
         [](Args x) {
           return Reshape(x[0], {2, 8});
         }),
    Move("reshape/empty", {"empty"},
         [](Args x) {
           return Reshape(x[0], {0, 7});
         }),
    Move("transpose", {"square"}, [](Args x) { return Transpose(x[0]); }),
    Move("transpose/empty", {"empty"}, [](Args x) { return Transpose(x[0]); }),
    Move("broadcast_to", {"square"},
         [](Args x) {
           return BroadcastTo(x[0], {3, 4, 4});
         }),
    Move("broadcast_to/empty", {"empty"},
         [](Args x) {
           return BroadcastTo(x[0], {2, 3, 0});
         }),
    Move("slice", {"square"},
         [](Args x) {
           return Slice(x[0], {.axes = {0, 1}, .begins = {1, 0}, .ends = {4, 3}, .steps = {2, 1}});
         }),
    Move("slice/empty", {"empty"}, [](Args x) { return Slice(x[0], 0, 1, 3); }),
    Move("slice/nothing", {"square"}, [](Args x) { return Slice(x[0], 0, 2, 2); }),
    Move("narrow", {"square"}, [](Args x) { return Narrow(x[0], 0, Dim(1), Dim(2)); }),
    Move("narrow/empty", {"empty"}, [](Args x) { return Narrow(x[0], 0, Dim(1), Dim(2)); }),
    Move("shape_of", {"square"}, [](Args x) { return ShapeOf(x[0]); }),
    Move("shape_of/empty", {"empty"}, [](Args x) { return ShapeOf(x[0]); }),
    Move("roll", {"square"}, [](Args x) { return Roll(x[0], 1, 0); }),
    Move("roll/empty", {"empty"}, [](Args x) { return Roll(x[0], 1, 0); }),
    Move("flip", {"square"}, [](Args x) { return Flip(x[0], {0}); }),
    Move("flip/empty", {"empty"},
         [](Args x) {
           return Flip(x[0], {0, 1});
         }),
    Move("tile", {"square"},
         [](Args x) {
           return Tile(x[0], {2, 1});
         }),
    Move("tile/empty", {"empty"},
         [](Args x) {
           return Tile(x[0], {2, 1});
         }),
    Move("concat", {"square"},
         [](Args x) {
           return Concat({x[0], Slice(x[0], 0, 0, 1)});
         }),
    Move("concat/empty", {"empty"},
         [](Args x) {
           return Concat({x[0], x[0]});
         }),
    Move("concat/with_nothing", {"square"},
         [](Args x) {
           return Concat({Slice(x[0], 0, 0, 0), x[0]});
         }),
    Move("pad", {"square"},
         [](Args x) {
           return Pad(x[0], {.before = {2, 1}, .after = {0, 0}, .value = -0.0});
         }),
    Move("pad/empty", {"empty"},
         [](Args x) {
           return Pad(x[0], {.before = {2, 1}, .after = {0, 0}, .value = INFINITY});
         }),
    Move("pad/reflect", {"square"},
         [](Args x) {
           return Pad(x[0], {.before = {2, 1}, .after = {1, 2}, .mode = "reflect"});
         }),
    Move("pad/edge", {"square"},
         [](Args x) {
           return Pad(x[0], {.before = {2, 1}, .after = {1, 2}, .mode = "edge"});
         }),
});

const EdgeRows kPlaces({
    Move("gather", {"square", "places"}, [](Args x) { return Gather(x[0], x[1]); }),
    Move("gather/nothing", {"square", "no_places"}, [](Args x) { return Gather(x[0], x[1]); }),
    Move("gather_elements", {"square", "square_places"}, [](Args x) { return GatherElements(x[0], x[1]); }),
    Move("scatter_add", {"square", "places", "updates"}, [](Args x) { return ScatterAdd(x[0], x[1], x[2]); }),
    Move("scatter", {"square", "distinct_places", "updates"}, [](Args x) { return Scatter(x[0], x[1], x[2]); }),
    Move("scatter/nothing", {"square", "no_places", "no_updates"}, [](Args x) { return Scatter(x[0], x[1], x[2]); }),
    Move("last_occurrence", {"square_places"}, [](Args x) { return LastOccurrence(x[0]); }),
    Move("last_occurrence/nothing", {"no_places"}, [](Args x) { return LastOccurrence(x[0]); }),
    Move("sparse_gradient", {"specials"}, [](Args x) { return SparseGradient(x[0]); }),
    Move("scatter_elements_add", {"square", "square_places", "two_updates"},
         [](Args x) { return ScatterElementsAdd(x[0], x[1], x[2]); }),
    Move("one_hot", {"places"}, [](Args x) { return OneHot(x[0], 4); }),
    Move("one_hot/nothing", {"no_places"}, [](Args x) { return OneHot(x[0], 4); }),
});

const EdgeRows kMade({
    Move("range", {"places"}, [](Args x) { return Range(x[0].graph(), {.start = -1, .limit = 1, .step = 0.5}); }),
    Move("range/nothing", {"places"}, [](Args x) { return Range(x[0].graph(), {.start = 1, .limit = 0}); }),
    Move("random_normal/no_deviation", {"specials"},
         [](Args x) { return RandomNormalLike(x[0], {.mean = 3, .stddev = 0}); }),
    Move("random_normal/nothing", {"empty"}, [](Args x) { return RandomNormalLike(x[0]); }),
    Move("random_uniform/nothing", {"empty"}, [](Args x) { return RandomUniformLike(x[0]); }),
    Move("random_bernoulli/never", {"specials"}, [](Args x) { return RandomBernoulliLike(x[0], {.p = 0}); }),
    Move("bernoulli_of/never", {"places"}, [](Args x) { return BernoulliOf(x[0], {.p = 0, .shape = {2}}); }),
    Move("bernoulli_of/always", {"places"}, [](Args x) { return BernoulliOf(x[0], {.p = 1, .shape = {2}}); }),
    Move("bernoulli_of/nothing", {"no_places"}, [](Args x) { return BernoulliOf(x[0], {.shape = {2}}); }),
    Move("random_bernoulli/always", {"specials"}, [](Args x) { return RandomBernoulliLike(x[0], {.p = 1}); }),
});

}  // namespace
}  // namespace adret
