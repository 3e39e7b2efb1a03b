#include <algorithm>
#include <utility>

#include "adret/autograd/gradients.h"
#include "adret/autograd/hessian_vector_product.h"
#include "adret/autograd/jacobian.h"
#include "adret/autograd/jvp.h"
#include "adret/autograd/transformation_internal.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/reduce.h"
#include "adret/ops/where.h"
#include "adret/tests/fuzz/graphs/has_gradient.h"
#include "adret/tests/fuzz/graphs/two_ways_internal.h"

namespace adret::fuzz {
namespace {

// <a, b> of two lists of values of equal types.
Value Dot(const Values& a, const Values& b) {
  Value sum;
  for (size_t i = 0; i < a.size(); ++i) {
    const Value term = Cast(Sum(a[i] * b[i]), DType::kFloat64);
    sum = i == 0 ? term : sum + term;
  }
  return sum;
}

class Derivatives : public TwoWays {
 public:
  using TwoWays::TwoWays;

  bool Transposed() {
    if (!AddFunction(dice_.Chance(0.3))) return false;
    if (!ok()) return true;
    const Values u = AddLike(ys_), v = AddLike(xs_);
    const Values transposed = Gradients(ys_, xs_, {.seeds = u});
    if (!ok() || !HasGradient(transposed, u)) return !ok();
    both_.equal.push_back({Dot(u, Jvp(ys_, xs_, v)), Dot(transposed, v), {}});
    return true;
  }

  bool Difference() {
    const bool gradients = dice_.Chance(0.5);
    for (const Value& input : inputs_) {
      if (input.dtype() == DType::kFloat32) return false;
    }
    if (!AddFunction(gradients)) return false;
    if (!ok()) return true;
    AvoidKinks();
    // Whoever stops a gradient says that it is not the derivative.
    const std::vector<bool> needed = NeededNodes(base_);
    for (NodeId id = 0; id < base_.graph->num_nodes(); ++id) {
      if (needed[id] && base_.graph->node(id).op->name == "stop_gradient") return false;
    }
    constexpr double kStep = 1e-5;
    const Function f(base_, gradients);
    const Values u = AddLike(ys_), v = AddLike(xs_);
    const Values transposed = Gradients(ys_, xs_, {.seeds = u});
    // Both sides differ where there is a kink or a step, which different lengths see also where it is symmetric.
    const Value here = Along(f, u, v, 0), after = Along(f, u, v, kStep), before = Along(f, u, v, -kStep / 2);
    if (!ok()) return true;
    const Value right = (after - here) / kStep, left = (here - before) / (kStep / 2);
    both_.equal.push_back({Dot(transposed, v), (right + 2.0 * left) / 3.0, right - left});
    return true;
  }

  bool SecondOrder() {
    if (!AddFunction(false)) return false;
    if (!ok()) return true;
    Value loss = Cast(Sum(ys_[0]), DType::kFloat64);
    for (size_t i = 1; i < ys_.size(); ++i) loss = loss + Cast(Sum(ys_[i]), DType::kFloat64);
    const Values v = AddLike(xs_), first = Gradients(loss, xs_);
    if (!ok() || !HasGradient(first, xs_)) return !ok();
    const Values second = HessianVectorProduct(loss, xs_, v), expected = Gradients(Dot(first, v), xs_);
    if (!ok()) return true;
    Equal(second, expected);
    return true;
  }

  bool AllDerivatives() {
    constexpr int64_t kMost = 40;
    if (!AddFunction(dice_.Chance(0.3))) return false;
    if (!ok()) return true;
    const Value y = dice_.Pick(ys_), x = dice_.Pick(xs_);
    if (y.shape().is_symbolic() || x.shape().is_symbolic() || y.dtype() != x.dtype() || !Reaches(x, {&y, 1}))
      return false;
    if (y.shape().num_elements() > kMost || x.shape().num_elements() > kMost) return false;
    const Value u = AddLike(y), v = AddLike(x);
    if (!HasGradient(Gradients(y, {x}, {.seeds = {u}}), {u})) return false;
    const Value all = Jacobian(y, x);
    if (!ok()) return true;
    std::vector<int64_t> axes;
    for (int d = 0; d < x.rank(); ++d) axes.push_back(y.rank() + d);
    const Value product = axes.empty() ? all * v : Sum(all * BroadcastTo(v, all.shape()), {.axes = axes});
    Equal({product}, Jvp({y}, {x}, {v}));
    return true;
  }

 private:
  // The function once, for the laws of one function at one place.
  bool AddFunction(bool gradients) {
    if (!Function(base_, false).HasGradient()) return false;
    for (const Value& input : inputs_) args_.push_back(AddWhole(input).whole);
    ys_ = Floating(Function(base_, gradients)(graph(), args_));
    if (!ok()) return true;
    for (const Value& x : Floating(args_)) {
      if (Reaches(x, ys_)) xs_.push_back(x);
    }
    return !ys_.empty() && !xs_.empty() && HasGradient(ys_, xs_);
  }

  // Moves the numbers of inputs away from those where ops have kinks: 0, ties, the ends of a range.
  void AvoidKinks() {
    for (auto& [input, tensor] : both_.runs[0]) {
      if (!IsFloating(tensor.dtype())) continue;
      tensor = tensor.Clone();
      for (double& x : tensor.mutable_data<double>()) x += dice_.Uniform(0.001, 0.02);
    }
  }

  // The function at x + h v, for h that only the f64 of the inputs knows.
  Value Along(const Function& f, const Values& u, const Values& v, double h) {
    Values args;
    for (const Value& x : args_) {
      const auto moved = std::find(xs_.begin(), xs_.end(), x);
      args.push_back(moved == xs_.end() ? x : x + h * v[moved - xs_.begin()]);
    }
    return Dot(u, Floating(f(graph(), args)));
  }

  Values args_, xs_, ys_;  // of AddFunction()
};

}  // namespace

std::vector<Law> LawsOfDerivatives() {
  return {LawOf("transpose", &Derivatives::Transposed), LawOf("difference", &Derivatives::Difference),
          LawOf("hessian", &Derivatives::SecondOrder), LawOf("jacobian", &Derivatives::AllDerivatives)};
}

}  // namespace adret::fuzz
