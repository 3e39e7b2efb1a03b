#include "adret/tools/step_bar.h"

#include <cmath>

#include "absl/strings/str_format.h"

namespace adret::tools {

void StepBar::Show(int64_t step, int64_t steps) {
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  const double done = static_cast<double>(step) / static_cast<double>(steps);
  bar_.Show(absl::StrFormat("%s %s  step %d/%d  %.0f s left", what_, nn::Bar(done), step, steps,
                            std::ceil(seconds / done * (1 - done))));
}

std::function<absl::Status(int64_t, int64_t)> StepBar::Callback() {
  return [this](int64_t step, int64_t steps) {
    Show(step, steps);
    return absl::OkStatus();
  };
}

}  // namespace adret::tools
