// Quantised numbers: integers q that stand for (q - zero point) * scale.
//
// Networks with such numbers are differentiable, as if their integers were not rounded: what a rounded value is
// converted to an integer of is remembered in the graph, and whoever takes the integer as a number again takes that
// value instead, which is the same number. So gradients pass, wherever nothing was cut off.
#ifndef ADRET_IO_ONNX_QUANTIZED_H_
#define ADRET_IO_ONNX_QUANTIZED_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "adret/core/graph.h"
#include "adret/io/onnx/call.h"

namespace adret::onnx {

// Returns the integer that is nearest to x / scale, ties to even, plus the zero point, cut off at the limits of dtype:
// an integer dtype of 8 or 16 bits. ratio is x / scale, f32 or f64; zero_point is of the same dtype and broadcasts to
// it. The gradient passes to the ratio where nothing is cut off.
Value Quantize(const Value& ratio, const Value& zero_point, DType dtype);

// Returns a quantised value as floating-point numbers of this dtype: what it was before Quantize() converted it to
// integers, or the integers converted.
Value NumbersOf(const Value& quantized, DType dtype);

// Returns input i, a scale or a zero point: as a constant where the file holds it, so that it is no weight and what
// depends on it can be computed once.
absl::StatusOr<Value> ScaleOf(Call& c, int i);

// Returns a scale or a zero point as it is spread over x: as it is if it is one number; along an axis if it has rank 1;
// each number block_size times along an axis otherwise.
absl::StatusOr<Value> SpreadOver(Call& c, const Value& scale, const Shape& x, int64_t axis, int64_t block_size);

// Returns x rounded to the nearest integer, ties to even, for |x| < 2^22 in f32, 2^51 in f64. The gradient passes as
// if nothing was rounded.
Value RoundStraightThrough(const Value& x);

}  // namespace adret::onnx

#endif  // ADRET_IO_ONNX_QUANTIZED_H_
