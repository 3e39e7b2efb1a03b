// graph_fuzzer: compares all engines on random graphs. A graph on which they differ, or one that crashes or hangs, is
// shrunk and printed as C++ that can be pasted into a test.
//
//   build/release/tests/fuzz/graph_fuzzer --seed=7 --graphs=20000
//   build/release/tests/fuzz/graph_fuzzer --seed=7 --seconds=3600 --jobs=2
//   build/release/tests/fuzz/graph_fuzzer --seed=7 --only=1234     # one graph again
//   build/release/tests/fuzz/graph_fuzzer --seed=7 --graphs=20000 --networks=1     # layers, a loss, an optimiser
//
// Graphs are run in child processes, so that a crash costs one graph. The exit status is 0 when no graph failed and,
// from 10,000 graphs of all kinds on, every registered op was in some graph.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "adret/tests/fuzz/graphs/engines.h"
#include "adret/tests/fuzz/graphs/generate.h"
#include "adret/tests/fuzz/graphs/shrink.h"

namespace adret::fuzz {
namespace {

constexpr int kMaxJobs = 64, kMaxOps = 1024;
constexpr unsigned kSecondsPerGraph = 300;  // above: it hangs, also on a busy machine
constexpr int64_t kGraphsForEveryOp = 10'000;

struct Options {
  int64_t seed = 1, graphs = 1000, seconds = 0, jobs = 1, only = -1, first = 0, shrink_seconds = 20, max_failures = 5;
  int64_t networks = 0;  // 1: only networks
  int64_t print = 0;     // instead of running so many graphs: prints them as a test file

  GraphCase Case(int64_t index) const {
    return GenerateCase(seed, index, networks != 0 ? CaseKind::kNetworks : CaseKind::kAny);
  }
};

// What processes share.
struct Shared {
  std::atomic<int64_t> next{0};  // the first graph that nobody has taken
  std::atomic<int64_t> done{0}, failures{0};
  std::atomic<int64_t> current[kMaxJobs];
  std::atomic<int64_t> ops[kMaxOps];  // graphs that have the op, by its place in AllOps()
};

bool Fails(const GraphCase& c) { return !CompareEngines(c).ok(); }

// Whether the case fails, when it may take the process with it.
bool FailsInChild(const GraphCase& c) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(kSecondsPerGraph / 10);
    // A shrunk case that breaks in its own process says so by its end, and nothing else.
    std::freopen("/dev/null", "w", stderr);
    _exit(Fails(c) ? 1 : 0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

void Report(const Options& options, int64_t index, const std::string& message, bool crashed) {
  std::printf("\nseed %lld, graph %lld: %s\n", static_cast<long long>(options.seed), static_cast<long long>(index),
              message.c_str());
  std::fflush(stdout);
  GraphCase c = options.Case(index);
  GraphCase shrunk = Shrink(std::move(c), crashed ? FailsInChild : Fails, static_cast<double>(options.shrink_seconds));
  const std::string now = crashed ? "" : std::string(CompareEngines(shrunk).message());
  std::printf("%s\n", ToCpp(shrunk, now).c_str());
  std::fflush(stdout);
}

// Reports a graph that took its process with it, and may do so again where it is made.
void ReportInChild(const Options& options, int64_t index, const std::string& message) {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    Report(options, index, message, /*crashed=*/true);
    _exit(0);
  }
  waitpid(child, nullptr, 0);
}

void CountOps(const GraphCase& c, const std::map<const Op*, int>& places, Shared* shared) {
  const std::vector<bool> needed = NeededNodes(c);
  std::vector<bool> seen(kMaxOps, false);
  for (NodeId id = 0; id < c.graph->num_nodes(); ++id) {
    if (!needed[id]) continue;
    const int place = places.at(c.graph->node(id).op);
    if (!seen[place]) ++shared->ops[place];
    seen[place] = true;
  }
}

// Takes graphs until there are none left.
void Work(const Options& options, int job, Shared* shared) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point end = Clock::now() + std::chrono::seconds(options.seconds);
  std::map<const Op*, int> places;
  for (const Op* op : AllOps()) places.emplace(op, static_cast<int>(places.size()));
  while ((options.seconds == 0 || Clock::now() < end) && shared->failures < options.max_failures) {
    const int64_t index = shared->next++;
    if (options.seconds == 0 && index >= options.first + options.graphs) break;
    shared->current[job] = index;
    alarm(kSecondsPerGraph);
    const GraphCase c = options.Case(index);
    CountOps(c, places, shared);
    const absl::Status status = CompareEngines(c);
    alarm(0);
    ++shared->done;
    if (status.ok()) continue;
    ++shared->failures;
    Report(options, index, std::string(status.message()), /*crashed=*/false);
  }
  shared->current[job] = -1;
}

pid_t StartWorker(const Options& options, int job, Shared* shared) {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child != 0) return child;
  Work(options, job, shared);
  std::fflush(stdout);
  _exit(0);
}

