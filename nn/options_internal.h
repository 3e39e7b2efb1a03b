// Checks of options, for layers, losses, schedules and optimisers.
//
//   absl::Status status = nn::OptionCheck("adam").Below1("beta1", o.beta1).AtLeast0("epsilon", o.epsilon).status();
//   // "adam: beta1 must be in [0, 1), but is nan"
#ifndef ADRET_NN_OPTIONS_INTERNAL_H_
#define ADRET_NN_OPTIONS_INTERNAL_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace adret::nn {

// Keeps the first check that fails. A NaN fails every check.
class OptionCheck {
 public:
  // who: what has the options; it begins the message, unless it is empty.
  explicit OptionCheck(std::string who) : who_(std::move(who)) {}

  OptionCheck& Finite(absl::string_view name, double value);
  OptionCheck& AtLeast0(absl::string_view name, double value);  // and finite, as all that follow
  OptionCheck& Positive(absl::string_view name, double value);
  OptionCheck& Below1(absl::string_view name, double value);    // in [0, 1)
  OptionCheck& Fraction(absl::string_view name, double value);  // in [0, 1]
  OptionCheck& Count(absl::string_view name, int64_t value);    // at least 1
  // Any other rule: fails with this message unless it holds.
  OptionCheck& That(bool holds, absl::string_view message);

  const absl::Status& status() const { return status_; }

 private:
  void Expect(bool holds, absl::string_view name, double value, absl::string_view range);

  std::string who_;
  absl::Status status_;
};

}  // namespace adret::nn

#endif  // ADRET_NN_OPTIONS_INTERNAL_H_
