// Operators whose results have a size that depends on numbers: computed while the file is read.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "adret/core/convert.h"
#include "adret/core/status.h"
#include "adret/io/onnx/call.h"
#include "adret/io/onnx/operators.h"
#include "adret/io/onnx/shapes.h"
#include "adret/ops/gather.h"
#include "adret/ops/reshape.h"

namespace adret::onnx {
namespace {

using Results = absl::StatusOr<Values>;

Tensor List(const std::vector<int64_t>& numbers) {
  return Tensor::From<int64_t>({static_cast<int64_t>(numbers.size())}, numbers);
}

Results NonZeroFrom(Call& c) {
  AD_ASSIGN_OR_RETURN(const Tensor x, c.Known(0));
  std::vector<int64_t> places;
  for (int64_t i = 0; i < x.num_elements(); ++i) {
    if (x.At(i) != 0) places.push_back(i);
  }
  const auto count = static_cast<int64_t>(places.size());
  const auto strides = Strides(x.shape());
  std::vector<int64_t> indices;
  for (int a = 0; a < x.rank(); ++a) {
    for (const int64_t place : places) indices.push_back(place / strides[a] % x.shape()[a]);
  }
  return Values{c.graph()->Constant(Tensor::From<int64_t>({x.rank(), count}, indices))};
}

// ---- Unique -----------------------------------------------------------------------------------------------------

// The parts of a tensor along an axis, and their order.
template <class T>
class Parts {
 public:
  Parts(const Tensor& x, int64_t axis) : numbers_(x.data<T>()), n_(x.shape()[axis]) {
    for (int a = 0; a < axis; ++a) outer_ *= x.shape()[a];
    for (int a = static_cast<int>(axis) + 1; a < x.rank(); ++a) inner_ *= x.shape()[a];
  }

  bool Less(int64_t a, int64_t b) const { return Compare(a, b) < 0; }
  bool Equal(int64_t a, int64_t b) const { return Compare(a, b) == 0; }

 private:
  // A NaN comes after all numbers and is equal to another one.
  static int CompareNumbers(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) {
      if (std::isnan(a) || std::isnan(b)) return static_cast<int>(std::isnan(a)) - static_cast<int>(std::isnan(b));
    }
    return a < b ? -1 : b < a ? 1 : 0;
  }

  int Compare(int64_t a, int64_t b) const {
    for (int64_t o = 0; o < outer_; ++o) {
      for (int64_t i = 0; i < inner_; ++i) {
        const int64_t line = o * n_ * inner_ + i;
        const int order = CompareNumbers(numbers_[line + a * inner_], numbers_[line + b * inner_]);
        if (order != 0) return order;
      }
    }
    return 0;
  }

  const absl::Span<const T> numbers_;
  const int64_t n_;
  int64_t outer_ = 1, inner_ = 1;
};

struct Uniques {
  std::vector<int64_t> first, inverse, counts;
};

template <class T>
Uniques FindUniques(const Tensor& x, int64_t axis, bool sorted) {
  const Parts<T> parts(x, axis);
  std::vector<int64_t> order(x.shape()[axis]);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return parts.Less(a, b); });
  Uniques found;
  found.inverse.resize(order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    if (i == 0 || !parts.Equal(order[i - 1], order[i])) {
      found.first.push_back(order[i]);
      found.counts.push_back(0);
    }
    found.inverse[order[i]] = static_cast<int64_t>(found.first.size()) - 1;
    ++found.counts.back();
  }
  if (sorted) return found;
  // In the order of their first place.
  std::vector<int64_t> by_place(found.first.size()), rank(found.first.size());
  std::iota(by_place.begin(), by_place.end(), 0);
  std::sort(by_place.begin(), by_place.end(), [&](int64_t a, int64_t b) { return found.first[a] < found.first[b]; });
  Uniques placed{{}, found.inverse, {}};
  for (size_t i = 0; i < by_place.size(); ++i) {
    rank[by_place[i]] = static_cast<int64_t>(i);
    placed.first.push_back(found.first[by_place[i]]);
    placed.counts.push_back(found.counts[by_place[i]]);
  }
  for (int64_t& k : placed.inverse) k = rank[k];
  return placed;
}

Results UniqueFrom(Call& c) {
  AD_ASSIGN_OR_RETURN(Tensor numbers, c.Known(0));
  Value x = c.raw(0);
  int64_t axis = 0;
  if (c.HasAttr("axis")) {
    AD_ASSIGN_OR_RETURN(axis, c.Axis("axis", 0, x.rank()));
  } else {
    numbers = numbers.Reshaped({numbers.num_elements()});
    x = Reshape(x, numbers.shape());
  }
  const bool sorted = c.Int("sorted", 1) != 0;
  if (IsHalf(numbers.dtype())) numbers = numbers.Cast(DType::kFloat32);
  const Uniques found = VisitDType(numbers.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (kIsHalf<T>) {
      return Uniques();
    } else {
      return FindUniques<T>(numbers, axis, sorted);
    }
  });
  const Value first = c.graph()->Constant(List(found.first));
  return Values{Gather(x, first, axis), first, c.graph()->Constant(List(found.inverse)),
                c.graph()->Constant(List(found.counts))};
}

// ---- NonMaxSuppression --------------------------------------------------------------------------------------------

