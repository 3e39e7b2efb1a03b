#include "adret/ops/einsum.h"

#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "adret/core/executor.h"
#include "adret/tests/ops/op_suite.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

using ::testing::HasSubstr;

std::function<Values(Args)> Equation(std::string equation) {
  return [equation = std::move(equation)](Args x) { return Values{Einsum(equation, Values(x.begin(), x.end()))}; };
}

// Each line is a case of tests/golden/einsum.py, called after its equation.
constexpr char kEquations[] = R"(i,i->
i,j->
i,j->ij
i,i->i
ij->ji
ij->
ij->i
ij->j
ii->i
ii->
ii
iij->j
iji->ji
iijj->ij
ij,jk->ik
ij,jk
ij,kj->ik
ji,jk->ik
ji,kj->ki
bij,bjk->bik
bij,bkj->bik
bij,jk->bik
ij,bjk->bik
bi,bi->b
bi,bj->bij
bi,bj->ij
bij,bij->
ij,ij->j
ij,j->i
ij,j->ij
ijk,jil->kl
abc,cd,de->abe
ab,bc,cd
a,b,c->cba
abcd,bd->ac
abcd,cdab->
ijk->kij
ij,i->
aij,bjk->abik
Aij,Bjk->BAki
i,ij,j->
ab,ac,ad->bcd
abc,bad->dc
ii,ij,jj->
bijk,bkj->bi)";

std::vector<GoldenCase> Goldens() {
  std::vector<GoldenCase> cases;
  const std::vector<std::string> equations = absl::StrSplit(kEquations, '\n');
  for (const std::string& equation : equations) cases.push_back({equation, Equation(equation)});
  const std::vector<std::pair<std::string, std::string>> named = {{"ellipsis/implicit", "...ij,...jk"},
                                                                  {"ellipsis/transposed", "i...->...i"},
                                                                  {"ellipsis/dense", "...i,oi->...o"},
                                                                  {"ellipsis/broadcast", "...ij,...jk->...ik"},
                                                                  {"ellipsis/summed", "...i->i"},
                                                                  {"ellipsis/none", "...ij,jk->ik..."},
                                                                  {"ellipsis/middle", "i...j,j...i->..."},
                                                                  {"ellipsis/three", "b...i,...i,b->..."},
                                                                  {"one/summed", "ij,jk->ik"},
                                                                  {"one/kept", "ij,ij->ij"},
                                                                  {"one/both", "ij,jk->ik"},
                                                                  {"spaces", " i j , j k -> i k "},
                                                                  {"capitals", "bA,AB"}};
  for (const auto& [name, equation] : named) cases.push_back({name, Equation(equation)});
  return cases;
}

const GoldenCases kGoldens("einsum", Goldens());

