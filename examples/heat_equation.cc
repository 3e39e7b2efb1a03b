// Solves the heat equation with a network: du/dt = a d2u/dx2 for a rod whose ends are kept at 0.
//
//   heat_equation --steps=2000 --model=heat_equation.adret
//
// The network is trained to satisfy the equation at random points (M. Raissi et al., "Physics-informed neural
// networks", 2019): the loss holds its second derivatives with respect to its inputs, and is differentiated once more
// with respect to its weights. From u(x, 0) = sin(pi x) the answer is known, exp(-a pi^2 t) sin(pi x), and compared.
// Curves go to heat_equation.png, next to the model. The last line of the output is for programs.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <numbers>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "adret/adret.h"
#include "adret/plot/line_plot.h"

ABSL_FLAG(int64_t, steps, 2000, "training steps");
ABSL_FLAG(uint64_t, seed, 1, "of the first weights and the points");
ABSL_FLAG(std::optional<int>, threads, std::nullopt, "one per core if not given; the result does not depend on it");
ABSL_FLAG(std::string, model, "heat_equation.adret", "file to write the model to");

namespace {

using namespace adret;

constexpr double kConductivity = 0.1;
constexpr int64_t kPoints = 256;  // in each step
constexpr double kPi = std::numbers::pi;

double Solution(double x, double t) { return std::exp(-kConductivity * kPi * kPi * t) * std::sin(kPi * x); }

struct Rod {
  explicit Rod(int64_t steps) {
    u = Temperature(points).Named("u");
    const Value some = RandomUniform(&graph, DType::kFloat32, {kPoints, 2});
    // Rows do not depend on each other, so the gradient of their sum holds the derivatives of each.
    const Value slope = Gradients(Temperature(some), {some})[0];
    const Value u_x = Slice(slope, 1, 0, 1), u_t = Slice(slope, 1, 1, 2);
    const Value u_xx = Slice(Gradients(u_x, {some})[0], 1, 0, 1);
    loss = Mean(Square(u_t - kConductivity * u_xx)).Named("loss");
    step = nn::Adam({.learning_rate = nn::OneCycle({.max = 1e-2, .steps = steps})}).Minimize(loss, graph.variables());
  }

  // Of rows (x, t): what the rod begins with, and a change that is 0 at its ends and at the beginning.
  Value Temperature(const Value& rows) {
    const Value x = Slice(rows, 1, 0, 1), t = Slice(rows, 1, 1, 2);
    return Sin(kPi * x) + x * (1.0 - x) * t * net(rows);
  }

  Graph graph;
  Value points = graph.Input("points", DType::kFloat32, {kAnyBatch, 2});
  nn::Sequential net{nn::Dense(32), nn::Tanh(), nn::Dense(32), nn::Tanh(), nn::Dense(1)};
  Value u, loss;
  Updates step;
};

// The network's temperatures along the rod at a time.
absl::StatusOr<plot::Series> Along(const Rod& rod, double t, const State& state, double* largest_error) {
  constexpr int64_t kPlaces = 101;
  Tensor rows(DType::kFloat32, {kPlaces, 2});
  plot::Series curve{.name = absl::StrFormat("t = %.2f", t)};
  for (int64_t i = 0; i < kPlaces; ++i) {
    curve.x.push_back(static_cast<double>(i) / (kPlaces - 1));
    rows.mutable_data<float>()[2 * i] = static_cast<float>(curve.x[i]);
    rows.mutable_data<float>()[2 * i + 1] = static_cast<float>(t);
  }
  AD_ASSIGN_OR_RETURN(const Tensor u, Evaluate(rod.u, {{rod.points, rows}}, &state));
  for (int64_t i = 0; i < kPlaces; ++i) {
    curve.y.push_back(u.At(i));
    *largest_error = std::max(*largest_error, std::abs(u.At(i) - Solution(curve.x[i], t)));
  }
  return curve;
}

absl::Status Run() {
  const int64_t steps = absl::GetFlag(FLAGS_steps);
  if (steps < 1) return absl::InvalidArgumentError(absl::StrCat("--steps must be at least 1, but is ", steps));
  Rod rod(steps);
  AD_ASSIGN_OR_RETURN(State state, InitialState(rod.graph, absl::GetFlag(FLAGS_seed)));
  AD_ASSIGN_OR_RETURN(Executor executor,
                      Executor::Create({rod.loss}, rod.step, {.threads = absl::GetFlag(FLAGS_threads)}));
  const auto begin = std::chrono::steady_clock::now();
  plot::Series losses{.name = "loss"};
  for (int64_t i = 1; i <= steps; ++i) {
    AD_ASSIGN_OR_RETURN(const std::vector<Tensor> run, executor.Run({}, &state));
    losses.x.push_back(static_cast<double>(i)), losses.y.push_back(std::max(run[0].At(0), 1e-12));
    if (i % std::max<int64_t>(1, steps / 5) == 0)
      std::printf("step %5d  loss %.2e\n", static_cast<int>(i), run[0].At(0));
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;

  double largest_error = 0;
  plot::Panel rods{.title = "Temperature along the rod", .x_label = "x"};
  for (const double t : {0.0, 0.25, 0.5, 1.0}) {
    AD_ASSIGN_OR_RETURN(plot::Series curve, Along(rod, t, state, &largest_error));
    rods.series.push_back(std::move(curve));
  }
  std::printf("largest error against the closed solution: %.2e\n", largest_error);
  const plot::Panel training{.title = "Loss", .x_label = "step", .y_scale = plot::Scale::kLog, .series = {losses}};
  AD_ASSIGN_OR_RETURN(const Tensor picture, plot::LinePlot({training, rods}, {.title = "The heat equation"}));
  std::filesystem::path path = absl::GetFlag(FLAGS_model);
  AD_RETURN_IF_ERROR(io::SavePng(path.replace_extension("png").string(), picture));
  AD_RETURN_IF_ERROR(io::SaveModel(
      absl::GetFlag(FLAGS_model),
      {.graph = &rod.graph, .state = &state, .outputs = {{"u", rod.u}, {"loss", rod.loss}}, .updates = rod.step}));
  std::printf(
      "{\"loss\": %.6e, \"largest_error\": %.3e, \"examples_per_second\": %.0f, \"peak_rss_mib\": %.1f, "
      "\"state_digest\": \"%s\"}\n",
      losses.y.back(), largest_error, static_cast<double>(steps * kPoints) / seconds.count(), nn::PeakRssMib(),
      state.Digest().c_str());
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("Solves the heat equation with a network.");
  const std::vector<char*> arguments = absl::ParseCommandLine(argc, argv);
  const absl::Status status =
      arguments.size() > 1
          ? absl::InvalidArgumentError(absl::StrCat("unknown argument '", arguments[1], "'; see --help"))
          : Run();
  if (status.ok()) return 0;
  std::fprintf(stderr, "heat_equation: %s\n", std::string(status.message()).c_str());
  return 1;
}
