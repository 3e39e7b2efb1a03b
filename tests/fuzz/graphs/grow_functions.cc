// Loops, branches and Vmap() of random functions, as steps of a Grower.
#include <algorithm>
#include <utility>

#include "adret/autograd/if.h"
#include "adret/autograd/scan.h"
#include "adret/autograd/vmap.h"
#include "adret/autograd/while.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/compare.h"
#include "adret/ops/reduce.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"
#include "adret/tests/fuzz/graphs/grow.h"
#include "adret/tests/fuzz/graphs/run_bodies.h"
#include "adret/tests/fuzz/graphs/run_nodes.h"

namespace adret::fuzz {
namespace {

constexpr int64_t kMostSteps = 17, kMostExamples = 33;

// The numbers of one step or example, for the numbers of all.
Tensor OneOf(const Tensor& all, int axis, Dice* dice) {
  if (all.shape()[axis] > 0) return TakeAt(all, axis, 0);
  Shape shape = all.shape();
  shape.erase(axis);
  return RandomTensor({all.dtype(), shape}, dice);
}

}  // namespace

bool Grower::AddFunction() {
  if (pool_.empty()) return false;
  switch (dice_.Below(8)) {
    case 0:
      return AddIf();
    case 1:
      return AddWhile();
    case 2:
    case 3:
    case 4:
      return AddVmap();
  }
  return AddScan();
}

Grower Grower::Part(Graph* graph, const Setting& setting) const {
  return {graph, setting, &dice_, [graph](const Type& type, const Tensor& tensor) {
            return type.shape.is_symbolic() ? Value() : graph->Constant(tensor);
          }};
}

Setting Grower::BodySetting() const {
  Setting setting = setting_;
  setting.random = false;
  setting.functions /= 2;
  return setting;
}

Grower Grower::BodyPart(const Setting& setting, const std::vector<Item>& captured) const {
  Graph* const body = graph_->innermost();
  Grower part = Part(body, setting);
  for (const Item& item : captured) part.Add(body->Capture(item.value), item.tensor);
  return part;
}

std::vector<Grower::Item> Grower::SomeItems(std::initializer_list<int> counts) {
  std::vector<Item> items;
  for (int n = dice_.PickOf(counts); n > 0; --n) items.push_back(dice_.Pick(pool_));
  return items;
}

// A bool[]: one that there is, or one made of what came last.
Value Grower::Condition() {
  Values fitting;
  for (const Item& item : pool_) {
    if (item.value.type() == Type{DType::kBool, {}}) fitting.push_back(item.value);
  }
  if (!fitting.empty() && dice_.Chance(0.8)) return dice_.Pick(fitting);
  for (auto item = pool_.rbegin(); item != pool_.rend(); ++item) {
    if (IsFloating(item->value.dtype())) return Greater(Sum(item->value), dice_.PickOf({-1e9, -1.0, 0.0, 0.5}));
  }
  return graph_->Constant(Tensor::Scalar(DType::kBool, dice_.Below(2)));
}

Values Grower::NextCarry(const Values& carry) {
  Values next;
  for (const Value& v : carry) next.push_back(ValueLike(v));
  return next;
}

// A value of this type; where there is none, what came last, made to fit.
Value Grower::ValueOf(const Type& type) {
  Values fitting;
  for (const Item& item : pool_) {
    if (item.value.type() == type) fitting.push_back(item.value);
  }
  if (!fitting.empty()) return dice_.Pick(fitting);
  Value number = Cast(Sum(Cast(pool_.back().value, DType::kFloat64)), type.dtype);
  return BroadcastTo(number, type.shape);
}

// Some value that computes one of this type, and otherwise one that is made of it and of what came last.
Value Grower::ValueLike(const Value& like) {
  Values fitting;
  for (const Item& item : pool_) {
    if (item.value.type() == like.type() && !(item.value == like)) fitting.push_back(item.value);
  }
  if (!fitting.empty() && dice_.Chance(0.9)) return dice_.Chance(0.5) ? fitting.back() : dice_.Pick(fitting);
  if (!IsFloating(like.dtype())) return like;
  for (auto item = pool_.rbegin(); item != pool_.rend(); ++item) {
    if (item->value.dtype() == like.dtype()) return Tanh(like + 0.5 * Sum(item->value));
  }
  return Tanh(like);
}

// Values of the pool, most of them late ones.
Values Grower::SomeValues(int n) {
  Values values;
  for (int i = 0; i < n; ++i) values.push_back(dice_.Chance(0.6) ? pool_.back().value : dice_.Pick(pool_).value);
  return values;
}

// A value that has an axis, or a new leaf.
Grower::Item Grower::ItemWithRank() {
  std::vector<const Item*> fitting;
  for (const Item& item : pool_) {
    if (item.value.rank() > 0 && item.tensor.shape()[0] <= kMostSteps) fitting.push_back(&item);
  }
  if (!fitting.empty() && dice_.Chance(0.6)) return *dice_.Pick(fitting);
  Shape shape = setting_.RandomShape(&dice_);
  shape.insert(0, !setting_.symbols.empty() && dice_.Chance(0.4) ? dice_.Pick(setting_.symbols)
                                                                 : dice_.PickOf<int64_t>({0, 1, 1, 2, 2, 3, 5}));
  return AddLeaf({dice_.Chance(0.85) ? setting_.floating : DType::kInt64, shape});
}

bool Grower::AddScan() {
  std::vector<Item> each{ItemWithRank()}, carry, captured;
  const int64_t steps = each[0].value.shape()[0];
  if (each[0].tensor.shape()[0] > kMostSteps) return false;
  if (dice_.Chance(0.3)) {
    for (const Item& item : pool_) {
      if (item.value.rank() > 0 && item.value.shape()[0] == steps && dice_.Chance(0.5)) each.push_back(item);
      if (each.size() >= 3) break;
    }
  }
  carry = SomeItems({0, 1, 1, 1, 1, 1, 2, 2, 3});
  captured = SomeItems({0, 0, 1, 1, 2});
  ScanInputs inputs;
  for (const Item& item : carry) inputs.carry.push_back(item.value);
  for (const Item& item : each) inputs.each.push_back(item.value);
  inputs.reverse = dice_.Chance(0.3);
  if (dice_.Chance(0.15)) inputs.checkpoint_every = dice_.Between(1, 4);

  const Setting setting = BodySetting();
  const ScanResult result = Scan(inputs, [&](const Values& own_carry, const Values& own_each) {
    Grower part = BodyPart(setting, captured);
    for (size_t i = 0; i < each.size(); ++i) part.Add(own_each[i], OneOf(each[i].tensor, 0, &dice_));
    for (size_t i = 0; i < carry.size(); ++i) part.Add(own_carry[i], carry[i].tensor);
    for (int n = dice_.PickOf({1, 1, 2, 3, 4}); n > 0; --n) part.AddStep();
    ScanStep step{.carry = part.NextCarry(own_carry), .out = part.SomeValues(dice_.PickOf({0, 1, 1, 2}))};
    if (step.carry.empty() && step.out.empty()) step.out = part.SomeValues(1);
    return step;
  });
  Values all = result.out;
  all.insert(all.end(), result.carry.begin(), result.carry.end());
  return AddComputed(all);
}

bool Grower::AddIf() {
  const std::vector<Item> captured = SomeItems({1, 1, 2, 3});
  const Value condition = Condition();
  const Setting setting = BodySetting();
  Types types;
  const auto grown = [&] {
    Grower part = BodyPart(setting, captured);
    for (int n = dice_.PickOf({0, 1, 1, 2, 3}); n > 0; --n) part.AddStep();
    return part;
  };
  const Values results = If(
      condition,
      [&] {
        const Values values = grown().SomeValues(dice_.PickOf({1, 1, 2}));
        for (const Value& v : values) types.push_back(v.type());
        return values;
      },
      [&] {
        Grower part = grown();
        Values values;
        for (const Type& type : types) values.push_back(part.ValueOf(type));
        return values;
      });
  return AddComputed(results);
}

bool Grower::AddWhile() {
  const std::vector<Item> carry = SomeItems({1, 1, 2}), captured = SomeItems({0, 1, 2});
  const int64_t at_most = dice_.Below(5);  // as the condition says; the bound may be less
  const bool plain = dice_.Chance(0.5);
  WhileInputs inputs{.carry = {graph_->Constant(Tensor::Scalar(DType::kInt64, 0))},
                     .max_iterations = dice_.PickOf<int64_t>({-1, 0, 1, 3, 6})};
  for (const Item& item : carry) inputs.carry.push_back(item.value);
  const Setting setting = BodySetting();
  const auto part_of = [&](const Values& own) {
    Grower part = BodyPart(setting, captured);
    for (size_t i = 0; i < carry.size(); ++i) part.Add(own[i + 1], carry[i].tensor);
    return part;
  };
  const WhileResult result = While(
      inputs,
      [&](const Values& own) {
        const Value goes_on = Less(own[0], at_most);
        return plain ? goes_on : LogicalAnd(goes_on, part_of(own).Condition());
      },
      [&](const Values& own) {
        Grower part = part_of(own);
        for (int n = dice_.PickOf({1, 1, 2, 3}); n > 0; --n) part.AddStep();
        Values next = part.NextCarry({own.begin() + 1, own.end()});
        next.insert(next.begin(), own[0] + 1);
        return next;
      });
  Values all = result.carry;
  all.push_back(result.iterations);
  return AddComputed(all);
}

bool Grower::AddVmap() {
  const Item first = ItemWithRank();
  const int axis = dice_.Below(first.value.rank());
  const int64_t examples = first.value.shape()[axis];
  if (first.tensor.shape()[axis] > kMostExamples) return false;
  std::vector<Item> inputs{first};
  VmapOptions options{.in_axes = {dice_.Chance(0.2) ? axis - first.value.rank() : axis}};
  for (int n = dice_.PickOf({0, 1, 1, 2, 3}); n > 0; --n) {
    inputs.push_back(dice_.Pick(pool_));
    const Shape& shape = inputs.back().value.shape();
    const auto* same = std::find(shape.begin(), shape.end(), examples);
    options.in_axes.push_back(same != shape.end() && dice_.Chance(0.8) ? same - shape.begin() : kShared);
  }
  Values values;
  for (const Item& item : inputs) values.push_back(item.value);

  Setting setting = setting_;
  setting.functions /= 2;
  const auto function = [&](Args args) {
    Grower part = Part(graph_, setting);
    for (size_t i = 0; i < args.size(); ++i) {
      const int64_t a = options.in_axes[i];
      const int place = static_cast<int>(a < 0 ? a + inputs[i].value.rank() : a);
      part.Add(args[i], a == kShared ? inputs[i].tensor : OneOf(inputs[i].tensor, place, &dice_));
    }
    for (int n = dice_.PickOf({1, 1, 2, 3, 4}); n > 0; --n) part.AddStep();
    return part.SomeValues(dice_.PickOf({1, 1, 2}));
  };
  return AddComputed(Vmap(function, values, options));
}

bool Grower::AddComputed(const Values& values) {
  if (!graph_->status().ok()) return false;
  NodeOutputs known(graph_->num_nodes());
  for (const Item& item : pool_) {
    std::vector<Tensor>& outputs = known[item.value.node()];
    if (graph_->node(item.value.node()).outputs.size() == 1) outputs = {item.tensor};
  }
  std::vector<bool> needed(graph_->num_nodes(), false);
  for (const Value& v : values) needed[v.node()] = true;
  for (NodeId id = graph_->num_nodes() - 1; id >= 0; --id) {
    if (!needed[id] || !known[id].empty()) continue;
    for (ValueId v : graph_->node(id).inputs) needed[v.node] = true;
  }
  State state;
  state.seed = setting_.seed;
  const auto outputs = RunOtherNodes(*graph_, needed, std::move(known), setting_.run, state);
  if (!outputs.ok()) return false;
  for (const Value& v : values) {
    if (!IsOrdinary((*outputs)[v.node()][v.id().output]) || !setting_.Fits(v.shape())) return false;
  }
  for (const Value& v : values) Add(v, (*outputs)[v.node()][v.id().output]);
  return true;
}

}  // namespace adret::fuzz
