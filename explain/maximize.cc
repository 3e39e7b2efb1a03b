#include "adret/explain/maximize.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/core/rounding.h"
#include "adret/core/state.h"
#include "adret/core/status.h"
#include "adret/explain/relu_rules.h"
#include "adret/nn/optimizers.h"
#include "adret/ops/binary.h"
#include "adret/ops/compare.h"
#include "adret/ops/reduce.h"
#include "adret/ops/reshape.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"

namespace adret::explain {
namespace {

const ReduceAttrs kEachImage{.axes = {1, 2, 3}, .keepdims = true};
constexpr double kTiny = 1e-20;

// The root mean square of each image: [n,1,1,1].
Value Length(Value images) { return Sqrt(Mean(Square(images), kEachImage)); }

absl::Status Check(const MaximizeOptions& o) {
  constexpr int kMostSteps = 1'000'000'000;
  if (o.steps < 1 || o.steps > kMostSteps) {
    return absl::InvalidArgumentError(
        absl::StrCat("an ascent takes at least 1 step and at most ", kMostSteps, ", not ", o.steps));
  }
  if (!(o.rate >= 0) || !std::isfinite(o.rate)) {
    return absl::InvalidArgumentError(absl::StrCat("the rate of an ascent must be positive, but is ", o.rate));
  }
  if (!(o.diversity >= 0) || !std::isfinite(o.diversity) || o.patience < 0 || o.frame_every < 0) {
    return absl::InvalidArgumentError("diversity, patience and the distance of frames must be at least 0");
  }
  if (o.diversity > 0 && o.diversity_layer.empty()) {
    return absl::InvalidArgumentError("diversity compares the values of a layer, which must be named");
  }
  return o.penalties.Check();
}

// Some images that climb together.
class Climb {
 public:
  Climb(const Network& network, absl::Span<const Objective> objectives, const MaximizeOptions& options)
      : network_(network), objectives_(objectives), options_(options), n_(static_cast<int64_t>(objectives.size())) {}

  // image is [channels, height, width], first the number of the first image among all.
  absl::Status Prepare(const Shape& image, int64_t first) {
    Type type{network_.dtype(), image};
    type.shape.insert(0, n_);
    {
      const NameScope names(&graph_, network_.FreeScope("ascent"));
      AD_ASSIGN_OR_RETURN(canvas_, Canvas::Create(&graph_, type, options_.canvas));
      rate_ = graph_.Input("rate", type.dtype, {});
      if (options_.patience > 0) moving_ = graph_.Input("moving", DType::kBool, {n_, 1, 1, 1});
    }
    AD_RETURN_IF_ERROR(See());
    state_ = network_.state();
    state_.seed = options_.seed;
    state_.step = 0;
    AD_RETURN_IF_ERROR(InitializeMissing(graph_, options_.seed, &state_));
    AD_ASSIGN_OR_RETURN(Tensor start, options_.start.has_value() ? canvas_->ParametersOf(Part(*options_.start, first))
                                                                 : canvas_->Start(options_.seed, first));
    state_.Set(canvas_->parameters().name(), std::move(start));
    AD_RETURN_IF_ERROR(Weigh());
    AD_ASSIGN_OR_RETURN(Updates step, Step(slope_));
    // Slots of the optimiser.
    AD_RETURN_IF_ERROR(InitializeMissing(graph_, options_.seed, &state_));
    AD_ASSIGN_OR_RETURN(climb_, Create({activation_, length_}, step));
    AD_ASSIGN_OR_RETURN(look_, Create({canvas_->images(), clean_}, {}));
    return absl::OkStatus();
  }

