// adret report: what a network has learned, as one page for the browser.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "adret/core/explain.h"
#include "adret/core/status.h"
#include "adret/io/in_file.h"
#include "adret/nn/history.h"
#include "adret/tools/command.h"
#include "adret/tools/model_file.h"
#include "adret/tools/network.h"
#include "adret/tools/output.h"
#include "adret/tools/report/examples.h"
#include "adret/tools/report/gather.h"
#include "adret/tools/report/page.h"

ABSL_FLAG(std::string, data, "",
          "folder with MNIST's files, or .npz with \"images\" and \"labels\"; by default digits "
          "that adret draws, for a network that takes them");
ABSL_FLAG(uint64_t, seed, 1, "of the noise that images climb from");
ABSL_FLAG(int64_t, units, 128, "units of each layer to look into, at most");

namespace adret::tools {
namespace {

absl::StatusOr<int> Report(const std::vector<std::string>& arguments) {
  const std::string& model_path = arguments[0];
  const std::string out = absl::GetFlag(FLAGS_out).empty() ? "report.html" : absl::GetFlag(FLAGS_out);
  if (absl::GetFlag(FLAGS_units) < 1) {
    return absl::InvalidArgumentError(absl::StrCat("--units must be at least 1, but is ", absl::GetFlag(FLAGS_units)));
  }
  AD_ASSIGN_OR_RETURN(const std::optional<int> threads, Threads());
  AD_ASSIGN_OR_RETURN(OpenNetwork open, OpenNetwork::Load(model_path));
  const explain::Network& network = open.network;
  absl::StatusOr<nn::TrainingHistory> history =
      nn::TrainingHistory::FromText(open.model.metadata[nn::kTrainingHistoryKey]);
  if (!history.ok()) return io::InFile(model_path, history.status());
  AD_ASSIGN_OR_RETURN(const report::NamedExamples examples, report::LoadExamples(absl::GetFlag(FLAGS_data), network));
  AD_ASSIGN_OR_RETURN(io::AtomicFile file, CreateFile(out));

  AD_ASSIGN_OR_RETURN(report::ReportData data, report::Gather(network, examples.examples,
                                                              {.seed = absl::GetFlag(FLAGS_seed),
                                                               .threads = threads,
                                                               .units = absl::GetFlag(FLAGS_units),
                                                               .on_stage = [](absl::string_view what) {
                                                                 std::fprintf(stderr, "%s\n",
                                                                              std::string(what).c_str());
                                                               }}));
  data.title = std::filesystem::path(model_path).filename().string();
  data.data = examples.name;
  data.history = *std::move(history);
  AD_ASSIGN_OR_RETURN(const std::string page, report::RenderPage(data));
  AD_RETURN_IF_ERROR(file.Append(page));
  AD_RETURN_IF_ERROR(file.Commit());
  std::printf("%s: %s\n", out.c_str(), BytesText(static_cast<int64_t>(page.size())).c_str());
  return kSuccess;
}

const CommandRegistration kReport(
    {.name = "report",
     .summary = "Writes what a network has learned into one page for the browser.",
     .description =
         "The page holds its pictures and needs no network: the layers, the training, which classes are taken for\n"
         "which, the examples it is surest and least sure of and why, and what every filter and neuron looks for.",
     .arguments = {"MODEL"},
     .examples = {{"digits.adret --data=mnist --out=report.html", "the network seen on MNIST's test images"},
                  {"digits.adret", "seen on digits that adret draws, in report.html"},
                  {"net.adret --data=test.npz --units=16", "seen on arrays of NumPy's; 16 units of each layer"}},
     .flags = {"data", "out", "seed", "units", "threads", "input", "output"},
     .run = Report});

}  // namespace
}  // namespace adret::tools
