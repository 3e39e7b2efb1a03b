// The shortest useful program: builds the lecture's network, trains on one batch of digits, and ends. What it takes
// from exec to here is the price of starting: loading libraries, registering ops, compiling the plan, waking threads.
//
//   startup [--batch=128] [--repeat=0]
//
// With --repeat=N it starts itself N times and prints the least and the median time of such a program, and its memory.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/str_cat.h"
#include "adret/adret.h"

ABSL_FLAG(int, batch, 128, "images of the batch");
ABSL_FLAG(int, repeat, 0, "starts to time; 0: be the program that is timed");

namespace {

using namespace adret;  // NOLINT: a program as users write it

absl::Status TrainOneBatch(int64_t batch) {
  Graph graph;
  const Value image = graph.Input("image", DType::kFloat32, {kAnyBatch, 1, 28, 28});
  const Value label = graph.Input("label", DType::kInt64, {kAnyBatch});
  const nn::Sequential net{nn::Conv2d(25, 3), nn::Relu(),    nn::MaxPool2d(2), nn::Conv2d(50, 3), nn::Relu(),
                           nn::MaxPool2d(2),  nn::Flatten(), nn::Dense(100),   nn::Relu(),        nn::Dense(10)};
  const Value loss = nn::SoftmaxCrossEntropy(net(image), label);
  AD_ASSIGN_OR_RETURN(Executor executor, Executor::Create({loss}, nn::Adam().Minimize(loss, graph.variables())));
  AD_ASSIGN_OR_RETURN(State state, InitialState(graph, /*seed=*/1));

  Tensor images(DType::kFloat32, {batch, 1, 28, 28}), labels(DType::kInt64, {batch});
  RandomStream random(/*seed=*/7);
  for (float& x : images.mutable_data<float>()) x = static_cast<float>(random.Uniform());
  for (int64_t& y : labels.mutable_data<int64_t>()) y = random.Below(10);
  return executor.Run({{image, images}, {label, labels}}, &state).status();
}

struct Start {
  double seconds = 0;
  int64_t peak_rss_kib = 0;
};

// Runs this very program once, from exec to its end.
absl::StatusOr<Start> TimeStart(const char* batch) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  const pid_t child = vfork();
  if (child == 0) {
    execl("/proc/self/exe", "startup", batch, static_cast<char*>(nullptr));
    _exit(127);
  }
  int status = 0;
  rusage usage{};
  if (child < 0 || wait4(child, &status, 0, &usage) != child || status != 0) {
    return absl::InternalError(absl::StrCat("the program to be timed ended with status ", status));
  }
  return Start{std::chrono::duration<double>(Clock::now() - start).count(), usage.ru_maxrss};
}

absl::Status TimeStarts(int64_t batch, int repeat) {
  const std::string flag = absl::StrCat("--batch=", batch);
  std::vector<double> seconds;
  int64_t peak_rss_kib = 0;
  for (int i = 0; i < repeat; ++i) {
    AD_ASSIGN_OR_RETURN(const Start start, TimeStart(flag.c_str()));
    seconds.push_back(start.seconds);
    peak_rss_kib = std::max(peak_rss_kib, start.peak_rss_kib);
  }
  std::sort(seconds.begin(), seconds.end());
  std::printf("{\"starts\": %d, \"seconds\": %.6f, \"min\": %.6f, \"max\": %.6f, \"peak_rss_mib\": %.1f}\n", repeat,
              seconds[seconds.size() / 2], seconds.front(), seconds.back(), static_cast<double>(peak_rss_kib) / 1024);
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("Trains one batch and ends; --repeat=N times N starts of that.");
  const auto rest = absl::ParseCommandLine(argc, argv);
  const int64_t batch = absl::GetFlag(FLAGS_batch);
  const int repeat = absl::GetFlag(FLAGS_repeat);
  if (rest.size() > 1 || batch < 1 || repeat < 0) {
    std::fprintf(stderr, "startup: expected --batch=N (at least 1), --repeat=N (at least 0)\n");
    return 1;
  }
  const absl::Status status = repeat > 0 ? TimeStarts(batch, repeat) : TrainOneBatch(batch);
  if (status.ok()) return 0;
  std::fprintf(stderr, "startup: %s\n", std::string(status.message()).c_str());
  return 1;
}
