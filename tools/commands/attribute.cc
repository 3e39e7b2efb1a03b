// adret attribute: which pixels an answer comes from.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "adret/core/status.h"
#include "adret/core/text_table.h"
#include "adret/explain/attribution.h"
#include "adret/explain/objective.h"
#include "adret/io/npy.h"
#include "adret/io/png.h"
#include "adret/plot/attribution_sheet.h"
#include "adret/plot/axis.h"
#include "adret/tools/command.h"
#include "adret/tools/common_flags.h"
#include "adret/tools/network.h"
#include "adret/tools/output.h"
#include "adret/tools/pictures.h"
#include "adret/tools/step_bar.h"

ABSL_FLAG(std::string, method, "saliency", "one or several, separated by commas, or all");
ABSL_FLAG(std::string, target, "",
          "whose value is explained: logits:5, conv2:7, conv2:7@3,5, logits:5%; by default the "
          "largest output of each picture");
ABSL_FLAG(int64_t, integration_steps, 64, "of integrated_gradients");
ABSL_FLAG(int64_t, samples, 50, "of smooth_grad and var_grad");
ABSL_FLAG(double, sample_noise, 0.15, "their noise, as a part of a picture's range");
ABSL_FLAG(double, baseline, 0,
          "the pixel that stands for nothing: of integrated_gradients, occlusion, feature_ablation");
ABSL_FLAG(int64_t, window, 0, "side of occlusion's window in pixels; 0: a seventh of the picture");
ABSL_FLAG(int64_t, stride, 0, "how far it moves; 0: half a window");
ABSL_FLAG(int64_t, grid, 7, "rows and columns of feature_ablation's cells");
ABSL_FLAG(std::string, maps, "", "layer whose maps grad_cam weighs; by default the last one that has maps");
ABSL_FLAG(std::string, contours, "", "lines over the maps, at these shares of the scale: 0.25,0.5");

