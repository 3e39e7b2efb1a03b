#include "adret/nn/optimizers.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "adret/autograd/gradients.h"
#include "adret/core/names.h"
#include "adret/nn/initializers.h"
#include "adret/nn/options_internal.h"
#include "adret/ops/binary.h"
#include "adret/ops/concat.h"
#include "adret/ops/gather.h"
#include "adret/ops/reduce.h"
#include "adret/ops/reshape.h"
#include "adret/ops/sparse_gradient.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"

namespace adret::nn {
namespace {

// The variable of that name in the current scope, made unless it is there.
Value FindOrCreate(Graph* graph, absl::string_view name, const Type& type, double initial) {
  const std::string full = absl::StrCat(graph->scope(), name);
  if (graph->Contains(full)) {
    const absl::StatusOr<Value> found = graph->Find(full);
    if (found.ok() && graph->node(found->node()).attrs.Is<VariableAttrs>() && found->type() == type) return *found;
  }
  return graph->Variable(name, type.dtype, type.shape, Constant(initial), /*trainable=*/false);
}

// The scope for an optimiser's variables: see CommonOptions::name.
std::string ChooseScope(const Graph& graph, const std::string& given, const std::string& kind) {
  if (!given.empty()) return given;
  std::string name = kind;
  for (int i = 2; graph.Contains(absl::StrCat(graph.scope(), name, "/step")); ++i) name = absl::StrCat(kind, i);
  return name;
}

// Scales the gradients so that their common norm is at most max_norm: by min(1, max_norm / (norm + 1e-6)). All norms
// are of gradients times 2^-32: even those of billions of the largest numbers are finite then. The scale, which may be
// too small for the gradient's dtype, is applied as the square of its root.
void ClipByGlobalNorm(double max_norm, Values* gradients) {
  constexpr double kUnit = 1.0 / (int64_t{1} << 32);
  Values norms;
  for (const Value& g : *gradients) {
    if (g.valid()) norms.push_back(Reshape(Cast(Norm(g * kUnit), DType::kFloat64), {1}));
  }
  if (norms.empty()) return;
  const Value norm = Norm(Concat(norms, 0));
  const Value root = Sqrt(Minimum(Reciprocal(norm + 1e-6 * kUnit) * (max_norm * kUnit), 1.0));
  for (Value& g : *gradients) {
    if (!g.valid()) continue;
    const Value factor = Cast(root, g.dtype());
    g = g * factor * factor;
  }
}

double Largest(DType dtype) {
  return dtype == DType::kFloat64 ? std::numeric_limits<double>::max() : std::numeric_limits<float>::max();
}

// g, limited to what can be squared (2^63 in f32, 2^511 in f64). Rules that divide a gradient by its own size make the
// same step for all larger ones; an infinite square would stop them for ever.
Value Squarable(const Value& g) {
  const double limit = std::ldexp(1.0, g.dtype() == DType::kFloat64 ? 511 : 63);
  return Clip(g, {.min = -limit, .max = limit});
}

// g + weight_decay * w
Value Decayed(const RuleContext& c, double weight_decay) {
  return weight_decay == 0 ? c.gradient() : c.gradient() + c.variable() * weight_decay;
}

// The exponential moving average of x, one step on from s.
Value MovingAverage(Value s, double rate, Value x) { return s * rate + x * (1 - rate); }

// What Adam and AdamW share. Scalars 0 and 1: rate / (1 - beta1^t) and 1 / sqrt(1 - beta2^t).
Values AdamScalars(double beta1, double beta2, Value rate, Value t) {
  const auto power = [&](double beta) { return Pow(t.graph()->Constant(Tensor::Scalar(DType::kFloat64, beta)), t); };
  return {rate / (1.0 - power(beta1)), Rsqrt(1.0 - power(beta2))};
}

// The next averages of the gradient and of its square, which are stored.
struct Moments {
  Value m, v;
};
Moments NextMoments(RuleContext& c, double beta1, double beta2, Value gradient) {
  const Value g = Squarable(gradient);
  const Value m = c.Slot("m"), v = c.Slot("v");
  const Moments next{MovingAverage(m, beta1, g), MovingAverage(v, beta2, g * g)};
  c.Set(m, next.m);
  c.Set(v, next.v);
  return next;
}

Value AdamStep(RuleContext& c, const AdamWOptions& o, Value w, Value gradient) {
  const Moments next = NextMoments(c, o.beta1, o.beta2, gradient);
  return w - c.Scalar(0) * next.m / (Sqrt(next.v) * c.Scalar(1) + o.epsilon);
}

// What Minimize() returns after an error.
Updates FailedUpdates(Graph* graph) { return {{Value(graph, {-1, 0}), Value(graph, {-1, 0})}}; }

absl::Status RefusesRows(absl::string_view rule, absl::string_view variable) {
  return absl::InvalidArgumentError(
      absl::StrCat(rule, ": the gradient of variable ", Quoted(variable),
                   " is sparse, but these options move what has no gradient, too; SparseAdam, and Sgd and Adagrad "
                   "without momentum and weight_decay, take sparse gradients"));
}

absl::Status CheckAdam(absl::string_view name, const AdamWOptions& o) {
  return OptionCheck(std::string(name))
      .Below1("beta1", o.beta1)
      .Below1("beta2", o.beta2)
      .AtLeast0("epsilon", o.epsilon)
      .AtLeast0("weight_decay", o.weight_decay)
      .status();
}

}  // namespace

Value RuleContext::Slot(absl::string_view slot, double initial) {
  const Value whole =
      FindOrCreate(variable_.graph(), absl::StrCat(slot, "/", variable_.name()), variable_.type(), initial);
  slots_.push_back({whole, Part(whole)});
  return slots_.back().value;
}

void RuleContext::Set(Value slot, Value next) {
  const auto known = std::find_if(slots_.begin(), slots_.end(), [&](const Update& s) { return s.value == slot; });
  updates_->push_back(Store(known == slots_.end() ? slot : known->variable, next));
}

Value RuleContext::Part(const Value& whole) const { return indices_.valid() ? Gather(whole, indices_) : whole; }

Update RuleContext::Store(const Value& whole, const Value& next) const {
  return {whole, indices_.valid() ? Scatter(whole, indices_, next) : next};
}

Value RuleContext::Scalar(int i) const { return Cast((*scalars_)[i], variable_.dtype()); }

Optimizer::Optimizer(Rule rule, CommonOptions common)
    : rule_(std::make_shared<const Rule>(std::move(rule))), common_(std::move(common)) {}

bool Optimizer::Check(Graph* graph, absl::Span<const Value> gradients, absl::Span<const Value> variables) const {
  OptionCheck check(rule_->name);
  check.AtLeast0("clip_value", common_.clip_value).AtLeast0("clip_norm", common_.clip_norm);
  check.That(gradients.size() == variables.size(),
             absl::StrCat("there are ", gradients.size(), " gradients for ", variables.size(), " variables"));
  absl::flat_hash_set<Value> seen;
  for (size_t i = 0; check.status().ok() && i < variables.size(); ++i) {
    const Value &v = variables[i], &g = gradients[i];
    check.That(v.valid() && v.graph() == graph, "a variable is not a value of the loss's graph");
    if (!check.status().ok()) break;
    check.That(graph->node(v.node()).attrs.Is<VariableAttrs>(), absl::StrCat(Quoted(v.name()), " is not a variable"));
    check.That(seen.insert(v).second, absl::StrCat("variable ", Quoted(v.name()), " is there twice"));
    if (g.graph() == nullptr) continue;
    check.That(g.graph() == graph && (!g.valid() || g.type() == v.type()),
               absl::StrCat("the gradient of variable ", Quoted(v.name()), " must be ", v.type().ToString(),
                            " of its graph, but is ", g.type().ToString()));
  }
  graph->Fail(rule_->options, std::source_location());
  graph->Fail(check.status(), std::source_location());
  return graph->status().ok();
}

Updates Optimizer::Minimize(Operand loss, absl::Span<const Value> variables) const {
  Graph* graph = loss.graph();
  if (graph == nullptr) return {};
  LocationScope place(graph, loss.location());
  if (!loss->valid()) return FailedUpdates(graph);
  if (loss->rank() != 0 || !IsFloating(loss->dtype())) {
    graph->Fail(absl::InvalidArgumentError(absl::StrCat("Minimize: the loss must be a floating-point scalar, but is ",
                                                        loss->type().ToString())),
                loss.location());
    return FailedUpdates(graph);
  }
  if (variables.empty()) {
    graph->Fail(OptionCheck(rule_->name).That(false, "there are no variables to move").status(), loss.location());
    return FailedUpdates(graph);
  }
  Updates updates = Apply(Gradients(loss, variables), variables, loss.location());
  for (const auto& [variable, value] : graph->side_updates()) updates.push_back({variable, value});
  return updates;
}

Updates Optimizer::Apply(absl::Span<const Value> gradients, absl::Span<const Value> variables,
                         std::source_location location) const {
  Graph* graph = nullptr;
  for (const auto& values : {variables, gradients}) {
    for (const Value& v : values) {
      if (graph == nullptr) graph = v.graph();
    }
  }
  if (graph == nullptr) return {};
  LocationScope place(graph, location);
  if (!Check(graph, gradients, variables)) return FailedUpdates(graph);
  NameScope scope(graph, ChooseScope(*graph, common_.name, rule_->name));
  const Value step = FindOrCreate(graph, "step", {DType::kInt64, {}}, 0);
  Values clipped(gradients.begin(), gradients.end()), indices(gradients.size());
  for (size_t i = 0; i < clipped.size(); ++i) {
    const std::optional<SparseRows> rows = SparseRowsOf(clipped[i]);
    if (!rows.has_value()) continue;
    clipped[i] = rows->rows, indices[i] = rows->indices;
    if (!rule_->sparse) graph->Fail(RefusesRows(rule_->name, variables[i].name()), location);
  }
  for (Value& g : clipped) {
    if (g.valid() && common_.clip_value > 0) g = Clip(g, {.min = -common_.clip_value, .max = common_.clip_value});
  }
  if (common_.clip_norm > 0) ClipByGlobalNorm(common_.clip_norm, &clipped);

  const Value done = Cast(step, DType::kFloat64);
  const Value rate = rule_->learning_rate(done);
  if (!rate.valid() || rate.type() != done.type()) {
    graph->Fail(absl::InvalidArgumentError(absl::StrCat(rule_->name, ": the schedule of the learning rate must give ",
                                                        done.type().ToString(), ", but gives ",
                                                        rate.valid() ? rate.type().ToString() : "no value")),
                location);
    return FailedUpdates(graph);
  }
  const Values scalars = rule_->scalars(rate, done + 1.0);
  Updates updates{{step, step + 1}};
  for (size_t i = 0; i < variables.size(); ++i) {
    if (!clipped[i].valid()) continue;
    RuleContext context;
    context.variable_ = variables[i];
    context.gradient_ = clipped[i];
    context.indices_ = indices[i];
    context.scalars_ = &scalars;
    context.updates_ = &updates;
    updates.push_back(context.Store(variables[i], rule_->next(context)));
  }
  if (!graph->status().ok()) return FailedUpdates(graph);
  return updates;
}

Optimizer Sgd(const SgdOptions& o) {
  return Optimizer({.name = "sgd",
                    .learning_rate = o.learning_rate,
                    .scalars = [](Value rate, Value) { return Values{rate}; },
                    .next =
                        [o](RuleContext& c) {
                          Value g = Decayed(c, o.weight_decay);
                          if (o.momentum != 0) {
                            const Value b = c.Slot("momentum");
                            const Value b_next = b * o.momentum + g;
                            c.Set(b, b_next);
                            g = o.nesterov ? g + b_next * o.momentum : b_next;
                          }
                          return c.variable() - c.Scalar(0) * g;
                        },
                    .sparse = o.momentum == 0 && o.weight_decay == 0,
                    .options = OptionCheck("sgd")
                                   .Below1("momentum", o.momentum)
                                   .That(!o.nesterov || o.momentum > 0, "nesterov needs a momentum above 0")
                                   .AtLeast0("weight_decay", o.weight_decay)
                                   .status()},
                   o.common);
}

Optimizer Adam(const AdamOptions& o) {
  const AdamWOptions shared{.beta1 = o.beta1, .beta2 = o.beta2, .epsilon = o.epsilon, .weight_decay = o.weight_decay};
  return Optimizer(
      {.name = "adam",
       .learning_rate = o.learning_rate,
       .scalars = [o](Value rate, Value t) { return AdamScalars(o.beta1, o.beta2, rate, t); },
       .next = [o, shared](RuleContext& c) { return AdamStep(c, shared, c.variable(), Decayed(c, o.weight_decay)); },
       .options = CheckAdam("adam", shared)},
      o.common);
}

Optimizer SparseAdam(const SparseAdamOptions& o) {
  return Optimizer({.name = "sparse_adam",
                    .learning_rate = o.learning_rate,
                    .scalars = [o](Value rate, Value t) { return AdamScalars(o.beta1, o.beta2, rate, t); },
                    .next =
                        [o](RuleContext& c) {
                          const Moments next = NextMoments(c, o.beta1, o.beta2, c.gradient());
                          return c.variable() - c.Scalar(0) * next.m / ((Sqrt(next.v) + o.epsilon) * c.Scalar(1));
                        },
                    .sparse = true,
                    .options = CheckAdam("sparse_adam", {.beta1 = o.beta1, .beta2 = o.beta2, .epsilon = o.epsilon})},
                   o.common);
}

Optimizer AdamW(const AdamWOptions& o) {
  return Optimizer({.name = "adamw",
                    .learning_rate = o.learning_rate,
                    .scalars =
                        [o](Value rate, Value t) {
                          Values scalars = AdamScalars(o.beta1, o.beta2, rate, t);
                          scalars.push_back(1.0 - rate * o.weight_decay);
                          return scalars;
                        },
                    .next = [o](RuleContext& c) { return AdamStep(c, o, c.variable() * c.Scalar(2), c.gradient()); },
                    .options = CheckAdam("adamw", o)},
                   o.common);
}

Optimizer RmsProp(const RmsPropOptions& o) {
  return Optimizer({.name = "rmsprop",
                    .learning_rate = o.learning_rate,
                    .scalars = [](Value rate, Value) { return Values{rate}; },
                    .next =
                        [o](RuleContext& c) {
                          const Value g = Squarable(Decayed(c, o.weight_decay));
                          const Value s = c.Slot("square");
                          const Value s_next = MovingAverage(s, o.decay, g * g);
                          c.Set(s, s_next);
                          Value variance = s_next;
                          if (o.centered) {
                            const Value mean = c.Slot("mean");
                            const Value mean_next = MovingAverage(mean, o.decay, g);
                            c.Set(mean, mean_next);
                            // Rounding must not make it negative, as it does when all gradients are equal.
                            variance = Maximum(s_next - mean_next * mean_next, 0.0);
                          }
                          Value move = g / (Sqrt(variance) + o.epsilon);
                          if (o.momentum != 0) {
                            const Value b = c.Slot("momentum");
                            move = b * o.momentum + move;
                            c.Set(b, move);
                          }
                          return c.variable() - c.Scalar(0) * move;
                        },
                    .options = OptionCheck("rmsprop")
                                   .Below1("decay", o.decay)
                                   .AtLeast0("epsilon", o.epsilon)
                                   .Below1("momentum", o.momentum)
                                   .AtLeast0("weight_decay", o.weight_decay)
                                   .status()},
                   o.common);
}

Optimizer Adagrad(const AdagradOptions& o) {
  return Optimizer({.name = "adagrad",
                    .learning_rate = o.learning_rate,
                    .scalars = [o](Value rate, Value t) { return Values{rate / ((t - 1.0) * o.rate_decay + 1.0)}; },
                    .next =
                        [o](RuleContext& c) {
                          const Value g = Squarable(Decayed(c, o.weight_decay));
                          const Value s = c.Slot("square", o.initial_accumulator);
                          const Value s_next = Minimum(s + g * g, Largest(s.dtype()));
                          c.Set(s, s_next);
                          return c.variable() - c.Scalar(0) * g / (Sqrt(s_next) + o.epsilon);
                        },
                    .sparse = o.weight_decay == 0,
                    .options = OptionCheck("adagrad")
                                   .AtLeast0("rate_decay", o.rate_decay)
                                   .AtLeast0("initial_accumulator", o.initial_accumulator)
                                   .AtLeast0("epsilon", o.epsilon)
                                   .AtLeast0("weight_decay", o.weight_decay)
                                   .status()},
                   o.common);
}

}  // namespace adret::nn
