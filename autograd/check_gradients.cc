#include "adret/autograd/check_gradients.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "adret/core/executor.h"
#include "adret/core/random.h"
#include "adret/core/status.h"

namespace adret {
namespace {

using Function = std::function<Values(absl::Span<const Value>)>;

// Derivatives below this size are compared absolutely: finite differences carry rounding noise of about 1e-11.
constexpr double kSmall = 1e-2;

Tensor RandomLike(const Tensor& t, RandomStream* random) {
  Tensor result(DType::kFloat64, t.shape());
  for (double& v : result.mutable_data<double>()) v = random->Normal();
  return result;
}

double Dot(const Tensor& a, const Tensor& b) {
  double sum = 0;
  for (int64_t i = 0; i < a.num_elements(); ++i) sum += a.At(i) * b.At(i);
  return sum;
}

Tensor Moved(const Tensor& x, const Tensor& v, double step) {
  Tensor result = x.Clone();
  auto data = result.mutable_data<double>();
  for (size_t i = 0; i < data.size(); ++i) data[i] += step * v.At(static_cast<int64_t>(i));
  return result;
}

class Checker {
 public:
  Checker(Function f, std::vector<Tensor> points, const CheckGradientsOptions& options, int order, RandomStream* random)
      : f_(std::move(f)), points_(std::move(points)), options_(options), order_(order), random_(random) {}

  absl::Status Run() {
    AD_RETURN_IF_ERROR(Build());
    for (int d = 0; d < options_.directions; ++d) AD_RETURN_IF_ERROR(CheckDirection(d));
    return order_ < options_.order ? Recurse() : absl::OkStatus();
  }

 private:
  // The inputs that are differentiated, with the rest as constants.
  static Values MakeArguments(Graph* graph, absl::Span<const Tensor> points, Values* differentiated) {
    Values arguments;
    for (const Tensor& p : points) {
      if (p.dtype() == DType::kFloat64) {
        arguments.push_back(graph->Input(absl::StrCat("x", arguments.size()), p.dtype(), p.shape()));
        differentiated->push_back(arguments.back());
      } else {
        arguments.push_back(graph->Constant(p));
      }
    }
    return arguments;
  }

  static Values Floating(Values values) {
    values.erase(
        std::remove_if(values.begin(), values.end(), [](const Value& v) { return v.dtype() != DType::kFloat64; }),
        values.end());
    return values;
  }

  absl::Status Build() {
    Values arguments = MakeArguments(&graph_, points_, &xs_);
    for (const Tensor& p : points_) {
      if (p.dtype() == DType::kFloat64) at_.push_back(p);
    }
    if (xs_.empty()) return absl::InvalidArgumentError("CheckGradients: no point is f64");
    ys_ = Floating(f_(arguments));
    AD_RETURN_IF_ERROR(graph_.status());
    if (ys_.empty()) return absl::InvalidArgumentError("CheckGradients: the function has no f64 result");
    AD_ASSIGN_OR_RETURN(Executor forward, Executor::Create(ys_));
    forward_.push_back(std::move(forward));
    AD_ASSIGN_OR_RETURN(const std::vector<Tensor> y, Forward(at_));
    GradientOptions gradients = options_.gradients;
    gradients.seeds.clear();
    for (size_t i = 0; i < ys_.size(); ++i) {
      u_.push_back(RandomLike(y[i], random_));
      gradients.seeds.push_back(graph_.Constant(u_.back()));
    }
    const Values dx = Gradients(ys_, xs_, gradients);
    AD_RETURN_IF_ERROR(graph_.status());
    AD_ASSIGN_OR_RETURN(Executor backward, Executor::Create(dx));
    AD_ASSIGN_OR_RETURN(dx_, backward.Run(FeedsOf(at_)));
    return absl::OkStatus();
  }

  Feeds FeedsOf(const std::vector<Tensor>& at) const {
    Feeds feeds;
    for (size_t i = 0; i < xs_.size(); ++i) feeds.emplace_back(xs_[i], at[i]);
    return feeds;
  }
  absl::StatusOr<std::vector<Tensor>> Forward(const std::vector<Tensor>& at) { return forward_[0].Run(FeedsOf(at)); }

  absl::Status CheckDirection(int direction) {
    std::vector<Tensor> plus, minus;
    double expected = 0;
    for (size_t i = 0; i < at_.size(); ++i) {
      const Tensor v = RandomLike(at_[i], random_);
      plus.push_back(Moved(at_[i], v, options_.step));
      minus.push_back(Moved(at_[i], v, -options_.step));
      expected += Dot(dx_[i], v);
    }
    AD_ASSIGN_OR_RETURN(const std::vector<Tensor> y_plus, Forward(plus));
    AD_ASSIGN_OR_RETURN(const std::vector<Tensor> y_minus, Forward(minus));
    double numeric = 0;
    for (size_t i = 0; i < ys_.size(); ++i) {
      for (int64_t k = 0; k < u_[i].num_elements(); ++k) {
        numeric += u_[i].At(k) * (y_plus[i].At(k) - y_minus[i].At(k)) / (2 * options_.step);
      }
    }
    const double scale = std::max({std::abs(expected), std::abs(numeric), kSmall});
    if (std::abs(expected - numeric) <= options_.tolerance * scale) return absl::OkStatus();  // false for NaN
    return absl::InternalError(
        absl::StrFormat("gradient of order %d, direction %d: the rule says %.12g but central differences say %.12g "
                        "(relative error %.2e)",
                        order_, direction, expected, numeric, std::abs(expected - numeric) / scale));
  }

  // The gradient as a function of the points and the cotangents, checked in its turn.
  absl::Status Recurse() {
    const size_t num_points = points_.size();
    Function gradient = [this, num_points](absl::Span<const Value> arguments) {
      const Values ys = Floating(f_(arguments.first(num_points)));
      Values xs;
      for (size_t i = 0; i < num_points; ++i) {
        if (arguments[i].dtype() == DType::kFloat64) xs.push_back(arguments[i]);
      }
      GradientOptions gradients = options_.gradients;
      gradients.seeds.assign(arguments.begin() + num_points, arguments.end());
      return Gradients(ys, xs, gradients);
    };
    std::vector<Tensor> points = points_;
    points.insert(points.end(), u_.begin(), u_.end());
    return Checker(std::move(gradient), std::move(points), options_, order_ + 1, random_).Run();
  }

  Function f_;
  std::vector<Tensor> points_;
  const CheckGradientsOptions& options_;
  const int order_;
  RandomStream* random_;
  Graph graph_;
  Values xs_, ys_;
  std::vector<Tensor> at_;  // the points that are differentiated
  std::vector<Tensor> u_;   // cotangents of ys_
  std::vector<Tensor> dx_;  // what the rules say
  std::vector<Executor> forward_;
};

}  // namespace

absl::Status CheckGradients(const std::function<Values(absl::Span<const Value>)>& f, const std::vector<Tensor>& points,
                            const CheckGradientsOptions& options) {
  RandomStream random(options.seed);
  return Checker(f, points, options, 1, &random).Run();
}

}  // namespace adret
