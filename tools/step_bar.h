// StepBar: how far a long computation is, for who watches (on stderr, where that is a terminal).
//
//   tools::StepBar bar("climbing");
//   options.on_step = bar.Callback();
#ifndef ADRET_TOOLS_STEP_BAR_H_
#define ADRET_TOOLS_STEP_BAR_H_

#include <chrono>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "adret/nn/progress.h"

namespace adret::tools {

class StepBar {
 public:
  explicit StepBar(std::string what) : what_(std::move(what)) {}
  ~StepBar() { bar_.Clear(); }

  void Show(int64_t step, int64_t steps);
  // Show(), as options of explain/ want it. The bar must outlive it.
  std::function<absl::Status(int64_t step, int64_t steps)> Callback();

 private:
  std::string what_;
  nn::ProgressBar bar_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace adret::tools

#endif  // ADRET_TOOLS_STEP_BAR_H_
