#include <cmath>

#include "absl/strings/str_cat.h"
#include "adret/nn/options_internal.h"

namespace adret::nn {

OptionCheck& OptionCheck::That(bool holds, absl::string_view message) {
  if (!holds && status_.ok()) {
    status_ = absl::InvalidArgumentError(absl::StrCat(who_, who_.empty() ? "" : ": ", message));
  }
  return *this;
}

void OptionCheck::Expect(bool holds, absl::string_view name, double value, absl::string_view range) {
  That(holds, absl::StrCat(name, " must be ", range, ", but is ", value));
}

OptionCheck& OptionCheck::Finite(absl::string_view name, double value) {
  Expect(std::isfinite(value), name, value, "a finite number");
  return *this;
}
OptionCheck& OptionCheck::AtLeast0(absl::string_view name, double value) {
  Expect(value >= 0 && std::isfinite(value), name, value, "finite and at least 0");
  return *this;
}
OptionCheck& OptionCheck::Positive(absl::string_view name, double value) {
  Expect(value > 0 && std::isfinite(value), name, value, "finite and above 0");
  return *this;
}
OptionCheck& OptionCheck::Below1(absl::string_view name, double value) {
  Expect(value >= 0 && value < 1, name, value, "in [0, 1)");
  return *this;
}
OptionCheck& OptionCheck::Fraction(absl::string_view name, double value) {
  Expect(value >= 0 && value <= 1, name, value, "in [0, 1]");
  return *this;
}
OptionCheck& OptionCheck::Count(absl::string_view name, int64_t value) {
  return That(value >= 1, absl::StrCat(name, " must be at least 1, but is ", value));
}

}  // namespace adret::nn