const OpCases kCases({
    {.name = "einsum/matrices",
     .build = Equation("bij,bjk->bik"),
     .inputs = {{.shape = {2, 3, 4}, .batch = true}, {.shape = {2, 4, 2}, .batch = true}},
     .bad =
         [](Graph* g) {
           Einsum("ij,jk->ik", {g->Input("a", DType::kFloat32, {3, 4}), g->Input("b", DType::kFloat32, {5, 2})});
         },
     .bad_message = "einsum \"ij,jk->ik\": axis 0 of operand 1 (j) is not of the size of axis 1 of operand 0: f32[5,2] "
                    "and f32[3,4]"},
    {.name = "einsum/dense",
     .build = Equation("...i,oi->...o"),
     .inputs = {{.shape = {2, 3, 4}, .batch = true}, {.shape = {5, 4}}},
     .bad =
         [](Graph* g) {
           Einsum("ij->ik", {g->Input("a", DType::kFloat32, {3, 4})});
         },
     .bad_message = "einsum \"ij->ik\": the result has k, which no operand has"},
    {.name = "einsum/diagonal",
     .build = Equation("bii,bi->bi"),
     .inputs = {{.shape = {2, 3, 3}, .batch = true}, {.shape = {2, 3}, .batch = true}},
     .bad =
         [](Graph* g) {
           Einsum("iij->j", {g->Input("a", DType::kFloat32, {1, 3, 2})});
         },
     .bad_message = "axis 1 of operand 0 (i) is not of the size of axis 0 of operand 0"},
    {.name = "einsum/gram",
     .build = Equation("bi,bj->ij"),
     .inputs = {{.shape = {4, 3}, .batch = true}, {.shape = {4, 2}, .batch = true}},
     .bad =
         [](Graph* g) {
           Einsum("ijk->i", {g->Input("a", DType::kFloat32, {3, 4})});
         },
     .bad_message = "operand 0 has 2 axes (f32[3,4]) but \"ijk\" names 3"},
    {.name = "einsum/whole_numbers",
     .build = Equation("ij,jk->ki"),
     .inputs = {{.shape = {2, 3}, .dtype = DType::kInt64, .lo = -9, .hi = 9},
                {.shape = {3, 4}, .dtype = DType::kInt64, .lo = -9, .hi = 9}},
     .reference =
         [](absl::Span<const Tensor> x) {
           Tensor y = Tensor::Zeros(DType::kInt64, {4, 2});
           for (int64_t i = 0; i < 24; ++i) {
             const int64_t row = i / 12, j = i / 4 % 3, k = i % 4;
             y.mutable_data<int64_t>()[k * 2 + row] += static_cast<int64_t>(x[0].At(row * 3 + j) * x[1].At(j * 4 + k));
           }
           return std::vector<Tensor>{y};
         },
     .differentiable = false,
     .bad = [](Graph* g) { Einsum("i,i->", {g->Input("a", DType::kFloat32, {3})}); },
     .bad_message = "it is about 2 operands, but there are 1"},
    {.name = "einsum/nothing_to_sum",
     .build = Equation("ij,jk->ik"),
     .inputs = {{.shape = {2, 0}}, {.shape = {0, 3}}},
     .bad =
         [](Graph* g) {
           Einsum("ij->ii", {g->Input("a", DType::kFloat32, {3, 4})});
         },
     .bad_message = "the result has i twice"},
});

std::string Message(absl::string_view equation, std::vector<Type> types) {
  Graph graph;
  Values x;
  for (const Type& t : types)
    x.push_back(graph.Input(std::string(1, static_cast<char>('a' + x.size())), t.dtype, t.shape));
  EXPECT_FALSE(Einsum(equation, x).valid());
  return std::string(graph.status().message());
}

TEST(EinsumTest, Errors) {
  const Type matrix{DType::kFloat32, {3, 4}};
  EXPECT_THAT(Message("ij->i->j", {matrix}), HasSubstr("there is more than one arrow at einsum_test.cc"));
  EXPECT_THAT(Message("i1->i", {matrix}), HasSubstr("\"i1\" must consist of letters and at most one \"...\""));
  EXPECT_THAT(Message("......", {matrix}), HasSubstr("at most one"));
  EXPECT_THAT(Message("ijk...->i", {matrix}), HasSubstr("operand 0 has 2 axes (f32[3,4]) but \"ijk...\" names 3"));
  EXPECT_THAT(Message("ij,ij->", {matrix, {DType::kFloat64, {3, 4}}}), HasSubstr("operands must have one dtype"));
  EXPECT_THAT(Message("...i,...i->...", {matrix, {DType::kFloat32, {2, 4}}}), HasSubstr("(...) is not of the size"));
  EXPECT_THAT(Message("ii->i", {{DType::kFloat32, {kAnyBatch, kAnyBatch}}}),
              HasSubstr("the diagonal i of operand 0 must be of a known size"));
}

// An axis with a letter may be the batch, wherever it is.
TEST(EinsumTest, TheBatchMayBeAnyLabel) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, 3}), w = graph.Input("w", DType::kFloat32, {3, 2});
  EXPECT_EQ(Einsum("bi,ij->jb", {x, w}).shape(), (Shape{2, kAnyBatch}));
  EXPECT_EQ(Einsum("bi,bj->ij", {x, x}).shape(), (Shape{3, 3}));
  EXPECT_EQ(Einsum("bi,jk->bijk", {x, w}).shape(), (Shape{kAnyBatch, 3, 3, 2}));
  EXPECT_TRUE(graph.status().ok()) << graph.status();
}

}  // namespace
}  // namespace adret
