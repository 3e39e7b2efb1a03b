#include "adret/tools/report/gather.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "adret/core/status.h"
#include "adret/nn/summary.h"
#include "adret/tools/report/gather_internal.h"

namespace adret::report {
namespace {

constexpr int64_t kPixelsAtOnce = 1 << 20;

absl::Status Bad(const std::string& message) { return absl::InvalidArgumentError(message); }

absl::Status CheckOptions(const Subject& subject) {
  const Shape image = subject.network.image_shape();
  const GatherOptions& options = subject.options;
  if (image[0] != 1 && image[0] != 3) {
    return Bad(absl::StrCat("a report shows images of 1 or 3 channels, but the network takes ", image[0]));
  }
  if (options.units < 1 || options.examples < 1) return Bad("a report shows at least one unit and one example");
  if (!options.classes.empty() && static_cast<int64_t>(options.classes.size()) != subject.classes) {
    return Bad(absl::StrCat("the network has ", subject.classes, " classes, but there are ", options.classes.size(),
                            " names of classes"));
  }
  return absl::OkStatus();
}

absl::Status CheckLabels(const Subject& subject) {
  const Tensor& labels = subject.examples.y;
  const int64_t n = subject.examples.size();
  if (labels.rank() != 1 || labels.shape()[0] != n || !IsInteger(labels.dtype())) {
    return Bad(absl::StrCat("labels should be ", n, " integers, but are ", labels.type().ToString()));
  }
  for (int64_t i = 0; i < n; ++i) {
    const int64_t truth = subject.Truth(i);
    if (truth >= 0 && truth < subject.classes) continue;
    return Bad(
        absl::StrCat("label ", i, " is ", truth, ", but the network has the classes 0 to ", subject.classes - 1));
  }
  return absl::OkStatus();
}

absl::Status CheckExamples(const explain::Network& network, const nn::Examples& examples) {
  if (!network.TakesExamples(examples.x.shape())) {
    return Bad(absl::StrCat("the examples are ", examples.x.type().ToString(), ", but the network takes ",
                            network.input().type().ToString()));
  }
  return absl::OkStatus();
}

}  // namespace

int64_t Subject::AtOnce(int64_t most) const {
  return std::clamp<int64_t>(kPixelsAtOnce / network.image_shape().num_elements(), 1, most);
}

absl::StatusOr<ReportData> Gather(const explain::Network& network, const nn::Examples& examples,
                                  const GatherOptions& options) {
  const bool classifies = network.output().rank() == 2, seen = examples.size() > 0;
  const Subject subject{network, examples, options, classifies ? network.output().shape()[1] : 0};
  AD_RETURN_IF_ERROR(CheckOptions(subject));
  if (seen) AD_RETURN_IF_ERROR(CheckExamples(network, examples));
  if (seen && classifies) AD_RETURN_IF_ERROR(CheckLabels(subject));

  ReportData data;
  for (int64_t c = 0; c < subject.classes; ++c) {
    data.classes.push_back(options.classes.empty() ? absl::StrCat(c) : options.classes[c]);
  }
  const LayerPlaces places = ListLayers(subject, &data);
  AD_RETURN_IF_ERROR(DrawLayers(subject, places, &data));
  AD_RETURN_IF_ERROR(ClimbUnits(subject, places, &data));
  if (seen) {
    subject.Stage(absl::StrCat("running ", nn::WithCommas(examples.size()), " examples"));
    std::vector<size_t> layers;
    for (const size_t i : places.looked_into) layers.push_back(places.sources[i]);
    AD_ASSIGN_OR_RETURN(
        const Survey survey,
        RunSurvey(network, layers, examples.x,
                  {.top = kTopExamples, .batch = subject.AtOnce(kMostExamples), .threads = options.threads}));
    AD_RETURN_IF_ERROR(ShowTops(subject, places, survey, &data));
    if (classifies) AD_RETURN_IF_ERROR(JudgeClasses(subject, survey, &data));
  }
  if (classifies) AddClassAscents(subject, places, &data);
  return data;
}

}  // namespace adret::report
