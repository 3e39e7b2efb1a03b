#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "adret/autograd/gradients.h"
#include "adret/core/import.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/concat.h"
#include "adret/ops/reshape.h"
#include "adret/ops/unary.h"
#include "adret/tests/fuzz/graphs/has_gradient.h"
#include "adret/tests/fuzz/graphs/run_bodies.h"
#include "adret/tests/fuzz/graphs/two_ways_internal.h"

namespace adret::fuzz {
namespace {

// Numbers for example or step k: those of the function's own run in another order, so that they are as good as those.
Tensor Another(const Tensor& t, int64_t k) {
  Tensor result(t.dtype(), t.shape());
  const int64_t n = t.num_elements();
  const auto size = static_cast<int64_t>(SizeOf(t.dtype()));
  for (int64_t i = 0; i < n; ++i) {
    std::memcpy(static_cast<char*>(result.mutable_raw()) + i * size,
                static_cast<const char*>(t.raw()) + (i + k) % n * size, size);
  }
  if (!IsFloating(t.dtype())) return result;
  VisitFloating(t.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (T& v : result.mutable_data<T>()) v *= static_cast<T>(1 - static_cast<double>(k) / 16);
  });
  return result;
}

// The inputs that the function is one of, and those that say how large something is.
Values InputsOf(const GraphCase& c) {
  const std::vector<bool> needed = NeededNodes(c);
  Values inputs;
  for (const Value& v : c.graph->inputs()) {
    if (needed[v.node()] || v.shape().is_symbolic()) inputs.push_back(v);
  }
  return inputs;
}

}  // namespace

Values Floating(const Values& values) {
  Values result;
  for (const Value& v : values) {
    if (IsFloating(v.dtype())) result.push_back(v);
  }
  return result;
}

Values Function::operator()(Graph* graph, Values args) const {
  // One argument may be computed from another: partial derivatives ask about this call alone.
  for (Value& arg : args) arg = gradients_ ? Identity(arg) : arg;
  std::vector<Substitution> substitutions;
  const Values inputs = InputsOf(case_);
  for (size_t i = 0; i < inputs.size(); ++i) substitutions.push_back({inputs[i], args[i]});
  absl::StatusOr<Values> results = Import(case_.fetches, substitutions, graph);
  if (!results.ok()) graph->Fail(results.status(), std::source_location::current());
  if (!graph->status().ok()) return Values(case_.fetches.size(), Value(graph, {-1, 0}));
  const Values ys = Floating(*results), xs = Floating(args);
  if (!gradients_ || ys.empty() || xs.empty()) return *results;
  for (const Value& dx : Gradients(ys, xs)) results->push_back(dx);
  return *results;
}

bool Function::HasGradient() const { return fuzz::HasGradient(Floating(case_.fetches), Floating(InputsOf(case_))); }

TwoWays::TwoWays(const GraphCase& c)
    : base_(c), inputs_(InputsOf(c)), dice_(c.law_seed, 0), sizes_(SizesOf(c.runs[0])) {
  both_.state = c.state;
  both_.runs.emplace_back();
}

std::optional<GraphCase> TwoWays::Run(const std::function<bool()>& build) {
  // Random nodes draw other numbers each time.
  const std::vector<bool> needed = NeededNodes(base_);
  for (NodeId id = 0; id < base_.graph->num_nodes(); ++id) {
    if (needed[id] && base_.graph->node(id).op->traits.random) return std::nullopt;
  }
  if (inputs_.empty() || !build()) return std::nullopt;
  if (absl::IsUnimplemented(graph()->status())) return std::nullopt;  // a limit that the error states
  for (const auto& [a, b, margin] : both_.equal) {
    for (const Value& v : {a, b, margin}) {
      if (v.graph() != nullptr) both_.fetches.push_back(v);
    }
  }
  if (ok() && both_.fetches.empty()) return std::nullopt;
  return std::move(both_);
}

Dice TwoWays::DiceOf(const Value& input) const {
  uint64_t h = 1469598103934665603u;  // FNV-1a: the same in every process
  for (const char c : input.name()) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return {base_.law_seed, h};
}

Value TwoWays::AddInput(const std::string& name, const Type& type, const Tensor& numbers) {
  const Value v = graph()->Input(name, type.dtype, type.shape);
  both_.runs[0].emplace_back(v, numbers);
  return v;
}

