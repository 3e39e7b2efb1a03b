// What the registrations of element-wise ops have in common.
//
//   const OpRegistration kSquare(Elementwise({.name = "square", .doc = "y = x * x.", .inputs = {"x"},
//                                          .type = ArithmeticType,
//       .gradient = [](const GradientContext& c) { return Values{c.dy() * (2.0 * c.x())}; }}));
//
// The loop is found by the op's name in ops/kernels/elementwise.h.
#ifndef ADRET_OPS_ELEMENTWISE_H_
#define ADRET_OPS_ELEMENTWISE_H_

#include <array>

#include "absl/status/statusor.h"
#include "adret/core/op.h"

namespace adret {

// Gives SameType, as a type rule, for the dtypes that have arithmetic.
absl::StatusOr<Types> ArithmeticType(const TypeContext& c);

// Returns the loop registered under the op's name for the dtype of the last input, with parameters for it.
SpanKernel ElementwiseSpan(const KernelSpec& spec, std::array<double, 3> params = {});

// Completes an op with the loop that bears its name, for ops whose loop takes no parameters.
Op Elementwise(Op op);

// Declares the op to be made zero by inputs: by any one of `linear_in`, in which it is linear, or by all of `zero_with`
// together.
Op DeclareLinear(Op op, uint32_t linear_in, uint32_t zero_with = 0);

// Returns whether a constant (null when unknown) is `value` everywhere: for Op::same_as_input.
bool IsAll(const Tensor* constant, double value);

}  // namespace adret

#endif  // ADRET_OPS_ELEMENTWISE_H_
