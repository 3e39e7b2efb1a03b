#include "adret/tests/fuzz/graphs/generate.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "absl/strings/str_cat.h"
#include "adret/autograd/gradients.h"
#include "adret/core/infer_types.h"
#include "adret/core/plan/run_op.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/gather.h"
#include "adret/ops/reduce.h"
#include "adret/ops/reshape.h"
#include "adret/tests/fuzz/graphs/op_samples.h"
#include "adret/tests/fuzz/graphs/run_nodes.h"

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

constexpr int64_t kMaxElements = 4096, kMaxElementsOfLarge = 100'000;
constexpr double kLargestNumber = 1e6;

using Dims = std::map<int64_t, int64_t>;  // a sample's dimension -> the one in its place

// Puts a graph together. Each node is run as it is added, and stays only where its numbers are ordinary.
class Generator {
 public:
  Generator(Dice* dice, bool gradients) : dice_(*dice), gradients_(gradients) {
    floating_ = dice_.Chance(0.6) ? DType::kFloat64 : DType::kFloat32;
    large_ = dice_.Chance(0.02);
    special_ = dice_.Chance(0.05);
    const bool ones = dice_.Chance(0.2);
    for (int i = 0; i < 3; ++i) {
      sizes_.push_back(ones ? 1 : dice_.PickOf<int64_t>({1, 1, 1, 2, 2, 3, 3, 4, 5, 7, 8, 9, 16, 17, 33}));
    }
    if (dice_.Chance(0.04)) sizes_.push_back(0);
    if (large_) sizes_.push_back(dice_.PickOf<int64_t>({127, 256, 1000, 4099}));
    if (dice_.Chance(0.4)) AddSymbol(Dim("?"));
    if (dice_.Chance(0.2)) AddSymbol(Dim("time"));
    if (dice_.Chance(0.1)) AddSymbol(Dim("length"));
    case_.state.seed = 1 + dice_.Below(1000);
    case_.runs.emplace_back();
  }

  // Nothing when the gradients that were asked for do not exist.
  std::optional<GraphCase> Run() {
    const int leaves = dice_.Between(1, 3), steps = dice_.Chance(0.5) ? dice_.Between(2, 6) : dice_.Between(4, 20);
    for (int i = 0; i < leaves; ++i) AddLeaf({floating_, RandomShape()});
    for (int i = 0; i < steps; ++i) AddStep();
    if (gradients_ && !AddGradients()) return std::nullopt;
    ChooseFetches();
    if (dice_.Chance(0.3)) AddUpdates();
    if (!case_.graph->status().ok()) return std::nullopt;
    AddRuns();
    return std::move(case_);
  }

 private:
  struct Item {
    Value value;
    Tensor tensor;  // for the first run
  };

  Graph* graph() { return case_.graph.get(); }

  void AddSymbol(const Dim& symbol) {
    symbols_.push_back(symbol);
    const int64_t size = dice_.PickOf<int64_t>({1, 1, 1, 2, 2, 3, 5, 0});
    symbol.ForEachSymbol([&](int id) { run_.Set(id, size); });
  }

  Shape RandomShape() {
    Shape shape;
    const int rank = dice_.PickOf({0, 1, 1, 2, 2, 2, 3, 4, 4});
    for (int d = 0; d < rank; ++d) shape.push_back(dice_.Pick(sizes_));
    if (rank > 0 && !symbols_.empty() && dice_.Chance(0.6)) shape.set(0, dice_.Pick(symbols_));
    for (int d = 1; d < rank && !symbols_.empty(); ++d) {
      if (symbols_.back() != kAnyBatch && dice_.Chance(0.25)) shape.set(d, dice_.Pick(symbols_));
    }
    return Fits(shape) ? shape : Shape{dice_.Pick(sizes_)};
  }

  bool Fits(const Shape& shape) const {
    const Shape concrete = shape.With(run_);
    return concrete.Validate().ok() && !concrete.is_symbolic() &&
           concrete.num_elements() <= (large_ ? kMaxElementsOfLarge : kMaxElements);
  }

