#include "adret/core/infer_types.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "adret/core/status.h"

namespace adret {
namespace {

absl::Status CheckArity(const Op& op, size_t found) {
  const size_t declared = op.inputs.size();
  if (op.variadic ? found >= declared : found == declared) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(op.name, ": expects ", op.variadic ? "at least " : "", declared,
                                                 declared == 1 ? " input" : " inputs", " but has ", found));
}

// Dimensions that are taken for equal: the first is written as the second.
using Equality = std::pair<int64_t, int64_t>;

using InputTypes = absl::InlinedVector<Type, 3>;

// Returns the inputs with these dimensions equal.
InputTypes With(absl::Span<const Equality> equal, absl::Span<const Type> inputs) {
  InputTypes types(inputs.begin(), inputs.end());
  for (const auto& [from, to] : equal) {
    for (Type& t : types) {
      for (int a = 0; a < t.shape.rank(); ++a) {
        if (t.shape[a] == from) t.shape.set(a, to);
      }
    }
  }
  return types;
}

// Returns whether the rule asks for an equality: with numbers, it accepts equal ones, and none of several others.
// Where it accepts others, it has refused the symbols for another reason.
bool IsAskedFor(const Equality& equality, const Op& op, const InputTypes& inputs, const Attrs& attrs) {
  constexpr int64_t kSize = 12;
  const auto [from, to] = equality;
  const int64_t size = to >= 0 ? to : kSize;
  const auto accepts = [&](int64_t size_of_from) {
    InputTypes types = inputs;
    for (Type& t : types) {
      for (int a = 0; a < t.shape.rank(); ++a) {
        const int64_t dim = t.shape[a];
        if (dim < 0) t.shape.set(a, dim == from ? size_of_from : dim == to ? size : kSize);
      }
    }
    return InferTypes(op, types, attrs).ok();
  };
  const int64_t others[] = {size + 1, std::max<int64_t>(size - 1, 0), size + 2, 2 * size, 3 * size, size + kSize};
  return accepts(size) &&
         std::none_of(std::begin(others), std::end(others), [&](int64_t n) { return n != size && accepts(n); });
}

// Returns the equality of dimensions that may be equal, or nothing. A number stays.
std::optional<Equality> EqualityOf(int64_t a, int64_t b) {
  if (a == b || !MayBeEqual(a, b)) return std::nullopt;
  return b >= 0 ? Equality(a, b) : Equality(b, a);
}

// Returns whether no two equalities contradict each other for all sizes: time = 3 and time - 1 = 3 do.
bool AreConsistent(absl::Span<const Equality> equal) {
  const auto difference = [](const Equality& e) { return Dim::Of(e.first) - Dim::Of(e.second); };
  for (const Equality& a : equal) {
    for (const Equality& b : equal) {
      const auto minus = (difference(a) - difference(b)).number(), plus = (difference(a) + difference(b)).number();
      if (minus.value_or(0) != 0 || plus.value_or(0) != 0) return false;
    }
  }
  return true;
}

// The types where dimensions of different inputs are equal, which they may be: those at equal axes, but no more of them
// than the rule asks for, or else any two. Fails where none helps.
absl::StatusOr<Types> InferTypesOfEqualDims(const Op& op, absl::Span<const Type> inputs, const Attrs& attrs) {
  const bool symbolic = std::any_of(inputs.begin(), inputs.end(), [](const Type& t) { return t.shape.is_symbolic(); });
  absl::StatusOr<Types> types = absl::InvalidArgumentError("no dimensions may be equal");
  // A node of a file may have thousands of inputs, whose pairs nobody could wait for.
  constexpr size_t kMostInputs = 16;
  if (!symbolic || inputs.size() < 2 || inputs.size() > kMostInputs) return types;
  std::vector<Equality> aligned, any;
  for (size_t i = 0; i < inputs.size(); ++i) {
    for (size_t k = 0; k < i; ++k) {
      const Shape &x = inputs[k].shape, &y = inputs[i].shape;
      for (int a = 0; a < x.rank(); ++a) {
        for (int b = 0; b < y.rank(); ++b) {
          const std::optional<Equality> equality = EqualityOf(x[a], y[b]);
          if (equality.has_value()) (a == b && k == 0 ? aligned : any).push_back(*equality);
        }
      }
    }
  }
  types = InferTypes(op, With(aligned, inputs), attrs);
  for (size_t i = 0; types.ok() && i < aligned.size();) {
    std::vector<Equality> fewer = aligned;
    fewer.erase(fewer.begin() + i);
    absl::StatusOr<Types> enough = InferTypes(op, With(fewer, inputs), attrs);
    if (enough.ok()) {
      aligned = std::move(fewer), types = std::move(enough);
    } else if (IsAskedFor(aligned[i++], op, With(fewer, inputs), attrs)) {
      continue;
    } else {
      types = enough;  // refused
    }
  }
  if (types.ok() && !AreConsistent(aligned)) types = absl::InvalidArgumentError("the equalities contradict each other");
  for (size_t i = 0; !types.ok() && i < any.size(); ++i) {
    if (IsAskedFor(any[i], op, With({}, inputs), attrs)) types = InferTypes(op, With({any[i]}, inputs), attrs);
  }
  return types;
}

}  // namespace

absl::StatusOr<Types> InferTypesOfNewNode(const Op& op, absl::Span<const Type> inputs, const Attrs& attrs,
                                          bool* assumes) {
  TakeAssumption();
  absl::StatusOr<Types> types = InferTypes(op, inputs, attrs);
  *assumes = TakeAssumption();
  if (types.ok()) return types;
  absl::StatusOr<Types> as_equal = InferTypesOfEqualDims(op, inputs, attrs);
  if (!as_equal.ok()) return types;
  *assumes = true;
  return as_equal;
}

absl::StatusOr<Types> InferTypes(const Op& op, absl::Span<const Type> inputs, const Attrs& attrs) {
  AD_RETURN_IF_ERROR(CheckArity(op, inputs.size()));
  AD_ASSIGN_OR_RETURN(Types outputs, op.type(TypeContext(op, inputs, attrs)));
  AD_CHECK(op.variadic_outputs ? !outputs.empty() : outputs.size() == op.outputs.size());
  for (const Type& t : outputs) {
    if (absl::Status status = t.shape.Validate(); !status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(op.name, ": ", status.message()));
    }
  }
  return outputs;
}

}  // namespace adret