  // One step; appends the activations before it to the curve.
  absl::Status Go(int step) {
    double rate = options_.rate > 0 ? options_.rate : options_.ascender == Ascender::kAdam ? 0.05 : 0.15;
    if (options_.ascender != Ascender::kAdam) rate *= static_cast<double>(options_.steps - step) / options_.steps;
    const bool redirect = options_.redirect_relus && std::find(dead_.begin(), dead_.end(), true) != dead_.end();
    if (redirect && !redirected_.has_value()) {
      AD_ASSIGN_OR_RETURN(Updates step_r, Step(RedirectedSlope()));
      AD_ASSIGN_OR_RETURN(redirected_, Create({activation_, length_}, step_r));
    }
    Executor& executor = redirect ? *redirected_ : *climb_;
    Feeds feeds{{rate_, Tensor::Scalar(network_.dtype(), rate)}};
    if (moving_.valid()) feeds.emplace_back(moving_, Moving());
    AD_ASSIGN_OR_RETURN(const std::vector<Tensor> fetched, executor.Run(feeds, &state_));
    for (int64_t i = 0; i < n_; ++i) curve_.push_back(fetched[0].At(i));
    NoteDead(fetched[1]);
    NoteBest(fetched[0]);
    return absl::OkStatus();
  }

  // All images have come to rest.
  bool IsStuck() const {
    if (options_.patience == 0 || best_.empty()) return false;
    return std::all_of(best_.begin(), best_.end(), [](const Best& b) { return b.rests; });
  }

  // The images as they are and their activations.
  absl::StatusOr<std::vector<Tensor>> Look() { return look_->Run({}, state_); }

  int64_t steps() const { return static_cast<int64_t>(curve_.size()) / n_; }
  const std::vector<double>& curve() const { return curve_; }

 private:
  absl::StatusOr<Executor> Create(absl::Span<const Value> fetches, const Updates& updates) const {
    return Executor::Create(fetches, updates, {.threads = options_.threads});
  }

  // Images `first` and so on of what the user starts from.
  Tensor Part(const Tensor& images, int64_t first) const {
    Shape shape = images.shape();
    shape.set(0, n_);
    Tensor part(images.dtype(), shape);
    std::memcpy(part.mutable_raw(), static_cast<const char*>(images.raw()) + part.num_bytes() / n_ * first,
                part.num_bytes());
    return part;
  }

  // The activations, of the images and of what the transforms make of them, and their slopes.
  absl::Status See() {
    const Value images = canvas_->images();
    AD_ASSIGN_OR_RETURN(clean_, Activation(network_, objectives_, images));
    activation_ = clean_;
    if (!options_.transforms.empty()) {
      const Value seen = FitTo(ApplyTransforms(options_.transforms, images), images.shape()[2], images.shape()[3]);
      AD_RETURN_IF_ERROR(graph_.status());
      AD_ASSIGN_OR_RETURN(activation_, Activation(network_, objectives_, seen));
    }
    slope_ = Gradients(Sum(activation_), {images})[0];
    length_ = Length(slope_);
    return graph_.status();
  }

  Value RedirectedSlope() {
    const Value redirected =
        Gradients(Sum(activation_), {canvas_->images()}, {.overrides = {{"relu", RedirectedRelu}}})[0];
    return Where(Greater(length_, 0.0), slope_, redirected);
  }

  // Notes which images have no slope at all, and fixes the scale of the penalties.
  absl::Status Weigh() {
    const bool pays = options_.penalties.any() || options_.diversity > 0;
    Values fetches{length_};
    if (pays && options_.redirect_relus) fetches.push_back(Length(RedirectedSlope()));
    AD_ASSIGN_OR_RETURN(Executor weigh, Create(fetches, {}));
    AD_ASSIGN_OR_RETURN(const std::vector<Tensor> lengths, weigh.Run({}, state_));
    NoteDead(lengths[0]);
    if (!pays) return absl::OkStatus();
    cost_ = Penalty(options_.penalties, canvas_->images());
    if (options_.diversity > 0) {
      AD_ASSIGN_OR_RETURN(const UnitLayer layer, network_.FindLayer(options_.diversity_layer));
      AD_ASSIGN_OR_RETURN(const Values copy, network_.Apply({layer.value}, canvas_->images()));
      cost_ = cost_ + options_.diversity * static_cast<double>(canvas_->images().shape().num_elements() / n_) *
                          Cast(Likeness(copy[0], objectives_), network_.dtype());
    }
    cost_ = cost_ * graph_.Constant(lengths.back().Reshaped({n_}));
    return graph_.status();
  }