  const Item& AddLeaf(Type type) {
    if (!Fits(type.shape)) type.shape = {dice_.Pick(sizes_)};
    const Tensor tensor = RandomTensor({type.dtype, type.shape.With(run_)}, &dice_);
    Value v;
    const int kind = dice_.Below(4);
    const std::string name = absl::StrCat("leaf", pool_.size());
    if (!type.shape.is_symbolic() && kind == 0) {
      v = graph()->Constant(tensor);
    } else if (!type.shape.is_symbolic() && kind == 1) {
      v = graph()->Variable(name, tensor);
      case_.state.Set(name, tensor.Clone());
    } else {
      v = graph()->Input(name, type.dtype, type.shape);
      case_.runs[0].emplace_back(v, tensor);
    }
    pool_.push_back({v, tensor});
    return pool_.back();
  }

  // One more node, unless nothing fitted several times.
  void AddStep() {
    const auto& ops = AllOpSamples();
    for (int attempt = 0; attempt < 12; ++attempt) {
      const OpSamples& op = dice_.Pick(ops);
      // Chains and views between kernels are where plans do most.
      const bool light = op.op->elementwise() || op.op->traits.view || op.op->traits.broadcast;
      if (!light && dice_.Chance(0.3)) continue;
      if (!op.samples.empty() && AddNodeLike(dice_.Pick(op.samples))) return;
    }
  }

  bool AddNodeLike(const OpSample& sample) {
    Types types = sample.inputs;
    // At times a dtype that only holds data: the type rules of what moves numbers let it pass.
    const DType dtype = dice_.Chance(0.04)
                            ? dice_.PickOf({DType::kBFloat16, DType::kFloat16, DType::kInt8, DType::kInt16,
                                            DType::kUint16, DType::kUint32, DType::kUint64})
                            : floating_;
    for (Type& t : types) {
      if (IsFloating(t.dtype)) t.dtype = dtype;
    }
    Dims dims;
    std::vector<Item> inputs(types.size());
    if (types.empty()) return Append(*sample.op, sample.attrs, inputs);
    const int first = dice_.Below(types.size());
    const Shape like = types[first].shape;
    inputs[first] = ItemFor(types[first], like);
    const Shape& shape = inputs[first].value.shape();
    if (shape.rank() == like.rank()) {
      for (int d = 0; d < like.rank(); ++d) dims.try_emplace(like[d], shape[d]);
    }
    for (size_t k = 0; k < types.size(); ++k) {
      if (static_cast<int>(k) == first) continue;
      Shape wanted = types[k].shape == like ? shape : Replaced(types[k].shape, &dims);
      inputs[k] = ItemOf({types[k].dtype, wanted});
    }
    if (Append(*sample.op, ChangedAttrs(sample, dims), inputs)) return true;
    return Append(*sample.op, sample.attrs, inputs);
  }

  // Some value of the dtype, of the same rank as the sample's at best.
  Item ItemFor(const Type& type, const Shape& like) {
    std::vector<const Item*> same_rank, others;
    for (const Item& item : pool_) {
      if (item.value.dtype() == type.dtype) (item.value.rank() == like.rank() ? same_rank : others).push_back(&item);
    }
    if (!same_rank.empty() && dice_.Chance(0.8)) return *dice_.Pick(same_rank);
    if (!others.empty() && dice_.Chance(0.4)) return *dice_.Pick(others);
    Dims dims;
    return AddLeaf({type.dtype, dice_.Chance(0.3) ? like : Replaced(like, &dims)});
  }

  // A value of the type: one that there is, or a leaf.
  Item ItemOf(const Type& type) {
    std::vector<const Item*> fitting;
    for (const Item& item : pool_) {
      if (item.value.type() == type) fitting.push_back(&item);
    }
    if (!fitting.empty() && dice_.Chance(0.8)) return *dice_.Pick(fitting);
    return AddLeaf(type);
  }

  Shape Replaced(const Shape& shape, Dims* dims) {
    Shape result = shape;
    for (int d = 0; d < shape.rank(); ++d) {
      const int64_t other = dice_.Chance(0.5) ? shape[d] : dice_.Pick(sizes_);
      result.set(d, dims->try_emplace(shape[d], other).first->second);
    }
    return result;
  }

