// All pairs of ops and all triples of kinds of ops, on values of 0, 1 and 2 elements along each axis.
//
// The planner names no op: what it makes of a node follows from what its op declares. So triples are of one op for each
// combination of declared facts that occurs.
#include <map>
#include <optional>
#include <set>

#include "absl/strings/str_cat.h"
#include "adret/core/axis_rules.h"
#include "adret/core/infer_types.h"
#include "adret/ops/binary.h"
#include "adret/ops/reshape.h"
#include "adret/tests/fuzz/graphs/engines.h"
#include "adret/tests/fuzz/graphs/generate.h"
#include "adret/tests/fuzz/graphs/op_samples.h"
#include "adret/tests/fuzz/graphs/shrink.h"
#include "gtest/gtest.h"

namespace adret::fuzz {
namespace {

constexpr DType kFloating = DType::kFloat64;
constexpr Engine kCompared[] = {Engine::kUnfused, Engine::kFused};

std::vector<Shape> SmallShapes() {
  std::vector<Shape> shapes{{}};
  for (int64_t size : {0, 1, 2}) {
    for (int rank : {1, 2, 4}) shapes.push_back(Shape(std::vector<int64_t>(rank, size)));
  }
  return shapes;
}

// What the planner sees of an op.
std::string KindOf(const Op& op) {
  const OpTraits& t = op.traits;
  std::string kind = absl::StrCat(op.elementwise(), t.view, t.identity, t.broadcast, t.random, t.shape_only, t.epilogue,
                                  t.planes, op.variadic, " ", op.inputs.size(), " ", op.outputs.size());
  if (op.axes == nullptr) return kind;
  const AxisRules& r = *op.axes;
  return absl::StrCat(kind, " axes ", r.labels != nullptr, " ", r.linear_in, " ", r.zero_with, " ",
                      static_cast<int>(r.window.kind), " ", r.joined_axis != nullptr, r.scatter_of.empty(),
                      r.reads_as.empty());
}

// A case under construction.
struct Builder {
  GraphCase c;
  Dice dice{3, 0};

  Builder() { c.runs.emplace_back(); }

  Value Leaf(const Type& type) {
    const Value v = c.graph->Input(absl::StrCat("x", c.runs[0].size()), type.dtype, type.shape);
    c.runs[0].emplace_back(v, RandomTensor(type, &dice));
    return v;
  }

  // The first output of a node like the sample with v as its input `position`; invalid where no type rule allows it.
  Value Apply(const OpSample& sample, int position, Value v) {
    const Type& at = sample.inputs[position];
    if (at.dtype != v.dtype()) return {};
    std::map<int64_t, int64_t> sizes;
    if (at.shape.rank() == v.rank()) {
      for (int d = 0; d < v.rank(); ++d) sizes.try_emplace(at.shape[d], v.shape()[d]);
    }
    const auto resized = [&](Shape shape) {
      if (shape == at.shape) return v.shape();
      for (int d = 0; d < shape.rank(); ++d) {
        if (auto it = sizes.find(shape[d]); it != sizes.end()) shape.set(d, it->second);
      }
      return shape;
    };
    Types types;
    for (const Type& t : sample.inputs) types.push_back({t.dtype, resized(t.shape)});
    AttrList list = sample.attrs.list();
    for (Attr& a : list) {
      if (auto* shape = std::get_if<Shape>(&a.value)) *shape = resized(*shape);
    }
    absl::StatusOr<Attrs> attrs = sample.op->parse_attrs(list, MissingAttrs::kError);
    if (!attrs.ok() || !InferTypes(*sample.op, types, *attrs).ok()) attrs = sample.attrs;
    if (!InferTypes(*sample.op, types, *attrs).ok()) return {};
    absl::InlinedVector<ValueId, 3> inputs;
    for (int k = 0; k < static_cast<int>(types.size()); ++k) {
      inputs.push_back(k == position ? v.id() : Leaf(types[k]).id());
    }
    return {c.graph.get(), ValueId{c.graph->AddNode(*sample.op, inputs, *attrs, std::source_location::current()), 0}};
  }

  // By the first sample and place that allow it.
  Value Apply(const OpSamples& op, Value v) {
    for (const OpSample& sample : op.samples) {
      for (int k = 0; k < static_cast<int>(sample.inputs.size()); ++k) {
        if (const Value y = Apply(sample, k, v); y.valid()) return y;
      }
    }
    return {};
  }
};

void ExpectTheSame(GraphCase c, const std::string& what) {
  if (c.fetches.empty()) return;
  if (CompareEngines(c, kCompared).ok()) return;
  const GraphCase shrunk = Shrink(std::move(c), [](const GraphCase& s) { return !CompareEngines(s, kCompared).ok(); });
  ADD_FAILURE() << what << "\n" << ToCpp(shrunk, CompareEngines(shrunk, kCompared).message());
}

TEST(ExhaustiveTest, AllPairsOfOps) {
  int64_t pairs = 0;
  for (const Shape& shape : SmallShapes()) {
    for (const OpSamples& first : AllOpSamples()) {
      Builder b;
      for (const OpSamples& second : AllOpSamples()) {
        const Value y = b.Apply(first, b.Leaf({kFloating, shape}));
        if (!y.valid()) break;
        const Value z = b.Apply(second, y);
        if (!z.valid()) continue;
        b.c.fetches.push_back(z);
        // Half of them also look at the value between.
        if (++pairs % 2 == 0) b.c.fetches.push_back(y);
      }
      ExpectTheSame(std::move(b.c), absl::StrCat(first.op->name, " on ", shape.ToString()));
      if (testing::Test::HasFailure()) return;
    }
  }
  RecordProperty("pairs", static_cast<int>(pairs));
  EXPECT_GT(pairs, 20'000);
}

TEST(ExhaustiveTest, AllTriplesOfKindsOfOps) {
  std::map<std::string, const OpSamples*> kinds;
  for (const OpSamples& op : AllOpSamples()) kinds.emplace(KindOf(*op.op), &op);
  int64_t triples = 0;
  for (const Shape& shape : SmallShapes()) {
    for (const auto& [kind1, first] : kinds) {
      for (const auto& [kind2, second] : kinds) {
        Builder b;
        for (const auto& [kind3, third] : kinds) {
          const Value y = b.Apply(*first, b.Leaf({kFloating, shape}));
          if (!y.valid()) break;
          const Value z = b.Apply(*second, y);
          if (!z.valid()) break;
          if (const Value t = b.Apply(*third, z); t.valid()) b.c.fetches.push_back(t), ++triples;
          // Two ways from one value that meet again.
          const Value u = b.Apply(*third, y);
          if (!u.valid() || u.type().bytes() != z.type().bytes()) continue;
          if (u.dtype() != kFloating || z.dtype() != kFloating) continue;
          b.c.fetches.push_back(Reshape(z * 2.0, u.shape()) + u), ++triples;
        }
        ExpectTheSame(std::move(b.c), absl::StrCat(first->op->name, ", ", second->op->name, " on ", shape.ToString()));
        if (testing::Test::HasFailure()) return;
      }
    }
  }
  RecordProperty("triples", static_cast<int>(triples));
  EXPECT_GT(triples, 20'000);
}

}  // namespace
}  // namespace adret::fuzz
