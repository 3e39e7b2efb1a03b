// Optimisers: from a loss to the updates that descend on it.
//
//   Updates step = nn::Adam({.learning_rate = 1e-3}).Minimize(loss, graph.variables());
//   Executor executor = *Executor::Create({loss}, step);
//
// An optimiser builds nodes: gradients, slots ("adam/m/<variable>", variables that are not trainable), the step count
// ("adam/step", an i64 scalar), and each variable's next value. So it is saved with the graph, a checkpoint resumes
// exactly, and what is loaded trains on without it. Arithmetic is that of torch.optim (1.13), except that Adam, AdamW,
// RmsProp and Adagrad take gradients beyond 2^63 (f64: 2^511) for that, so that no square overflows and stops them.
//
// Options that make no sense are an error of the graph, at the call of Minimize() or Apply(): rates that decay or
// average (momentum, beta1, beta2, decay) must be in [0, 1), all other numbers finite and at least 0.
//
// Sparse gradients. The gradient of a table whose rows are looked up with nn::Embedding(..., {.sparse = true}) is taken
// row by row: the rule is applied to the rows that the batch looked up and to their slots, and the other rows and slots
// stay as they are. Rows that are looked up several times are added up first. Sgd and Adagrad, without momentum and
// weight decay, move nothing where a gradient is zero, and give the same numbers as for a dense one (the same bits for
// a table that is looked up once in a step, if nothing is clipped to a norm). SparseAdam is an Adam of that kind. All
// others move every row at every step, and refuse. Clipping takes the norm of the rows, which is the gradient's.
//
// Ascending works the same way: minimise the negative, on whatever variables there are (an image, say).
#ifndef ADRET_NN_OPTIMIZERS_H_
#define ADRET_NN_OPTIMIZERS_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "adret/core/executor.h"
#include "adret/core/graph.h"
#include "adret/nn/schedules.h"

namespace adret::nn {

// What every optimiser can do besides its rule.
struct CommonOptions {
  // Gradients are first limited to [-clip_value, clip_value], then scaled down together so that their Euclidean norm
  // is at most clip_norm (torch.nn.utils.clip_grad_*). At least 0; 0: off.
  double clip_value = 0;
  double clip_norm = 0;
  // The scope of the slots and the step count. Empty: the rule's name, or the first of name2, name3, ... that is free.
  // A name that is given and already there is continued: its slots and step count go on.
  std::string name = "";
};

// What an optimiser's rule sees of one variable. All values have the variable's type, scalars its dtype. Where the
// gradient is sparse, they are the rows that it has, of the variable and of its slots.
class RuleContext {
 public:
  Value variable() const { return Part(variable_); }
  Value gradient() const { return gradient_; }
  // Adds a slot: a variable like this one, "<optimiser>/<slot>/<variable>".
  Value Slot(absl::string_view slot, double initial = 0);
  // Stores next into the slot.
  void Set(Value slot, Value next);
  // Returns a number that was computed once for all variables (see Rule::scalars), as a scalar of the variable's dtype.
  Value Scalar(int i) const;

 private:
  friend class Optimizer;
  // What the rule sees of a variable or a slot, and the update that makes this part of it `next`.
  Value Part(const Value& whole) const;
  Update Store(const Value& whole, const Value& next) const;

  Value variable_, gradient_;
  Value indices_;  // of the gradient's rows; invalid: it is dense
  Updates slots_;  // each slot, with what the rule sees of it
  const Values* scalars_;
  Updates* updates_;
};

// An optimiser as data.
struct Rule {
  std::string name;
  Schedule learning_rate = 1e-3;
  // f64 scalars from the learning rate and the number of this step (f64, 1 at the first), once per step.
  std::function<Values(Value learning_rate, Value t)> scalars;
  // The variable's next value.
  std::function<Value(RuleContext& context)> next;
  // Whether the rule takes sparse gradients: it moves nothing where the gradient is zero, or means not to.
  bool sparse = false;
  // Whether the options make sense.
  absl::Status options = absl::OkStatus();
};

class Optimizer {
 public:
  Optimizer(Rule rule, CommonOptions common);

  // Returns updates that make loss (a floating-point scalar) smaller by moving the variables, with the graph's side
  // updates (running statistics). After an error, which the graph keeps, they hold an invalid update, so that an
  // executor of them finds that error.
  Updates Minimize(Operand loss, absl::Span<const Value> variables) const;
  // Returns updates from gradients that the caller made, one per variable and of its type. A Value() among them leaves
  // its variable alone.
  Updates Apply(absl::Span<const Value> gradients, absl::Span<const Value> variables,
                std::source_location location = std::source_location::current()) const;

 private:
  // Whether variables can be moved by gradients; else the graph has been told.
  bool Check(Graph* graph, absl::Span<const Value> gradients, absl::Span<const Value> variables) const;

  std::shared_ptr<const Rule> rule_;
  CommonOptions common_;
};

// g' = g + weight_decay w;  b' = momentum b + g';  w' = w - rate b'  (nesterov, which needs a momentum: w - rate (g' +
// momentum b')).
struct SgdOptions {
  Schedule learning_rate = 1e-2;
  double momentum = 0;
  bool nesterov = false;
  double weight_decay = 0;
  CommonOptions common = {};
};
Optimizer Sgd(const SgdOptions& options = {});

// Kingma and Ba 2015. weight_decay is added to the gradient (L2); AdamW decouples it.
struct AdamOptions {
  Schedule learning_rate = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;
  CommonOptions common = {};
};
Optimizer Adam(const AdamOptions& options = {});

// Adam for sparse gradients (torch.optim.SparseAdam): m and v of a row decay, and the row moves, only in steps that
// look it up. epsilon is added before the correction of v: w' = w - rate m^ / ((sqrt(v') + epsilon) / sqrt(1 -
// beta2^t)). PyTorch's refuses dense gradients; this one moves their variables as a whole, by the same rule, so that
// one optimiser serves a network of an embedding and other layers.
struct SparseAdamOptions {
  Schedule learning_rate = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  CommonOptions common = {};
};
Optimizer SparseAdam(const SparseAdamOptions& options = {});

// Loshchilov and Hutter 2019: Adam with w multiplied by (1 - rate weight_decay) at each step.
struct AdamWOptions {
  Schedule learning_rate = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 1e-2;
  CommonOptions common = {};
};
Optimizer AdamW(const AdamWOptions& options = {});

// Tieleman and Hinton 2012: w' = w - rate g / (sqrt(s') + epsilon), s' = decay s + (1 - decay) g^2; centered: the
// variance in place of s'.
struct RmsPropOptions {
  Schedule learning_rate = 1e-2;
  double decay = 0.99;
  double epsilon = 1e-8;
  double momentum = 0;
  bool centered = false;
  double weight_decay = 0;
  CommonOptions common = {};
};
Optimizer RmsProp(const RmsPropOptions& options = {});

// Duchi et al. 2011: s' = s + g^2;  w' = w - rate / (1 + (t - 1) rate_decay) g / (sqrt(s') + epsilon).
struct AdagradOptions {
  Schedule learning_rate = 1e-2;
  double rate_decay = 0;
  double initial_accumulator = 0;
  double epsilon = 1e-10;
  double weight_decay = 0;
  CommonOptions common = {};
};
Optimizer Adagrad(const AdagradOptions& options = {});

}  // namespace adret::nn

#endif  // ADRET_NN_OPTIMIZERS_H_