Value TwoWays::AddLike(const Value& like) {
  const Type concrete{like.dtype(), like.shape().With(sizes_)};
  return AddInput(absl::StrCat("extra", graph()->num_nodes()), like.type(), RandomTensor(concrete, &dice_));
}

Values TwoWays::AddLike(const Values& likes) {
  Values values;
  for (const Value& v : likes) values.push_back(AddLike(v));
  return values;
}

TwoWays::Leaf TwoWays::AddWhole(const Value& input) {
  const Value v = AddInput(input.name(), input.type(), *FindFeed(base_.runs[0], input.node()));
  return {v, {v}, -1};
}

std::vector<TwoWays::Leaf> TwoWays::AddWholes() {
  std::vector<Leaf> leaves;
  for (const Value& input : inputs_) leaves.push_back(AddWhole(input));
  return leaves;
}

TwoWays::Leaf TwoWays::AddParts(const Value& input, int64_t parts, int64_t dim, int axis) {
  Leaf leaf{{}, {}, axis};
  std::vector<Tensor> numbers;
  for (int64_t k = 0; k < parts; ++k) {
    numbers.push_back(Another(*FindFeed(base_.runs[0], input.node()), k));
    leaf.parts.push_back(AddInput(absl::StrCat(input.name(), "_", k), input.type(), numbers.back()));
  }
  Type type = input.type();
  type.shape.insert(axis, dim);
  Shape empty = FindFeed(base_.runs[0], input.node())->shape();
  empty.insert(axis, 0);
  leaf.whole = AddInput(input.name(), type, parts == 0 ? Tensor(type.dtype, empty) : StackTensors(numbers, axis));
  return leaf;
}

int64_t TwoWays::DimFor(const char* symbol, int64_t size) {
  if (!dice_.Chance(0.3)) return size;
  const Dim dim{absl::string_view(symbol)};
  dim.ForEachSymbol([&](int id) { sizes_.Set(id, size); });
  return dim;
}

Values TwoWays::Wholes(const std::vector<Leaf>& leaves) {
  Values values;
  for (const Leaf& leaf : leaves) values.push_back(leaf.whole);
  return values;
}

Values TwoWays::Part(const std::vector<Leaf>& leaves, int64_t k) {
  Values values;
  for (const Leaf& leaf : leaves) values.push_back(leaf.axis < 0 ? leaf.whole : leaf.parts[k]);
  return values;
}

void TwoWays::Equal(const Values& a, const Values& b) {
  for (size_t i = 0; i < a.size(); ++i) both_.equal.push_back({a[i], b[i], {}});
}

void TwoWays::EqualWithGradients(Values first, Values second, const std::vector<Leaf>& leaves) {
  Equal(first, second);
  Values wholes, parts;
  for (const Leaf& leaf : leaves) {
    if (!IsFloating(leaf.whole.dtype()) || leaf.parts.empty()) continue;
    wholes.push_back(leaf.whole);
    parts.insert(parts.end(), leaf.parts.begin(), leaf.parts.end());
  }
  for (int order = dice_.PickOf({0, 1, 1, 1, 2}); order > 0 && !wholes.empty(); --order) {
    first = Floating(first), second = Floating(second);
    if (first.empty() || !HasGradient(first, wholes) || !HasGradient(second, parts)) return;
    GradientOptions of_first, of_second;
    for (size_t i = 0; i < first.size(); ++i) {
      const Value seed = AddLike(second[i]);
      of_second.seeds.push_back(seed);
      of_first.seeds.push_back(
          first[i].type() == second[i].type()
              ? seed
              : AddInput(absl::StrCat(seed.name(), "_whole"), first[i].type(), both_.runs[0].back().second));
    }
    first = Gradients(first, wholes, of_first);
    const Values apart = Gradients(second, parts, of_second);
    if (!ok()) return;
    second.clear();
    auto next = apart.begin();
    for (const Leaf& leaf : leaves) {
      if (!IsFloating(leaf.whole.dtype()) || leaf.parts.empty()) continue;
      const Values own(next, next + static_cast<int64_t>(leaf.parts.size()));
      next += static_cast<int64_t>(leaf.parts.size());
      second.push_back(leaf.axis < 0 ? own[0] : Stack(own, leaf.axis));
    }
    Equal(first, second);
  }
}

}  // namespace adret::fuzz
