#include "adret/tools/report/examples.h"

#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "adret/core/status.h"
#include "adret/io/drawn_digits.h"
#include "adret/io/idx.h"
#include "adret/io/in_file.h"
#include "adret/io/npy.h"
#include "adret/nn/summary.h"

namespace adret::report {
namespace {

NamedExamples Named(const Tensor& images, const Tensor& labels, absl::string_view which) {
  NamedExamples named{.examples = {images, labels}, .name = ""};
  named.name = absl::StrCat(nn::WithCommas(named.examples.size()), " ", which);
  return named;
}

absl::StatusOr<NamedExamples> FromNpz(const std::string& path) {
  AD_ASSIGN_OR_RETURN(const io::NamedTensors arrays, io::LoadNpz(path));
  for (const auto& [x, y] : {std::pair{"images", "labels"}, std::pair{"x", "y"}}) {
    const auto images = arrays.find(x), labels = arrays.find(y);
    if (images == arrays.end() || labels == arrays.end()) continue;
    if (images->second.rank() < 2) {
      return io::InFile(path, absl::InvalidArgumentError(absl::StrCat("\"", x, "\" should be [n, ...], but is ",
                                                                      images->second.type().ToString())));
    }
    if (!IsInteger(labels->second.dtype())) {
      return io::InFile(path, absl::InvalidArgumentError(absl::StrCat("\"", y, "\" should be integers, but is ",
                                                                      labels->second.type().ToString())));
    }
    return Named(images->second, labels->second,
                 absl::StrCat("images of ", std::filesystem::path(path).filename().string()));
  }
  return io::InFile(path, absl::NotFoundError("expected the arrays \"images\" and \"labels\", or \"x\" and \"y\""));
}

}  // namespace

absl::StatusOr<NamedExamples> LoadExamples(const std::string& path, const explain::Network& network) {
  if (!path.empty()) {
    if (absl::EndsWith(path, ".npz")) return FromNpz(path);
    AD_ASSIGN_OR_RETURN(const io::TrainAndTest digits, io::LoadMnist(path));
    const std::filesystem::path folder = std::filesystem::absolute(path).lexically_normal();
    const std::string name = (folder.has_filename() ? folder : folder.parent_path()).filename().string();
    return Named(digits.test.images, digits.test.labels, absl::StrCat("test images of ", name));
  }
  const Shape answer = network.output().shape();
  if (network.image_shape() != Shape{1, 28, 28} || answer.rank() != 2 || answer[1] != 10) return NamedExamples{};
  AD_ASSIGN_OR_RETURN(const io::TrainAndTest digits, io::DrawnDigits());
  return Named(digits.test.images, digits.test.labels, "digits that adret drew");
}

}  // namespace adret::report