namespace adret::tools {
namespace {

// Those that --method names. All: those that the network has the maps for.
absl::StatusOr<std::vector<explain::AttributionMethod>> Methods(const explain::Network& network) {
  const std::string text = absl::GetFlag(FLAGS_method);
  std::vector<explain::AttributionMethod> methods;
  if (text == "all") {
    const bool has_maps = network.LastMaps().ok();
    for (const explain::AttributionMethod& method : explain::AttributionMethods()) {
      if (has_maps || !method.uses_maps) methods.push_back(method);
    }
    return methods;
  }
  for (const absl::string_view name : absl::StrSplit(text, ',')) {
    AD_ASSIGN_OR_RETURN(const explain::AttributionMethod method, explain::FindAttributionMethod(name));
    methods.push_back(method);
  }
  return methods;
}

// What --target says, for each of n pictures.
absl::StatusOr<explain::Target> TargetOf(const explain::Network& network, int64_t n) {
  const std::string text = absl::GetFlag(FLAGS_target);
  if (text.empty()) return explain::Target{};
  AD_ASSIGN_OR_RETURN(const explain::Units units, explain::ParseUnits(text, network));
  const int64_t count = static_cast<int64_t>(units.units.size());
  if (count != 1 && count != n) {
    return absl::InvalidArgumentError(absl::StrCat("--target must name one unit, or one for each of the ", n,
                                                   " pictures, but '", text, "' names ", count));
  }
  explain::Target target{.layer = units.layer, .units = units.units, .probability = units.probability};
  target.position = units.position;
  return target;
}

absl::StatusOr<std::vector<double>> Contours() {
  std::vector<double> shares;
  for (const absl::string_view part : absl::StrSplit(absl::GetFlag(FLAGS_contours), ',', absl::SkipEmpty())) {
    double share = 0;
    if (!absl::SimpleAtod(part, &share)) {
      return absl::InvalidArgumentError(absl::StrCat("--contours has '", part, "' where a number is expected"));
    }
    shares.push_back(share);
  }
  return shares;
}

absl::StatusOr<explain::AttributeOptions> Options() {
  explain::AttributeOptions o;
  AD_ASSIGN_OR_RETURN(o.threads, Threads());
  o.steps = absl::GetFlag(FLAGS_integration_steps);
  o.samples = absl::GetFlag(FLAGS_samples);
  o.noise = absl::GetFlag(FLAGS_sample_noise);
  o.seed = absl::GetFlag(FLAGS_seed);
  o.baseline = Tensor::Scalar(DType::kFloat32, absl::GetFlag(FLAGS_baseline));
  o.window = {absl::GetFlag(FLAGS_window), absl::GetFlag(FLAGS_window)};
  o.stride = {absl::GetFlag(FLAGS_stride), absl::GetFlag(FLAGS_stride)};
  o.grid = {absl::GetFlag(FLAGS_grid), absl::GetFlag(FLAGS_grid)};
  o.maps = absl::GetFlag(FLAGS_maps);
  return o;
}

// A row for each picture: what was explained, its value, and how well integrated gradients add up to it.
std::string TableOf(const Pictures& pictures, const std::vector<std::string>& targets, const explain::Attribution& a,
                    const std::vector<double>& completeness_errors) {
  std::vector<std::string> titles = {"picture", "target", ">value"};
  if (!completeness_errors.empty()) titles.push_back(">completeness error");
  TextTable table(std::move(titles));
  for (size_t i = 0; i < a.units.size(); ++i) {
    std::vector<std::string> cells = {pictures.names[i], targets[i], absl::StrFormat("%.4g", a.values[i])};
    if (!completeness_errors.empty()) cells.push_back(absl::StrFormat("%.2g %%", 100 * completeness_errors[i]));
    table.AddRow(std::move(cells));
  }
  return table.ToString();
}

constexpr char kOut[] = "attribute.png";

std::string Caption(const std::string& picture, const std::string& target, double value) {
  // Long names of files break: not within the picture's number.
  const std::string name = absl::StrReplaceAll(std::filesystem::path(picture).filename().string(), {{"[", "\n["}});
  return absl::StrCat(name, "\n", target, "\n", plot::WithMinusSigns(absl::StrFormat("%.3g", value)));
}

// What was explained in each image, as --target says it.
std::vector<std::string> TargetNames(const explain::Target& target, const std::string& layer,
                                     const std::vector<int64_t>& units) {
  std::vector<std::string> names;
  for (const int64_t unit : units) {
    names.push_back(target.probability ? explain::Probability(layer, unit).name
                                       : explain::Unit(layer, unit, {.position = target.position}).name);
  }
  return names;
}

// Fails when there are too many pictures for a sheet, which is found out by painting one whose maps are empty: that
// takes a moment, what is to be in the maps may take hours.
absl::Status TrySheet(const Pictures& pictures, const std::string& layer,
                      const std::vector<explain::AttributionMethod>& methods,
                      const plot::AttributionSheetOptions& options) {
  const Shape& shape = pictures.images.shape();
  const Tensor maps = Tensor::Zeros(DType::kFloat32, {shape[0], 1, shape[2], shape[3]});
  std::vector<plot::AttributionColumn> columns;
  for (const explain::AttributionMethod& method : methods) columns.push_back({.title = method.name, .maps = maps});
  std::vector<std::string> captions;
  for (const std::string& name : pictures.names) captions.push_back(Caption(name, layer + ":0", -1.11e-11));
  const absl::Status status =
      plot::AttributionSheet(ShowableChannels(pictures.images), captions, columns, options).status();
  if (!absl::IsResourceExhausted(status)) return status;
  return absl::ResourceExhaustedError(absl::StrCat(
      "a sheet of ", shape[0], " pictures and ", methods.size(), methods.size() == 1 ? " method" : " methods",
      " is too large; choose some, such as test.npy[0-49]: ", status.message()));
}

absl::StatusOr<int> Run(const std::vector<std::string>& arguments) {
  AD_ASSIGN_OR_RETURN(const OpenNetwork open, OpenNetwork::Load(arguments[0]));
  AD_ASSIGN_OR_RETURN(const Pictures pictures, ReadPictures(PictureFiles(arguments), open.network));
  const int64_t n = pictures.images.shape()[0];
  AD_ASSIGN_OR_RETURN(const std::vector<explain::AttributionMethod> methods, Methods(open.network));
  AD_ASSIGN_OR_RETURN(const explain::Target target, TargetOf(open.network, n));
  AD_ASSIGN_OR_RETURN(explain::AttributeOptions options, Options());
  const std::string out = absl::GetFlag(FLAGS_out), array = absl::GetFlag(FLAGS_array),
                    layer = target.layer.empty() ? open.output_name : target.layer;
  OutputFiles outputs(FilesRead(arguments));
  AD_ASSIGN_OR_RETURN(OutputFile sheet_file, outputs.Create(out.empty() ? kOut : out, ".png"));
  AD_ASSIGN_OR_RETURN(OutputFile array_file, outputs.Create(array, ".npz"));
  plot::AttributionSheetOptions look{.title = "Which pixels the answer comes from",
                                     .subtitle = "colours lie over the faded picture; a column has one scale"};
  AD_ASSIGN_OR_RETURN(look.contours, Contours());
  AD_RETURN_IF_ERROR(TrySheet(pictures, layer, methods, look));

  std::vector<plot::AttributionColumn> columns;
  io::NamedTensors arrays;
  std::vector<std::string> captions, targets;
  std::vector<double> completeness_errors;
  explain::Attribution a;
  {
    StepBar bar("attributing");
    for (const explain::AttributionMethod& method : methods) {
      options.method = method.name;
      AD_ASSIGN_OR_RETURN(a, explain::Attribute(open.network, pictures.images, target, options));
      if (!IsFinite(a.maps)) {
        return absl::InvalidArgumentError(
            absl::StrCat(method.name, " has numbers that are not finite: the network's weights or --baseline is"));
      }
      if (!a.completeness_errors.empty()) completeness_errors = a.completeness_errors;
      columns.push_back({.title = method.name,
                         .maps = a.maps,
                         .scale = {.sign = method.is_signed ? plot::MapSign::kSigned : plot::MapSign::kPositive}});
      arrays.emplace(method.name, a.maps);
      if (captions.empty()) {
        targets = TargetNames(target, layer, a.units);
        for (int64_t i = 0; i < n; ++i) {
          captions.push_back(Caption(pictures.names[i], targets[i], a.values[i]));
        }
      }
      bar.Show(static_cast<int>(columns.size()), static_cast<int>(methods.size()));
    }
  }
  if (array_file.wanted()) AD_RETURN_IF_ERROR(array_file.Write(io::FormatNpz(arrays)));
  AD_ASSIGN_OR_RETURN(const Tensor sheet,
                      plot::AttributionSheet(ShowableChannels(pictures.images), captions, columns, look));
  AD_RETURN_IF_ERROR(sheet_file.Write(io::EncodePng(sheet)));
  std::fputs(TableOf(pictures, targets, a, completeness_errors).c_str(), stdout);
  return kSuccess;
}

std::string MethodList() {
  size_t width = 0;
  for (const explain::AttributionMethod& method : explain::AttributionMethods()) {
    width = std::max(width, std::string(method.name).size());
  }
  std::string text = "Methods:\n";
  for (const explain::AttributionMethod& method : explain::AttributionMethods()) {
    absl::StrAppendFormat(&text, "  %-*s  %s\n", static_cast<int>(width), method.name, method.doc);
  }
  text.pop_back();
  return text;
}

const CommandRegistration kAttribute(
    {.name = "attribute",
     .summary = "Shows which pixels of pictures an answer of the network comes from.",
     .description = MethodList(),
     .arguments = {"MODEL", "[FILE...]"},
     .examples = {{"digits.adret --input=seven.png", "the slope of the largest output at each pixel, in attribute.png"},
                  {"digits.adret --input=seven.png --method=integrated_gradients --target=logits:1",
                   "what speaks for a 1"},
                  {"digits.adret --input=test.npy --method=all --contours=0.5 --out=why.png",
                   "a table: a row for each picture, a column for each method"},
                  {"digits.adret --input=seven.png --method=occlusion --window=5 --stride=1 --array=maps.npz",
                   "the maps as numbers, too"}},
     .flags = {"input",
               "method",
               "target",
               {"out", "PNG with a row for each picture and a column for each method", kOut},
               {"array", "also write the maps of each method as an array of its name to this .npz"},
               "contours",
               "integration_steps",
               "samples",
               "sample_noise",
               "baseline",
               "window",
               "stride",
               "grid",
               "maps",
               "resize",
               "seed",
               "threads",
               "input_name",
               "output",
               "dims"},
     .run = Run});

}  // namespace
}  // namespace adret::tools
