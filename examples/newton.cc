// Minimises Rosenbrock's function of many variables by Newton's method, beside gradient descent, and draws both.
//
//   newton --steps=200 --model=newton.adret
//
// Newton's direction d solves H d = -g. Conjugate gradients solve that with products H v alone, so that H is never
// written down (J. Nocedal, S. Wright, Numerical Optimization, algorithm 7.1). Both methods halve their steps until the
// function falls. The curves go to newton.png, next to the model. The last line of the output is for programs.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/str_cat.h"
#include "adret/adret.h"
#include "adret/plot/line_plot.h"

ABSL_FLAG(int64_t, steps, 200, "at most so many steps of each method");
ABSL_FLAG(int64_t, variables, 50, "of the function");
ABSL_FLAG(uint64_t, seed, 1, "of the point where both begin");
ABSL_FLAG(std::optional<int>, threads, std::nullopt, "one per core if not given; the result does not depend on it");
ABSL_FLAG(std::string, model, "newton.adret", "file to write the function and the point found to");

namespace {

using namespace adret;
using Vector = std::vector<double>;

double Dot(const Vector& a, const Vector& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}
Vector Plus(const Vector& a, double factor, const Vector& b) {
  Vector sum = a;
  for (size_t i = 0; i < a.size(); ++i) sum[i] += factor * b[i];
  return sum;
}

struct Slope {
  double loss;
  Vector gradient;
};

// The function, its gradient and its products with the Hessian: three values of one graph.
class Rosenbrock {
 public:
  explicit Rosenbrock(int64_t n) {
    at = graph.Variable("at", Tensor::Zeros(DType::kFloat64, {n}));
    along = graph.Input("along", DType::kFloat64, {n});
    const Value first = Slice(at, 0, 0, n - 1), next = Slice(at, 0, 1, n);
    loss = Sum(100.0 * Square(next - Square(first)) + Square(1.0 - first)).Named("loss");
  }
  absl::Status Compile() {
    const ExecutorOptions options{.threads = absl::GetFlag(FLAGS_threads)};
    AD_ASSIGN_OR_RETURN(Executor slope, Executor::Create({loss, Gradients(loss, {at})[0]}, {}, options));
    AD_ASSIGN_OR_RETURN(Executor product, Executor::Create(HessianVectorProduct(loss, {at}, {along}), {}, options));
    executors.push_back(std::move(slope)), executors.push_back(std::move(product));
    return absl::OkStatus();
  }

  absl::StatusOr<Slope> SlopeAt(const Vector& x) {
    ++runs;
    AD_ASSIGN_OR_RETURN(const std::vector<Tensor> found, executors[0].Run({}, StateAt(x)));
    return Slope{found[0].At(0), VectorOf(found[1])};
  }
  absl::StatusOr<Vector> HessianTimes(const Vector& v, const Vector& x) {
    ++runs;
    AD_ASSIGN_OR_RETURN(const std::vector<Tensor> found, executors[1].Run({{along, TensorOf(v)}}, StateAt(x)));
    return VectorOf(found[0]);
  }

  State StateAt(const Vector& x) const {
    State state;
    state.Set("at", TensorOf(x));
    return state;
  }
  static Tensor TensorOf(const Vector& v) { return Tensor::From<double>({static_cast<int64_t>(v.size())}, v); }
  static Vector VectorOf(const Tensor& t) { return Vector(t.data<double>().begin(), t.data<double>().end()); }

