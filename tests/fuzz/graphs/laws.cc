#include "adret/tests/fuzz/graphs/laws.h"

#include <algorithm>
#include <utility>

#include "adret/tests/fuzz/graphs/two_ways_internal.h"

namespace adret::fuzz {
namespace {

const std::vector<Law>& Laws() {
  static const auto* laws = [] {
    auto* all = new std::vector<Law>(LawsOfTransformations());
    for (Law& law : LawsOfDerivatives()) all->push_back(std::move(law));
    return all;
  }();
  return *laws;
}

}  // namespace

std::vector<std::string> AllLaws() {
  std::vector<std::string> names;
  for (const Law& law : Laws()) names.push_back(law.name);
  return names;
}

std::optional<GraphCase> ApplyLaw(const GraphCase& c) {
  const auto law = std::find_if(Laws().begin(), Laws().end(), [&](const Law& l) { return l.name == c.law; });
  AD_CHECK(law != Laws().end());
  return law->apply(c);
}

}  // namespace adret::fuzz
