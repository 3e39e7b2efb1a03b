// adret dream: a picture in which a network sees more and more of what it knows.
#include "adret/explain/dream.h"

#include <cstdio>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "adret/core/status.h"
#include "adret/io/contact_sheet.h"
#include "adret/io/png.h"
#include "adret/tools/command.h"
#include "adret/tools/common_flags.h"
#include "adret/tools/network.h"
#include "adret/tools/output.h"
#include "adret/tools/pictures.h"
#include "adret/tools/step_bar.h"

ABSL_FLAG(int, octaves, 4, "sizes at which the picture dreams");
ABSL_FLAG(double, octave_scale, 1.4, "from one to the next");
ABSL_FLAG(int64_t, roll, 32, "pixels by which the picture is moved at random at each step");

namespace adret::tools {
namespace {

constexpr char kOut[] = "dream.png";

absl::StatusOr<int> Run(const std::vector<std::string>& arguments) {
  AD_ASSIGN_OR_RETURN(const OpenNetwork open, OpenNetwork::Load(arguments[0]));
  const std::vector<std::string> files = PictureFiles(arguments);
  if (files.size() != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("one picture dreams, but ", files.size(), " are given; see --input"));
  }
  AD_ASSIGN_OR_RETURN(const Tensor photo, ReadPhoto(files[0], open.network, absl::GetFlag(FLAGS_zoom)));
  std::string unit = absl::GetFlag(FLAGS_unit);
  if (unit.empty()) {
    AD_ASSIGN_OR_RETURN(const explain::UnitLayer layer, open.network.LastMaps());
    unit = layer.name;
  }
  AD_ASSIGN_OR_RETURN(const std::vector<explain::Objective> objectives, explain::ParseObjectives(unit, open.network));
  if (objectives.size() != 1) {
    return absl::InvalidArgumentError(absl::StrCat("a dream has one objective, but --unit=", unit, " names ",
                                                   objectives.size(),
                                                   "; write a layer, or a mix such as conv2:1+conv2:4"));
  }
  explain::DreamOptions options{.octaves = absl::GetFlag(FLAGS_octaves),
                                .octave_scale = absl::GetFlag(FLAGS_octave_scale),
                                .roll = absl::GetFlag(FLAGS_roll),
                                .seed = absl::GetFlag(FLAGS_seed)};
  AD_RETURN_IF_ERROR(SetStepsAndRate(&options.steps, &options.rate));
  AD_ASSIGN_OR_RETURN(options.threads, Threads());
  const std::string out = absl::GetFlag(FLAGS_out);
  OutputFiles outputs(FilesRead(arguments));
  AD_ASSIGN_OR_RETURN(OutputFile file, outputs.Create(out.empty() ? kOut : out, ".png"));
  Tensor dream;
  {
    StepBar bar("dreaming");
    options.on_step = bar.Callback();
    AD_ASSIGN_OR_RETURN(dream, explain::Dream(open.network, photo, objectives[0], options));
  }
  AD_RETURN_IF_ERROR(file.Write(EncodePhoto(dream)));
  return kSuccess;
}

const CommandRegistration kDream(
    {.name = "dream",
     .summary = "Deep Dream: lets a picture of any size grow what excites a layer.",
     .arguments = {"MODEL", "[FILE...]"},
     .examples = {{"photos.adret --input=sky.png --unit=conv4", "more of all that conv4 sees, in dream.png"},
                  {"photos.adret --input=sky.png --unit=conv4:17 --octaves=6 --steps=20",
                   "of one filter, at six sizes"},
                  {"photos.adret --input=sky.png --unit='conv3+2*conv5' --out=mix.png", "of two layers"}},
     .flags = {"input",
               {"unit",
                "what is to grow: conv2, conv2:7, or a mix such as conv2:7+0.5*conv1:3; by default the last layer that "
                "has maps"},
               {"out", "PNG to write", kOut},
               "octaves",
               "octave_scale",
               {"steps", "steps at each octave", absl::StrCat(explain::DreamOptions().steps)},
               {"rate", "how far the first step at each octave goes", absl::StrCat(explain::DreamOptions().rate)},
               "roll",
               "seed",
               "threads",
               "zoom",
               "input_name",
               "output",
               "dims"},
     .run = Run});

}  // namespace
}  // namespace adret::tools
