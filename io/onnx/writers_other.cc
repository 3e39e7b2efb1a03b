// How ops of random numbers, checks and sparse gradients are written as ONNX.
#include "adret/io/onnx/emitter.h"

namespace adret::onnx {
namespace {

using Result = absl::StatusOr<Names>;

constexpr absl::string_view kOtherNumbers = "ONNX's random operators draw other numbers, in an order of their own";

// ONNX has no check: indices out of bounds are what the operators that read them make of them.
Result CheckBoundsTo(Emitter&, const Site& s) { return s.inputs; }

// Compares all pairs: the largest j with x[.., j] = x[.., k] is the last place of a 1 in row k.
Result LastOccurrenceTo(Emitter& e, const Site& s) {
  const int64_t rank = s.shape().rank();
  const std::string column = e.Node("Unsqueeze", {s.x(), e.Integers({rank})});
  const std::string row = e.Node("Unsqueeze", {s.x(), e.Integers({rank - 1})});
  const std::string equal = e.Cast(e.Node("Equal", {column, row}), DType::kInt32);
  return Names{
      e.Node("ArgMax", {equal}, {{"axis", rank}, {"keepdims", int64_t{0}}, {"select_last_index", int64_t{1}}})};
}

const WriterRegistration kOther({
    {.op = "random_uniform", .unsupported = kOtherNumbers},
    {.op = "random_normal", .unsupported = kOtherNumbers},
    {.op = "random_bernoulli", .unsupported = kOtherNumbers},
    {.op = "bernoulli_of", .unsupported = "ONNX has no random numbers that follow a key"},
    {.op = "check_bounds", .to = CheckBoundsTo},
    {.op = "last_occurrence", .to = LastOccurrenceTo},
});

}  // namespace
}  // namespace adret::onnx
