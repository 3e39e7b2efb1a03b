// Units and objectives, as text.
#include <cmath>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "adret/core/status.h"
#include "adret/explain/objective.h"

namespace adret::explain {
namespace {

absl::Status Unclear(absl::string_view text, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("'", absl::CEscape(text), "' ", what,
                                                 "; write conv2:7, conv2:0-9, conv2:1,4, conv2:*, conv2:7@row,column, "
                                                 "logits:5% or conv2"));
}

absl::StatusOr<int64_t> ParseUnit(absl::string_view text, absl::string_view digits, const UnitLayer& layer) {
  if (digits.empty() || digits.find_first_not_of("0123456789") != absl::string_view::npos) {
    return Unclear(text, absl::StrCat("has '", absl::CEscape(digits), "' where a unit's number is expected"));
  }
  int64_t unit = 0;
  if (!absl::SimpleAtoi(digits, &unit)) unit = std::numeric_limits<int64_t>::max();
  AD_RETURN_IF_ERROR(layer.CheckUnit(unit));
  return unit;
}

// "7", "0-9", "1,4,8-9" or "*".
absl::StatusOr<std::vector<int64_t>> ParseNumbers(absl::string_view text, absl::string_view list,
                                                  const UnitLayer& layer) {
  std::vector<int64_t> units;
  constexpr int64_t kMostUnits = 1 << 16;
  const std::string all = absl::StrCat("0-", layer.units() - 1);
  if (list == "*") list = all;
  for (const absl::string_view part : absl::StrSplit(list, ',')) {
    if (static_cast<int64_t>(units.size()) > kMostUnits) break;
    const std::vector<absl::string_view> ends = absl::StrSplit(part, absl::MaxSplits('-', 1));
    AD_ASSIGN_OR_RETURN(const int64_t first, ParseUnit(text, ends.front(), layer));
    AD_ASSIGN_OR_RETURN(const int64_t last, ParseUnit(text, ends.back(), layer));
    if (first > last) return Unclear(text, absl::StrCat("has the range ", part, ", which is empty"));
    for (int64_t k = first; k <= last && static_cast<int64_t>(units.size()) <= kMostUnits; ++k) units.push_back(k);
  }
  if (static_cast<int64_t>(units.size()) <= kMostUnits) return units;
  return absl::ResourceExhaustedError(
      absl::StrCat("'", absl::CEscape(text), "' names more than ", kMostUnits, " units"));
}

// "3,5"
absl::StatusOr<std::array<int64_t, 2>> ParsePosition(absl::string_view text, absl::string_view place,
                                                     const UnitLayer& layer) {
  const std::vector<absl::string_view> parts = absl::StrSplit(place, ',');
  std::array<int64_t, 2> position{};
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &position[0]) || !absl::SimpleAtoi(parts[1], &position[1])) {
    return Unclear(text, absl::StrCat("has '", absl::CEscape(place), "' where row,column is expected"));
  }
  AD_RETURN_IF_ERROR(layer.CheckPosition(position));
  return position;
}

// The objectives of units that are one each.
std::vector<Objective> Each(const Units& units) {
  if (units.units.empty()) return {Energy(units.layer)};
  std::vector<Objective> objectives;
  for (const int64_t unit : units.units) {
    objectives.push_back(units.probability ? Probability(units.layer, unit)
                                           : Unit(units.layer, unit, {.position = units.position}));
  }
  return objectives;
}

// The parts of a mix. The + of 1e+3 does not divide.
std::vector<absl::string_view> SplitMix(absl::string_view text) {
  std::vector<absl::string_view> parts;
  size_t begin = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool exponent = i >= 2 && (text[i - 1] == 'e' || text[i - 1] == 'E') && absl::ascii_isdigit(text[i - 2]);
    if (text[i] != '+' || exponent) continue;
    parts.push_back(text.substr(begin, i - begin));
    begin = i + 1;
  }
  parts.push_back(text.substr(begin));
  return parts;
}

// "0.5*conv2:7" of a mix: one objective.
absl::StatusOr<Objective> ParsePart(absl::string_view text, absl::string_view part, const Network& network) {
  double weight = 1;
  if (const size_t star = part.find('*'); star != absl::string_view::npos && star < part.find(':')) {
    if (!absl::SimpleAtod(part.substr(0, star), &weight) || !std::isfinite(weight)) {
      return Unclear(text, absl::StrCat("has '", absl::CEscape(part.substr(0, star)), "' where a weight is expected"));
    }
    part.remove_prefix(star + 1);
  }
  AD_ASSIGN_OR_RETURN(const Units units, ParseUnits(part, network));
  const std::vector<Objective> objectives = Each(units);
  if (objectives.size() != 1) return Unclear(text, "mixes several units; each part of a mix is one");
  return weight == 1 ? objectives[0] : weight * objectives[0];
}

}  // namespace

absl::StatusOr<Units> ParseUnits(absl::string_view text, const Network& network) {
  Units units;
  if (network.graph()->Contains(text) && network.FindLayer(text).ok()) return Units{std::string(text)};
  const size_t colon = text.rfind(':');
  units.layer = std::string(text.substr(0, colon));
  if (units.layer.empty()) return Unclear(text, "names no layer");
  AD_ASSIGN_OR_RETURN(const UnitLayer layer, network.FindLayer(units.layer));
  if (colon == absl::string_view::npos) return units;
  absl::string_view rest = text.substr(colon + 1);
  units.probability = absl::ConsumeSuffix(&rest, "%");
  const std::vector<absl::string_view> parts = absl::StrSplit(rest, absl::MaxSplits('@', 1));
  AD_ASSIGN_OR_RETURN(units.units, ParseNumbers(text, parts[0], layer));
  if (parts.size() == 1) return units;
  if (units.probability) return Unclear(text, "asks for the probability of a position");
  AD_ASSIGN_OR_RETURN(units.position, ParsePosition(text, parts[1], layer));
  return units;
}

absl::StatusOr<std::vector<Objective>> ParseObjectives(absl::string_view text, const Network& network) {
  const absl::StatusOr<Units> whole = ParseUnits(text, network);
  if (whole.ok()) return Each(*whole);
  const std::vector<absl::string_view> parts = SplitMix(text);
  if (parts.size() == 1 && text.substr(0, text.find(':')).find('*') == absl::string_view::npos) return whole.status();
  Objective sum;
  for (const absl::string_view part : parts) {
    AD_ASSIGN_OR_RETURN(const Objective objective, ParsePart(text, part, network));
    sum = sum.terms.empty() ? objective : sum + objective;
  }
  return std::vector<Objective>{sum};
}

}  // namespace adret::explain
