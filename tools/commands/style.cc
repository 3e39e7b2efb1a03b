// adret style: the content of one picture in the style of another.
#include "adret/explain/style.h"

#include <cstdio>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "adret/core/status.h"
#include "adret/io/png.h"
#include "adret/tools/command.h"
#include "adret/tools/common_flags.h"
#include "adret/tools/network.h"
#include "adret/tools/output.h"
#include "adret/tools/pictures.h"
#include "adret/tools/step_bar.h"

ABSL_FLAG(std::string, content, "", "picture of what is to be seen");
ABSL_FLAG(std::string, style, "", "picture of how it is to be painted");
ABSL_FLAG(std::string, content_layers, "",
          "layers whose maps are kept, separated by commas; by default one in the middle");
ABSL_FLAG(std::string, style_layers, "",
          "layers whose Gram matrices are taken over; by default five of all that have maps");
ABSL_FLAG(double, content_weight, 1, "of the content");
ABSL_FLAG(double, style_weight, 10, "of the style");
ABSL_FLAG(double, smoothness, 0.1, "weight of the differences between neighbours");

namespace adret::tools {
namespace {

absl::StatusOr<Tensor> PictureOf(const char* flag, const std::string& path, const explain::Network& network,
                                 double zoom) {
  if (path.empty()) return absl::InvalidArgumentError(absl::StrCat("--", flag, " must name a picture"));
  return ReadPhoto(path, network, zoom);
}

constexpr char kOut[] = "style.png";

absl::StatusOr<int> Run(const std::vector<std::string>& arguments) {
  AD_ASSIGN_OR_RETURN(const OpenNetwork open, OpenNetwork::Load(arguments[0]));
  AD_ASSIGN_OR_RETURN(const Tensor content,
                      PictureOf("content", absl::GetFlag(FLAGS_content), open.network, absl::GetFlag(FLAGS_zoom)));
  AD_ASSIGN_OR_RETURN(const Tensor style, PictureOf("style", absl::GetFlag(FLAGS_style), open.network, 1));
  explain::StyleOptions options{
      .content_layers = absl::StrSplit(absl::GetFlag(FLAGS_content_layers), ',', absl::SkipEmpty()),
      .style_layers = absl::StrSplit(absl::GetFlag(FLAGS_style_layers), ',', absl::SkipEmpty()),
      .content_weight = absl::GetFlag(FLAGS_content_weight),
      .style_weight = absl::GetFlag(FLAGS_style_weight),
      .total_variation = absl::GetFlag(FLAGS_smoothness)};
  AD_RETURN_IF_ERROR(SetStepsAndRate(&options.steps, &options.rate));
  AD_ASSIGN_OR_RETURN(options.threads, Threads());
  const std::string out = absl::GetFlag(FLAGS_out);
  OutputFiles outputs({arguments[0], absl::GetFlag(FLAGS_content), absl::GetFlag(FLAGS_style)});
  AD_ASSIGN_OR_RETURN(OutputFile file, outputs.Create(out.empty() ? kOut : out, ".png"));
  explain::StyleResult result;
  {
    StepBar bar("painting");
    options.on_step = bar.Callback();
    AD_ASSIGN_OR_RETURN(result, explain::TransferStyle(open.network, content, style, options));
  }
  AD_RETURN_IF_ERROR(file.Write(EncodePhoto(result.image)));
  std::printf("content of %s: distance %.3g\nstyle of %s: distance %.3g, at the start %.3g\n",
              absl::StrJoin(result.content_layers, ", ").c_str(), result.content_losses.back(),
              absl::StrJoin(result.style_layers, ", ").c_str(), result.style_losses.back(),
              result.style_losses.front());
  return kSuccess;
}

const CommandRegistration kStyle(
    {.name = "style",
     .summary = "Paints the content of one picture in the style of another (Gatys et al. 2016).",
     .arguments = {"MODEL"},
     .examples = {{"photos.adret --content=house.png --style=waves.png",
                   "the house, painted like the waves, in style.png"},
                  {"photos.adret --content=house.png --style=waves.png --style_layers=conv1,conv2,conv3 "
                   "--content_layers=conv4 --style_weight=100",
                   "more of the waves"}},
     .flags = {"content",
               "style",
               {"out", "PNG to write", kOut},
               "content_layers",
               "style_layers",
               "content_weight",
               "style_weight",
               "smoothness",
               {"steps", "steps of Adam", absl::StrCat(explain::StyleOptions().steps)},
               {"rate", "how far a step goes", absl::StrCat(explain::StyleOptions().rate)},
               "threads",
               {"zoom", "enlarge the content first, so many times"},
               "input_name",
               "output",
               "dims"},
     .run = Run});

}  // namespace
}  // namespace adret::tools
