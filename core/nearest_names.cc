#include "adret/core/nearest_names.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace adret {

int EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<int> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    int diagonal = row[0];
    row[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const int replace = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replace});
    }
  }
  return row[b.size()];
}

std::vector<std::string> NearestNames(absl::string_view name, std::vector<std::string> names, int count) {
  // Far longer names cannot be near, and a hostile name must not cost quadratic time.
  name = name.substr(0, 64);
  std::vector<std::pair<int, std::string>> ranked;
  for (std::string& n : names) {
    if (n.size() <= 128) ranked.emplace_back(EditDistance(name, n), std::move(n));
  }
  const size_t keep = std::min<size_t>(count, ranked.size());
  std::partial_sort(ranked.begin(), ranked.begin() + keep, ranked.end());
  std::vector<std::string> result;
  for (size_t i = 0; i < keep; ++i) result.push_back(std::move(ranked[i].second));
  return result;
}

}  // namespace adret
