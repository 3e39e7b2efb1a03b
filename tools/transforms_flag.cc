#include "adret/tools/transforms_flag.h"

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace adret::tools {
namespace {

// Eleven numbers from middle - reach to middle + reach.
std::vector<double> Around(double middle, double reach) {
  std::vector<double> numbers;
  for (int i = -5; i <= 5; ++i) numbers.push_back(middle + reach * i / 5);
  return numbers;
}

}  // namespace

absl::StatusOr<std::vector<explain::Transform>> ParseTransforms(absl::string_view text) {
  if (text == "lucid") return explain::LucidTransforms();
  std::vector<explain::Transform> transforms;
  if (text.empty() || text == "none") return transforms;
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    const std::pair<absl::string_view, absl::string_view> words = absl::StrSplit(part, absl::MaxSplits(':', 1));
    const absl::string_view name = words.first;
    int pixels = 0;
    const bool whole = absl::SimpleAtoi(words.second, &pixels) && pixels >= 0 && pixels <= 1 << 16;
    if (whole && name == "pad") {
      transforms.push_back(explain::Pad(pixels));
    } else if (whole && name == "jitter") {
      transforms.push_back(explain::Jitter(pixels));
    } else if (whole && name == "roll") {
      transforms.push_back(explain::Roll(pixels));
    } else if (whole && name == "scale" && pixels < 100) {
      transforms.push_back(explain::Scale(Around(1, pixels / 100.0)));
    } else if (whole && name == "rotate") {
      transforms.push_back(explain::Rotate(Around(0, pixels)));
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("--transforms has '", absl::CEscape(part),
                       "' where pad:PIXELS, jitter:PIXELS, roll:PIXELS, scale:PERCENT or rotate:DEGREES is expected; "
                       "it may also be none or lucid"));
    }
  }
  return transforms;
}

}  // namespace adret::tools
