#include <algorithm>
#include <utility>

#include "adret/autograd/if.h"
#include "adret/autograd/recompute.h"
#include "adret/autograd/scan.h"
#include "adret/autograd/vmap.h"
#include "adret/autograd/while.h"
#include "adret/ops/binary.h"
#include "adret/ops/compare.h"
#include "adret/ops/concat.h"
#include "adret/ops/unary.h"
#include "adret/tests/fuzz/graphs/two_ways_internal.h"

namespace adret::fuzz {
namespace {

class Repetitions : public TwoWays {
 public:
  using TwoWays::TwoWays;

  bool Vmapped() {
    const int64_t examples = dice_.PickOf<int64_t>({1, 2, 2, 3, 4}), dim = DimFor("examples", examples);
    const Function f(base_, dice_.Chance(0.3) && Function(base_, false).HasGradient());
    std::vector<Leaf> leaves;
    VmapOptions options;
    for (const Value& input : inputs_) {
      Dice own = DiceOf(input);
      if (!leaves.empty() && own.Chance(0.3)) {
        leaves.push_back(AddWhole(input));
        options.in_axes.push_back(kShared);
        continue;
      }
      const int rank = input.rank() + 1, axis = own.Chance(0.5) ? 0 : own.Below(rank);
      leaves.push_back(AddParts(input, examples, dim, axis));
      options.in_axes.push_back(own.Chance(0.2) ? axis - rank : axis);
    }
    const Values first = Vmap(
        [&](Args args) {
          return f(graph(), {args.begin(), args.end()});
        },
        Wholes(leaves), options);
    if (!ok()) return true;
    std::vector<Values> each(first.size());
    for (int64_t k = 0; k < examples; ++k) {
      const Values results = f(graph(), Part(leaves, k));
      for (size_t i = 0; i < each.size(); ++i) each[i].push_back(results[i]);
    }
    Values second;
    for (const Values& values : each) second.push_back(Stack(values, 0));
    if (!ok()) return true;
    EqualWithGradients(first, second, leaves);
    return true;
  }

  bool Scanned() {
    const int64_t steps = dice_.PickOf<int64_t>({0, 1, 2, 2, 3, 4}), dim = DimFor("steps", steps);
    const bool reverse = dice_.Chance(0.3);
    const Function f(base_, dice_.Chance(0.2) && Function(base_, false).HasGradient());
    std::vector<Leaf> leaves;
    std::vector<Role> roles;
    ScanInputs inputs;
    inputs.reverse = reverse;
    for (const Value& input : inputs_) {
      Dice own = DiceOf(input);
      const Role role = own.Chance(0.4) || inputs.each.empty() ? Role::kEach
                        : own.Chance(0.6)                      ? Role::kCarry
                                                               : Role::kCaptured;
      roles.push_back(role);
      leaves.push_back(role == Role::kEach ? AddParts(input, steps, dim, 0) : AddWhole(input));
      if (role == Role::kEach) inputs.each.push_back(leaves.back().whole);
      if (role == Role::kCarry) inputs.carry.push_back(leaves.back().whole);
    }
    const ScanResult scan = Scan(inputs, [&](const Values& carry, const Values& each) {
      auto next_carry = carry.begin(), next_each = each.begin();
      Values args;
      for (size_t i = 0; i < leaves.size(); ++i) {
        args.push_back(roles[i] == Role::kEach    ? *next_each++
                       : roles[i] == Role::kCarry ? *next_carry++
                                                  : each[0].graph()->Capture(leaves[i].whole));
      }
      return Step(f, args, roles);
    });
    if (!ok()) return true;
    Values now = Wholes(leaves);
    std::vector<Values> out(scan.out.size(), Values(steps));
    for (int64_t s = 0; s < steps; ++s) {
      const int64_t t = reverse ? steps - 1 - s : s;
      for (size_t i = 0; i < leaves.size(); ++i) now[i] = roles[i] == Role::kEach ? leaves[i].parts[t] : now[i];
      const ScanStep step = Step(f, now, roles);
      for (size_t k = 0; k < out.size(); ++k) out[k][t] = step.out[k];
      auto next = step.carry.begin();
      for (size_t i = 0; i < leaves.size(); ++i) now[i] = roles[i] == Role::kCarry ? *next++ : now[i];
    }
    Values first = scan.carry, second;
    for (size_t i = 0; i < leaves.size(); ++i) {
      if (roles[i] == Role::kCarry) second.push_back(now[i]);
    }
    for (size_t k = 0; k < out.size() && steps > 0; ++k)
      first.push_back(scan.out[k]), second.push_back(Stack(out[k], 0));
    if (!ok()) return true;
    EqualWithGradients(first, second, leaves);
    return true;
  }

