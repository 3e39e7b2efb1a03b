// Single convolutions: layers of LeNet, VGG, ResNet-50 and MobileNet, each forward and with both gradients.
#include "absl/strings/str_cat.h"
#include "adret/adret.h"
#include "bench.h"

namespace adret::bench {
namespace {

struct Case {
  int64_t batch, channels, size, filters, kernel, stride, padding, groups;
};

constexpr Case kCases[] = {
    {128, 1, 28, 25, 3, 1, 0, 1},   {128, 25, 13, 50, 3, 1, 0, 1},    {16, 3, 224, 64, 7, 2, 3, 1},
    {16, 64, 56, 64, 3, 1, 1, 1},   {16, 64, 56, 256, 1, 1, 0, 1},    {16, 256, 56, 64, 1, 1, 0, 1},
    {16, 128, 28, 128, 3, 1, 1, 1}, {16, 256, 14, 256, 3, 1, 1, 1},   {16, 512, 7, 512, 3, 1, 1, 1},
    {16, 256, 28, 512, 1, 2, 0, 1}, {16, 144, 28, 144, 3, 1, 1, 144}, {1, 64, 56, 64, 3, 1, 1, 1},
};

enum class Pass { kForward, kGradInput, kGradFilter };

absl::StatusOr<Iteration> Make(const Case& c, Pass pass, const Bench& bench) {
  auto session = std::make_shared<Session>();
  const Value x = FedInput(*session, "x", Normal({c.batch, c.channels, c.size, c.size}));
  const Value w = FedInput(*session, "w", Normal({c.filters, c.channels / c.groups, c.kernel, c.kernel}));
  const Value y =
      Conv2d(x, w, {.stride = {c.stride, c.stride}, .padding = Padding::Explicit(c.padding), .groups = c.groups});
  if (pass == Pass::kForward) return OneRun(session, {y}, {}, bench);
  const Value dy = FedInput(*session, "dy", Normal(y.shape()));
  const Value wanted = pass == Pass::kGradInput ? x : w;
  return OneRun(session, Gradients(y, {wanted}, {.seeds = {dy}}), {}, bench);
}

}  // namespace

void ConvolutionJobs(Bench& bench) {
  for (const Case& c : kCases) {
    const int64_t out = (c.size + 2 * c.padding - c.kernel) / c.stride + 1;
    const double flop = 2.0 * static_cast<double>(c.batch * c.filters * out * out) *
                        static_cast<double>(c.channels / c.groups * c.kernel * c.kernel);
    const std::string name = absl::StrCat("conv/n", c.batch, "c", c.channels, "h", c.size, "k", c.filters, "r",
                                          c.kernel, "s", c.stride, "p", c.padding, "g", c.groups);
    const Work work{flop, "flop"};
    bench.Run(name + "/forward", work, [&] { return Make(c, Pass::kForward, bench); });
    bench.Run(name + "/grad_input", work, [&] { return Make(c, Pass::kGradInput, bench); });
    bench.Run(name + "/grad_filter", work, [&] { return Make(c, Pass::kGradFilter, bench); });
  }
}

}  // namespace adret::bench
