#include "adret/tests/fuzz/graphs/generate.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "absl/strings/str_cat.h"
#include "adret/autograd/gradients.h"
#include "adret/autograd/hessian_vector_product.h"
#include "adret/autograd/jvp.h"
#include "adret/autograd/transformation_internal.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/gather.h"
#include "adret/ops/reduce.h"
#include "adret/ops/reshape.h"
#include "adret/tests/fuzz/graphs/grow.h"
#include "adret/tests/fuzz/graphs/has_gradient.h"
#include "adret/tests/fuzz/graphs/laws.h"

namespace adret::fuzz {

Tensor RandomTensor(const Type& type, Dice* dice) {
  Tensor exact(DType::kFloat64, type.shape);
  const int kind = dice->Below(10);
  const double same = dice->PickOf({0.0, 1.0, -1.0, 2.0});
  const int64_t below = dice->PickOf({1, 2, 3, 4});
  for (double& v : exact.mutable_data<double>()) {
    if (IsBool(type.dtype)) {
      v = dice->Below(2);
    } else if (IsInteger(type.dtype)) {
      v = dice->Below(below);
    } else if (kind == 0) {
      v = same;
    } else if (kind <= 2) {
      v = dice->Between(-2, 2);
    } else if (kind <= 4) {
      v = static_cast<float>(dice->Uniform(0.5, 2));
    } else {
      v = static_cast<float>(dice->Uniform(-2, 2));
    }
  }
  return exact.Cast(type.dtype);
}

namespace {

Setting RandomSetting(Dice* dice, bool law) {
  Setting s;
  s.random = s.parts = s.data_only = !law;
  s.floating = dice->Chance(0.6) ? DType::kFloat64 : DType::kFloat32;
  s.large = dice->Chance(0.02);
  s.special = dice->Chance(0.05);
  const bool ones = dice->Chance(0.2);
  for (int i = 0; i < 3; ++i) {
    s.sizes.push_back(ones ? 1 : dice->PickOf<int64_t>({1, 1, 1, 2, 2, 3, 3, 4, 5, 7, 8, 9, 16, 17, 33}));
  }
  if (dice->Chance(0.04)) s.sizes.push_back(0);
  if (s.large) s.sizes.push_back(dice->PickOf<int64_t>({127, 256, 1000, 4099}));
  const auto add = [&](const Dim& symbol) {
    s.symbols.push_back(symbol);
    const int64_t size = dice->PickOf<int64_t>({1, 1, 1, 2, 2, 3, 5, 0});
    symbol.ForEachSymbol([&](int id) { s.run.Set(id, size); });
  };
  if (dice->Chance(0.4)) add(Dim("?"));
  if (dice->Chance(0.2)) add(Dim("time"));
  if (dice->Chance(0.1)) add(Dim("length"));
  s.functions = dice->Chance(0.3) ? dice->PickOf({0.15, 0.3, 0.6}) : 0;
  // As many examples as loops cut into parts.
  if (s.functions > 0 && dice->Chance(0.1)) s.sizes = {dice->PickOf<int64_t>({64, 66, 99}), 1, 3};
  s.seed = 1 + dice->Below(1000);
  return s;
}

constexpr double kLaws = 0.25;  // how many cases say that a law holds

// Puts a graph together.
class Generator {
 public:
  Generator(Dice* dice, bool gradients, bool law = false)
      : dice_(*dice), gradients_(gradients), law_(law), setting_(RandomSetting(dice, law)), grower_(MakeGrower()) {
    case_.state.seed = setting_.seed;
    case_.runs.emplace_back();
  }

  // Nothing when the gradients that were asked for do not exist.
  std::optional<GraphCase> Run() {
    if (law_) return RunFunction();
    const int leaves = dice_.Between(1, 3), steps = dice_.Chance(0.5) ? dice_.Between(2, 6) : dice_.Between(4, 20);
    for (int i = 0; i < leaves; ++i) grower_.AddLeaf({setting_.floating, setting_.RandomShape(&dice_)});
    for (int i = 0; i < steps; ++i) grower_.AddStep();
    if (gradients_ && !AddGradients()) return std::nullopt;
    if (gradients_ && dice_.Chance(0.3)) AddForwardMode();
    if (!graph()->status().ok()) return std::nullopt;
    ChooseFetches();
    if (dice_.Chance(0.3)) AddUpdates();
    if (!case_.graph->status().ok()) return std::nullopt;
    AddRuns();
    return std::move(case_);
  }

 private:
  using Item = Grower::Item;

