#include "adret/io/onnx/call.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_join.h"
#include "adret/core/names.h"
#include "adret/core/status.h"
#include "adret/io/onnx/attributes.h"
#include "adret/io/onnx/onnx.pb.h"
#include "adret/ops/where.h"

namespace adret::onnx {
namespace {

absl::string_view KindName(int kind) {
  constexpr absl::string_view kNames[] = {"a value of no type",
                                          "a number",
                                          "an integer",
                                          "a string",
                                          "a tensor",
                                          "a graph",
                                          "numbers",
                                          "integers",
                                          "strings",
                                          "tensors",
                                          "graphs",
                                          "a sparse tensor",
                                          "sparse tensors",
                                          "a type",
                                          "types"};
  return kind >= 0 && kind < static_cast<int>(std::size(kNames)) ? kNames[kind] : "a value of an unknown type";
}

// Files of the first versions leave the type out: then the field that is there says it.
int KindOf(const proto::Attribute& attribute) {
  if (attribute.type() != 0) return attribute.type();
  if (attribute.has_f()) return kFloat;
  if (attribute.has_i()) return kInt;
  if (attribute.has_s()) return kString;
  if (attribute.has_t()) return kTensor;
  if (attribute.has_g()) return kGraph;
  if (attribute.floats_size() > 0) return kFloats;
  if (attribute.ints_size() > 0) return kInts;
  if (attribute.strings_size() > 0) return kStrings;
  return 0;
}

}  // namespace

Call::Call(const Context& context, const Scope& scope, const proto::Node& node, const Operator& row, int64_t version)
    : context_(context), scope_(scope), node_(node), row_(row), version_(version), num_outputs_(node.output_size()) {
  for (const std::string& name : node.input()) inputs_.push_back(name.empty() ? nullptr : scope.Find(name));
  while (!inputs_.empty() && inputs_.back() == nullptr) inputs_.pop_back();
}

Value Call::raw(int i) {
  if (!has(i)) {
    if (status_.ok()) status_ = Error("input ", i, " is missing");
    return graph()->Constant(Tensor());
  }
  return context_.weights->ValueOf(inputs_[i]);
}

const Type& Call::type(int i) {
  const Tensor* stored = Stored(i);
  return stored != nullptr ? stored->type() : raw(i).type();
}

Value Call::x(int i) {
  const Value value = raw(i);
  if (row_.halves == Halves::kMove || !IsHalf(value.dtype())) return value;
  if (!half_.has_value()) half_ = value.dtype();
  return Cast(value, DType::kFloat32);
}

Value Call::Statistic(int i) {
  if (has(i)) context_.weights->ValueOf(inputs_[i], /*statistic=*/true);
  return x(i);
}

Values Call::xs(int from) {
  Values all;
  for (int i = from; i < num_inputs(); ++i) all.push_back(x(i));
  return all;
}

absl::Status Call::NotKnown(int i, const absl::Status& why) const {
  return absl::Status(why.code(), absl::StrCat("input ", i, " (", Quoted(inputs_[i]->name),
                                               ") must be known while the file is read, but it ", why.message()));
}

absl::StatusOr<Tensor> Call::Known(int i) {
  if (!has(i)) return Error("input ", i, " is missing");
  absl::StatusOr<Tensor> numbers = context_.weights->Numbers(inputs_[i]);
  if (!numbers.ok()) return NotKnown(i, numbers.status());
  return numbers;
}

const Tensor* Call::Stored(int i) const {
  if (!has(i) || inputs_[i]->source == Entry::kComputed || !inputs_[i]->tensor.has_value()) return nullptr;
  return &*inputs_[i]->tensor;
}

Values Call::Weight(Tensor numbers, Entry::Source source) {
  source_ = source;
  return Values{graph()->Constant(std::move(numbers))};
}

void Call::Forward(int i) {
  if (has(i)) {
    forwarded_ = inputs_[i];
  } else if (status_.ok()) {
    status_ = Error("input ", i, " is missing");
  }
}

bool Call::IsKnown(int i) { return has(i) && context_.weights->Numbers(inputs_[i]).ok(); }

absl::StatusOr<Tensor> Call::NumbersOf(const Value& value) const {
  Entry entry;
  entry.value = value;
  return context_.weights->Numbers(&entry);
}

absl::StatusOr<std::vector<Dim>> Call::KnownDims(int i) {
  if (!has(i)) return Error("input ", i, " is missing");
  absl::StatusOr<std::vector<Dim>> dims = context_.weights->Dims(inputs_[i]);
  if (!dims.ok()) return NotKnown(i, dims.status());
  return dims;
}

absl::StatusOr<std::vector<int64_t>> Call::KnownIntegers(int i) {
  AD_ASSIGN_OR_RETURN(const std::vector<Dim> dims, KnownDims(i));
  std::vector<int64_t> numbers;
  for (const Dim& dim : dims) {
    if (!dim.number().has_value()) {
      return NotKnown(i, absl::InvalidArgumentError(absl::StrCat("is ", dim.ToString(), ", which a run decides")));
    }
    numbers.push_back(*dim.number());
  }
  return numbers;
}

absl::StatusOr<std::optional<std::vector<int64_t>>> Call::Integers(int i, absl::string_view attribute) {
  if (has(i)) {
    AD_ASSIGN_OR_RETURN(std::vector<int64_t> numbers, KnownIntegers(i));
    return std::optional(std::move(numbers));
  }
  if (!HasAttr(attribute)) return std::optional<std::vector<int64_t>>();
  return std::optional(Ints(attribute));
}

bool Call::wants(int i) const { return i < num_outputs_ && !node_.output(i).empty(); }

bool Call::HasAttr(absl::string_view name) const {
  return std::any_of(node_.attribute().begin(), node_.attribute().end(),
                     [&](const proto::Attribute& a) { return a.name() == name; });
}

const proto::Attribute* Call::FindAttr(absl::string_view name, int kind) {
  read_.insert(std::string(name));
  for (const proto::Attribute& attribute : node_.attribute()) {
    if (attribute.name() != name) continue;
    const int found = KindOf(attribute);
    // An empty list of a file without types is a list of anything.
    if (found == kind || found == 0) return &attribute;
    if (status_.ok()) {
      status_ = Error("the attribute ", name, " is ", KindName(found), " where ", KindName(kind), " is expected");
    }
    return nullptr;
  }
  return nullptr;
}

int64_t Call::Int(absl::string_view name, int64_t otherwise) {
  const proto::Attribute* found = FindAttr(name, kInt);
  return found == nullptr ? otherwise : found->i();
}
double Call::Float(absl::string_view name, double otherwise) {
  const proto::Attribute* found = FindAttr(name, kFloat);
  return found == nullptr ? otherwise : double{found->f()};
}
std::string Call::String(absl::string_view name, absl::string_view otherwise) {
  const proto::Attribute* found = FindAttr(name, kString);
  return found == nullptr ? std::string(otherwise) : found->s();
}
std::vector<int64_t> Call::Ints(absl::string_view name, std::vector<int64_t> otherwise) {
  const proto::Attribute* found = FindAttr(name, kInts);
  if (found == nullptr) return otherwise;
  return std::vector<int64_t>(found->ints().begin(), found->ints().end());
}
std::vector<double> Call::Floats(absl::string_view name, std::vector<double> otherwise) {
  const proto::Attribute* found = FindAttr(name, kFloats);
  if (found == nullptr) return otherwise;
  return std::vector<double>(found->floats().begin(), found->floats().end());
}
std::vector<std::string> Call::Strings(absl::string_view name, std::vector<std::string> otherwise) {
  const proto::Attribute* found = FindAttr(name, kStrings);
  if (found == nullptr) return otherwise;
  return std::vector<std::string>(found->strings().begin(), found->strings().end());
}

absl::StatusOr<Tensor> Call::TensorAttr(absl::string_view name) {
  for (const proto::Attribute& attribute : node_.attribute()) {
    if (attribute.name() == name && KindOf(attribute) == kSparseTensor) {
      read_.insert(std::string(name));
      return context_.tensors->Read(attribute.sparse_tensor());
    }
  }
  const proto::Attribute* found = FindAttr(name, kTensor);
  if (found == nullptr) return Error("the attribute ", name, " must be a tensor");
  return context_.tensors->Read(found->t());
}

absl::StatusOr<const proto::Graph*> Call::GraphAttr(absl::string_view name) {
  const proto::Attribute* found = FindAttr(name, kGraph);
  if (found == nullptr || !found->has_g()) return Error("the attribute ", name, " must be a graph");
  return &found->g();
}

absl::StatusOr<int64_t> Call::Axis(absl::string_view name, int64_t otherwise, int rank) {
  const int64_t axis = Int(name, otherwise);
  if (axis < -rank || axis >= rank) return Error(name, " = ", axis, " is no axis of a tensor of rank ", rank);
  return axis < 0 ? axis + rank : axis;
}

absl::Status Call::Unread() const {
  std::vector<std::string> unread;
  for (const proto::Attribute& attribute : node_.attribute()) {
    if (!read_.contains(attribute.name())) unread.push_back(Quoted(attribute.name()));
  }
  if (unread.empty()) return absl::OkStatus();
  return Error("has no attribute ", absl::StrJoin(unread, ", "), " in operator set ", version_);
}

absl::StatusOr<Values> Call::Run() {
  Values outputs;
  if (row_.from != nullptr) {
    absl::StatusOr<Values> made = row_.from(*this);
    AD_RETURN_IF_ERROR(status_);  // what is missing comes before what then does not fit
    AD_ASSIGN_OR_RETURN(outputs, std::move(made));
  } else {
    const Values inputs = xs();
    outputs = BuildMulti(row_.op, std::vector<Operand>(inputs.begin(), inputs.end()));
  }
  AD_RETURN_IF_ERROR(status_);
  AD_RETURN_IF_ERROR(Unread());
  outputs.resize(std::max<size_t>(outputs.size(), num_outputs_));
  for (Value& y : outputs) {
    if (half_.has_value() && y.valid() && y.dtype() == DType::kFloat32) y = Cast(y, *half_);
  }
  return outputs;
}

}  // namespace adret::onnx
