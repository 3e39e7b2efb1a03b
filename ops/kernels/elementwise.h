// The loops of element-wise ops, found by name and element type.
//
//   kernels::SpanFn add = kernels::FindElementwise("add", DType::kFloat32);
//   const void* in[] = {a, b};
//   add(in, y, n, params);   // y[i] = a[i] + b[i]
//
// A loop is single-threaded and takes spans of any length and alignment; out may equal an input of the same element
// size. Loops over f32 and f64 are compiled for several instruction sets, of which the machine's best is taken.
// `params` points to three doubles: what they mean is said where the loop is defined.
#ifndef ADRET_OPS_KERNELS_ELEMENTWISE_H_
#define ADRET_OPS_KERNELS_ELEMENTWISE_H_

#include <array>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "adret/core/dtype.h"

namespace adret::kernels {

using SpanFn = void (*)(const void* const* in, void* out, int64_t n, const double* params);

// The loop of this name for inputs of this dtype; there must be one.
SpanFn FindElementwise(absl::string_view name, DType dtype);

// The loop that converts elements.
SpanFn FindCast(DType from, DType to);

// One line of a file's table of loops. Tables are small, and looked up only when a plan is made.
struct SpanRow {
  const char* name;
  DType dtype;
  SpanFn fn;
};

// The tables of the files elementwise_*.cc.
absl::Span<const SpanRow> ArithmeticLoops();
absl::Span<const SpanRow> MathLoops();
absl::Span<const SpanRow> ActivationLoops();
absl::Span<const SpanRow> IntegerLoops();
absl::Span<const SpanRow> BitLoops();
absl::Span<const SpanRow> InverseLoops();

// All of them.
std::array<absl::Span<const SpanRow>, 6> AllLoops();

}  // namespace adret::kernels

#endif  // ADRET_OPS_KERNELS_ELEMENTWISE_H_