  Graph graph;
  Value at, along, loss;
  std::vector<Executor> executors;
  int64_t runs = 0;
};

// Solves H d = -g as exactly as pays; stops where H is not positive along the way.
absl::StatusOr<Vector> NewtonDirection(Rosenbrock& f, const Vector& x, const Vector& g) {
  const double size = std::sqrt(Dot(g, g)), enough = std::min(0.5, std::sqrt(size)) * size;
  Vector d(g.size(), 0), residual = g, v = Plus(d, -1, g);
  for (size_t i = 0; i < 2 * g.size(); ++i) {
    AD_ASSIGN_OR_RETURN(const Vector hv, f.HessianTimes(v, x));
    const double curvature = Dot(v, hv), before = Dot(residual, residual);
    if (curvature <= 0) return i == 0 ? v : d;
    d = Plus(d, before / curvature, v);
    residual = Plus(residual, before / curvature, hv);
    const double after = Dot(residual, residual);
    if (std::sqrt(after) <= enough) break;
    v = Plus(Plus(Vector(g.size(), 0), -1, residual), after / before, v);
  }
  return d;
}

// Goes along d, halving the step until the function falls as much as its slope promises a part of.
absl::Status Descend(Rosenbrock& f, const Vector& d, Vector* x, Slope* here) {
  for (double step = 1; step > 1e-20; step /= 2) {
    const Vector next = Plus(*x, step, d);
    AD_ASSIGN_OR_RETURN(Slope there, f.SlopeAt(next));
    if (!(there.loss <= here->loss + 1e-4 * step * Dot(here->gradient, d))) continue;
    *x = next, *here = std::move(there);
    return absl::OkStatus();
  }
  return absl::OkStatus();  // at the bottom, as far as rounding shows it
}

// Minimises from x. Returns the losses, and leaves x where it got to.
absl::StatusOr<plot::Series> Minimize(Rosenbrock& f, bool newton, Vector* x) {
  plot::Series curve{.name = newton ? "Newton, conjugate gradients" : "gradient descent"};
  AD_ASSIGN_OR_RETURN(Slope here, f.SlopeAt(*x));
  for (int64_t step = 0;; ++step) {
    curve.x.push_back(static_cast<double>(step)), curve.y.push_back(std::max(here.loss, 1e-30));
    if (step == absl::GetFlag(FLAGS_steps) || Dot(here.gradient, here.gradient) < 1e-20) break;
    Vector d = Plus(Vector(x->size(), 0), -1, here.gradient);
    if (newton) {
      AD_ASSIGN_OR_RETURN(d, NewtonDirection(f, *x, here.gradient));
    }
    AD_RETURN_IF_ERROR(Descend(f, d, x, &here));
  }
  std::printf("%-28s %4d steps: %.3e\n", curve.name.c_str(), static_cast<int>(curve.x.size()) - 1, here.loss);
  return curve;
}

absl::Status Run() {
  const int64_t n = absl::GetFlag(FLAGS_variables);
  if (n < 2 || absl::GetFlag(FLAGS_steps) < 1) {
    return absl::InvalidArgumentError("--variables must be at least 2 and --steps at least 1");
  }
  Rosenbrock f(n);
  AD_RETURN_IF_ERROR(f.Compile());
  RandomStream random(absl::GetFlag(FLAGS_seed));
  Vector start(n), x;
  for (double& v : start) v = random.Uniform(-1, 1);
  const auto begin = std::chrono::steady_clock::now();
  AD_ASSIGN_OR_RETURN(const plot::Series descent, Minimize(f, /*newton=*/false, &(x = start)));
  AD_ASSIGN_OR_RETURN(const plot::Series newton, Minimize(f, /*newton=*/true, &(x = start)));
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;

  AD_ASSIGN_OR_RETURN(const Tensor picture,
                      plot::LinePlot({{.x_label = "step", .y_scale = plot::Scale::kLog, .series = {descent, newton}}},
                                     {.title = absl::StrCat("Rosenbrock's function of ", n, " variables")}));
  std::filesystem::path path = absl::GetFlag(FLAGS_model);
  AD_RETURN_IF_ERROR(io::SavePng(path.replace_extension("png").string(), picture));
  AD_ASSIGN_OR_RETURN(const Slope end, f.SlopeAt(x));
  const State state = f.StateAt(x);
  AD_RETURN_IF_ERROR(
      io::SaveModel(absl::GetFlag(FLAGS_model), {.graph = &f.graph, .state = &state, .outputs = {{"loss", f.loss}}}));
  std::printf("{\"loss\": %.6e, \"examples_per_second\": %.0f, \"peak_rss_mib\": %.1f, \"state_digest\": \"%s\"}\n",
              end.loss, static_cast<double>(f.runs) / seconds.count(), nn::PeakRssMib(), state.Digest().c_str());
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("Minimises Rosenbrock's function by Newton's method, beside gradient descent.");
  const std::vector<char*> arguments = absl::ParseCommandLine(argc, argv);
  const absl::Status status =
      arguments.size() > 1
          ? absl::InvalidArgumentError(absl::StrCat("unknown argument '", arguments[1], "'; see --help"))
          : Run();
  if (status.ok()) return 0;
  std::fprintf(stderr, "newton: %s\n", std::string(status.message()).c_str());
  return 1;
}
