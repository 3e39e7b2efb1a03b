#include "adret/plot/contour.h"

#include <array>
#include <cmath>
#include <cstdint>

#include "absl/strings/str_cat.h"

namespace adret::plot {
namespace {

// One level's lines. A crossing is known by the grid's edge that it is on: 2 i for the edge from element i to the
// right, 2 i + 1 for the one downwards.
class Tracer {
 public:
  Tracer(const Tensor& heights, double level)
      : heights_(heights),
        rows_(heights.shape()[0]),
        columns_(heights.shape()[1]),
        level_(level),
        next_(2 * rows_ * columns_, kNone),
        has_previous_(2 * rows_ * columns_, false) {}

  void Trace(std::vector<Contour>* lines) {
    for (int64_t y = 0; y + 1 < rows_; ++y) {
      for (int64_t x = 0; x + 1 < columns_; ++x) CrossSquare(y * columns_ + x);
    }
    // Lines with a beginning first: what is left are closed ones.
    const auto edges = static_cast<int64_t>(next_.size());
    for (int64_t e = 0; e < edges; ++e) {
      if (next_[e] != kNone && !has_previous_[e]) Follow(e, lines);
    }
    for (int64_t e = 0; e < edges; ++e) {
      if (next_[e] != kNone) Follow(e, lines);
    }
  }

 private:
  static constexpr int64_t kNone = -1;

  // The line's parts in the square with element i at its upper left. Clockwise along its border, the line comes in
  // where it gets high and goes out where it gets low again; so high numbers are on its left, and a neighbour, which
  // walks the same edge the other way round, goes out where this one comes in: parts join head to tail.
  void CrossSquare(int64_t i) {
    const std::array<int64_t, 4> corners = {i, i + 1, i + columns_ + 1, i + columns_};
    const std::array<int64_t, 4> edges = {2 * i, 2 * (i + 1) + 1, 2 * (i + columns_), 2 * i + 1};
    std::array<bool, 4> high;
    double mean = 0;
    int changes = 0;
    for (int k = 0; k < 4; ++k) {
      const double height = heights_.At(corners[k]);
      if (!std::isfinite(height)) return;
      high[k] = height >= level_;
      mean += height / 4;
    }
    for (int k = 0; k < 4; ++k) changes += high[k] != high[(k + 1) % 4];
    // Edge k leads from corner k to the next one. Going on clockwise from where it comes in, a line cuts off the high
    // corner; going back, the low one before it. That makes a difference at saddles only.
    const int turn = changes == 4 && mean >= level_ ? 3 : 1;
    for (int k = 0; k < 4; ++k) {
      if (high[k] || !high[(k + 1) % 4]) continue;
      int out = (k + turn) % 4;
      while (!high[out] || high[(out + 1) % 4]) out = (out + turn) % 4;
      next_[edges[k]] = edges[out];
      has_previous_[edges[out]] = true;
    }
  }

  // Takes the line that begins at an edge out of next_.
  void Follow(int64_t begin, std::vector<Contour>* lines) {
    Contour line{.level = level_};
    int64_t e = begin;
    do {
      Add(Crossing(e), &line.points);
      const int64_t next = next_[e];
      next_[e] = kNone;
      e = next;
    } while (e != kNone && e != begin);
    line.closed = e == begin;
    if (line.closed) Add(line.points.front(), &line.points);
    if (line.points.size() > 1) lines->push_back(std::move(line));
  }

  // Crossings of several edges coincide where an element has the very value.
  static void Add(Point p, std::vector<Point>* points) {
    if (points->empty() || p.x != points->back().x || p.y != points->back().y) points->push_back(p);
  }

  Point Crossing(int64_t edge) const {
    const int64_t i = edge / 2;
    const bool down = edge % 2 == 1;
    // Halves: the difference of two doubles may be beyond the largest one. Those of the two smallest are equal.
    const double from = heights_.At(i) / 2, to = heights_.At(down ? i + columns_ : i + 1) / 2;
    const double t = to == from ? 0.5 : (level_ / 2 - from) / (to - from);
    const auto x = static_cast<double>(i % columns_), y = static_cast<double>(i / columns_);
    return down ? Point{x, y + t} : Point{x + t, y};
  }

  const Tensor& heights_;
  const int64_t rows_, columns_;
  const double level_;
  std::vector<int64_t> next_;
  std::vector<bool> has_previous_;
};

}  // namespace

absl::StatusOr<std::vector<Contour>> Contours(const Tensor& heights, absl::Span<const double> levels) {
  if (heights.rank() != 2 || !IsFloating(heights.dtype())) {
    return absl::InvalidArgumentError(
        absl::StrCat("contours are lines in a matrix of f32 or f64, not ", heights.type().ToString()));
  }
  std::vector<Contour> lines;
  for (const double level : levels) {
    if (!std::isfinite(level)) return absl::InvalidArgumentError(absl::StrCat("there is no contour at ", level));
    Tracer(heights, level).Trace(&lines);
  }
  return lines;
}

}  // namespace adret::plot
