#include "adret/plot/axis.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace adret::plot {
namespace {

constexpr int kTidyTicks = 5;

double NiceStep(double span, int count) {
  const double rough = span / count;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  const double fraction = rough / power;
  return (fraction < 1.5 ? 1 : fraction < 3.5 ? 2 : fraction < 7.5 ? 5 : 10) * power;
}

int Magnitude(double x) { return static_cast<int>(std::floor(std::log10(x) + 1e-9)); }

// 1.5e-5: as many digits as tell neighbours apart.
std::string Scientific(double value, double step) {
  const int power = Magnitude(value);
  const int decimals = std::clamp(power - Magnitude(step), 0, 12);
  std::string digits = absl::StrFormat("%.*f", decimals, value / std::pow(10, power));
  if (decimals > 0) digits.erase(digits.find_last_not_of('0') + 1);
  if (digits.back() == '.') digits.pop_back();
  return absl::StrCat(digits, "e", power);
}

// As many decimals as the step needs; thousands apart; powers of ten beyond a million and for steps below 1e-4.
std::string Label(double value, double step) {
  if (value == 0) return "0";
  std::string text;
  if (std::abs(value) >= 1e6 || step < 9.99e-5) {
    text = Scientific(std::abs(value), step);
  } else {
    text = absl::StrFormat("%.*f", std::clamp(-Magnitude(step), 0, 8), std::abs(value));
    const size_t point = std::min(text.find('.'), text.size());
    for (size_t at = point; at > 3; at -= 3) text.insert(at - 3, 1, ',');
  }
  return WithMinusSigns(value < 0 ? absl::StrCat("-", text) : text);
}

std::vector<Tick> LinearTicks(const AxisRange& range, int count, double least_step) {
  const double step = std::max(NiceStep(range.hi - range.lo, count), least_step);
  std::vector<Tick> ticks;
  const double slack = 1e-9 * (range.hi - range.lo);
  const double first = std::ceil((range.lo - slack) / step);
  for (int i = 0;; ++i) {
    const double value = (first + i) * step;
    // Numbers so large that the next tick is the same one end it, too.
    if (!(value <= range.hi + slack) || (i > 0 && value <= ticks.back().value)) return ticks;
    ticks.push_back({value, Label(value, step)});
  }
}

std::vector<Tick> LogTicks(const AxisRange& range, int count) {
  const double decades = std::log10(range.hi / range.lo);
  const int every = std::max(1, static_cast<int>(std::ceil(decades / count)));
  std::vector<Tick> ticks;
  const int last = static_cast<int>(std::ceil(std::log10(range.hi)));
  for (int power = static_cast<int>(std::floor(std::log10(range.lo))); power <= last; ++power) {
    for (const int digit : {1, 2, 5}) {
      const double value = digit * std::pow(10, power);
      if (value < range.lo * (1 - 1e-9) || value > range.hi * (1 + 1e-9)) continue;
      if ((digit != 1 && decades > 2.5) || power % every != 0) continue;
      ticks.push_back({value, Label(value, std::pow(10, power))});
    }
  }
  return ticks;
}

}  // namespace

double AxisRange::operator()(double value) const {
  if (scale == Scale::kLog) return std::log(value / lo) / std::log(hi / lo);
  return (value - lo) / (hi - lo);
}

void Extent::Add(double value) {
  if (!std::isfinite(value)) return;
  lo = std::min(lo, value);
  hi = std::max(hi, value);
}

bool HasPlace(double value, Scale scale) { return std::isfinite(value) && (scale == Scale::kLinear || value > 0); }

std::vector<Tick> Ticks(const AxisRange& range, int count, double least_step) {
  return range.scale == Scale::kLog ? LogTicks(range, count) : LinearTicks(range, count, least_step);
}

AxisRange TidyRange(Scale scale, double lo, double hi) {
  if (scale == Scale::kLog) {
    const double margin = hi > lo ? std::pow(hi / lo, 0.05) : 2;
    return {scale, lo / margin, hi * margin};
  }
  if (!(hi > lo)) {
    const double margin = lo == 0 ? 1 : std::abs(lo) / 10;
    return {scale, lo - margin, hi + margin};
  }
  const double step = NiceStep(hi - lo, kTidyTicks);
  return {scale, std::floor(lo / step + 1e-9) * step, std::ceil(hi / step - 1e-9) * step};
}

std::string WithMinusSigns(absl::string_view number) { return absl::StrReplaceAll(number, {{"-", "\u2212"}}); }

}  // namespace adret::plot
