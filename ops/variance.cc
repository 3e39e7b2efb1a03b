#include "adret/ops/variance.h"

#include "absl/strings/str_cat.h"
#include "adret/ops/binary.h"
#include "adret/ops/reduce.h"
#include "adret/ops/unary.h"

namespace adret {
namespace {

bool Check(absl::string_view name, const Operand& x, const VarianceAttrs& attrs) {
  if (!x->valid()) return false;
  std::string problem;
  if (!IsFloating(x->dtype())) problem = "x must be f32 or f64";
  if (attrs.correction < 0) problem = absl::StrCat("correction must be at least 0, but is ", attrs.correction);
  if (problem.empty()) return true;
  x.graph()->Fail(absl::InvalidArgumentError(absl::StrCat(name, ": ", problem, " (x ", x->type().ToString(), ")")),
                  x.location());
  return false;
}

// x less its mean. The mean of what is left is taken away, too: it is what rounding took from the first one.
Value Centred(Value x, const std::vector<int64_t>& axes) {
  for (int pass = 0; pass < 2; ++pass) x = x - Mean(x, {.axes = axes, .keepdims = true});
  return x;
}

Value Divisor(const Value& x, const VarianceAttrs& attrs) {
  return Maximum(Size(x, attrs.axes) - static_cast<double>(attrs.correction), 0.0);
}

}  // namespace

Value Var(Operand x, const VarianceAttrs& attrs) {
  LocationScope scope(x.graph(), x.location());
  if (!Check("var", x, attrs)) return Value();
  return Sum(Square(Centred(x, attrs.axes)), {.axes = attrs.axes, .keepdims = attrs.keepdims}) / Divisor(x, attrs);
}

Value Std(Operand x, const VarianceAttrs& attrs) {
  LocationScope scope(x.graph(), x.location());
  if (!Check("std", x, attrs)) return Value();
  return Norm(Centred(x, attrs.axes), {.axes = attrs.axes, .keepdims = attrs.keepdims}) / Sqrt(Divisor(x, attrs));
}

}  // namespace adret
