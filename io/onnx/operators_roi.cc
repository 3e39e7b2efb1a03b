// Regions of interest: boxes of images, brought to one size.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "adret/core/status.h"
#include "adret/io/onnx/call.h"
#include "adret/io/onnx/compose.h"
#include "adret/io/onnx/operators.h"
#include "adret/io/onnx/sampling.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/compare.h"
#include "adret/ops/gather.h"
#include "adret/ops/layout.h"
#include "adret/ops/reduce.h"
#include "adret/ops/reshape.h"
#include "adret/ops/slice.h"
#include "adret/ops/transpose.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"

namespace adret::onnx {
namespace {

using Results = absl::StatusOr<Values>;

// More samples along a side of a bin, and more elements of a constant, are refused.
constexpr int64_t kMaxSamples = 1 << 12, kMaxElements = int64_t{1} << 26;

// ---- RoiAlign ---------------------------------------------------------------------------------------------------

struct RoiAlign {
  bool max = false, half_pixel = false;
  double scale = 1;
  int64_t bins[2] = {};  // height, width of the result
  int64_t samples = 0;   // along each side of a bin; 0: as many as a bin has pixels
  int64_t most[2] = {};  // along height and width, over all boxes
  Value counts[2] = {};  // of each box, of x's dtype [R]; invalid where all have `samples`
};

// Counts samples as the pixels of a bin of each box, which must be known.
absl::Status CountSamples(Call& c, RoiAlign* r) {
  absl::StatusOr<Tensor> known = c.Known(1);
  AD_RETURN_IF_ERROR(known.status());
  const Tensor rois = known->Cast(DType::kFloat64);
  const int64_t boxes = rois.shape()[0];
  const double offset = r->half_pixel ? 0.5 : 0;
  for (int i = 0; i < 2; ++i) {
    Tensor counts(DType::kFloat64, {boxes});
    r->most[i] = 1;
    for (int64_t k = 0; k < boxes; ++k) {
      const double begin = rois.At(4 * k + 1 - i) * r->scale - offset, end = rois.At(4 * k + 3 - i) * r->scale - offset;
      // Rounded as f32, in which other programs compute.
      const float size = static_cast<float>(r->half_pixel ? end - begin : std::max(end - begin, 1.0));
      const float count = std::ceil(size / static_cast<float>(r->bins[i]));
      if (!(count <= kMaxSamples)) return c.Unsupported("a box is larger than ", kMaxSamples, " pixels per bin");
      counts.mutable_data<double>()[k] = std::max(count, 0.0f);
      r->most[i] = std::max(r->most[i], static_cast<int64_t>(count));
    }
    r->counts[i] = c.x(0).graph()->Constant(counts.Cast(c.x(0).dtype()));
  }
  return absl::OkStatus();
}

// Returns the taps of all samples along axis i, [boxes, bins * most], where samples out of the image count as zero.
struct Samples {
  Value low, high;  // i64
  Value low_weight, high_weight;
};

Samples SamplesAlong(const RoiAlign& r, const Value& rois, int i, const Value& size) {
  Graph* graph = rois.graph();
  const DType dtype = rois.dtype();
  const double offset = r.half_pixel ? 0.5 : 0;
  const auto side = [&](int column) { return Slice(rois, 1, column, column + 1) * r.scale - offset; };  // [R, 1]
  const Value begin = side(1 - i), end = side(3 - i);
  const Value length = r.half_pixel ? end - begin : Maximum(end - begin, 1.0);
  const Value bin = length / static_cast<double>(r.bins[i]);
  const Value k = Positions(graph, Dim(r.bins[i] * r.most[i]));
  const Value of_bin = k / r.most[i];
  Value in_bin = Cast(k - of_bin * r.most[i], dtype);
  const bool fixed = !r.counts[i].valid();
  const Value count =
      fixed ? graph->Constant(Tensor::Scalar(dtype, static_cast<double>(r.most[i]))) : Unsqueeze(r.counts[i], {1});
  // Samples that a box lacks are its last one again where that changes no maximum, and count as zero in a sum.
  if (r.max && !fixed) in_bin = Minimum(in_bin, Maximum(count - 1.0, 0.0));
  const Value place = begin + Cast(of_bin, dtype) * bin + (in_bin + 0.5) * bin / Maximum(count, 1.0);
  const Value last = Cast(size - 1, dtype), limit = Cast(size, dtype);
  const Value outside = LogicalOr(Less(place, -1.0), Greater(place, limit));
  const Value inside = Clip(place, 0.0, last);
  const Value low = Clip(FloorToInteger(StopGradient(inside)), 0, size - 1), high = Minimum(low + 1, size - 1);
  const Value rest = inside - Cast(low, dtype);
  const Value counted = fixed ? LogicalNot(outside) : LogicalAnd(LogicalNot(outside), Less(in_bin, count));
  return {low, high, Where(counted, 1.0 - rest, 0.0), Where(counted, rest, 0.0)};
}

// Turns numbers per box and sample along one axis into ones for all samples of a box: [boxes * rows * columns].
Value ForAllSamples(const Value& v, int axis, int64_t boxes, const int64_t (&sides)[2]) {
  const Shape all{boxes, sides[0], sides[1]};
  return Reshape(BroadcastTo(Unsqueeze(v, {2 - axis}), all), {boxes * sides[0] * sides[1]});
}

absl::StatusOr<RoiAlign> ReadRoiAlign(Call& c, bool half_pixel) {
  const Value x = c.x(0), rois = c.x(1), images = c.x(2);
  if (x.rank() != 4 || x.shape()[1] < 1 || x.shape()[2] == 0 || x.shape()[3] == 0 || rois.rank() != 2 ||
      rois.shape()[1] != 4 || images.rank() != 1 || !IsInteger(images.dtype()) || !IsFloating(x.dtype()) ||
      rois.dtype() != x.dtype() || rois.shape()[0] < 0 || rois.shape()[0] != images.shape()[0]) {
    return c.Unsupported("expects images [N, C, H, W], a known number of boxes [R, 4] and of images [R], but they are ",
                         x.type().ToString(), ", ", rois.type().ToString(), " and ", images.type().ToString());
  }
  RoiAlign r{.half_pixel = half_pixel};
  const std::string mode = c.String("mode", "avg");
  if (mode != "avg" && mode != "max") return c.Error("mode must be avg or max");
  r.max = mode == "max", r.scale = c.Float("spatial_scale", 1);
  r.bins[0] = c.Int("output_height", 1), r.bins[1] = c.Int("output_width", 1);
  r.samples = std::max<int64_t>(c.Int("sampling_ratio", 0), 0);
  r.most[0] = r.most[1] = r.samples;
  if (r.samples > kMaxSamples) return c.Unsupported("sampling_ratio is above ", kMaxSamples);
  for (const int64_t bins : r.bins) {
    if (bins < 1 || bins > kMaxSamples) return c.Error("the result must have 1 to ", kMaxSamples, " rows and columns");
  }
  if (r.samples == 0) AD_RETURN_IF_ERROR(CountSamples(c, &r));
  return r;
}

// Reduces samples [R, bins, samples, bins, samples, C]. In mode max, ONNX takes the maximum over the weighted pixels
// around each sample, and does not add them up.
Value ReduceSamples(const RoiAlign& r, const std::vector<Value>& corners, const Shape& split) {
  const std::vector<int64_t> axes{2, 4};
  const auto bins = [&](const Value& rows) { return Reshape(rows, split); };
  if (r.max) {
    Value y;
    for (const Value& corner : corners) {
      const Value most = Max(bins(corner), {.axes = axes});
      y = y.graph() == nullptr ? most : Maximum(y, most);
    }
    return y;
  }
  Value sum = corners[0];
  for (size_t k = 1; k < corners.size(); ++k) sum = sum + corners[k];
  sum = Sum(bins(sum), {.axes = axes});  // [R, bins, bins, C]
  if (!r.counts[0].valid()) return sum / static_cast<double>(r.most[0] * r.most[1]);
  return sum / Unsqueeze(Maximum(r.counts[0] * r.counts[1], 1.0), {1, 2, 3});
}

Results AlignRois(Call& c, bool half_pixel) {
  AD_ASSIGN_OR_RETURN(const RoiAlign r, ReadRoiAlign(c, half_pixel));
  const Value x = c.x(0), rois = c.x(1);
  const int64_t boxes = rois.shape()[0];
  const int64_t sides[2] = {r.bins[0] * r.most[0], r.bins[1] * r.most[1]};
  const Pixels pixels(x);
  const Samples rows = SamplesAlong(r, rois, 0, pixels.size(0)), columns = SamplesAlong(r, rois, 1, pixels.size(1));
  const Value image = Reshape(BroadcastTo(Unsqueeze(Cast(c.x(2), DType::kInt64), {1, 2}), {boxes, sides[0], sides[1]}),
                              {boxes * sides[0] * sides[1]});
  std::vector<Value> corners;
  for (const auto& [row, row_weight] : {std::pair(rows.low, rows.low_weight), std::pair(rows.high, rows.high_weight)}) {
    for (const auto& [column, column_weight] :
         {std::pair(columns.low, columns.low_weight), std::pair(columns.high, columns.high_weight)}) {
      const Value weight = ForAllSamples(row_weight, 0, boxes, sides) * ForAllSamples(column_weight, 1, boxes, sides);
      const Value pixel =
          pixels.At(image, {ForAllSamples(row, 0, boxes, sides), ForAllSamples(column, 1, boxes, sides)});
      corners.push_back(pixel * Unsqueeze(weight, {1}));
    }
  }
  const Shape split{boxes, r.bins[0], r.most[0], r.bins[1], r.most[1], x.shape()[1]};
  return Values{Transpose(ReduceSamples(r, corners, split), {0, 3, 1, 2})};
}

Results RoiAlignFrom(Call& c) {
  const std::string mode = c.String("coordinate_transformation_mode", "half_pixel");
  if (mode != "half_pixel" && mode != "output_half_pixel") {
    return c.Error("coordinate_transformation_mode must be half_pixel or output_half_pixel");
  }
  return AlignRois(c, mode == "half_pixel");
}
Results RoiAlignFrom10(Call& c) { return AlignRois(c, /*half_pixel=*/false); }

// ---- MaxRoiPool -------------------------------------------------------------------------------------------------

// The part [begin, end) of an axis that bin k of a box covers.
std::pair<int64_t, int64_t> BinOf(double begin, double end, int64_t bins, int64_t k, int64_t size) {
  const double first = std::round(begin), length = std::max(std::round(end) - first + 1, 1.0);
  const float bin = static_cast<float>(length) / static_cast<float>(bins);
  const auto clip = [&](double place) {
    return static_cast<int64_t>(std::clamp(place + first, 0.0, static_cast<double>(size)));
  };
  return {clip(std::floor(static_cast<float>(k) * bin)), clip(std::ceil(static_cast<float>(k + 1) * bin))};
}

Results MaxRoiPoolFrom(Call& c) {
  const Value x = c.x(0);
  if (x.rank() != 4 || Shape(x.shape().dims().subspan(1)).is_symbolic() || x.shape().num_elements() == 0 ||
      c.x(1).rank() != 2 || c.x(1).shape()[1] != 5) {
    return c.Unsupported("expects images [N, C, H, W] of a known size and boxes [R, 5], but they are ",
                         x.type().ToString(), " and ", c.x(1).type().ToString());
  }
  const std::vector<int64_t> bins = c.Ints("pooled_shape");
  const double scale = c.Float("spatial_scale", 1);
  if (bins.size() != 2 || bins[0] < 1 || bins[1] < 1 || bins[0] > kMaxSamples || bins[1] > kMaxSamples) {
    return c.Error("pooled_shape must be two positive numbers");
  }
  AD_ASSIGN_OR_RETURN(const Tensor rois, c.Known(1));
  const int64_t boxes = rois.shape()[0], channels = x.shape()[1], height = x.shape()[2], width = x.shape()[3];
  // The pixels of each bin, filled up with its last one, which changes no maximum; an empty bin is 0.
  std::vector<std::vector<int64_t>> pixels;
  size_t most = 1;
  for (int64_t r = 0; r < boxes; ++r) {
    double box[5];
    for (int k = 0; k < 5; ++k) box[k] = k == 0 ? rois.At(5 * r) : rois.At(5 * r + k) * scale;
    if (!(box[0] >= 0 && box[0] < 1e9)) return c.Error("a box lies in no image");
    for (int64_t bin = 0; bin < bins[0] * bins[1]; ++bin) {
      const auto [top, bottom] = BinOf(box[2], box[4], bins[0], bin / bins[1], height);
      const auto [left, right] = BinOf(box[1], box[3], bins[1], bin % bins[1], width);
      std::vector<int64_t>& inside = pixels.emplace_back();
      for (int64_t i = top; i < bottom; ++i) {
        for (int64_t j = left; j < right; ++j) {
          inside.push_back((static_cast<int64_t>(box[0]) * height + i) * width + j);
        }
      }
      most = std::max(most, inside.size());
      if (static_cast<int64_t>(most * pixels.size()) > kMaxElements) return c.Unsupported("the boxes are too large");
    }
  }
  Tensor index(DType::kInt64, {static_cast<int64_t>(pixels.size()), static_cast<int64_t>(most)});
  Tensor empty(DType::kBool, {static_cast<int64_t>(pixels.size()), 1});
  for (size_t p = 0; p < pixels.size(); ++p) {
    empty.mutable_data<bool>()[p] = pixels[p].empty();
    for (size_t k = 0; k < most; ++k) {
      const int64_t filled = pixels[p].empty() ? 0 : pixels[p][std::min(k, pixels[p].size() - 1)];
      index.mutable_data<int64_t>()[p * most + k] = filled;
    }
  }
  const Value rows = Reshape(Transpose(x, {0, 2, 3, 1}), {x.shape().dim(0) * (height * width), channels});
  const Value highest = Max(Gather(rows, x.graph()->Constant(index), 0), {.axes = {1}});
  const Value y = Where(x.graph()->Constant(empty), 0.0, highest);
  return Values{Transpose(Reshape(y, {boxes, bins[0], bins[1], channels}), {0, 3, 1, 2})};
}

const OperatorRegistration kRegions({
    {.name = "RoiAlign",
     .since = 16,
     .from = RoiAlignFrom,
     .note = "boxes must be known where sampling_ratio is 0; their number in any case"},
    {.name = "RoiAlign",
     .since = 10,
     .from = RoiAlignFrom10,
     .note = "boxes must be known where sampling_ratio is 0; their number in any case"},
    {.name = "MaxRoiPool",
     .since = 1,
     .from = MaxRoiPoolFrom,
     .gradient = "boxes are rounded to pixels: the result is constant in them but for jumps",
     .note = "boxes must be known"},
});

}  // namespace
}  // namespace adret::onnx