  // Which images no slope moves.
  void NoteDead(const Tensor& lengths) {
    dead_.assign(n_, false);
    for (int64_t i = 0; i < n_; ++i) dead_[i] = lengths.At(i) == 0;
  }

  // Which images have not risen for as many steps as patience allows. One that has not risen at all goes on.
  void NoteBest(const Tensor& activations) {
    const bool first = steps() == 1;
    if (first) best_.assign(n_, {});
    for (int64_t i = 0; i < n_; ++i) {
      const double now = activations.At(i);
      Best& best = best_[i];
      if (first) best.start = best.value = now;
      if (now - best.value > options_.least_gain * (best.value - best.start)) best.value = now, best.step = steps();
      best.rests = best.rests || (best.value > best.start && !dead_[i] && steps() - best.step >= options_.patience);
    }
  }

  Tensor Moving() const {
    Tensor moving = Tensor::Full(DType::kBool, {n_, 1, 1, 1}, 1);
    for (size_t i = 0; i < best_.size(); ++i) moving.mutable_data<bool>()[i] = !best_[i].rests;
    return moving;
  }

  // The updates that climb, given the slope of the activations.
  absl::StatusOr<Updates> Step(Value slope) {
    const Value z = canvas_->parameters();
    if (cost_.valid()) slope = slope - Gradients(Sum(cost_), {canvas_->images()})[0];
    Value g = Gradients(absl::MakeConstSpan({canvas_->images()}), absl::MakeConstSpan({z}), {.seeds = {slope}})[0];
    Updates updates;
    if (options_.ascender == Ascender::kAdam) {
      updates = nn::Adam({.learning_rate = nn::Schedule([this](Value) { return Cast(rate_, DType::kFloat64); }),
                          .common = {.name = "ascent_adam"}})
                    .Apply({-g}, {z});
    } else {
      g = canvas_->Inward(g);
      if (options_.ascender == Ascender::kNormalized) g = g / (Length(g) + kTiny);
      updates = {{z, z + rate_ * g}};
    }
    for (Update& update : updates) {
      if (update.variable != z) continue;
      if (options_.penalties.blur > 0) update.value = canvas_->Blurred(update.value, options_.penalties.blur);
      update.value = canvas_->Bounded(update.value);
      if (moving_.valid()) update.value = Where(moving_, update.value, z);
    }
    AD_RETURN_IF_ERROR(graph_.status());
    return updates;
  }

  const Network& network_;
  const absl::Span<const Objective> objectives_;
  const MaximizeOptions& options_;
  const int64_t n_;
  Graph graph_;
  State state_;
  std::optional<Canvas> canvas_;
  Value rate_, moving_, clean_, activation_, slope_, length_, cost_;
  std::optional<Executor> climb_, redirected_, look_;
  struct Best {
    double start = 0, value = 0;  // activations
    int64_t step = 0;             // when the best one was seen
    bool rests = false;
  };
  std::vector<Best> best_;
  std::vector<bool> dead_;  // had no slope when last looked at
  std::vector<double> curve_;
};

// How many images climb together: many small ones, few large ones. A matter of memory and speed.
int64_t GroupSize(int64_t n, const Shape& image, const MaximizeOptions& options) {
  if (options.diversity > 0) return n;
  constexpr int64_t kPixels = int64_t{1} << 21;
  return std::min(n, std::clamp<int64_t>(kPixels / image.num_elements(), 1, 128));
}

// Gathers the results of groups of images.
class Gathering {
 public:
  Gathering(DType dtype, const Shape& image, int64_t n) : n_(n) {
    Shape all = image;
    all.insert(0, n);
    ascent_.images = Tensor(dtype, all);
    ascent_.start = Tensor(dtype, {n});
    ascent_.end = Tensor(dtype, {n});
  }

