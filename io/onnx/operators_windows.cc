// Numbers that follow from the file: windows of signals and the weights of the mel scale.
#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

#include "adret/core/status.h"
#include "adret/io/onnx/call.h"
#include "adret/io/onnx/operators.h"
#include "adret/ops/broadcast.h"

namespace adret::onnx {
namespace {

using Results = absl::StatusOr<Values>;

constexpr int64_t kMaxElements = int64_t{1} << 24;

// Returns the numbers in the dtype that attribute output_datatype names, as a value that is no weight.
Results Numbers(Call& c, const Shape& shape, const std::vector<double>& numbers) {
  const int64_t type = c.Int("output_datatype", ElementTypeOf(DType::kFloat32));
  const std::optional<DType> dtype = DTypeOf(type);
  if (!dtype.has_value()) return c.Unsupported("adret has no dtype for ", ElementTypeName(type));
  return Values{Identity(c.graph()->Constant(Tensor::From<double>(shape, numbers).Cast(*dtype)))};
}

// Computes a0 - a1 cos(t) + a2 cos(2 t), where t goes once round along the window.
Results Window(Call& c, double a0, double a1, double a2) {
  AD_ASSIGN_OR_RETURN(const std::vector<int64_t> size, c.KnownIntegers(0));
  if (size.size() != 1 || size[0] < 0 || size[0] > kMaxElements) {
    return c.Error("its size must be one number in [0, 2^24]");
  }
  const int64_t round = c.Int("periodic", 1) != 0 ? size[0] : size[0] - 1;
  std::vector<double> numbers;
  for (int64_t i = 0; i < size[0]; ++i) {
    const double t = round == 0 ? 0 : 2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(round);
    numbers.push_back(a0 - a1 * std::cos(t) + a2 * std::cos(2 * t));
  }
  return Numbers(c, {size[0]}, numbers);
}

Results HannFrom(Call& c) { return Window(c, 0.5, 0.5, 0); }
Results HammingFrom(Call& c) { return Window(c, 25.0 / 46, 21.0 / 46, 0); }
Results BlackmanFrom(Call& c) { return Window(c, 0.42, 0.5, 0.08); }

absl::StatusOr<double> KnownNumber(Call& c, int i) {
  AD_ASSIGN_OR_RETURN(const Tensor number, c.Known(i));
  if (number.num_elements() != 1 || !std::isfinite(number.At(0))) return c.Error("input ", i, " must be one number");
  return number.At(0);
}

// Returns the bins of a spectrum in which bands + 2 frequencies lie that are evenly spaced on the mel scale.
std::vector<double> MelBins(int64_t bands, double dft_length, double sample_rate, double lower, double upper) {
  const auto mel = [](double hertz) { return 2595 * std::log10(1 + hertz / 700); };
  const double step = (mel(upper) - mel(lower)) / static_cast<double>(bands + 2);
  std::vector<double> bins;
  for (int64_t i = 0; i < bands + 2; ++i) {
    const double hertz = 700 * (std::pow(10, (mel(lower) + static_cast<double>(i) * step) / 2595) - 1);
    bins.push_back(std::floor((dft_length + 1) * hertz / sample_rate));
  }
  return bins;
}

Results MelWeightMatrixFrom(Call& c) {
  AD_ASSIGN_OR_RETURN(const double bands, KnownNumber(c, 0));
  AD_ASSIGN_OR_RETURN(const double dft_length, KnownNumber(c, 1));
  AD_ASSIGN_OR_RETURN(const double sample_rate, KnownNumber(c, 2));
  AD_ASSIGN_OR_RETURN(const double lower, KnownNumber(c, 3));
  AD_ASSIGN_OR_RETURN(const double upper, KnownNumber(c, 4));
  if (bands < 1 || dft_length < 1 || bands * dft_length > kMaxElements || sample_rate < 1 || lower < 0 ||
      upper < lower) {
    return c.Error("its sizes and frequencies must be positive, and those of the matrix at most 2^24 together");
  }
  const int64_t columns = static_cast<int64_t>(bands), rows = static_cast<int64_t>(dft_length) / 2 + 1;
  const std::vector<double> bins = MelBins(columns, dft_length, sample_rate, lower, upper);
  for (const double bin : bins) {
    if (!(bin >= 0 && bin < rows)) return c.Error("its frequencies go beyond half the sample rate");
  }
  std::vector<double> weights(rows * columns, 0);
  for (int64_t band = 0; band < columns; ++band) {
    const double left = bins[band], center = bins[band + 1], right = bins[band + 2];
    for (double bin = left; bin < center; ++bin) {
      weights[static_cast<int64_t>(bin) * columns + band] = (bin - left) / (center - left);
    }
    for (double bin = center; bin < right; ++bin) {
      weights[static_cast<int64_t>(bin) * columns + band] = (right - bin) / (right - center);
    }
    weights[static_cast<int64_t>(center) * columns + band] = 1;
  }
  return Numbers(c, {rows, columns}, weights);
}

const OperatorRegistration kWindows({
    {.name = "HannWindow", .since = 17, .from = HannFrom},
    {.name = "HammingWindow", .since = 17, .from = HammingFrom},
    {.name = "BlackmanWindow", .since = 17, .from = BlackmanFrom},
    {.name = "MelWeightMatrix",
     .since = 17,
     .from = MelWeightMatrixFrom,
     .gradient = "its operands are numbers that are known while the file is read"},
});

}  // namespace
}  // namespace adret::onnx