  // The sample's attributes with the sizes that changed, and at times other numbers.
  Attrs ChangedAttrs(const OpSample& sample, const Dims& dims) {
    AttrList list = sample.attrs.list();
    const auto mapped = [&](int64_t d) {
      auto it = dims.find(d);
      return it == dims.end() ? d : it->second;
    };
    for (Attr& a : list) {
      if (auto* shape = std::get_if<Shape>(&a.value)) {
        for (int d = 0; d < shape->rank(); ++d) shape->set(d, mapped((*shape)[d]));
      } else if (auto* numbers = std::get_if<std::vector<int64_t>>(&a.value)) {
        const bool sizes = dice_.Chance(0.3);
        for (int64_t& n : *numbers) n = sizes ? mapped(n) : n;
        if (!numbers->empty() && dice_.Chance(0.2)) dice_.Pick(*numbers) = dice_.Between(-1, 3);
      } else if (auto* number = std::get_if<int64_t>(&a.value)) {
        // A loop without its bound may never end.
        if (a.name != "max_iterations" && dice_.Chance(0.2)) *number = dice_.Between(-1, 3);
      } else if (auto* flag = std::get_if<bool>(&a.value)) {
        if (dice_.Chance(0.3)) *flag = !*flag;
      }
    }
    absl::StatusOr<Attrs> parsed = sample.op->parse_attrs(list, MissingAttrs::kError);
    return parsed.ok() ? *std::move(parsed) : sample.attrs;
  }

  // Adds the node when its type rule allows it and its numbers are ordinary ones.
  bool Append(const Op& op, const Attrs& attrs, const std::vector<Item>& inputs) {
    Types types, concrete;
    std::vector<Tensor> tensors;
    absl::InlinedVector<ValueId, 3> ids;
    for (const Item& item : inputs) {
      types.push_back(item.value.type());
      concrete.push_back(item.tensor.type());
      tensors.push_back(item.tensor);
      ids.push_back(item.value.id());
    }
    bool assumes = false;
    const absl::StatusOr<Types> outputs = InferTypesOfNewNode(op, types, attrs, &assumes);
    if (!outputs.ok()) return false;
    for (const Type& t : *outputs) {
      if (!Fits(t.shape)) return false;
    }
    const absl::StatusOr<ConcreteOp> at = AtSizes(op, attrs, concrete, run_);
    if (!at.ok()) return false;
    const auto results = RunOp(op, at->attrs, concrete, at->outputs, tensors, {case_.state.seed, 0, 0});
    if (!results.ok()) return false;
    for (const Tensor& t : *results) {
      if (!special_ && !IsOrdinary(t)) return false;
    }
    const NodeId id = graph()->AddNode(op, ids, attrs, std::source_location::current());
    for (int k = 0; k < static_cast<int>(results->size()); ++k) {
      pool_.push_back({Value(graph(), ValueId{id, k}), (*results)[k]});
    }
    return true;
  }

  static bool IsOrdinary(const Tensor& t) {
    if (!IsAnyFloating(t.dtype())) return true;
    for (int64_t i = 0; i < t.num_elements(); ++i) {
      if (!(std::abs(t.At(i)) <= kLargestNumber)) return false;
    }
    return true;
  }

  Values FloatingValues(bool leaves) {
    Values result;
    for (const Item& item : pool_) {
      const Node& node = graph()->node(item.value.node());
      if (IsFloating(item.value.dtype()) && (!leaves || node.op->traits.leaf)) result.push_back(item.value);
    }
    return result;
  }

  // Whether some node between the xs and y has no gradient.
  bool HasGradient(const Value& y, const Values& xs) {
    std::vector<bool> reached(graph()->num_nodes(), false), needed = reached;
    for (const Value& x : xs) reached[x.node()] = true;
    needed[y.node()] = true;
    for (NodeId id = y.node(); id >= 0; --id) {
      if (!needed[id]) continue;
      for (ValueId v : graph()->node(id).inputs) needed[v.node] = true;
    }
    for (NodeId id = 0; id <= y.node(); ++id) {
      const Node& node = graph()->node(id);
      bool follows = false;
      for (ValueId v : node.inputs) follows |= reached[v.node];
      if (!follows) continue;
      reached[id] = true;
      if (needed[id] && node.op->gradient == nullptr) return false;
    }
    return true;
  }

