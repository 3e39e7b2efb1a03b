// adret report: what a network has learned, as one page for the browser.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "adret/core/status.h"
#include "adret/io/in_file.h"
#include "adret/nn/history.h"
#include "adret/nn/progress.h"
#include "adret/tools/command.h"
#include "adret/tools/common_flags.h"
#include "adret/tools/network.h"
#include "adret/tools/output.h"
#include "adret/tools/report/examples.h"
#include "adret/tools/report/gather.h"
#include "adret/tools/report/page.h"

ABSL_FLAG(std::string, data, "",
          "folder with MNIST's files, or .npz with \"images\" and \"labels\"; by default digits "
          "that adret draws, for a network that takes them");
ABSL_FLAG(int64_t, units, 128, "units of each layer to look into, at most; of the output, at least 128");

namespace adret::tools {
namespace {

constexpr char kOut[] = "report.html";

absl::StatusOr<int> Report(const std::vector<std::string>& arguments) {
  const std::string &path = arguments[0], out = absl::GetFlag(FLAGS_out);
  report::GatherOptions options{.seed = absl::GetFlag(FLAGS_seed), .units = absl::GetFlag(FLAGS_units)};
  AD_RETURN_IF_ERROR(SetStepsAndRate(&options.steps));
  AD_ASSIGN_OR_RETURN(options.threads, Threads());
  if (options.units < 1) {
    return absl::InvalidArgumentError(absl::StrCat("--units must be at least 1, but is ", options.units));
  }
  AD_ASSIGN_OR_RETURN(OpenNetwork open, OpenNetwork::Load(path));
  absl::StatusOr<nn::TrainingHistory> history =
      nn::TrainingHistory::FromText(open.model.metadata[nn::kTrainingHistoryKey]);
  if (!history.ok()) return io::InFile(path, history.status());
  AD_ASSIGN_OR_RETURN(const report::NamedExamples data, report::LoadExamples(absl::GetFlag(FLAGS_data), open.network));
  OutputFiles outputs({arguments[0], absl::GetFlag(FLAGS_data)});
  AD_ASSIGN_OR_RETURN(OutputFile file, outputs.Create(out.empty() ? kOut : out, ".html"));

  nn::ProgressBar bar;
  options.on_stage = [&bar](absl::string_view what) { bar.Show(std::string(what)); };
  absl::StatusOr<report::ReportData> gathered = report::Gather(open.network, data.examples, options);
  bar.Clear();
  AD_RETURN_IF_ERROR(gathered.status());
  gathered->title = std::filesystem::path(path).filename().string();
  gathered->data = data.name;
  gathered->history = *std::move(history);
  AD_RETURN_IF_ERROR(file.Write(report::RenderPage(*gathered)));
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
     .flags = {"data",
               {"out", "page to write", kOut},
               "units",
               {"steps", "steps of each ascent", absl::StrCat(report::GatherOptions().steps)},
               "seed",
               "threads",
               "input_name",
               "output",
               "dims"},
     .run = Report});

}  // namespace
}  // namespace adret::tools
