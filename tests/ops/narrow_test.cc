#include "adret/ops/narrow.h"

#include "adret/ops/shape_of.h"
#include "adret/tests/ops/op_suite.h"
#include "adret/tests/ops/picked.h"

namespace adret {
namespace {

const OpCases kCases({
    {.name = "narrow",
     .build = [](Args x) { return Values{Narrow(x[0], 1, Dim(2), Dim(3))}; },
     .inputs = {{.shape = {3, 6, 2}, .batch = true}},
     .reference = Picked({3, 3, 2},
                         [](auto x, const Index& i) {
                           return At(x[0], {i[0], i[1] + 2, i[2]});
                         }),
     .bad = [](Graph* g) { Narrow(g->Input("x", DType::kFloat32, {Dim("time")}), 0, Dim("time") - 2, Dim(3)); },
     .bad_message = "narrow: begin time - 2 and size 3 reach beyond axis 0 of size time"},
    {.name = "narrow/whole",
     .build = [](Args x) { return Values{Narrow(x[0], -1, Dim(0), Dim(4))}; },
     .inputs = {{.shape = {3, 4}, .batch = true}},
     .reference = Picked({3, 4}, [](auto x, const Index& i) { return At(x[0], i); })},
    {.name = "narrow/nothing",
     .build = [](Args x) { return Values{Narrow(x[0], 1, Dim(4), Dim(0))}; },
     .inputs = {{.shape = {2, 4}}},
     .reference = Picked({2, 0}, [](auto, const Index&) { return 0.0; })},
    {.name = "shape_of",
     .build = [](Args x) { return Values{ShapeOf(x[0])}; },
     .inputs = {{.shape = {3, 1, 5}, .batch = true}},
     .reference = Picked({3}, [](auto x, const Index& i) { return static_cast<double>(x[0].shape()[i[0]]); }),
     .differentiable = false},
});

}  // namespace
}  // namespace adret