// Prints how far the run is: on one line that changes, for a person who watches; otherwise a line every few minutes.
class Progress {
 public:
  explicit Progress(const Shared& shared) : shared_(shared) {}
  double Seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

  void Print() {
    if (isatty(STDOUT_FILENO) != 0) {
      Write("\r", "");
    } else if (Seconds() >= next_) {
      Write("", "\n");
      next_ = Seconds() + kSecondsPerLine;
    }
  }
  void PrintEnd() { Write(isatty(STDOUT_FILENO) != 0 ? "\r" : "", "\n"); }

 private:
  static constexpr double kSecondsPerLine = 300;

  void Write(const char* before, const char* after) {
    std::printf("%s%lld graphs, %lld failures, %.0f s%s", before, static_cast<long long>(shared_.done),
                static_cast<long long>(shared_.failures), Seconds(), after);
    std::fflush(stdout);
  }

  const Shared& shared_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  double next_ = kSecondsPerLine;
};

// Keeps the workers going: one that died is reported and another one goes on.
void Supervise(const Options& options, Shared* shared) {
  Progress progress(*shared);
  std::map<pid_t, int> jobs;
  for (int job = 0; job < options.jobs; ++job) jobs[StartWorker(options, job, shared)] = job;
  while (!jobs.empty()) {
    int status = 0;
    const pid_t ended = waitpid(-1, &status, WNOHANG);
    if (ended <= 0) {
      progress.Print();
      usleep(50'000);
      continue;
    }
    const int job = jobs.at(ended);
    jobs.erase(ended);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) continue;
    ++shared->failures, ++shared->done;
    const int64_t index = shared->current[job];
    const std::string how = WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "the process ended";
    ReportInChild(options, index, how);
    Options rest = options;
    if (options.seconds > 0)
      rest.seconds = std::max<int64_t>(1, options.seconds - static_cast<int64_t>(progress.Seconds()));
    jobs[StartWorker(rest, job, shared)] = job;
  }
  progress.PrintEnd();
}

// Whether every op was in some graph; prints the rare ones.
bool CheckOps(const Shared& shared) {
  bool all = true;
  int place = 0;
  for (const Op* op : AllOps()) {
    const int64_t n = shared.ops[place++];
    if (n == 0) std::printf("no graph had the op '%s'\n", op->name.c_str());
    all &= n > 0;
  }
  return all;
}

bool ParseOption(absl::string_view arg, Options* options) {
  const std::pair<absl::string_view, int64_t*> known[] = {{"seed", &options->seed},
                                                          {"graphs", &options->graphs},
                                                          {"seconds", &options->seconds},
                                                          {"jobs", &options->jobs},
                                                          {"only", &options->only},
                                                          {"first", &options->first},
                                                          {"shrink_seconds", &options->shrink_seconds},
                                                          {"max_failures", &options->max_failures},
                                                          {"networks", &options->networks},
                                                          {"print", &options->print}};
  if (!absl::ConsumePrefix(&arg, "--")) return false;
  for (const auto& [name, number] : known) {
    absl::string_view value = arg;
    if (absl::ConsumePrefix(&value, name) && absl::ConsumePrefix(&value, "=")) return absl::SimpleAtoi(value, number);
  }
  return false;
}

// Prints a file of tests: what failing cases look like, for a test that compiles and runs them.
void PrintTests(const Options& options) {
  std::printf("#include <cmath>\n\n#include \"adret/tests/fuzz/graphs/engines.h\"\n#include \"gtest/gtest.h\"\n\n");
  std::printf("namespace adret::fuzz {\nnamespace {\n\n");
  for (int64_t i = options.first; i < options.first + options.print; ++i) {
    std::printf("TEST(PrintedCaseTest, Graph%lld) {\n%s}\n\n", static_cast<long long>(i),
                ToCpp(options.Case(i), "as printed").c_str());
  }
  std::printf("}  // namespace\n}  // namespace adret::fuzz\n");
}

int Main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    if (ParseOption(argv[i], &options) && options.jobs >= 1 && options.jobs <= kMaxJobs) continue;
    std::fprintf(stderr, "graph_fuzzer: '%s' is not an option; see the head of graph_fuzzer.cc\n", argv[i]);
    return 2;
  }
  if (options.print > 0) {
    PrintTests(options);
    return 0;
  }
  if (options.only >= 0) {
    std::printf("%s", ToCpp(options.Case(options.only)).c_str());
    options.first = options.only, options.graphs = 1;
  }
  void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 2;
  auto* shared = new (memory) Shared;
  shared->next = options.first;
  Supervise(options, shared);
  const bool every_op = shared->done < kGraphsForEveryOp || options.networks != 0 || CheckOps(*shared);
  return shared->failures == 0 && every_op ? 0 : 1;
}

}  // namespace
}  // namespace adret::fuzz

int main(int argc, char** argv) { return adret::fuzz::Main(argc, argv); }
