// Answers requests with a model: a line of numbers in, a line of numbers out.
//
//   serve --model=lecture_cnn.adret --input=image --output=logits < requests.txt
//   socat UNIX-LISTEN:/tmp/digits,fork EXEC:"serve --model=lecture_cnn.adret"       # answers who connects to a socket
//
// What arrives while requests are answered waits, and is answered next: in batches, side by side. Each is a run of one
// thread, and all of them run one executor. A bad line is answered with "error: ..." and harms no other.
#include <unistd.h>

#include <cstdio>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "adret/adret.h"

ABSL_FLAG(std::string, model, "lecture_cnn.adret", "model file, made by train_lecture_cnn");
ABSL_FLAG(std::string, input, "image", "what a request's numbers are fed to");
ABSL_FLAG(std::string, output, "logits", "what is answered");
ABSL_FLAG(int, batch, 16, "requests that one run answers, at most");

namespace {

using namespace adret;

// Appends the numbers of a request: one example of the input.
absl::Status Read(const std::string& line, const Value& input, std::vector<double>* numbers) {
  const size_t before = numbers->size();
  for (absl::string_view word : absl::StrSplit(line, absl::ByAnyChar(" ,\t\r"), absl::SkipEmpty())) {
    double& x = numbers->emplace_back();
    const bool read = absl::SimpleAtod(word, &x);
    if (!read || (!IsFloating(input.dtype()) && Tensor::Scalar(input.dtype(), x).At(0) != x)) {
      return absl::InvalidArgumentError(absl::StrCat("'", word, "' is no number of type ", Name(input.dtype())));
    }
  }
  const size_t expected = input.shape().WithEvery(1).num_elements(), found = numbers->size() - before;
  if (found == expected) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("expected ", expected, " numbers, not ", found));
}

// Returns an answer for each line.
std::vector<std::string> Answer(const std::vector<std::string>& lines, const Executor& executor, const Value& input,
                                const State& state) {
  std::vector<std::string> answers(lines.size());
  std::vector<std::string*> asked;  // where to write the answers of the lines that make sense,
  std::vector<double> numbers;      // and their numbers, one after the other
  const int64_t size = input.shape().WithEvery(1).num_elements();
  for (size_t i = 0; i < lines.size(); ++i) {
    if (const absl::Status status = Read(lines[i], input, &numbers); status.ok()) {
      asked.push_back(&answers[i]);
    } else {
      answers[i] = absl::StrCat("error: ", status.message());
      numbers.resize(asked.size() * size);
    }
  }
  const auto run = [&](int64_t begin, int64_t n) {
    const auto batch = absl::MakeConstSpan(numbers).subspan(begin * size, n * size);
    const Tensor x = Tensor::From<double>(input.shape().With(n), batch).Cast(input.dtype());
    AD_ASSIGN_OR_RETURN(const std::vector<Tensor> y, executor.Run({{input, x}}, state));
    const int64_t width = y[0].num_elements() / n;
    for (int64_t i = 0; i < n * width; ++i) {
      absl::StrAppendFormat(asked[begin + i / width], "%s%.9g", i % width == 0 ? "" : " ", y[0].At(i));
    }
    return absl::OkStatus();
  };
  ParallelFor(std::ssize(asked), absl::GetFlag(FLAGS_batch), [&](int64_t begin, int64_t end) {
    if (run(begin, end - begin).ok()) return;
    for (int64_t i = begin; i < end; ++i) {  // one of them is to blame: an index out of range, say
      if (const absl::Status status = run(i, 1); !status.ok()) *asked[i] = absl::StrCat("error: ", status.message());
    }
  });
  return answers;
}

absl::Status Serve() {
  AD_ASSIGN_OR_RETURN(const io::Model model, io::LoadModel(absl::GetFlag(FLAGS_model)));
  AD_ASSIGN_OR_RETURN(const Value input, model.Input(absl::GetFlag(FLAGS_input)));
  AD_ASSIGN_OR_RETURN(const Value output, model.Output(absl::GetFlag(FLAGS_output)));
  for (const Value& v : {input, output}) {
    if (v.shape().rank() > 0 && v.shape()[0] == kAnyBatch) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("'", v.name(), "' is ", v.type().ToString(), ", but its first dimension must be the batch"));
  }
  const int batch = absl::GetFlag(FLAGS_batch);  // each size has a plan of its own
  if (batch < 1) return absl::InvalidArgumentError(absl::StrCat("--batch must be at least 1, but is ", batch));
  AD_ASSIGN_OR_RETURN(const Executor executor, Executor::Create({output}, {}, {.threads = 1, .max_plans = batch}));
  // An error that every request would meet is better known now.
  const Tensor zeros = Tensor::Zeros(input.dtype(), input.shape().WithEvery(1));
  AD_RETURN_IF_ERROR(executor.Run({{input, zeros}}, model.state).status());

  std::string bytes(1 << 20, '\0'), rest;  // what was read, and what is not a whole line yet
  for (ssize_t n = 1; n > 0;) {
    n = read(STDIN_FILENO, bytes.data(), bytes.size());
    rest.append(bytes, 0, std::max<ssize_t>(n, 0)).append(n <= 0 && !rest.empty() ? "\n" : "");
    std::vector<std::string> lines = absl::StrSplit(rest, '\n');
    rest = std::move(lines.back());
    lines.pop_back();
    for (const std::string& answer : Answer(lines, executor, input, model.state)) std::puts(answer.c_str());
    std::fflush(stdout);
  }
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("Answers requests, a line of numbers each, with a model.");
  const std::vector<char*> arguments = absl::ParseCommandLine(argc, argv);
  const absl::Status status =
      arguments.size() > 1
          ? absl::InvalidArgumentError(absl::StrCat("unknown argument '", arguments[1], "'; see --help"))
          : Serve();
  if (status.ok()) return 0;
  std::fprintf(stderr, "serve: %s\n", std::string(status.message()).c_str());
  return 1;
}
