// adret maximize: the images that units look for.
#include "adret/explain/maximize.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "adret/core/rounding.h"
#include "adret/core/status.h"
#include "adret/core/text_table.h"
#include "adret/io/apng.h"
#include "adret/io/npy.h"
#include "adret/io/png.h"
#include "adret/plot/axis.h"
#include "adret/plot/line_plot.h"
#include "adret/plot/sheet.h"
#include "adret/tools/choose.h"
#include "adret/tools/command.h"
#include "adret/tools/common_flags.h"
#include "adret/tools/network.h"
#include "adret/tools/output.h"
#include "adret/tools/pictures.h"
#include "adret/tools/step_bar.h"
#include "adret/tools/transforms_flag.h"

ABSL_FLAG(int, images, 1, "images for each unit, which --diversity makes differ");
ABSL_FLAG(std::string, ascender, "normalized", "normalized (each image's slope is scaled to length 1), plain or adam");
ABSL_FLAG(std::string, basis, "pixels", "pixels, or fourier: waves of amplitude 1 / frequency^decay");
ABSL_FLAG(double, decay, 1, "of the amplitudes of --basis=fourier");
ABSL_FLAG(bool, decorrelate, false, "climb in colours that vary independently in photographs (3 channels)");
ABSL_FLAG(std::string, bounds, "clip", "how pixels stay in [0, 1]: clip, sigmoid, or none");
ABSL_FLAG(double, level, 0.05, "brightness that images start with");
ABSL_FLAG(double, noise, 0.05, "and their noise");
ABSL_FLAG(std::string, transforms, "none",
          "what each step sees: none, lucid, or a list of pad:PIXELS, jitter:PIXELS, roll:PIXELS, scale:PERCENT and "
          "rotate:DEGREES");
ABSL_FLAG(double, l1, 0, "penalty on ink: the sum of |pixel|, relative to the slope at the start");
ABSL_FLAG(double, l2, 0, "penalty on the squares of pixels");
ABSL_FLAG(double, total_variation, 0, "penalty on differences between neighbours");
ABSL_FLAG(double, boundary, 0, "penalty on ink within 4 pixels of the edge");
ABSL_FLAG(double, blur, 0, "blur by so many pixels at each step");
ABSL_FLAG(double, diversity, 0, "weight of what makes several images of one unit differ, such as 0.1");
ABSL_FLAG(int, patience, 0, "stop when nothing has risen for so many steps; 0: never");
ABSL_FLAG(bool, redirect_relus, true, "let images out that blocked relus give no slope");
ABSL_FLAG(std::string, animate, "", "also write the ascent as an animated PNG to this file");
ABSL_FLAG(std::string, curve, "", "also plot the activations over the steps into this PNG");