  bool AddGradients() {
    const Values ys = FloatingValues(false), leaves = FloatingValues(true);
    if (leaves.empty()) return true;
    Value y = dice_.Chance(0.7) ? ys.back() : ys[dice_.Below(ys.size())];
    Values xs = leaves;
    if (dice_.Chance(0.2)) xs.push_back(ys[dice_.Below(ys.size())]);
    const int order = dice_.PickOf({1, 1, 2});
    for (int k = 0; k < order; ++k) {
      if (!HasGradient(y, xs)) return true;
      loss_ = Sum(y);
      gradients_of_ = Gradients(loss_, xs);
      if (!graph()->status().ok()) return false;
      for (const Value& dx : gradients_of_) derived_.push_back(dx);
      const Value dx = gradients_of_[dice_.Below(gradients_of_.size())];
      y = dice_.Chance(0.5) ? dx : dx * dx;
    }
    return true;
  }

  void ChooseFetches() {
    const int n = dice_.PickOf({1, 1, 2, 3, 5});
    Values candidates;
    for (const Item& item : pool_) {
      if (!graph()->node(item.value.node()).op->traits.leaf || dice_.Chance(0.05)) candidates.push_back(item.value);
    }
    if (!candidates.empty()) case_.fetches.push_back(candidates.back());
    for (int i = 1; i < n && !candidates.empty(); ++i) case_.fetches.push_back(dice_.Pick(candidates));
    for (const Value& dx : derived_) {
      if (dice_.Chance(0.6)) case_.fetches.push_back(dx);
    }
    if (case_.fetches.empty()) case_.fetches.push_back(dice_.Pick(pool_).value);
  }

  void AddUpdates() {
    Values variables;
    for (const Value& v : graph()->variables()) {
      if (IsFloating(v.dtype())) variables.push_back(v);
    }
    if (loss_.valid() && !variables.empty() && HasGradient(loss_, variables) && dice_.Chance(0.5)) {
      case_.updates = RandomOptimizerStep(loss_, variables, &dice_);
      (void)InitializeMissing(*graph(), case_.state.seed, &case_.state);
    } else {
      for (const Value& v : graph()->all_variables()) {
        if (dice_.Chance(0.3) && AddScatter(v)) continue;
        for (const Item& item : pool_) {
          if (item.value.type() != v.type() || item.value == v || !dice_.Chance(0.4)) continue;
          case_.updates.push_back({v, item.value});
          break;
        }
      }
    }
  }

  // Updates a variable at the places that some indices name, which a plan can do in place. Indices of later runs may be
  // out of range.
  bool AddScatter(const Value& v) {
    if (v.rank() == 0) return false;
    AddLeaf({DType::kInt64, {dice_.Between(1, 4)}});
    Values places;
    for (const Item& item : pool_) {
      const bool whole = item.value.dtype() == DType::kInt32 || item.value.dtype() == DType::kInt64;
      bool fits = whole && item.tensor.num_elements() * v.shape().num_elements() <= kMaxElements;
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
        {v, IsBool(v.dtype()) || dice_.Chance(0.5) ? Scatter(v, at, updates) : ScatterAdd(v, at, updates)});
    return true;
  }

  // More runs: with other batches, or to see what the updates made of the variables.
  void AddRuns() {
    const int more = !case_.updates.empty() ? dice_.Between(0, 2) : !symbols_.empty() ? dice_.Below(2) : 0;
    for (int r = 0; r < more; ++r) {
      DimSizes sizes;
      for (const auto& [symbol, size] : run_.entries()) {
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
  const bool gradients_;
  DType floating_ = DType::kFloat64;
  bool large_ = false, special_ = false;
  std::vector<int64_t> sizes_;
  std::vector<int64_t> symbols_;  // codes of dimensions that inputs may have
  DimSizes run_;                  // the symbols' sizes in the first run
  GraphCase case_;
  std::vector<Item> pool_;
  Value loss_;
  Values gradients_of_, derived_;
};

}  // namespace

GraphCase GenerateCase(uint64_t seed, uint64_t index, CaseKind kind) {
  Dice dice(seed, index);
  if (kind == CaseKind::kNetworks || dice.Chance(0.15)) return GenerateNetwork(&dice);
  if (dice.Chance(0.5)) {
    Dice copy = dice;
    if (std::optional<GraphCase> c = Generator(&copy, /*gradients=*/true).Run()) return *std::move(c);
  }
  for (;;) {
    if (std::optional<GraphCase> c = Generator(&dice, /*gradients=*/false).Run()) return *std::move(c);
  }
}

}  // namespace adret::fuzz
