// Images, and other tensors, at another size.
#include <algorithm>
#include <cmath>

#include "adret/core/status.h"
#include "adret/io/onnx/call.h"
#include "adret/io/onnx/operators.h"
#include "adret/io/onnx/resize_axis.h"
#include "adret/io/onnx/shapes.h"
#include "adret/ops/binary.h"
#include "adret/ops/concat.h"
#include "adret/ops/gather.h"
#include "adret/ops/matmul.h"
#include "adret/ops/narrow.h"
#include "adret/ops/pad.h"
#include "adret/ops/reshape.h"
#include "adret/ops/resize.h"
#include "adret/ops/transpose.h"
#include "adret/ops/where.h"

namespace adret::onnx {
namespace {

using Results = absl::StatusOr<Values>;

constexpr int64_t kMostWeights = int64_t{1} << 26;
constexpr int64_t kMostRepeats = 64;  // of a symbolic axis

// What becomes of one axis. Where its size is symbolic, it becomes `repeats` times as long.
struct AxisJob {
  int axis;
  ResizeAxis map = {};
  int64_t repeats = 0;
};

// ---- Symbolic axes ------------------------------------------------------------------------------------------------

// Returns whether a symbolic axis is resized in the same way at each of its elements.
bool IsRegular(const ResizeRule& rule) {
  return rule.coordinates != "align_corners" && rule.coordinates != "tf_crop_and_resize";
}

// Returns whether mode "nearest" repeats each element.
bool RepeatsEach(const ResizeRule& rule, const ResizeAxis& axis) {
  if (axis.out % axis.in != 0) return false;
  const std::vector<int64_t> places = NearestPlaces(rule, axis);
  for (int64_t i = 0; i < axis.out; ++i) {
    if (places[i] != i / (axis.out / axis.in)) return false;
  }
  return true;
}

// Puts `repeats` elements, which are interpolated linearly, in the place of each.
Value Interleaved(const ResizeRule& rule, const Value& x, int axis, int64_t repeats) {
  PadAttrs edge{
      .before = std::vector<int64_t>(x.rank(), 0), .after = std::vector<int64_t>(x.rank(), 0), .mode = "edge"};
  edge.before[axis] = edge.after[axis] = 1;
  const Value padded = Pad(x, edge);
  const Dim size = x.shape().dim(axis);
  Values phases;
  for (int64_t i = 0; i < repeats; ++i) {
    const double source = SourceOf(rule, {.in = 1, .out = repeats}, i), below = std::floor(source);
    const auto first = static_cast<int64_t>(below);  // -1 or 0
    phases.push_back(Narrow(padded, axis, Dim(first + 1), size) * (below + 1 - source) +
                     Narrow(padded, axis, Dim(first + 2), size) * (source - below));
  }
  Shape shape = x.shape();
  shape.set(axis, (size * repeats).code());
  return Reshape(Stack(phases, axis + 1), shape);
}

absl::StatusOr<Value> ResizeSymbolic(const Call& c, const ResizeRule& rule, const Value& x, const AxisJob& job) {
  const ResizeAxis sample{.in = 7, .out = 7 * job.repeats};
  if (IsRegular(rule) && rule.mode == "nearest" && RepeatsEach(rule, sample)) {
    return Repeat(x, job.axis, Dim(job.repeats), /*each=*/true);
  }
  if (IsRegular(rule) && rule.mode == "linear" && rule.coordinates != "tf_half_pixel_for_nn" && IsFloating(x.dtype())) {
    return Interleaved(rule, x, job.axis, job.repeats);
  }
  return c.Unsupported("in mode ", rule.mode, " with ", rule.coordinates, ", the size of axis ", job.axis, " of ",
                       x.type().ToString(), " must be known");
}

// ---- Known axes -----------------------------------------------------------------------------------------------------

Value ResizeNearestAxis(const ResizeRule& rule, const Value& x, const AxisJob& job) {
  if (RepeatsEach(rule, job.map)) return Repeat(x, job.axis, Dim(job.map.out / job.map.in), /*each=*/true);
  const Tensor places = Tensor::From<int64_t>({job.map.out}, NearestPlaces(rule, job.map));
  return Gather(x, x.graph()->Constant(places), job.axis);
}

// Multiplies the lines along an axis by a matrix.
absl::StatusOr<Value> Multiply(const Call& c, const ResizeRule& rule, const Value& x, const AxisJob& job) {
  if (!IsFloating(x.dtype())) return c.Unsupported("mode ", rule.mode, " does not take ", Name(x.dtype()));
  if (job.map.out > kMostWeights / job.map.in) return c.Unsupported("axis ", job.axis, " is too long");
  AD_ASSIGN_OR_RETURN(const Tensor weights, ResizeWeights(rule, job.map));
  const int last = x.rank() - 1;
  std::vector<int64_t> order(x.rank());  // swaps the axis with the last one
  for (int a = 0; a <= last; ++a) order[a] = a;
  std::swap(order[job.axis], order[last]);
  const Value lines = job.axis == last ? x : Transpose(x, order);
  if (!lines.valid()) return lines;
  Shape shape = lines.shape();
  Dim rows(1);
  for (int a = 0; a < last; ++a) rows = rows * shape.dim(a);
  const Value y = MatMul(Reshape(lines, {rows.code(), job.map.in}), x.graph()->Constant(weights.Cast(x.dtype())),
                         {.transpose_b = true});
  shape.set(last, job.map.out);
  const Value resized = Reshape(y, shape);
  return job.axis == last ? resized : Transpose(resized, order);
}

// Returns height and width where the jobs are those of one of adret's ops on images, which fits(axis) decides.
template <class Fits>
std::optional<std::pair<int64_t, int64_t>> ImageSize(const Value& x, const std::vector<AxisJob>& jobs,
                                                     const Fits& fits) {
  if (x.rank() != 4 || !IsFloating(x.dtype()) || x.shape()[2] < 1 || x.shape()[3] < 1) return std::nullopt;
  std::pair<int64_t, int64_t> size{x.shape()[2], x.shape()[3]};
  for (const AxisJob& job : jobs) {
    if (job.axis < 2 || job.repeats > 0 || job.map.out < 1 || !fits(job.map)) return std::nullopt;
    (job.axis == 2 ? size.first : size.second) = job.map.out;
  }
  return size;
}

std::optional<Value> ResizeImages(const ResizeRule& rule, const Value& x, const std::vector<AxisJob>& jobs) {
  if (rule.mode == "nearest") {
    const auto size = ImageSize(x, jobs, [&](const ResizeAxis& axis) {
      const std::vector<int64_t> places = NearestPlaces(rule, axis);
      for (int64_t i = 0; i < axis.out; ++i) {
        if (places[i] != i * axis.in / axis.out) return false;
      }
      return true;
    });
    if (!size.has_value()) return std::nullopt;
    return ResizeNearest(x, {.height = size->first, .width = size->second});
  }
  const bool align = rule.coordinates == "align_corners";
  const bool half = absl::string_view(rule.coordinates).find("half_pixel") != absl::string_view::npos &&
                    rule.coordinates != "tf_half_pixel_for_nn";
  if (rule.mode != "linear" || rule.antialias || rule.exclude_outside || (!align && !half)) return std::nullopt;
  const auto size = ImageSize(x, jobs, [&](const ResizeAxis& axis) {
    return axis.length() == static_cast<double>(axis.out) && (axis.out > 1 || rule.coordinates != "pytorch_half_pixel");
  });
  if (!size.has_value()) return std::nullopt;
  return ResizeBilinear(x, {.height = size->first, .width = size->second, .align_corners = align});
}

// Puts the value in the place of what lies outside x.
Value Extrapolated(const ResizeRule& rule, Value y, const std::vector<AxisJob>& jobs, double value) {
  for (const AxisJob& job : jobs) {
    if (job.repeats > 0 || !y.valid()) continue;
    const std::vector<bool> outside = Outside(rule, job.map);
    if (std::find(outside.begin(), outside.end(), true) == outside.end()) continue;
    Tensor mask(DType::kBool, {job.map.out});
    std::copy(outside.begin(), outside.end(), mask.mutable_data<bool>().begin());
    const Value there = Along(y.graph()->Constant(mask), job.axis, y.rank());
    y = Where(there, y.graph()->Constant(Tensor::Scalar(y.dtype(), value)), y);
  }
  return y;
}

Results ResizeBy(const Call& c, const ResizeRule& rule, Value x, std::vector<AxisJob> jobs, double extrapolation = 0) {
  AD_RETURN_IF_ERROR(rule.Check());
  for (const AxisJob& job : jobs) {
    if (job.repeats == 0 && (job.map.in < 1 || job.map.out < 0 || job.map.out > (int64_t{1} << 31))) {
      return c.Error("axis ", job.axis, " of size ", job.map.in, " cannot get the size ", job.map.out);
    }
  }
  const std::vector<AxisJob> all = jobs;
  if (const auto images = ResizeImages(rule, x, jobs); images.has_value()) {
    return Values{Extrapolated(rule, *images, all, extrapolation)};
  }
  // What shrinks most comes first.
  std::stable_sort(jobs.begin(), jobs.end(), [](const AxisJob& a, const AxisJob& b) {
    const auto grows = [](const AxisJob& j) { return j.repeats > 0 ? static_cast<double>(j.repeats) : j.map.factor(); };
    return grows(a) < grows(b);
  });
  for (const AxisJob& job : jobs) {
    if (job.repeats > 0) {
      AD_ASSIGN_OR_RETURN(x, ResizeSymbolic(c, rule, x, job));
    } else if (rule.mode == "nearest") {
      x = ResizeNearestAxis(rule, x, job);
    } else {
      AD_ASSIGN_OR_RETURN(x, Multiply(c, rule, x, job));
    }
    if (!x.valid()) return Values{x};
  }
  return Values{Extrapolated(rule, x, all, extrapolation)};
}

// ---- What a node says ---------------------------------------------------------------------------------------------

// The parts of x that "tf_crop_and_resize" takes, by axis; empty: all of x.
struct Roi {
  std::vector<double> begin, end;
};

absl::StatusOr<Roi> RoiOf(Call& c, const ResizeRule& rule, const std::vector<int>& axes, int rank) {
  Roi roi{std::vector<double>(rank, 0), std::vector<double>(rank, 1)};
  if (rule.coordinates != "tf_crop_and_resize") return roi;
  AD_ASSIGN_OR_RETURN(const Tensor numbers, c.Known(1));
  const auto count = static_cast<int64_t>(axes.size());
  if (numbers.num_elements() != 2 * count) return c.Error("roi must have ", 2 * count, " numbers");
  for (int64_t i = 0; i < count; ++i) {
    roi.begin[axes[i]] = numbers.At(i);
    roi.end[axes[i]] = numbers.At(count + i);
    if (!(std::abs(numbers.At(i)) < 1e6) || !(std::abs(numbers.At(count + i)) < 1e6)) return c.Error("roi is too far");
  }
  return roi;
}

absl::StatusOr<std::vector<AxisJob>> JobsOfScales(const Call& c, const Shape& x, const std::vector<int>& axes,
                                                  const Tensor& scales) {
  if (scales.num_elements() != static_cast<int64_t>(axes.size())) {
    return c.Error("has ", scales.num_elements(), " scales for ", axes.size(), " axes");
  }
  std::vector<AxisJob> jobs;
  for (size_t i = 0; i < axes.size(); ++i) {
    const double scale = scales.At(static_cast<int64_t>(i));
    const int64_t size = x[axes[i]];
    if (!(scale > 0) || scale > 0x1p24) return c.Error("axis ", axes[i], " has the scale ", scale);
    if (size < 0) {
      if (scale == 1) continue;
      if (scale > kMostRepeats || scale != std::floor(scale)) {
        return c.Unsupported("axis ", axes[i], " is ", DimText(size), ", and becomes ", scale, " times as long");
      }
      jobs.push_back({.axis = axes[i], .repeats = static_cast<int64_t>(scale)});
      continue;
    }
    // Multiplied in f32, as scales are: 10 * 0.7 is 7.
    const double length = std::floor(static_cast<float>(size) * static_cast<float>(scale));
    if (length > 0x1p31) return c.Error("axis ", axes[i], " grows too long");
    jobs.push_back({axes[i], {.in = size, .out = static_cast<int64_t>(length), .scale = scale}});
  }
  return jobs;
}

absl::StatusOr<std::vector<AxisJob>> JobsOfSizes(const Call& c, const Shape& x, const std::vector<int>& axes,
                                                 const std::vector<Dim>& sizes) {
  if (sizes.size() != axes.size()) return c.Error("has ", sizes.size(), " sizes for ", axes.size(), " axes");
  std::vector<AxisJob> jobs;
  for (size_t i = 0; i < axes.size(); ++i) {
    const Dim from = x.dim(axes[i]);
    if (from.number().has_value() && sizes[i].number().has_value()) {
      jobs.push_back({axes[i], {.in = *from.number(), .out = *sizes[i].number()}});
      continue;
    }
    if (sizes[i] == from) continue;
    const std::optional<Dim> times = Dim::ExactQuotient(sizes[i], from);
    const int64_t repeats = times.has_value() ? times->number().value_or(0) : 0;
    if (repeats < 1 || repeats > kMostRepeats) {
      return c.Unsupported("axis ", axes[i], " is ", from.ToString(), ", and becomes ", sizes[i].ToString());
    }
    jobs.push_back({.axis = axes[i], .repeats = repeats});
  }
  return jobs;
}

// Changes sizes so that all axes are scaled by one number.
absl::Status KeepAspectRatio(const Call& c, const std::string& policy, size_t axes, std::vector<AxisJob>* jobs) {
  if (policy == "stretch") return absl::OkStatus();
  if (policy != "not_larger" && policy != "not_smaller") {
    return c.Error("there is no keep_aspect_ratio_policy ", policy);
  }
  std::optional<double> scale;
  for (const AxisJob& job : *jobs) {
    if (job.repeats > 0 || job.map.in < 1) return c.Unsupported("the policy ", policy, " needs known sizes");
    const double own = job.map.factor();
    scale = !scale.has_value() ? own : policy == "not_larger" ? std::min(*scale, own) : std::max(*scale, own);
  }
  if (jobs->size() != axes) return c.Unsupported("the policy ", policy, " needs known sizes");
  for (AxisJob& job : *jobs) {
    job.map.scale = *scale;
    job.map.out = static_cast<int64_t>(std::floor(job.map.length() + 0.5));
  }
  return absl::OkStatus();
}

Results ResizeFrom(Call& c) {
  const Value x = c.x(0);
  const ResizeRule rule{.mode = c.String("mode", "nearest"),
                        .coordinates = c.String("coordinate_transformation_mode", "half_pixel"),
                        .rounding = c.String("nearest_mode", "round_prefer_floor"),
                        .cubic_a = c.Float("cubic_coeff_a", -0.75),
                        .exclude_outside = c.Int("exclude_outside", 0) != 0,
                        .antialias = c.Int("antialias", 0) != 0};
  const double extrapolation = c.Float("extrapolation_value", 0);
  const std::string policy = c.String("keep_aspect_ratio_policy", "stretch");
  std::optional<std::vector<int64_t>> given;
  if (c.HasAttr("axes")) given = c.Ints("axes");
  AD_ASSIGN_OR_RETURN(const std::vector<int> axes, AxesIn(c, given, x.rank()));
  AD_ASSIGN_OR_RETURN(const Roi roi, RoiOf(c, rule, axes, x.rank()));
  std::vector<AxisJob> jobs;
  if (c.has(2) && c.shape(2).num_elements() != 0) {
    if (c.has(3)) return c.Error("has both scales and sizes");
    if (rule.coordinates == "tf_crop_and_resize") return c.Unsupported("parts of its input by scales: give sizes");
    AD_ASSIGN_OR_RETURN(const Tensor scales, c.Known(2));
    AD_ASSIGN_OR_RETURN(jobs, JobsOfScales(c, x.shape(), axes, scales));
  } else {
    AD_ASSIGN_OR_RETURN(const std::vector<Dim> sizes, c.KnownDims(3));
    AD_ASSIGN_OR_RETURN(jobs, JobsOfSizes(c, x.shape(), axes, sizes));
    AD_RETURN_IF_ERROR(KeepAspectRatio(c, policy, axes.size(), &jobs));
  }
  for (AxisJob& job : jobs) {
    job.map.roi_begin = roi.begin[job.axis];
    job.map.roi_end = roi.end[job.axis];
  }
  std::erase_if(jobs, [](const AxisJob& job) { return job.repeats == 0 && job.map.is_identity(); });
  return ResizeBy(c, rule, x, jobs, extrapolation);
}

// What operators before operator set 11 do: places are i / scale.
Results ResizeAsymmetric(Call& c, const Tensor& scales, const std::string& mode) {
  const Value x = c.x(0);
  AD_ASSIGN_OR_RETURN(const std::vector<int> axes, AxesIn(c, std::nullopt, x.rank()));
  AD_ASSIGN_OR_RETURN(std::vector<AxisJob> jobs, JobsOfScales(c, x.shape(), axes, scales));
  std::erase_if(jobs, [](const AxisJob& job) { return job.repeats == 0 && job.map.is_identity(); });
  const ResizeRule rule{.mode = mode, .coordinates = "asymmetric", .rounding = "floor_or_ceil"};
  return ResizeBy(c, rule, x, jobs);
}

// Resize 10 and Upsample 9.
Results ResizeByInput(Call& c) {
  AD_ASSIGN_OR_RETURN(const Tensor scales, c.Known(1));
  return ResizeAsymmetric(c, scales, c.String("mode", "nearest"));
}

Results UpsampleByAttribute(Call& c) {
  const std::vector<double> scales = c.Floats("scales");
  const Tensor numbers =
      Tensor::From<float>({static_cast<int64_t>(scales.size())}, std::vector<float>(scales.begin(), scales.end()));
  return ResizeAsymmetric(c, numbers, c.String("mode", "nearest"));
}

Results UpsampleImages(Call& c) {
  const float height = static_cast<float>(c.Float("height_scale", 0)),
              width = static_cast<float>(c.Float("width_scale", 0));
  const std::string mode = c.String("mode", "nearest");
  return ResizeAsymmetric(c, Tensor::From<float>({4}, {1, 1, height, width}), mode == "bilinear" ? "linear" : mode);
}

const OperatorRegistration kResizes({
    {.name = "Upsample", .since = 1, .from = UpsampleImages},
    {.name = "Upsample", .since = 7, .from = UpsampleByAttribute},
    {.name = "Upsample", .since = 9, .from = ResizeByInput},
    {.name = "Resize", .since = 10, .from = ResizeByInput, .note = "where an axis shrinks, mode nearest rounds up"},
    {.name = "Resize",
     .since = 11,
     .from = ResizeFrom,
     .note = "integers are resized in mode nearest only; a symbolic axis by whole factors only, in modes nearest and "
             "linear"},
});

}  // namespace
}  // namespace adret::onnx