  // If() of the function and of what it is twice, for a condition that says the first.
  bool Branched() {
    const Function f(base_, dice_.Chance(0.3) && Function(base_, false).HasGradient());
    const std::vector<Leaf> leaves = AddWholes();
    const Value condition = AddInput("condition", {DType::kBool, {}}, Tensor::Scalar(DType::kBool, dice_.Below(2)));
    const bool first_is_then = both_.runs[0].back().second.At(0) != 0;
    const auto call = [&](bool wanted) {
      Graph* const body = graph()->innermost();
      Values args;
      for (const Leaf& leaf : leaves) args.push_back(body->Capture(leaf.whole));
      Values results = f(body, args);
      for (Value& v : results) v = wanted || !v.valid() || !IsFloating(v.dtype()) ? v : v * 2.0 + 1.0;
      return results;
    };
    const Values first = If(
        condition, [&] { return call(first_is_then); }, [&] { return call(!first_is_then); });
    if (!ok()) return true;
    const Values second = f(graph(), Wholes(leaves));
    if (!ok()) return true;
    EqualWithGradients(first, second, leaves);
    return true;
  }

  // While() of a number of steps is these steps one after the other.
  bool Repeated() {
    const int64_t steps = dice_.PickOf<int64_t>({0, 1, 2, 3});
    const Function f(base_, dice_.Chance(0.2) && Function(base_, false).HasGradient());
    std::vector<Leaf> leaves;
    std::vector<Role> roles;
    WhileInputs inputs{.carry = {graph()->Constant(Tensor::Scalar(DType::kInt64, 0))},
                       .max_iterations = steps + dice_.Below(3)};
    for (const Value& input : inputs_) {
      leaves.push_back(AddWhole(input));
      roles.push_back(DiceOf(input).Chance(0.6) || roles.empty() ? Role::kCarry : Role::kCaptured);
      if (roles.back() == Role::kCarry) inputs.carry.push_back(leaves.back().whole);
    }
    WhileResult loop = While(
        inputs, [&](const Values& own) { return Less(own[0], steps); },
        [&](const Values& own) {
          auto next = own.begin() + 1;
          Values args;
          for (size_t i = 0; i < leaves.size(); ++i) {
            args.push_back(roles[i] == Role::kCarry ? *next++ : own[0].graph()->Capture(leaves[i].whole));
          }
          Values carry = Step(f, args, roles).carry;
          carry.insert(carry.begin(), own[0] + 1);
          return carry;
        });
    if (!ok()) return true;
    Values now = Wholes(leaves), first(loop.carry.begin() + 1, loop.carry.end()), second;
    for (int64_t t = 0; t < steps; ++t) {
      const Values carry = Step(f, now, roles).carry;
      auto next = carry.begin();
      for (size_t i = 0; i < leaves.size(); ++i) now[i] = roles[i] == Role::kCarry ? *next++ : now[i];
    }
    for (size_t i = 0; i < leaves.size(); ++i) {
      if (roles[i] == Role::kCarry) second.push_back(now[i]);
    }
    if (!ok()) return true;
    EqualWithGradients(first, second, leaves);
    return true;
  }

  bool Recomputed() {
    const Function f(base_, dice_.Chance(0.3) && Function(base_, false).HasGradient());
    const std::vector<Leaf> leaves = AddWholes();
    const Values first = Recompute([&](Args args) { return f(graph(), {args.begin(), args.end()}); }, Wholes(leaves));
    const Values second = f(graph(), Wholes(leaves));
    if (!ok()) return true;
    EqualWithGradients(first, second, leaves);
    return true;
  }

 private:
  enum class Role { kCarry, kEach, kCaptured };

  // One step: the function's results, of which the first of a carry's type is its next value, or is mixed with it.
  ScanStep Step(const Function& f, const Values& args, const std::vector<Role>& roles) const {
    Graph* const graph = args[0].graph();
    Values results = f(graph, args);
    ScanStep step;
    for (size_t i = 0; i < args.size(); ++i) {
      if (roles[i] != Role::kCarry) continue;
      const auto next = std::find_if(results.begin(), results.end(),
                                     [&](const Value& v) { return v.valid() && v.type() == args[i].type(); });
      if (next == results.end()) {
        step.carry.push_back(args[i]);
        continue;
      }
      const bool mixed = IsFloating(args[i].dtype()) && DiceOf(inputs_[i]).Chance(0.7);
      step.carry.push_back(mixed ? Tanh(0.5 * args[i] + *next) : *next);
      results.erase(next);
    }
    step.out = results;
    return step;
  }
};

}  // namespace

std::vector<Law> LawsOfTransformations() {
  return {LawOf("vmap", &Repetitions::Vmapped), LawOf("scan", &Repetitions::Scanned),
          LawOf("branch", &Repetitions::Branched), LawOf("while", &Repetitions::Repeated),
          LawOf("recompute", &Repetitions::Recomputed)};
}

}  // namespace adret::fuzz
