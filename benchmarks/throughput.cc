// How many more runs per second several threads get out of one executor than one thread does.
//
//   throughput [--threads=2] [--batch=1] [--rounds=20] [--seconds=0.2]
//
// The lecture's network answers images, each run with one thread. One caller and several take turns, round by round;
// of each the best round counts, since other programs on the machine only ever take away. Prints one line of JSON.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/str_cat.h"
#include "adret/adret.h"

ABSL_FLAG(int, threads, 2, "threads that run the executor at once");
ABSL_FLAG(int64_t, batch, 1, "images of a run");
ABSL_FLAG(int, rounds, 20, "measurements of each");
ABSL_FLAG(double, seconds, 0.2, "of a measurement");

namespace {

using namespace adret;
using Clock = std::chrono::steady_clock;

// Returns the runs per second that this many threads get together, or 0 when one fails.
double RunsPerSecond(int callers, const Executor& executor, const Feeds& feeds, const State& state) {
  std::atomic<int> ready = 0;
  std::atomic<bool> stop = false, failed = false;
  std::atomic<int64_t> runs = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < callers; ++t) {
    threads.emplace_back([&] {
      failed = failed || !executor.Run(feeds, state).ok();
      for (++ready; ready <= callers;) std::this_thread::yield();
      int64_t mine = 0;
      for (; !stop; ++mine) failed = failed || !executor.Run(feeds, state).ok();
      runs += mine;
    });
  }
  while (ready < callers) std::this_thread::yield();
  const Clock::time_point start = Clock::now();
  ++ready;  // go
  std::this_thread::sleep_for(std::chrono::duration<double>(absl::GetFlag(FLAGS_seconds)));
  stop = true;
  for (std::thread& thread : threads) thread.join();
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return failed ? 0 : static_cast<double>(runs) / seconds;
}

absl::Status Measure() {
  const int threads = absl::GetFlag(FLAGS_threads), rounds = absl::GetFlag(FLAGS_rounds);
  const int64_t batch = absl::GetFlag(FLAGS_batch);
  if (threads < 1 || rounds < 1 || batch < 0 || !(absl::GetFlag(FLAGS_seconds) >= 0)) {
    return absl::InvalidArgumentError("expected --threads and --rounds of at least 1, --batch and --seconds of 0");
  }
  Graph graph;
  const Value image = graph.Input("image", DType::kFloat32, {kAnyBatch, 1, 28, 28});
  const nn::Sequential net{nn::Conv2d(25, 3), nn::Relu(),     nn::MaxPool2d(2),  //
                           nn::Conv2d(50, 3), nn::Relu(),     nn::MaxPool2d(2),  //
                           nn::Flatten(),     nn::Dense(100), nn::Relu(),       nn::Dense(10)};
  AD_ASSIGN_OR_RETURN(const Executor executor,
                      Executor::Create({net(image, nn::Mode::kInference)}, {}, {.threads = 1, .max_runs = threads}));
  AD_ASSIGN_OR_RETURN(const State state, InitialState(graph, /*seed=*/1));
  const Feeds feeds = {{image, Tensor::Full(DType::kFloat32, {batch, 1, 28, 28}, 0.5)}};
  AD_RETURN_IF_ERROR(executor.Run(feeds, state).status());
  double one = 0, all = 0;
  for (int round = 0; round < rounds; ++round) {
    const double alone = RunsPerSecond(1, executor, feeds, state);
    const double together = RunsPerSecond(threads, executor, feeds, state);
    one = std::max(one, alone), all = std::max(all, together);
  }
  std::printf(
      "{\"job\": \"lecture_cnn/infer/batch:%d\", \"threads\": %d, \"runs_per_second\": [%.0f, %.0f], \"ratio\": "
      "%.3f}\n",
      static_cast<int>(batch), threads, one, all, all / one);
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("Compares the throughput of several threads on one executor with that of one.");
  const std::vector<char*> arguments = absl::ParseCommandLine(argc, argv);
  const absl::Status status = arguments.size() > 1 ? absl::InvalidArgumentError("unknown argument") : Measure();
  if (status.ok()) return 0;
  std::fprintf(stderr, "throughput: %s\n", std::string(status.message()).c_str());
  return 1;
}
