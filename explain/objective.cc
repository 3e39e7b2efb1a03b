#include "adret/explain/objective.h"

#include <algorithm>
#include <tuple>

#include "absl/container/btree_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "adret/core/status.h"
#include "adret/explain/scores.h"
#include "adret/explain/target.h"
#include "adret/ops/binary.h"
#include "adret/ops/reduce.h"
#include "adret/ops/slice.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"

namespace adret::explain {
namespace {

Objective Single(std::string name, Term term) { return {std::move(name), {std::move(term)}}; }

absl::Status CheckTerm(const Term& term, const UnitLayer& layer) {
  if (term.units.empty() && term.measure != Measure::kEnergy) {
    return absl::InvalidArgumentError(absl::StrCat("an objective names layer ", term.layer, " but none of its units"));
  }
  if (term.measure == Measure::kProbability) AD_RETURN_IF_ERROR(CheckClasses(layer));
  for (const auto& [unit, weight] : term.units) AD_RETURN_IF_ERROR(layer.CheckUnit(unit));
  return term.position.has_value() ? layer.CheckPosition(*term.position) : absl::OkStatus();
}

// What terms look at that are computed together: a measure of a layer, everywhere or at one position.
struct Look {
  std::string layer;
  Measure measure;
  std::optional<std::array<int64_t, 2>> position;

  friend bool operator<(const Look& a, const Look& b) {
    return std::tie(a.layer, a.measure, a.position) < std::tie(b.layer, b.measure, b.position);
  }
};

// The terms of a batch that look at the same.
class LayerTerms {
 public:
  LayerTerms(const Look& look, Value value, Scores scores) : measure_(look.measure), value_(value) {
    if (measure_ == Measure::kProbability) value_ = Probabilities(value_, scores);
    if (!look.position.has_value()) return;
    const auto [row, column] = *look.position;
    value_ = Slice(value_, {.axes = {2, 3}, .begins = {row, column}, .ends = {row + 1, column + 1}});
  }

  void Add(int64_t image, const Term& term) { terms_.emplace_back(image, &term); }

  // [n]: what these terms contribute to each image.
  Value Sum() const {
    if (measure_ == Measure::kEnergy) return Mean(Square(value_), {.axes = Rest()}) * Constant(EnergyWeights());
    const auto [lo, hi] = UnitRange();
    const Value looked_at = hi - lo < value_.shape()[1] ? Slice(value_, /*axis=*/1, lo, hi) : value_;
    return adret::Sum(looked_at * Constant(Weights(lo, hi)), {.axes = Rest()});
  }

 private:
  int64_t images() const { return value_.shape()[0]; }
  Value Constant(const Tensor& tensor) const { return value_.graph()->Constant(tensor.Cast(value_.dtype())); }

  // All axes but the batch.
  std::vector<int64_t> Rest() const {
    std::vector<int64_t> axes;
    for (int axis = 1; axis < value_.rank(); ++axis) axes.push_back(axis);
    return axes;
  }

  // The units that anybody looks at: looking at one costs one.
  std::pair<int64_t, int64_t> UnitRange() const {
    int64_t lo = value_.shape()[1], hi = 0;
    for (const auto& [image, term] : terms_) {
      for (const auto& [unit, weight] : term->units) lo = std::min(lo, unit), hi = std::max(hi, unit + 1);
    }
    return {std::min(lo, hi), hi};
  }

  Tensor EnergyWeights() const {
    std::vector<double> weights(images(), 0);
    for (const auto& [image, term] : terms_) weights[image] += term->weight;
    return Tensor::From<double>({images()}, weights);
  }

  // [n, hi - lo, 1, 1], or as many axes as the layer has.
  Tensor Weights(int64_t lo, int64_t hi) const {
    Shape shape = value_.shape();
    double places = 1;
    shape.set(1, hi - lo);
    for (int axis = 2; axis < shape.rank(); ++axis) {
      places *= static_cast<double>(shape[axis]);
      shape.set(axis, 1);
    }
    Tensor weights = Tensor::Zeros(DType::kFloat64, shape);
    for (const auto& [image, term] : terms_) {
      for (const auto& [unit, weight] : term->units) {
        weights.mutable_data<double>()[image * (hi - lo) + unit - lo] +=
            term->weight * weight / (term->mean ? places : 1.0);
      }
    }
    return weights;
  }

