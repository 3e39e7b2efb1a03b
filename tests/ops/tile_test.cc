#include "adret/ops/tile.h"

#include "adret/ops/binary.h"
#include "adret/tests/ops/op_suite.h"
#include "adret/tests/ops/picked.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

const OpCases kCases({
    {.name = "tile",
     .build =
         [](Args x) {
           return Values{Tile(x[0], {2, 1, 3})};
         },
     .inputs = {{.shape = {2, 3, 2}, .batch = true}},
     .reference = Picked({4, 3, 6},
                         [](auto x, const Index& i) {
                           return At(x[0], {i[0] % 2, i[1], i[2] % 2});
                         }),
     .bad =
         [](Graph* g) {
           Tile(g->Input("x", DType::kFloat32, {2, 3}), {2, 0});
         },
     .bad_message = "tile: repeats must be positive (x f32[2,3], repeats 2,0)"},
    {.name = "tile/once",
     .build =
         [](Args x) {
           return Values{Tile(x[0], {1, 1}) + 0.0};
         },
     .inputs = {{.shape = {2, 3}, .batch = true}},
     .reference = Picked({2, 3}, [](auto x, const Index& i) { return At(x[0], i); }),
     .bad =
         [](Graph* g) {
           Tile(g->Input("x", DType::kFloat32, {2, 3}), {int64_t{1} << 40, int64_t{1} << 40});
         },
     .bad_message = "too many elements"},
});

const GoldenCases kGolden("shapes", {
                                        {"tile",
                                         [](Args x) {
                                           return Values{Tile(x[0], {2, 1, 3})};
                                         }},
                                    });

}  // namespace
}  // namespace adret