  void Start(int64_t first, const std::vector<Tensor>& looked) { Put(looked[1], first, &ascent_.start); }
  void Frame(int64_t first, size_t frame, const Tensor& images) {
    if (ascent_.frames.size() <= frame) ascent_.frames.push_back(ascent_.images.Clone());
    for (size_t later = frame; later < ascent_.frames.size(); ++later) Put(images, first, &ascent_.frames[later]);
  }
  void End(int64_t first, const std::vector<Tensor>& looked, const Climb& climb) {
    Put(looked[0], first, &ascent_.images);
    Put(looked[1], first, &ascent_.end);
    curves_.push_back(climb.curve());
    counts_.push_back(looked[1].num_elements());
    ascent_.steps = std::max(ascent_.steps, static_cast<int>(climb.steps()));
  }

  Ascent Finish() {
    // A group that stopped early stays where it was.
    ascent_.curve = Tensor(ascent_.end.dtype(), {ascent_.steps, n_});
    Tensor curve(DType::kFloat64, {ascent_.steps, n_});
    int64_t first = 0;
    for (size_t group = 0; group < curves_.size(); first += counts_[group], ++group) {
      const int64_t count = counts_[group], done = static_cast<int64_t>(curves_[group].size()) / count;
      for (int64_t s = 0; s < ascent_.steps; ++s) {
        for (int64_t i = 0; i < count; ++i) {
          curve.mutable_data<double>()[s * n_ + first + i] =
              s < done ? curves_[group][s * count + i] : ascent_.end.At(first + i);
        }
      }
    }
    ascent_.curve = curve.Cast(ascent_.end.dtype());
    return std::move(ascent_);
  }

 private:
  // rows [count, ...] as rows first, first + 1, ... of all.
  void Put(const Tensor& rows, int64_t first, Tensor* all) const {
    const size_t row = all->num_bytes() / n_;
    std::memcpy(static_cast<char*>(all->mutable_raw()) + row * first, rows.raw(), rows.num_bytes());
  }

  int64_t n_;
  Ascent ascent_;
  std::vector<std::vector<double>> curves_;
  std::vector<int64_t> counts_;
};

}  // namespace

absl::StatusOr<Ascent> Maximize(const Network& network, absl::Span<const Objective> objectives,
                                const MaximizeOptions& options) {
  AD_RETURN_IF_ERROR(Check(options));
  const int64_t n = static_cast<int64_t>(objectives.size());
  if (n == 0) return absl::InvalidArgumentError("there is nothing to climb: no objective");
  Shape image = network.image_shape();
  if (options.start.has_value()) {
    image = options.start->shape();
    if (image.rank() != 4 || image[0] != n || options.start->num_elements() == 0 ||
        options.start->dtype() != network.dtype()) {
      return absl::InvalidArgumentError(absl::StrCat("images to start from are ", options.start->type().ToString(),
                                                     ", but ", n, " of ", Name(network.dtype()),
                                                     " [n, channels, height, width] are expected"));
    }
    image.erase(0);
  }
  const int64_t group = GroupSize(n, image, options);
  Gathering gathering(network.dtype(), image, n);
  const int64_t total = options.steps * CeilDiv(n, group);
  for (int64_t first = 0, before = 0; first < n; first += group, before += options.steps) {
    Climb climb(network, objectives.subspan(first, group), options);
    AD_RETURN_IF_ERROR(climb.Prepare(image, first));
    AD_ASSIGN_OR_RETURN(std::vector<Tensor> looked, climb.Look());
    gathering.Start(first, looked);
    size_t frame = 0;
    if (options.frame_every > 0) gathering.Frame(first, frame++, looked[0]);
    for (int step = 0; step < options.steps && !climb.IsStuck(); ++step) {
      AD_RETURN_IF_ERROR(climb.Go(step));
      const bool last = step + 1 == options.steps || climb.IsStuck();
      if (options.frame_every > 0 && ((step + 1) % options.frame_every == 0 || last)) {
        AD_ASSIGN_OR_RETURN(looked, climb.Look());
        gathering.Frame(first, frame++, looked[0]);
      }
      if (options.on_step) AD_RETURN_IF_ERROR(options.on_step(before + step + 1, total));
    }
    AD_ASSIGN_OR_RETURN(looked, climb.Look());
    gathering.End(first, looked, climb);
  }
  return gathering.Finish();
}

}  // namespace adret::explain
