#include "adret/core/dtype.h"

#include <iterator>

namespace adret {
namespace {

#define ADRET_FACTS(id, number, T, name, kind, npy) {name, sizeof(T), DTypeKind::kind, npy, #id, #T},
constexpr DTypeFacts kFacts[] = {{"invalid", 1, DTypeKind::kBool, "", "", ""}, ADRET_DTYPES(ADRET_FACTS)};
#undef ADRET_FACTS

constexpr bool IsNumberedWithoutGaps() {
  int number = 0;
  for (DType dtype : kAllDTypes) {
    if (static_cast<int>(dtype) != ++number) return false;
  }
  return true;
}
static_assert(IsNumberedWithoutGaps(), "FactsOf() counts");

}  // namespace

const DTypeFacts& FactsOf(DType dtype) {
  const auto number = static_cast<size_t>(dtype);
  return kFacts[number < std::size(kFacts) ? number : 0];
}

std::optional<DType> ParseDType(absl::string_view name) {
  for (DType dtype : kAllDTypes) {
    if (Name(dtype) == name) return dtype;
  }
  return std::nullopt;
}

}  // namespace adret
