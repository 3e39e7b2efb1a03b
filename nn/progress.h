// Progress of a training run for people: a bar while an epoch runs, a table row after it.
//
//   nn::ProgressBar bar;                                       // on stderr
//   nn::FitOptions options;
//   options.on_batch = [&](const nn::BatchRecord& b) { bar.Show(b); };
//   options.on_epoch = [&](const nn::EpochRecord& e) {
//     bar.Clear();
//     std::puts(nn::EpochRow(e).c_str());
//     return absl::OkStatus();
//   };
//
//  epoch 2/5 [===========>                  ]  38%  loss 0.0712  accuracy 97.8%  9,812 images/s  4 s left
#ifndef ADRET_NN_PROGRESS_H_
#define ADRET_NN_PROGRESS_H_

#include <chrono>
#include <cstdio>
#include <string>

#include "adret/nn/trainer.h"

namespace adret::nn {

// Returns "[===========>                  ]  38%" for a part of 1.
std::string Bar(double done);
// Returns the line above.
std::string ProgressLine(const BatchRecord& record);

// Returns headings and rows of a table with a line for each epoch.
std::string EpochHeading();
std::string EpochRow(const EpochRecord& record);

// Returns the most memory that this process has occupied so far (resident set), in MiB.
double PeakRssMib();

// Draws only where somebody watches (a terminal), ten times a second at most.
class ProgressBar {
 public:
  explicit ProgressBar(std::FILE* out = stderr);
  void Show(const BatchRecord& record);
  // Shows any other line.
  void Show(const std::string& line);
  // Wipes the bar, to make room for other output.
  void Clear();

 private:
  std::FILE* out_;
  bool terminal_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point next_{};
};

}  // namespace adret::nn

#endif  // ADRET_NN_PROGRESS_H_