  // A function of a few nodes and a law that says something of it.
  std::optional<GraphCase> RunFunction() {
    for (int n = dice_.Between(1, 3); n > 0; --n) grower_.AddLeaf({setting_.floating, setting_.RandomShape(&dice_)});
    for (int n = dice_.PickOf({1, 2, 3, 4, 6}); n > 0; --n) grower_.AddStep();
    if (dice_.Chance(0.3) && !AddGradients()) return std::nullopt;
    ChooseFetches();
    if (!graph()->status().ok()) return std::nullopt;
    const std::vector<std::string> laws = AllLaws();
    for (int attempt = 0; attempt < 4; ++attempt) {
      // The two that say most most often.
      case_.law = dice_.Chance(0.3) ? "vmap" : dice_.Chance(0.4) ? "scan" : dice_.Pick(laws);
      case_.law_seed = dice_.Below(1'000'000);
      if (ApplyLaw(case_).has_value()) return std::move(case_);
    }
    return std::nullopt;
  }

  Graph* graph() { return case_.graph.get(); }

  Grower MakeGrower() {
    return {graph(), setting_, &dice_, [this](const Type& type, const Tensor& tensor) { return Leaf(type, tensor); }};
  }

  Value Leaf(const Type& type, const Tensor& tensor) {
    const int kind = law_ ? dice_.PickOf({0, 2, 2, 2}) : dice_.Below(4);
    const std::string name = absl::StrCat("leaf", graph()->num_nodes());
    if (!type.shape.is_symbolic() && kind == 0) return graph()->Constant(tensor);
    if (!type.shape.is_symbolic() && kind == 1) {
      case_.state.Set(name, tensor.Clone());
      return graph()->Variable(name, tensor);
    }
    const Value v = graph()->Input(name, type.dtype, type.shape);
    case_.runs[0].emplace_back(v, tensor);
    return v;
  }

  Values FloatingValues(bool leaves) {
    Values result;
    for (const Item& item : grower_.pool()) {
      const Node& node = graph()->node(item.value.node());
      if (IsFloating(item.value.dtype()) && (!leaves || node.op->traits.leaf)) result.push_back(item.value);
    }
    return result;
  }

  bool AddGradients() {
    const Values ys = FloatingValues(false), leaves = FloatingValues(true);
    if (leaves.empty()) return true;
    Value y = dice_.Chance(0.7) ? ys.back() : ys[dice_.Below(ys.size())];
    Values xs = leaves;
    if (dice_.Chance(0.2)) xs.push_back(ys[dice_.Below(ys.size())]);
    const int order = dice_.PickOf({1, 1, 2});
    for (int k = 0; k < order; ++k) {
      if (!HasGradient({y}, xs)) return true;
      loss_ = Sum(y);
      gradients_of_ = Gradients(loss_, xs);
      if (!graph()->status().ok()) return false;
      for (const Value& dx : gradients_of_) derived_.push_back(dx);
      const Value dx = gradients_of_[dice_.Below(gradients_of_.size())];
      y = dice_.Chance(0.5) ? dx : dx * dx;
    }
    return true;
  }

  // How values change with others, and at times gradients of that.
  void AddForwardMode() {
    Values leaves = FloatingValues(true), ys = FloatingValues(false);
    const Value y = dice_.Chance(0.5) ? ys.back() : dice_.Pick(ys);
    Values xs, tangents;
    for (const Value& x : leaves) {
      if (dice_.Chance(0.6) && Reaches(x, {&y, 1})) xs.push_back(x);
    }
    if (xs.empty() || !HasGradient({y}, xs)) return;
    for (const Value& x : xs) tangents.push_back(grower_.AddLeaf(x.type()).value);
    if (dice_.Chance(0.6)) {
      derived_.push_back(Jvp({&y, 1}, xs, tangents)[0]);
    } else {
      for (const Value& hv : HessianVectorProduct(Sum(y), xs, tangents)) derived_.push_back(hv);
    }
    if (!derived_.back().valid() || !dice_.Chance(0.3) || !HasGradient({derived_.back()}, xs)) return;
    derived_.push_back(Gradients(derived_.back(), xs)[0]);
  }

  void ChooseFetches() {
    const int n = dice_.PickOf({1, 1, 2, 3, 5});
    Values candidates;
    for (const Item& item : grower_.pool()) {
      if (!graph()->node(item.value.node()).op->traits.leaf || dice_.Chance(0.05)) candidates.push_back(item.value);
    }
    if (!candidates.empty()) case_.fetches.push_back(candidates.back());
    for (int i = 1; i < n && !candidates.empty(); ++i) case_.fetches.push_back(dice_.Pick(candidates));
    for (const Value& dx : derived_) {
      if (dice_.Chance(0.6)) case_.fetches.push_back(dx);
    }
    if (case_.fetches.empty()) case_.fetches.push_back(dice_.Pick(grower_.pool()).value);
  }

