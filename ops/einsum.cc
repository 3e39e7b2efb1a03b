#include "adret/ops/einsum.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "adret/ops/binary.h"
#include "adret/ops/matmul.h"
#include "adret/ops/reduce.h"
#include "adret/ops/reshape.h"
#include "adret/ops/slice.h"
#include "adret/ops/transpose.h"

namespace adret {
namespace {

// A letter; the axes of "..." are -1 (the last one), -2, ...
using Label = int;
using Labels = std::vector<Label>;

bool Has(const Labels& labels, Label label) { return std::find(labels.begin(), labels.end(), label) != labels.end(); }

std::string Name(Label label) { return label > 0 ? std::string(1, static_cast<char>(label)) : "..."; }

template <class... Parts>
absl::Status Error(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

// One side of the equation for one value: letters, and where the "..." is.
struct Term {
  std::string letters;
  int ellipsis = -1;  // before this letter; -1: none
};

absl::StatusOr<Term> ParseTerm(absl::string_view text) {
  Term term;
  for (size_t i = 0; i < text.size(); ++i) {
    if (absl::ascii_isalpha(text[i])) {
      term.letters += text[i];
    } else if (text.substr(i, 3) == "..." && term.ellipsis < 0) {
      term.ellipsis = static_cast<int>(term.letters.size());
      i += 2;
    } else {
      return Error("\"", text, "\" must consist of letters and at most one \"...\"");
    }
  }
  return term;
}

// The labels of a value of this rank.
Labels LabelsOf(const Term& term, int ellipsis_axes) {
  Labels labels(term.letters.begin(), term.letters.end());
  for (int k = 1; term.ellipsis >= 0 && k <= ellipsis_axes; ++k) labels.insert(labels.begin() + term.ellipsis, -k);
  return labels;
}

// A value, with a label for each of its axes.
struct Labelled {
  Value value;
  Labels labels;
};

struct Equation {
  std::vector<Labels> operands;
  Labels result;
};

// The result's labels where the equation has no arrow.
Labels ImplicitResult(const std::vector<Term>& terms, int ellipsis_axes) {
  std::map<char, int> count;
  for (const Term& term : terms) {
    for (char c : term.letters) ++count[c];
  }
  Labels result;
  for (int k = ellipsis_axes; k > 0; --k) result.push_back(-k);
  for (const auto& [letter, n] : count) {
    if (n == 1) result.push_back(letter);
  }
  return result;
}

absl::Status CheckResult(const Equation& e) {
  for (size_t i = 0; i < e.result.size(); ++i) {
    const Label label = e.result[i];
    if (std::count(e.result.begin(), e.result.end(), label) > 1) return Error("the result has ", Name(label), " twice");
    const bool known =
        std::any_of(e.operands.begin(), e.operands.end(), [&](const Labels& l) { return Has(l, label); });
    if (!known) return Error("the result has ", Name(label), ", which no operand has");
  }
  return absl::OkStatus();
}

absl::StatusOr<Equation> Parse(absl::string_view text, const Values& operands) {
  const std::string compact = absl::StrReplaceAll(text, {{" ", ""}});
  const std::vector<std::string> sides = absl::StrSplit(compact, "->");
  if (sides.size() > 2) return Error("there is more than one arrow");
  const std::vector<std::string> parts = absl::StrSplit(sides[0], ',');
  if (parts.size() != operands.size()) {
    return Error("it is about ", parts.size(), " operands, but there are ", operands.size());
  }
  std::vector<Term> terms;
  Equation e;
  int ellipsis_axes = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    AD_ASSIGN_OR_RETURN(Term term, ParseTerm(parts[i]));
    const int rest = operands[i].rank() - static_cast<int>(term.letters.size());
    if (term.ellipsis < 0 ? rest != 0 : rest < 0) {
      return Error("operand ", i, " has ", operands[i].rank(), " axes (", operands[i].type().ToString(), ") but \"",
                   parts[i], "\" names ", term.letters.size());
    }
    if (term.ellipsis >= 0) ellipsis_axes = std::max(ellipsis_axes, rest);
    e.operands.push_back(LabelsOf(term, rest));
    terms.push_back(std::move(term));
  }
  if (sides.size() == 1) {
    e.result = ImplicitResult(terms, ellipsis_axes);
  } else {
    AD_ASSIGN_OR_RETURN(const Term term, ParseTerm(sides[1]));
    e.result = LabelsOf(term, ellipsis_axes);
  }
  AD_RETURN_IF_ERROR(CheckResult(e));
  return e;
}

// ---- One operand ------------------------------------------------------------------------------------------------

// Returns v with its axes in the order of these labels, of which it has each.
Value InOrder(const Labelled& v, const Labels& labels) {
  std::vector<int64_t> permutation;
  for (Label label : labels) {
    permutation.push_back(std::find(v.labels.begin(), v.labels.end(), label) - v.labels.begin());
  }
  return labels == v.labels ? v.value : Transpose(v.value, permutation);
}

// Sums over the labels that `keep` lacks.
Labelled SummedTo(const Labelled& v, const Labels& keep) {
  std::vector<int64_t> axes;
  Labelled result;
  for (size_t a = 0; a < v.labels.size(); ++a) {
    if (Has(keep, v.labels[a])) result.labels.push_back(v.labels[a]);
    if (!Has(keep, v.labels[a])) axes.push_back(static_cast<int64_t>(a));
  }
  result.value = axes.empty() ? v.value : Sum(v.value, {.axes = axes});
  return result;
}

// Takes the diagonal of the axes a < b, which have one label and size: it becomes the last axis.
Labelled Diagonal(const Labelled& v, int a, int b) {
  Labelled result;
  std::vector<int64_t> permutation;
  Shape shape;
  for (int axis = 0; axis < v.value.rank(); ++axis) {
    if (axis == a || axis == b) continue;
    permutation.push_back(axis), result.labels.push_back(v.labels[axis]), shape.push_back(v.value.shape()[axis]);
  }
  const int64_t n = v.value.shape()[a], last = static_cast<int64_t>(permutation.size());
  permutation.push_back(a), permutation.push_back(b), result.labels.push_back(v.labels[a]), shape.push_back(n * n);
  const Value rows = Reshape(Transpose(v.value, permutation), shape);
  result.value = n < 2 ? rows : Slice(rows, {.axes = {last}, .begins = {0}, .ends = {n * n}, .steps = {n + 1}});
  return result;
}

using Sizes = std::map<Label, int64_t>;

// The size of each label: 1 unless an operand has another.
absl::StatusOr<Sizes> SizesOf(const Equation& e, const Values& operands) {
  struct Axis {
    size_t operand, axis;
  };
  const auto size = [&](Axis a) { return operands[a.operand].shape()[static_cast<int>(a.axis)]; };
  const auto differ = [&](Axis a, Axis b) {
    return Error("axis ", a.axis, " of operand ", a.operand, " (", Name(e.operands[a.operand][a.axis]),
                 ") is not of the size of axis ", b.axis, " of operand ", b.operand, ": ",
                 operands[a.operand].type().ToString(), " and ", operands[b.operand].type().ToString());
  };
  std::map<Label, Axis> axes;  // that sizes are from
  for (size_t i = 0; i < operands.size(); ++i) {
    const Labels& labels = e.operands[i];
    for (size_t a = 0; a < labels.size(); ++a) {
      const Axis here{i, a},
          twin{i, static_cast<size_t>(std::find(labels.begin(), labels.end(), labels[a]) - labels.begin())};
      if (size(here) != size(twin)) return differ(here, twin);
      const auto it = axes.try_emplace(labels[a], here).first;
      const int64_t known = size(it->second);
      if (known == 1) it->second = here;
      if (size(here) != known && size(here) != 1 && known != 1) return differ(here, it->second);
    }
  }
  Sizes sizes;
  for (const auto& [label, axis] : axes) sizes[label] = size(axis);
  return sizes;
}

// An operand with each label once, without the axes of size 1 whose label has another size elsewhere: there the operand
// is the same for all.
absl::StatusOr<Labelled> Prepared(Labelled v, const Sizes& sizes, size_t operand) {
  std::vector<int64_t> repeated;
  for (size_t a = v.labels.size(); a-- > 0;) {
    if (v.value.shape()[static_cast<int>(a)] != 1 || sizes.at(v.labels[a]) == 1) continue;
    repeated.push_back(static_cast<int64_t>(a));
    v.labels.erase(v.labels.begin() + static_cast<int64_t>(a));
  }
  if (!repeated.empty()) v.value = Squeeze(v.value, repeated);
  for (size_t a = 0; a < v.labels.size();) {
    const auto other = std::find(v.labels.begin() + static_cast<int64_t>(a) + 1, v.labels.end(), v.labels[a]);
    if (other == v.labels.end()) {
      ++a;
      continue;
    }
    if (sizes.at(v.labels[a]) < 0)
      return Error("the diagonal ", Name(v.labels[a]), " of operand ", operand, " must be of a known size");
    v = Diagonal(v, static_cast<int>(a), static_cast<int>(other - v.labels.begin()));
    if (!v.value.valid()) return v;
    a = 0;
  }
  return v;
}

// ---- Two operands -----------------------------------------------------------------------------------------------

// Returns v with an axis for each of these labels: of size 1 for those that it lacks.
Value Spread(const Labelled& v, const Labels& labels) {
  Labels present;
  std::vector<int64_t> missing;
  for (size_t a = 0; a < labels.size(); ++a) {
    if (Has(v.labels, labels[a])) present.push_back(labels[a]);
    if (!Has(v.labels, labels[a])) missing.push_back(static_cast<int64_t>(a));
  }
  const Value ordered = InOrder(v, present);
  return missing.empty() ? ordered : Unsqueeze(ordered, missing);
}

Labels Joined(const Labels& a, const Labels& b, const Labels& c = {}) {
  Labels all = a;
  all.insert(all.end(), b.begin(), b.end());
  all.insert(all.end(), c.begin(), c.end());
  return all;
}

// The product of the sizes of labels.
Dim Elements(const Labels& labels, const Sizes& sizes) {
  Dim n(1);
  for (Label label : labels) n = n * Dim::Of(sizes.at(label));
  return n;
}

// Multiplies a and b and sums over the labels that `keep` lacks, which each of them has.
Labelled Multiply(const Labelled& a, const Labelled& b, const Labels& keep, const Sizes& sizes) {
  Labels shared, summed, of_a, of_b;
  for (Label label : a.labels) {
    if (!Has(b.labels, label)) {
      of_a.push_back(label);
    } else {
      (Has(keep, label) ? shared : summed).push_back(label);
    }
  }
  for (Label label : b.labels) {
    if (!Has(a.labels, label)) of_b.push_back(label);
  }
  Labelled result;
  const bool product = summed.empty() || (of_a.empty() && of_b.empty()) || !IsFloating(a.value.dtype());
  if (product) {
    result.labels = Joined(shared, Joined(of_a, of_b), summed);
    result.value = Spread(a, result.labels) * Spread(b, result.labels);
    return SummedTo(result, keep);
  }
  // Matrices [shared, rows, summed] and [shared, summed, columns]: transposed where that is how the operand lies.
  const auto matrix = [&](const Labelled& v, const Labels& rows, const Labels& columns, bool* transposed) {
    *transposed = Joined(shared, columns, rows) == v.labels;
    const Labels &first = *transposed ? columns : rows, &second = *transposed ? rows : columns;
    Shape shape;
    for (Label label : shared) shape.push_back(sizes.at(label));
    shape.push_back(Elements(first, sizes)), shape.push_back(Elements(second, sizes));
    return Reshape(InOrder(v, Joined(shared, first, second)), shape);
  };
  MatMulAttrs attrs;
  const Value left = matrix(a, of_a, summed, &attrs.transpose_a), right = matrix(b, summed, of_b, &attrs.transpose_b);
  result.labels = Joined(shared, of_a, of_b);
  Shape shape;
  for (Label label : result.labels) shape.push_back(sizes.at(label));
  result.value = Reshape(MatMul(left, right, attrs), shape);
  return result;
}

absl::StatusOr<Value> Contracted(const Equation& e, const Values& operands) {
  AD_ASSIGN_OR_RETURN(const Sizes sizes, SizesOf(e, operands));
  std::vector<Labelled> values;
  for (size_t i = 0; i < operands.size(); ++i) {
    AD_ASSIGN_OR_RETURN(Labelled v, Prepared({operands[i], e.operands[i]}, sizes, i));
    values.push_back(std::move(v));
  }
  // What is needed from operand i on: the result's labels, and those of later operands.
  std::vector<Labels> needed(values.size() + 1, e.result);
  for (size_t i = values.size(); i-- > 0;) needed[i] = Joined(needed[i + 1], values[i].labels);
  Labelled result = SummedTo(values[0], needed[1]);
  for (size_t i = 1; i < values.size(); ++i) {
    const Labelled next = SummedTo(values[i], Joined(needed[i + 1], result.labels));
    result = Multiply(SummedTo(result, Joined(needed[i + 1], next.labels)), next, needed[i + 1], sizes);
    if (!result.value.valid()) break;
  }
  return result.value.valid() ? InOrder(result, e.result) : result.value;
}

}  // namespace

Value Einsum(absl::string_view equation, const Values& operands, std::source_location location) {
  if (operands.empty()) return Value();
  for (const Value& v : operands) {
    if (!v.valid()) return InvalidResult("einsum", operands, location);
  }
  Graph* graph = operands[0].graph();
  LocationScope scope(graph, location);
  absl::StatusOr<Value> result = Error("operands must have one dtype, f32, f64 or an integer one");
  const DType dtype = operands[0].dtype();
  if (HasArithmetic(dtype) &&
      std::all_of(operands.begin(), operands.end(), [&](const Value& v) { return v.dtype() == dtype; })) {
    const absl::StatusOr<Equation> parsed = Parse(equation, operands);
    result = parsed.ok() ? Contracted(*parsed, operands) : parsed.status();
  }
  if (result.ok()) return *result;
  return graph->Fail(absl::InvalidArgumentError(absl::StrCat("einsum \"", equation, "\": ", result.status().message())),
                     location);
}

}  // namespace adret
