#include "adret/core/op.h"

#include <memory>
#include <mutex>
#include <shared_mutex>
#include <tuple>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/strings/str_cat.h"
#include "adret/core/parallel.h"

namespace adret {
namespace {

struct Registry {
  std::shared_mutex mutex;
  absl::btree_map<std::string, std::unique_ptr<const Op>> ops;
};

// Never destroyed: graphs may outlive other statics.
Registry& TheRegistry() {
  static Registry* registry = new Registry;
  return *registry;
}

absl::Status Invalid(const Op& op, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("op '", op.name, "' ", what));
}

absl::Status ValidateOp(const Op& op) {
  const bool computes_nothing = op.traits.view || op.traits.identity || op.traits.barrier || op.traits.leaf;
  if (op.name.empty()) return absl::InvalidArgumentError("an op has no name");
  if (op.doc.empty()) return Invalid(op, "has no documentation");
  if (op.type == nullptr && !op.traits.leaf) return Invalid(op, "has no type rule");
  if (op.outputs.empty()) return Invalid(op, "has no output");
  if (op.variadic && op.inputs.empty()) return Invalid(op, "is variadic but names no input");
  if ((op.kernel != nullptr) + (op.span_kernel != nullptr) + computes_nothing != 1) {
    return Invalid(op,
                   "must have exactly one of kernel and span_kernel, or be a view, an identity, a barrier or a leaf");
  }
  if ((op.gradient != nullptr) == !op.no_gradient.empty() && !op.traits.leaf) {
    return Invalid(op, "must have exactly one of gradient and no_gradient");
  }
  if (op.elementwise() && op.outputs.size() != 1) return Invalid(op, "is element-wise but has several outputs");
  return absl::OkStatus();
}

bool SaysTheSame(const Op& a, const Op& b) {
  const auto facts = [](const Op& op) {
    return std::tie(op.name, op.doc, op.inputs, op.outputs, op.variadic, op.variadic_outputs, op.no_gradient);
  };
  return facts(a) == facts(b);
}

}  // namespace

const Op* FindOp(absl::string_view name) {
  Registry& registry = TheRegistry();
  std::shared_lock lock(registry.mutex);
  auto it = registry.ops.find(name);
  return it == registry.ops.end() ? nullptr : it->second.get();
}

std::vector<const Op*> AllOps() {
  Registry& registry = TheRegistry();
  std::shared_lock lock(registry.mutex);
  std::vector<const Op*> ops;
  for (const auto& [name, op] : registry.ops) ops.push_back(op.get());
  return ops;
}

absl::Status RegisterOp(Op op) {
  AD_RETURN_IF_ERROR(ValidateOp(op));
  Registry& registry = TheRegistry();
  std::unique_lock lock(registry.mutex);
  auto [it, inserted] = registry.ops.try_emplace(op.name);
  if (!inserted) return Invalid(op, "is registered already");
  it->second = std::make_unique<const Op>(std::move(op));
  return absl::OkStatus();
}

OpRegistration::OpRegistration(Op definition) {
  const std::string name = definition.name;
  // Where a program exports its symbols, a plugin with an adret of its own registers the same ops in the program's
  // registry.
  op = FindOp(name);
  if (op != nullptr && SaysTheSame(*op, definition)) return;
  if (absl::Status status = RegisterOp(std::move(definition)); !status.ok()) {
    std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
    std::abort();
  }
  op = FindOp(name);
}

absl::Status TypeContext::ErrorText(absl::string_view message) const {
  std::string types;
  for (int i = 0; i < num_inputs(); ++i) {
    const size_t last = op_.inputs.size() - 1;
    const std::string name =
        op_.variadic && i >= static_cast<int>(last) ? absl::StrCat(op_.inputs[last], i - last) : op_.inputs[i];
    absl::StrAppend(&types, i > 0 ? ", " : " (", name, " ", inputs_[i].ToString());
  }
  return absl::InvalidArgumentError(absl::StrCat(op_.name, ": ", message, types, types.empty() ? "" : ")"));
}

absl::string_view TypeContext::InputName(int i) const { return op_.inputs[std::min<size_t>(i, op_.inputs.size() - 1)]; }

absl::Status TypeContext::RequireFloating(int i) const {
  if (IsFloating(dtype(i))) return absl::OkStatus();
  if (!IsHalf(dtype(i))) return Error(InputName(i), " must be f32 or f64");
  return Error(InputName(i), " is ", Name(dtype(i)), ", but ", op_.name, " computes in f32 or f64: cast it");
}

absl::Status TypeContext::RequireArithmetic(int i) const {
  if (HasArithmetic(dtype(i))) return absl::OkStatus();
  if (IsBool(dtype(i))) return Error("takes numbers, not bool");
  return RequireFloating(i);
}

absl::Status TypeContext::RequireSameDType() const {
  for (int i = 1; i < num_inputs(); ++i) {
    if (dtype(i) != dtype(0)) return Error("expects inputs of one dtype");
  }
  return absl::OkStatus();
}

absl::Status TypeContext::RequireRank(int i, int rank) const {
  if (shape(i).rank() == rank) return absl::OkStatus();
  return Error(InputName(i), " must have rank ", rank, " but has rank ", shape(i).rank());
}

absl::StatusOr<Types> SameType(const TypeContext& c) {
  for (int i = 1; i < c.num_inputs(); ++i) {
    if (c.type(i) != c.type(0)) return c.Error("expects inputs of one type");
  }
  return Types{c.type(0)};
}

absl::StatusOr<Types> SameTypeFloating(const TypeContext& c) {
  AD_RETURN_IF_ERROR(c.RequireFloating(0));
  return SameType(c);
}

absl::StatusOr<Types> SameShapeBool(const TypeContext& c) {
  AD_RETURN_IF_ERROR(SameType(c).status());
  return Types{Type{DType::kBool, c.shape(0)}};
}

void* KernelArgs::ThreadScratch() const {
  return static_cast<char*>(scratch) + static_cast<int64_t>(ThreadSlot()) * scratch_stride;
}

}  // namespace adret
