// What Gather() is made of: its parts know layers, classes or pictures. Internal to reports.
#ifndef ADRET_TOOLS_REPORT_GATHER_INTERNAL_H_
#define ADRET_TOOLS_REPORT_GATHER_INTERNAL_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "adret/core/tensor.h"
#include "adret/explain/network.h"
#include "adret/io/contact_sheet.h"
#include "adret/nn/batches.h"
#include "adret/tools/report/gather.h"
#include "adret/tools/report/report_data.h"
#include "adret/tools/report/survey.h"

namespace adret::report {

inline constexpr int64_t kMostClasses = 128;   // that are shown whatever the number of units is to be
inline constexpr int64_t kMostExamples = 250;  // of a run
inline constexpr int64_t kTopExamples = 9;     // of a unit: three by three

// What a report is about, after Gather() has checked it.
struct Subject {
  const explain::Network& network;
  const nn::Examples& examples;
  const GatherOptions& options;
  int64_t classes = 0;  // 0: the output is none of classes

  int64_t Truth(int64_t example) const { return static_cast<int64_t>(examples.y.At(example)); }
  void Stage(absl::string_view what) const {
    if (options.on_stage) options.on_stage(what);
  }
  // How many of the network's images are worth a run: fewer of larger ones, whose memory counts.
  int64_t AtOnce(int64_t most) const;
};

// ---- Layers (gather_layers.cc)

// Where the report's layers are.
struct LayerPlaces {
  std::vector<size_t> sources;      // for each of the report's layers, the network's
  std::vector<size_t> looked_into;  // those of the report's layers whose units are shown
};

// Adds the layers, with units that are still empty, and facts about them.
LayerPlaces ListLayers(const Subject& subject, ReportData* data);
// Adds the drawing, or why there is none.
absl::Status DrawLayers(const Subject& subject, const LayerPlaces& places, ReportData* data);
// Gives each unit the image that climbed its slope.
absl::Status ClimbUnits(const Subject& subject, const LayerPlaces& places, ReportData* data);
// Gives each unit the examples that activate it most; survey.tops are of the layers that are looked into.
absl::Status ShowTops(const Subject& subject, const LayerPlaces& places, const Survey& survey, ReportData* data);

// ---- Classes (gather_classes.cc)

// Adds what was taken for what, and the examples that tell most about it, within a budget for all of their pictures.
absl::Status JudgeClasses(const Subject& subject, const Survey& survey, ReportData* data);
// What maximises a class is what maximises its output.
void AddClassAscents(const Subject& subject, const LayerPlaces& places, ReportData* data);

// ---- Pictures (gather_pictures.cc)

// [n, c, h, w] with sides of at most `most` pixels.
absl::StatusOr<Tensor> Shrunk(const Tensor& images, int64_t most);
// Returns such an image as u8.
absl::StatusOr<Tensor> Pixels(const Tensor& images, io::PixelRange range, int64_t most);
// How numbers are shown: bytes, and others that are in [0, 1] throughout, as they are; otherwise each image spans its
// own range.
io::PixelRange RangeOf(const Tensor& images);
// [...] of [n, ...].
Tensor Row(const Tensor& rows, int64_t i);

}  // namespace adret::report

#endif  // ADRET_TOOLS_REPORT_GATHER_INTERNAL_H_
