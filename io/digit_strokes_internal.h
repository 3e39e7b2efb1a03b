// How people draw digits: the pen's way for each, in several styles. Data for drawn_digits.h.
#ifndef ADRET_IO_DIGIT_STROKES_INTERNAL_H_
#define ADRET_IO_DIGIT_STROKES_INTERNAL_H_

#include "absl/types/span.h"

namespace adret::io {

// A point of the pen's way in a box of width and height 1; y grows downwards. A smooth curve passes through the points;
// a point that is written twice is a corner; kPenUp lifts the pen.
struct PenPoint {
  float x;
  float y;
  friend bool operator==(const PenPoint& a, const PenPoint& b) { return a.x == b.x && a.y == b.y; }
};

inline constexpr PenPoint kPenUp{-9, -9};

using PenWay = absl::Span<const PenPoint>;

// The styles of a digit 0 to 9, at least three.
absl::Span<const PenWay> StylesOf(int digit);

}  // namespace adret::io

#endif  // ADRET_IO_DIGIT_STROKES_INTERNAL_H_
