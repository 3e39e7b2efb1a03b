#include "adret/tests/fuzz/graphs/grow.h"

#include <algorithm>
#include <cmath>
#include <source_location>
#include <utility>

#include "absl/strings/match.h"
#include "adret/core/infer_types.h"
#include "adret/tests/fuzz/graphs/run_nodes.h"

namespace adret::fuzz {
namespace {

constexpr int64_t kMaxElements = 4096, kMaxElementsOfLarge = 100'000;
constexpr double kLargestNumber = 1e6;

// Whether users cannot build it: layer_norm_x_grad, which has to be given the mean of its x; prod_others, whose own
// second derivative is the third of prod and divides by x.
bool IsPart(const Op& op) {
  return absl::StrContains(op.name, "_grad") || op.name == "recompute" || op.name == "prod_others";
}

}  // namespace

Shape Setting::RandomShape(Dice* dice) const {
  Shape shape;
  const int rank = dice->PickOf({0, 1, 1, 2, 2, 2, 3, 4, 4});
  for (int d = 0; d < rank; ++d) shape.push_back(dice->Pick(sizes));
  if (rank > 0 && !symbols.empty() && dice->Chance(0.6)) shape.set(0, dice->Pick(symbols));
  for (int d = 1; d < rank && !symbols.empty(); ++d) {
    if (symbols.back() != kAnyBatch && dice->Chance(0.25)) shape.set(d, dice->Pick(symbols));
  }
  return Fits(shape) ? shape : Shape{dice->Pick(sizes)};
}

bool Setting::Fits(const Shape& shape) const {
  const Shape concrete = shape.With(run);
  if (!concrete.Validate().ok() || concrete.is_symbolic()) return false;
  double elements = 1;  // an empty tensor is large, too, once its axis of 0 is gone
  for (int64_t d : concrete) elements *= static_cast<double>(std::max<int64_t>(d, 1));
  return elements <= static_cast<double>(large ? kMaxElementsOfLarge : kMaxElements);
}

const Grower::Item& Grower::AddLeaf(Type type) {
  const auto add = [&] {
    const Tensor tensor = RandomTensor({type.dtype, type.shape.With(setting_.run)}, &dice_);
    const Value leaf = leaf_(type, tensor);
    if (leaf.valid()) Add(leaf, tensor);
    return leaf.valid();
  };
  if (setting_.Fits(type.shape) && add()) return pool_.back();
  type.shape = {dice_.Pick(setting_.sizes)};
  AD_CHECK(add());
  return pool_.back();
}

void Grower::AddStep() {
  const auto& ops = AllOpSamples();
  if (!graph_->status().ok()) return;
  if (setting_.functions > 0 && dice_.Chance(setting_.functions) && (AddFunction() || !graph_->status().ok())) return;
  for (int attempt = 0; attempt < 12; ++attempt) {
    const OpSamples& op = dice_.Pick(ops);
    // Chains and views between kernels are where plans do most.
    const bool light = op.op->elementwise() || op.op->traits.view || op.op->traits.broadcast;
    if (!light && dice_.Chance(0.3)) continue;
    if (op.op->traits.random && !setting_.random) continue;
    if (IsPart(*op.op) && !setting_.parts) continue;
    if (!op.samples.empty() && AddNodeLike(dice_.Pick(op.samples))) return;
  }
}

bool Grower::AddNodeLike(const OpSample& sample) {
  Types types = sample.inputs;
  // At times a dtype that only holds data: the type rules of what moves numbers let it pass.
  const DType dtype = setting_.data_only && dice_.Chance(0.04)
                          ? dice_.PickOf({DType::kBFloat16, DType::kFloat16, DType::kInt8, DType::kInt16,
                                          DType::kUint16, DType::kUint32, DType::kUint64})
                          : setting_.floating;
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
Grower::Item Grower::ItemFor(const Type& type, const Shape& like) {
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
Grower::Item Grower::ItemOf(const Type& type) {
  std::vector<const Item*> fitting;
  for (const Item& item : pool_) {
    if (item.value.type() == type) fitting.push_back(&item);
  }
  if (!fitting.empty() && dice_.Chance(0.8)) return *dice_.Pick(fitting);
  return AddLeaf(type);
}

Shape Grower::Replaced(const Shape& shape, Dims* dims) {
  Shape result = shape;
  for (int d = 0; d < shape.rank(); ++d) {
    const int64_t other = dice_.Chance(0.5) ? shape[d] : dice_.Pick(setting_.sizes);
    result.set(d, dims->try_emplace(shape[d], other).first->second);
  }
  return result;
}

// The sample's attributes with the sizes that changed, and at times other numbers.
Attrs Grower::ChangedAttrs(const OpSample& sample, const Dims& dims) {
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
bool Grower::Append(const Op& op, const Attrs& attrs, const std::vector<Item>& inputs) {
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
  // What is only right for some sizes need not have what laws ask about.
  if (!outputs.ok() || (assumes && !setting_.parts)) return false;
  for (const Type& t : *outputs) {
    if (!setting_.Fits(t.shape)) return false;
  }
  const absl::StatusOr<ConcreteOp> at = AtSizes(op, attrs, concrete, setting_.run);
  if (!at.ok()) return false;
  const auto results = RunConcreteOp(op, *at, concrete, tensors, {setting_.seed, 0, 0});
  if (!results.ok()) return false;
  for (const Tensor& t : *results) {
    if (!IsOrdinary(t)) return false;
  }
  const NodeId id = graph_->AddNode(op, ids, attrs, std::source_location::current());
  for (int k = 0; k < static_cast<int>(results->size()); ++k) {
    pool_.push_back({Value(graph_, ValueId{id, k}), (*results)[k]});
  }
  return true;
}

bool Grower::IsOrdinary(const Tensor& t) const {
  if (!IsAnyFloating(t.dtype()) || setting_.special) return true;
  for (int64_t i = 0; i < t.num_elements(); ++i) {
    if (!(std::abs(t.At(i)) <= kLargestNumber)) return false;
  }
  return true;
}

}  // namespace adret::fuzz