struct Interval {
  double low, high;
  double size() const { return high - low; }
};
struct Box {
  Interval y, x;
  double area() const { return y.size() * x.size(); }
};

Box BoxOf(const Tensor& boxes, int64_t i, bool from_centre) {
  double n[4];
  for (int k = 0; k < 4; ++k) n[k] = boxes.At(4 * i + k);
  if (from_centre) return {{n[1] - n[3] / 2, n[1] + n[3] / 2}, {n[0] - n[2] / 2, n[0] + n[2] / 2}};
  return {{std::min(n[0], n[2]), std::max(n[0], n[2])}, {std::min(n[1], n[3]), std::max(n[1], n[3])}};
}

double Overlap(const Interval& a, const Interval& b) {
  return std::max(0.0, std::min(a.high, b.high) - std::max(a.low, b.low));
}

// Returns the intersection of two boxes over their union; 0 where one has no area.
double IntersectionOverUnion(const Box& a, const Box& b) {
  const double both = Overlap(a.y, b.y) * Overlap(a.x, b.x), any = a.area() + b.area() - both;
  return both <= 0 || a.area() <= 0 || b.area() <= 0 || any <= 0 ? 0 : both / any;
}

struct Limits {
  int64_t boxes = 0;  // for each class of each image
  double overlap = 0;
  std::optional<double> score = {};
};

absl::StatusOr<std::optional<double>> Scalar(Call& c, int i) {
  if (!c.has(i)) return std::optional<double>();
  AD_ASSIGN_OR_RETURN(const Tensor x, c.Known(i));
  if (x.num_elements() != 1) return c.Error("input ", i, " must be one number, but is ", x.type().ToString());
  return std::optional<double>(x.At(0));
}

absl::StatusOr<Limits> LimitsOf(Call& c) {
  AD_ASSIGN_OR_RETURN(const auto boxes, Scalar(c, 2));
  AD_ASSIGN_OR_RETURN(const auto overlap, Scalar(c, 3));
  AD_ASSIGN_OR_RETURN(const auto score, Scalar(c, 4));
  return Limits{static_cast<int64_t>(std::clamp(boxes.value_or(0), 0.0, 0x1p40)), overlap.value_or(0), score};
}

// Returns the boxes of a class, the best first, of which none covers much of a better one.
std::vector<int64_t> Select(const std::vector<Box>& boxes, const std::vector<double>& scores, const Limits& limits) {
  std::vector<int64_t> order;
  for (size_t i = 0; i < scores.size(); ++i) {
    if (!std::isnan(scores[i]) && (!limits.score.has_value() || scores[i] > *limits.score)) {
      order.push_back(static_cast<int64_t>(i));
    }
  }
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return scores[a] > scores[b]; });
  std::vector<int64_t> selected;
  for (const int64_t i : order) {
    if (static_cast<int64_t>(selected.size()) >= limits.boxes) break;
    const bool covered = std::any_of(selected.begin(), selected.end(), [&](int64_t better) {
      return IntersectionOverUnion(boxes[i], boxes[better]) > limits.overlap;
    });
    if (!covered) selected.push_back(i);
  }
  return selected;
}

Results NonMaxSuppressionFrom(Call& c) {
  AD_ASSIGN_OR_RETURN(const Tensor boxes, c.Known(0));
  AD_ASSIGN_OR_RETURN(const Tensor scores, c.Known(1));
  AD_ASSIGN_OR_RETURN(const Limits limits, LimitsOf(c));
  const bool from_centre = c.Int("center_point_box", 0) != 0;
  const Shape &b = boxes.shape(), &s = scores.shape();
  if (b.rank() != 3 || s.rank() != 3 || b[2] != 4 || b[0] != s[0] || b[1] != s[2]) {
    return c.Error("boxes, ", boxes.type().ToString(), ", and scores, ", scores.type().ToString(), ", do not match");
  }
  std::vector<int64_t> indices;
  for (int64_t image = 0; image < b[0]; ++image) {
    std::vector<Box> all;
    for (int64_t i = 0; i < b[1]; ++i) all.push_back(BoxOf(boxes, image * b[1] + i, from_centre));
    for (int64_t k = 0; k < s[1]; ++k) {
      std::vector<double> own;
      for (int64_t i = 0; i < b[1]; ++i) own.push_back(scores.At((image * s[1] + k) * b[1] + i));
      for (const int64_t i : Select(all, own, limits)) indices.insert(indices.end(), {image, k, i});
    }
  }
  const auto count = static_cast<int64_t>(indices.size()) / 3;
  return Values{c.graph()->Constant(Tensor::From<int64_t>({count, 3}, indices))};
}

constexpr absl::string_view kSize = "the size of its result depends on numbers, which must be known";

const OperatorRegistration kKnown({
    {.name = "NonZero",
     .since = 9,
     .from = NonZeroFrom,
     .halves = Halves::kMove,
     .gradient = "places are integers",
     .note = kSize},
    {.name = "Unique", .since = 11, .from = UniqueFrom, .halves = Halves::kMove, .note = kSize},
    {.name = "NonMaxSuppression",
     .since = 10,
     .from = NonMaxSuppressionFrom,
     .halves = Halves::kMove,
     .gradient = "places are integers",
     .note = kSize},
});

}  // namespace
}  // namespace adret::onnx