  Measure measure_;
  Value value_;
  std::vector<std::pair<int64_t, const Term*>> terms_;
};

}  // namespace

Objective Unit(absl::string_view layer, int64_t unit, const UnitOptions& options) {
  std::string name = absl::StrCat(layer, ":", unit);
  if (options.position.has_value()) {
    absl::StrAppend(&name, "@", (*options.position)[0], ",", (*options.position)[1]);
  }
  return Single(std::move(name), {.layer = std::string(layer),
                                  .units = {{unit, 1.0}},
                                  .position = options.position,
                                  .mean = options.mean && !options.position.has_value()});
}

Objective Probability(absl::string_view layer, int64_t unit) {
  return Single(absl::StrCat(layer, ":", unit, "%"),
                {.layer = std::string(layer), .measure = Measure::kProbability, .units = {{unit, 1.0}}});
}

Objective Direction(absl::string_view layer, const std::vector<double>& direction) {
  Term term{.layer = std::string(layer), .mean = true};
  for (size_t k = 0; k < direction.size(); ++k) term.units.emplace_back(static_cast<int64_t>(k), direction[k]);
  return Single(absl::StrCat(layer, ", a direction"), std::move(term));
}

Objective Energy(absl::string_view layer) {
  return Single(std::string(layer), {.layer = std::string(layer), .measure = Measure::kEnergy});
}

Objective operator+(const Objective& a, const Objective& b) {
  Objective sum = a;
  absl::StrAppend(&sum.name, "+", b.name);
  sum.terms.insert(sum.terms.end(), b.terms.begin(), b.terms.end());
  return sum;
}

Objective operator-(const Objective& a, const Objective& b) { return a + (-1.0) * b; }

Objective operator*(double weight, const Objective& a) {
  Objective product{absl::StrFormat("%g*%s", weight, a.name), a.terms};
  for (Term& term : product.terms) term.weight *= weight;
  return product;
}

absl::StatusOr<Value> Activation(const Network& network, absl::Span<const Objective> objectives, Value images) {
  const int64_t n = static_cast<int64_t>(objectives.size());
  if (images.graph() != nullptr) AD_RETURN_IF_ERROR(images.graph()->status());
  if (!images.valid() || images.rank() == 0 || images.shape()[0] != n || n == 0) {
    return absl::InvalidArgumentError(absl::StrCat(n, " objectives for images ", images.type().ToString()));
  }
  std::vector<std::string> names;
  Values values;
  for (const Objective& objective : objectives) {
    for (const Term& term : objective.terms) {
      AD_ASSIGN_OR_RETURN(const UnitLayer layer, network.FindLayer(term.layer));
      if (std::find(names.begin(), names.end(), term.layer) != names.end()) continue;
      names.push_back(term.layer);
      values.push_back(layer.value);
    }
  }
  AD_ASSIGN_OR_RETURN(const Values copies, network.Apply(values, images));
  absl::btree_map<Look, LayerTerms> groups;
  for (int64_t i = 0; i < n; ++i) {
    for (const Term& term : objectives[i].terms) {
      const size_t at = std::find(names.begin(), names.end(), term.layer) - names.begin();
      // The copy's maps: images of another size have others than the network.
      AD_RETURN_IF_ERROR(CheckTerm(term, UnitLayer{term.layer, copies[at]}));
      const Look look{term.layer, term.measure, term.position};
      auto group = groups.find(look);
      if (group == groups.end()) {
        Scores scores = Scores::kOther;
        if (look.measure == Measure::kProbability) {
          AD_ASSIGN_OR_RETURN(const UnitLayer layer, network.FindLayer(look.layer));
          AD_ASSIGN_OR_RETURN(scores, ScoresOf(network, layer));
        }
        group = groups.try_emplace(look, look, copies[at], scores).first;
      }
      group->second.Add(i, term);
    }
  }
  Value sum;
  for (const auto& [look, terms] : groups) {
    const Value more = Cast(terms.Sum(), images.dtype());
    sum = sum.valid() ? sum + more : more;
  }
  AD_RETURN_IF_ERROR(images.graph()->status());
  if (!sum.valid()) return absl::InvalidArgumentError("an objective without terms");
  return sum;
}

}  // namespace adret::explain
