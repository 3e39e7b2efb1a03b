#include "adret/explain/adversarial.h"

#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "adret/autograd/gradients.h"
#include "adret/core/random.h"
#include "adret/explain/errors_internal.h"
#include "adret/explain/rows_internal.h"
#include "adret/ops/binary.h"
#include "adret/ops/reduce.h"
#include "adret/ops/unary.h"

namespace adret::explain {
namespace {

template <class... Parts>
absl::Status Bad(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat("attack: ", parts...));
}

double StepSize(const PgdOptions& options) {
  return options.step_size != 0 ? options.step_size : 2.5 * options.epsilon / static_cast<double>(options.steps);
}

absl::Status CheckOptions(const PgdOptions& options, const Target& target) {
  const auto positive = [](double x) { return x > 0 && std::isfinite(x); };
  if (!positive(options.epsilon)) return Bad("epsilon must be positive and finite, but is ", options.epsilon);
  if (options.steps < 1) return Bad("steps must be at least 1, but is ", options.steps);
  if (!positive(StepSize(options))) {
    return Bad("the step size must be positive and finite, but is ", StepSize(options));
  }
  if (!positive(options.high - options.low)) {
    return Bad("pixels must have a range of positive and finite length, but it is [", options.low, ", ", options.high,
               "]");
  }
  if (options.targeted && target.units.empty()) return Bad("a targeted attack needs the unit to aim at");
  return absl::OkStatus();
}

absl::Status CheckPixels(const Tensor& images, const PgdOptions& options) {
  const int64_t size = images.num_elements() / images.shape()[0];
  for (int64_t i = 0; i < images.num_elements(); ++i) {
    const double pixel = images.At(i);
    if (pixel >= options.low && pixel <= options.high) continue;
    return Bad("pixels must be in [", options.low, ", ", options.high, "], but image ", i / size, " has one of ",
               pixel);
  }
  return absl::OkStatus();
}

// The length of each row of d, [n, 1, ...]. Positive: gradients may vanish.
Value Length(const Value& d) {
  if (!d.valid()) return d;
  std::vector<int64_t> axes(d.rank() - 1);
  std::iota(axes.begin(), axes.end(), 1);
  const double tiny = d.dtype() == DType::kFloat32 ? std::numeric_limits<float>::min() : 1e-300;
  return Maximum(Sqrt(Sum(Square(d), {.axes = axes, .keepdims = true})), tiny);
}

Value Project(const Value& d, const PgdOptions& options) {
  if (options.distance == Distance::kLinf) return Clip(d, {.min = -options.epsilon, .max = options.epsilon});
  return d * Minimum(options.epsilon / Length(d), 1.0);
}

// Where in the ball to start: uniformly distributed in it.
std::vector<double> RandomChange(int64_t size, const PgdOptions& options) {
  RandomStream random(options.seed);
  std::vector<double> change(size);
  if (options.distance == Distance::kLinf) {
    for (double& d : change) d = random.Uniform(-options.epsilon, options.epsilon);
    return change;
  }
  double squares = 0;
  for (double& d : change) d = random.Normal(), squares += d * d;
  const double radius = options.epsilon * std::pow(random.Uniform(), 1.0 / static_cast<double>(size));
  for (double& d : change) d *= radius / std::sqrt(squares);
  return change;
}

// An attack in a graph of its own, compiled once.
struct Attack {
  static absl::StatusOr<Attack> Create(const Network& network, const Target& target, const PgdOptions& options) {
    AD_ASSIGN_OR_RETURN(TargetGraph f, TargetGraph::Create(network, target, {network.output()}));
    const Value centre = f.graph->Input("explained/centre", f.images.dtype(), f.images.shape());
    const bool classes =
        f.layer.value.rank() == 2 && f.layer.units() > 1 && (target.probability || f.layer.value == network.output());
    Value loss = -f.y;
    if (classes) {
      AD_ASSIGN_OR_RETURN(const Scores scores, ScoresOf(network, f.layer, {.threads = options.threads}));
      loss = -Pick(LogProbabilities(f.units, scores), f.unit);
    }
    const Value next = PgdStep(loss, f.images, centre, options);
    const Value prediction = ArgMax(UnitValues(f.more[0]), {.axis = 1});
    const ExecutorOptions executor{.threads = options.threads};
    AD_ASSIGN_OR_RETURN(Executor step, Executor::Create({next}, {}, executor));
    AD_ASSIGN_OR_RETURN(Executor look, Executor::Create({prediction, f.y, loss}, {}, executor));
    return Attack{&network, std::move(f), centre, std::move(step), std::move(look)};
  }

