// What an axis shows, where it puts its ticks, and how it writes them.
#ifndef ADRET_PLOT_AXIS_H_
#define ADRET_PLOT_AXIS_H_

#include <limits>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace adret::plot {

enum class Scale { kLinear, kLog };

// From numbers in [lo, hi] to [0, 1].
struct AxisRange {
  Scale scale = Scale::kLinear;
  double lo = 0;
  double hi = 1;

  double operator()(double value) const;
};

// The finite ones among numbers, from the least to the largest.
struct Extent {
  double lo = std::numeric_limits<double>::infinity();
  double hi = -std::numeric_limits<double>::infinity();

  void Add(double value);
  bool empty() const { return lo > hi; }
};

// Returns whether a number has a place on an axis. Infinite ones have not, nor have those that are not positive where
// it is logarithmic.
bool HasPlace(double value, Scale scale);

struct Tick {
  double value;
  std::string label;
};

// Returns round numbers (1, 2 or 5 times a power of ten; Heckbert, "Nice numbers for graph labels", 1990) inside the
// range, about `count` of them. On a log axis: powers of ten, with 2 and 5 times them when there are few. least_step
// keeps them apart on a linear axis: 1 where the numbers are counts.
std::vector<Tick> Ticks(const AxisRange& range, int count, double least_step = 0);

// Returns the range of numbers in [lo, hi] with ends that look tidy: on the next tick where that is near.
AxisRange TidyRange(Scale scale, double lo, double hi);

// Returns a number's text with the signs that typography has for a hyphen's: "-1.5e-05" is "\u22121.5e\u221205".
std::string WithMinusSigns(absl::string_view number);

}  // namespace adret::plot

#endif  // ADRET_PLOT_AXIS_H_