  void AddUpdates() {
    Values variables;
    for (const Value& v : graph()->variables()) {
      if (IsFloating(v.dtype())) variables.push_back(v);
    }
    if (loss_.valid() && !variables.empty() && HasGradient({loss_}, variables) && dice_.Chance(0.5)) {
      case_.updates = RandomOptimizerStep(loss_, variables, &dice_);
      (void)InitializeMissing(*graph(), case_.state.seed, &case_.state);
    } else {
      for (const Value& v : graph()->all_variables()) {
        if (dice_.Chance(0.3) && AddScatter(v)) continue;
        for (const Item& item : grower_.pool()) {
          if (item.value.type() != v.type() || item.value == v || !dice_.Chance(0.4)) continue;
          case_.updates.push_back({v, item.value});
          break;
        }
      }
    }
  }

  static bool Adds(DType dtype) { return IsFloating(dtype) || dtype == DType::kInt32 || dtype == DType::kInt64; }

  // Updates a variable at the places that some indices name, which a plan can do in place. Indices of later runs may be
  // out of range.
  bool AddScatter(const Value& v) {
    if (v.rank() == 0 || !graph()->status().ok()) return false;
    grower_.AddLeaf({DType::kInt64, {dice_.Between(1, 4)}});
    Values places;
    for (const Item& item : grower_.pool()) {
      const bool whole = item.value.dtype() == DType::kInt32 || item.value.dtype() == DType::kInt64;
      bool fits = whole && setting_.Fits({item.tensor.num_elements(), v.shape().num_elements()});
      for (int64_t i = 0; fits && i < item.tensor.num_elements(); ++i) {
        fits = item.tensor.At(i) >= 0 && item.tensor.At(i) < static_cast<double>(v.shape()[0]);
      }
      if (fits) places.push_back(item.value);
    }
    if (places.empty()) return false;
    const Value at = dice_.Pick(places), rows = Gather(v, at);
    if (!rows.valid()) return false;
    const Value updates = IsFloating(v.dtype()) ? rows * 0.75 : rows;
    case_.updates.push_back(
        {v, !Adds(v.dtype()) || dice_.Chance(0.5) ? Scatter(v, at, updates) : ScatterAdd(v, at, updates)});
    return true;
  }

  // More runs: with other batches, or to see what the updates made of the variables.
  void AddRuns() {
    const int more = !case_.updates.empty() ? dice_.Between(0, 2) : !setting_.symbols.empty() ? dice_.Below(2) : 0;
    for (int r = 0; r < more; ++r) {
      DimSizes sizes;
      for (const auto& [symbol, size] : setting_.run.entries()) {
        sizes.Set(symbol, dice_.Chance(0.5) ? size : dice_.PickOf<int64_t>({1, 2, 4, 0}));
      }
      Feeds feeds;
      for (const auto& [input, tensor] : case_.runs[0]) {
        const Shape shape = input.shape().With(sizes);
        if (shape.is_symbolic() || !shape.Validate().ok()) break;  // [?-3] of a batch of 1
        feeds.emplace_back(input, RandomTensor({input.dtype(), shape}, &dice_));
      }
      if (feeds.size() == case_.runs[0].size()) case_.runs.push_back(std::move(feeds));
    }
  }

  Dice& dice_;
  const bool gradients_, law_;
  const Setting setting_;
  GraphCase case_;
  Grower grower_;
  Value loss_;
  Values gradients_of_, derived_;
};

}  // namespace

GraphCase GenerateCase(uint64_t seed, uint64_t index, CaseKind kind) {
  Dice dice(seed, index);
  if (kind == CaseKind::kNetworks || dice.Chance(0.15)) return GenerateNetwork(&dice);
  if (dice.Chance(kLaws)) {
    Dice copy = dice;
    if (std::optional<GraphCase> c = Generator(&copy, /*gradients=*/false, /*law=*/true).Run()) return *std::move(c);
  }
  if (dice.Chance(0.5)) {
    Dice copy = dice;
    if (std::optional<GraphCase> c = Generator(&copy, /*gradients=*/true).Run()) return *std::move(c);
  }
  for (;;) {
    if (std::optional<GraphCase> c = Generator(&dice, /*gradients=*/false).Run()) return *std::move(c);
  }
}

}  // namespace adret::fuzz