  absl::StatusOr<Answer> Look(const Tensor& image, const Tensor& unit) {
    AD_ASSIGN_OR_RETURN(const std::vector<Tensor> found,
                        look.Run({{f.images, image}, {f.unit, unit}}, network->state()));
    return Answer{found[0].data<int64_t>()[0], found[1].At(0), found[2].At(0)};
  }

  // images [1, channels, height, width], from `start` on.
  absl::StatusOr<Tensor> Climb(const Tensor& image, Tensor start, const Tensor& unit, int64_t steps) {
    for (int64_t i = 0; i < steps; ++i) {
      AD_ASSIGN_OR_RETURN(std::vector<Tensor> next,
                          step.Run({{f.images, start}, {centre, image}, {f.unit, unit}}, network->state()));
      start = std::move(next[0]);
    }
    return start;
  }

  const Network* network;
  TargetGraph f;
  Value centre;
  Executor step, look;
};

Tensor OneImage(absl::Span<const double> pixels, const Tensor& like) {
  Shape shape = like.shape();
  shape.set(0, 1);
  Tensor image(like.dtype(), shape);
  StoreRow(pixels, &image, 0);
  return image;
}

}  // namespace

Value PgdStep(Operand loss, Operand x, Operand centre, const PgdOptions& options) {
  const LocationScope place(x.graph(), x.location());
  const Value slope = Gradients(loss, {x}, {}, loss.location())[0];
  const Value direction = options.distance == Distance::kLinf ? Sign(slope) : slope / Length(slope);
  const Value moved = x + (options.targeted ? -StepSize(options) : StepSize(options)) * direction;
  return Clip(centre + Project(moved - centre, options), {.min = options.low, .max = options.high});
}

absl::StatusOr<Adversarial> Fgsm(const Network& network, const Tensor& images, const Target& target,
                                 const FgsmOptions& options) {
  return Pgd(network, images, target,
             {.epsilon = options.epsilon,
              .targeted = options.targeted,
              .steps = 1,
              .step_size = options.epsilon,
              .random_start = false,
              .low = options.low,
              .high = options.high,
              .threads = options.threads});
}

absl::StatusOr<Adversarial> Pgd(const Network& network, const Tensor& images, const Target& target,
                                const PgdOptions& options) {
  AD_RETURN_IF_ERROR(CheckOptions(options, target));
  AD_ASSIGN_OR_RETURN(const Tensor originals, network.AsImages(images));
  AD_RETURN_IF_ERROR(CheckPixels(originals, options));
  AD_ASSIGN_OR_RETURN(Attack attack, Attack::Create(network, target, options));

  Adversarial result;
  result.images = Tensor(originals.dtype(), originals.shape());
  AD_ASSIGN_OR_RETURN(result.units, attack.f.UnitsOf(network, target, originals, {.threads = options.threads}));
  const int64_t n = originals.shape()[0], size = originals.num_elements() / n;
  const std::vector<double> change = options.random_start ? RandomChange(size, options) : std::vector<double>(size);
  for (int64_t i = 0; i < n; ++i) {
    std::vector<double> pixels = Row(originals, i);
    const Tensor image = OneImage(pixels, originals);
    for (int64_t p = 0; p < size; ++p) pixels[p] = std::clamp(pixels[p] + change[p], options.low, options.high);
    const Tensor unit = Tensor::Full(DType::kInt64, {1}, static_cast<double>(result.units[i]));
    AD_ASSIGN_OR_RETURN(const Tensor found, attack.Climb(image, OneImage(pixels, originals), unit, options.steps));
    AD_ASSIGN_OR_RETURN(const Answer before, attack.Look(image, unit));
    AD_ASSIGN_OR_RETURN(const Answer after, attack.Look(found, unit));
    result.before.push_back(before);
    result.after.push_back(after);
    StoreRow(Row(found, 0), &result.images, i);
  }
  return result;
}

}  // namespace adret::explain
