#include "adret/nn/progress.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "adret/nn/summary.h"

namespace adret::nn {
namespace {

constexpr int kBarWidth = 30;
constexpr std::chrono::milliseconds kPause{100};

}  // namespace

std::string Bar(double done) {
  const int filled = static_cast<int>(done * kBarWidth);
  std::string bar(filled, '=');
  if (filled < kBarWidth) bar += '>';
  bar.resize(kBarWidth, ' ');
  return absl::StrFormat("[%s] %3.0f%%", bar, 100 * done);
}

std::string ProgressLine(const BatchRecord& r) {
  const double done = static_cast<double>(r.batch) / static_cast<double>(r.batches);
  const double left = r.so_far.seconds / done * (1 - done);
  return absl::StrFormat("epoch %d/%d %s  loss %.4f  accuracy %.1f%%  %s images/s  %.0f s left", r.epoch, r.epochs,
                         Bar(done), r.so_far.loss, 100 * r.so_far.accuracy,
                         WithCommas(std::llround(r.so_far.examples_per_second())), std::ceil(left));
}

std::string EpochHeading() {
  return absl::StrFormat("%5s  %10s  %14s  %9s  %13s  %8s  %8s", "epoch", "train loss", "train accuracy", "test loss",
                         "test accuracy", "images/s", "seconds");
}

std::string EpochRow(const EpochRecord& r) {
  const bool tested = r.test.examples > 0;
  return absl::StrFormat("%5d  %10.4f  %13.2f%%  %9s  %13s  %8s  %8.1f", r.epoch, r.train.loss, 100 * r.train.accuracy,
                         tested ? absl::StrFormat("%.4f", r.test.loss) : "-",
                         tested ? absl::StrFormat("%.2f%%", 100 * r.test.accuracy) : "-",
                         WithCommas(std::llround(r.train.examples_per_second())), r.train.seconds);
}

double PeakRssMib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;  // Linux counts in KiB
}

ProgressBar::ProgressBar(std::FILE* out) : out_(out), terminal_(isatty(fileno(out)) != 0) {}

void ProgressBar::Show(const BatchRecord& record) {
  if (terminal_) Show(ProgressLine(record));
}

void ProgressBar::Show(const std::string& line) {
  const auto now = std::chrono::steady_clock::now();
  if (!terminal_ || now < next_) return;
  next_ = now + kPause;
  drawn_ = true;
  // Back to the line's start, the bar, and an escape that erases what is left of a longer one.
  std::fprintf(out_, "\r%s\x1b[K", line.c_str());
  std::fflush(out_);
}

void ProgressBar::Clear() {
  if (!drawn_) return;
  std::fputs("\r\x1b[K", out_);
  std::fflush(out_);
  drawn_ = false;
}

}  // namespace adret::nn