namespace adret::tools {
namespace {

// Where images of one objective are compared: in its own layer if that has maps, otherwise in the last one that has.
std::string DiversityLayer(const explain::Network& network, const explain::Objective& objective) {
  const absl::StatusOr<explain::UnitLayer> own = network.FindLayer(objective.terms[0].layer), maps = network.LastMaps();
  return own.ok() && !own->has_maps() && maps.ok() ? maps->name : objective.terms[0].layer;
}

absl::StatusOr<explain::MaximizeOptions> Options(const explain::Network& network, const explain::Objective& first) {
  explain::MaximizeOptions o;
  AD_RETURN_IF_ERROR(SetStepsAndRate(&o.steps, &o.rate));
  AD_ASSIGN_OR_RETURN(o.ascender, ChooseFlag<explain::Ascender>("ascender", absl::GetFlag(FLAGS_ascender),
                                                                {{"normalized", explain::Ascender::kNormalized},
                                                                 {"plain", explain::Ascender::kPlain},
                                                                 {"adam", explain::Ascender::kAdam}}));
  AD_ASSIGN_OR_RETURN(o.canvas.basis, ChooseFlag<explain::Basis>("basis", absl::GetFlag(FLAGS_basis),
                                                                 {{"pixels", explain::Basis::kPixels},
                                                                  {"fourier", explain::Basis::kFourier}}));
  AD_ASSIGN_OR_RETURN(o.canvas.bounds, ChooseFlag<explain::Bounds>("bounds", absl::GetFlag(FLAGS_bounds),
                                                                   {{"clip", explain::Bounds::kClip},
                                                                    {"sigmoid", explain::Bounds::kSigmoid},
                                                                    {"none", explain::Bounds::kNone}}));
  o.canvas.decay = absl::GetFlag(FLAGS_decay);
  o.canvas.decorrelate = absl::GetFlag(FLAGS_decorrelate);
  o.canvas.level = absl::GetFlag(FLAGS_level);
  o.canvas.noise = absl::GetFlag(FLAGS_noise);
  o.penalties = {.l1 = absl::GetFlag(FLAGS_l1),
                 .l2 = absl::GetFlag(FLAGS_l2),
                 .total_variation = absl::GetFlag(FLAGS_total_variation),
                 .boundary = absl::GetFlag(FLAGS_boundary),
                 .blur = absl::GetFlag(FLAGS_blur)};
  AD_ASSIGN_OR_RETURN(o.transforms, ParseTransforms(absl::GetFlag(FLAGS_transforms)));
  o.diversity = absl::GetFlag(FLAGS_diversity);
  o.diversity_layer = DiversityLayer(network, first);
  o.redirect_relus = absl::GetFlag(FLAGS_redirect_relus);
  o.patience = absl::GetFlag(FLAGS_patience);
  o.seed = absl::GetFlag(FLAGS_seed);
  AD_ASSIGN_OR_RETURN(o.threads, Threads());
  constexpr int kFrames = 40;
  if (!absl::GetFlag(FLAGS_animate).empty()) o.frame_every = std::max(1, CeilDiv(o.steps, kFrames));
  return o;
}

// An objective for each image.
absl::StatusOr<std::vector<explain::Objective>> Objectives(const explain::Network& network) {
  constexpr int kMost = 4096;
  const int images = absl::GetFlag(FLAGS_images);
  if (absl::GetFlag(FLAGS_unit).empty()) {
    return absl::InvalidArgumentError("--unit must say what to excite, such as --unit=conv2:7");
  }
  if (images < 1 || images > kMost) {
    return absl::InvalidArgumentError(absl::StrCat("--images must be between 1 and ", kMost, ", but is ", images));
  }
  AD_ASSIGN_OR_RETURN(const std::vector<explain::Objective> units,
                      explain::ParseObjectives(absl::GetFlag(FLAGS_unit), network));
  if (static_cast<int64_t>(units.size()) * images > kMost) {
    return absl::InvalidArgumentError(absl::StrCat("--unit asks for ", units.size(), " units, ", images,
                                                   " images each; at most ", kMost, " images fit into one picture"));
  }
  std::vector<explain::Objective> objectives;
  for (const explain::Objective& unit : units) objectives.insert(objectives.end(), images, unit);
  return objectives;
}

std::string Figures(double start, double end) {
  return plot::WithMinusSigns(absl::StrFormat("%.3g \u2192 %.3g", start, end));
}

absl::StatusOr<Tensor> Sheet(const Tensor& images, const std::vector<std::string>& captions,
                             const plot::SheetOptions& options) {
  return plot::LabelledSheet(ShowableChannels(images), captions, options);
}

std::string Title(const std::vector<std::string>& names, const std::string& what) {
  const bool several = std::any_of(names.begin(), names.end(), [&](const std::string& n) { return n != names[0]; });
  return absl::StrCat(several ? "What the units " : "What ", what, several ? " look for" : " looks for");
}

absl::StatusOr<std::string> Animation(const explain::Ascent& ascent, const std::vector<std::string>& names,
                                      const std::string& what) {
  constexpr double kCell = 42;  // smaller than in a sheet: there are many frames
  std::vector<Tensor> sheets;
  for (const Tensor& frame : ascent.frames) {
    AD_ASSIGN_OR_RETURN(Tensor sheet, Sheet(frame, names, {.title = Title(names, what), .cell = kCell}));
    sheets.push_back(std::move(sheet));
  }
  Shape shape = sheets[0].shape();
  shape.insert(0, static_cast<int64_t>(sheets.size()));
  Tensor frames(DType::kUint8, shape);
  for (size_t i = 0; i < sheets.size(); ++i) {
    std::memcpy(static_cast<char*>(frames.mutable_raw()) + i * sheets[i].num_bytes(), sheets[i].raw(),
                sheets[i].num_bytes());
  }
  return io::EncodeApng(frames, {.delay_ms = 80});
}

absl::StatusOr<std::string> Curve(const explain::Ascent& ascent, const std::vector<std::string>& names,
                                  const std::string& what) {
  std::vector<plot::Series> curves;
  for (size_t i = 0; i < names.size(); ++i) {
    plot::Series curve{.name = names[i]};
    for (int step = 0; step <= ascent.steps; ++step) {
      const int64_t at = static_cast<int64_t>(i);
      curve.x.push_back(step);
      curve.y.push_back(step < ascent.steps ? ascent.curve.At(step * static_cast<int64_t>(names.size()) + at)
                                            : ascent.end.At(at));
    }
    curves.push_back(std::move(curve));
  }
  constexpr size_t kNamed = 8;
  if (curves.size() > kNamed) curves = plot::WithMedian(std::move(curves), "a unit");
  AD_ASSIGN_OR_RETURN(const Tensor picture,
                      plot::LinePlot({{.title = "Activation", .x_label = "step", .series = std::move(curves)}},
                                     {.title = absl::StrCat("The ascent of ", what)}));
  return io::EncodePng(picture);
}

constexpr char kOut[] = "maximize.png";

absl::StatusOr<int> Run(const std::vector<std::string>& arguments) {
  AD_ASSIGN_OR_RETURN(const OpenNetwork open, OpenNetwork::Load(arguments[0]));
  AD_ASSIGN_OR_RETURN(const std::vector<explain::Objective> objectives, Objectives(open.network));
  AD_ASSIGN_OR_RETURN(explain::MaximizeOptions options, Options(open.network, objectives[0]));
  const std::string what = absl::GetFlag(FLAGS_unit), out = absl::GetFlag(FLAGS_out);
  const std::string path = out.empty() ? kOut : out, animate = absl::GetFlag(FLAGS_animate),
                    curve = absl::GetFlag(FLAGS_curve), array = absl::GetFlag(FLAGS_array);
  OutputFiles outputs(arguments);
  AD_ASSIGN_OR_RETURN(OutputFile sheet_file, outputs.Create(path, ".png"));
  AD_ASSIGN_OR_RETURN(OutputFile animation_file, outputs.Create(animate, ".png"));
  AD_ASSIGN_OR_RETURN(OutputFile curve_file, outputs.Create(curve, ".png"));
  AD_ASSIGN_OR_RETURN(OutputFile array_file, outputs.Create(array, ".npy"));
  explain::Ascent ascent;
  {
    StepBar bar("climbing");
    options.on_step = bar.Callback();
    AD_ASSIGN_OR_RETURN(ascent, explain::Maximize(open.network, objectives, options));
  }
  if (!IsFinite(ascent.end) || !IsFinite(ascent.images)) {
    return absl::InvalidArgumentError(
        "the ascent ended in numbers that are not finite: the network's weights, --rate or a penalty is too large");
  }
  TextTable table({"unit", ">before", ">after"});
  std::vector<std::string> names, captions;
  for (size_t i = 0; i < objectives.size(); ++i) {
    const double start = ascent.start.At(static_cast<int64_t>(i)), end = ascent.end.At(static_cast<int64_t>(i));
    table.AddRow({objectives[i].name, absl::StrFormat("%.4g", start), absl::StrFormat("%.4g", end)});
    names.push_back(objectives[i].name);
    captions.push_back(absl::StrCat(objectives[i].name, "\n", Figures(start, end)));
  }
  AD_ASSIGN_OR_RETURN(
      const Tensor sheet,
      Sheet(ascent.images, captions,
            {.title = Title(names, what),
             .subtitle = "images found by gradient ascent; below each, the activation before and after"}));
  AD_RETURN_IF_ERROR(sheet_file.Write(io::EncodePng(sheet)));
  if (animation_file.wanted()) AD_RETURN_IF_ERROR(animation_file.Write(Animation(ascent, names, what)));
  if (curve_file.wanted()) AD_RETURN_IF_ERROR(curve_file.Write(Curve(ascent, names, what)));
  if (array_file.wanted()) AD_RETURN_IF_ERROR(array_file.Write(io::FormatNpy(ascent.images)));
  std::fputs(table.ToString().c_str(), stdout);
  return kSuccess;
}

const CommandRegistration kMaximize(
    {.name = "maximize",
     .summary = "Finds the images that units look for, by walking up the gradient of their activation.",
     .arguments = {"MODEL"},
     .examples =
         {{"digits.adret --unit=conv2:7", "the image that filter 7 of conv2 looks for, in maximize.png"},
          {"digits.adret --unit='conv2:*' --out=conv2.png --animate=ascent.png --curve=curve.png",
           "all filters in one sheet, how they came about, and the activations over the steps"},
          {"digits.adret --unit='logits:*' --l1=1 --out=classes.png",
           "what the network takes for each class, with little ink"},
          {"digits.adret --unit=logits:4 --l1=1 --images=6 --diversity=0.1", "six different answers of one class"},
          {"photos.adret --unit=conv5:12 --basis=fourier --bounds=sigmoid --level=0.5 --decorrelate --ascender=adam "
           "--transforms=lucid --steps=256",
           "Lucid's recipe, for networks that see photographs"}},
     .flags = {"unit",
               {"out", "PNG with the images of all units", kOut},
               "images",
               {"steps", "steps of the ascent", absl::StrCat(explain::MaximizeOptions().steps)},
               "ascender",
               {"rate", "how far a step goes; 0: 0.15, with adam 0.05"},
               "basis",
               "decay",
               "decorrelate",
               "bounds",
               "level",
               "noise",
               "transforms",
               "l1",
               "l2",
               "total_variation",
               "boundary",
               "blur",
               "diversity",
               "patience",
               "redirect_relus",
               "seed",
               "threads",
               "animate",
               "curve",
               {"array", "also write the images as an array [n, channels, height, width] to this .npy"},
               "input_name",
               "output",
               "dims"},
     .run = Run});

}  // namespace
}  // namespace adret::tools
