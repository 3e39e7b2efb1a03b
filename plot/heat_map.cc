#include "adret/plot/heat_map.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "adret/core/status.h"
#include "adret/plot/layout.h"
#include "adret/plot/painter.h"

namespace adret::plot {
namespace {

constexpr double kMargin = 28, kTitles = 20, kColumnLabels = 20;

struct Cell {
  Color color;
  std::string text;
};

// The cells' contents by row and column.
using CellFunction = std::function<Cell(int64_t row, int64_t column)>;

std::vector<std::string> LabelsOr(const std::vector<std::string>& labels, int64_t n) {
  if (!labels.empty()) return labels;
  std::vector<std::string> numbers;
  for (int64_t i = 0; i < n; ++i) numbers.push_back(absl::StrCat(i));
  return numbers;
}

absl::Status CheckMatrix(const Tensor& matrix, const HeatMapOptions& options) {
  if (matrix.rank() != 2 || matrix.num_elements() == 0) {
    return absl::InvalidArgumentError(absl::StrCat("a heat map shows a matrix, not ", matrix.type().ToString()));
  }
  const auto fits = [](const std::vector<std::string>& labels, int64_t n) {
    return labels.empty() || static_cast<int64_t>(labels.size()) == n;
  };
  if (!fits(options.row_labels, matrix.shape()[0]) || !fits(options.column_labels, matrix.shape()[1])) {
    return absl::InvalidArgumentError(absl::StrCat(options.row_labels.size(), " and ", options.column_labels.size(),
                                                   " labels for a matrix ", matrix.type().ToString()));
  }
  return absl::OkStatus();
}

absl::StatusOr<Tensor> PaintCells(int64_t rows, int64_t columns, const HeatMapOptions& options,
                                  const CellFunction& cell_at) {
  const std::vector<std::string> row_labels = LabelsOr(options.row_labels, rows);
  const std::vector<std::string> column_labels = LabelsOr(options.column_labels, columns);
  const TextStyle label{.size = 11, .color = kMuted, .align = Align::kRight};
  double label_width = 0;
  for (const std::string& text : row_labels) label_width = std::max(label_width, Painter(1, 1).TextWidth(text, label));

  const double side = options.cell, head = HeadingHeight(options.title, options.subtitle);
  const double left = kMargin + label_width + 12;
  const double top =
      kMargin + head + (options.row_title.empty() && options.column_title.empty() ? 0 : kTitles) + kColumnLabels;
  const double width = left + side * static_cast<double>(columns) + kMargin;
  Painter painter(std::max(width, 2 * kMargin + HeadingWidth(options.title, options.subtitle)),
                  top + side * static_cast<double>(rows) + kMargin);
  PaintHeading({kMargin, kMargin}, options.title, options.subtitle, &painter);
  const double titles_y = top - kColumnLabels - 8;
  const std::string down = options.row_title.empty() ? "" : absl::StrCat("\u2193 ", options.row_title);
  const std::string across = options.column_title.empty() ? "" : absl::StrCat(options.column_title, " \u2192");
  painter.Text({kMargin, titles_y}, down, {.size = 11, .color = kText});
  painter.Text({left + side * static_cast<double>(columns), titles_y}, across, {.size = 11, .align = Align::kRight});
  for (int64_t j = 0; j < columns; ++j) {
    painter.Text({left + side * (static_cast<double>(j) + 0.5), top - 7}, column_labels[j],
                 {.size = 11, .color = kMuted, .align = Align::kCentre});
  }
  for (int64_t i = 0; i < rows; ++i) {
    const double y = top + side * static_cast<double>(i);
    painter.Text({left - 10, y + side / 2 + 4}, row_labels[i], label);
    for (int64_t j = 0; j < columns; ++j) {
      const Cell cell = cell_at(i, j);
      const double x = left + side * static_cast<double>(j);
      painter.Fill({x + 0.75, y + 0.75, side - 1.5, side - 1.5}, cell.color);
      painter.Text({x + side / 2, y + side / 2 + 4}, cell.text,
                   {.size = 11, .color = Luminance(cell.color) < 0.55 ? kPaper : kText, .align = Align::kCentre});
    }
  }
  return painter.Finish();
}

std::string CountText(double count) {
  return count == std::floor(count) && std::abs(count) < 1e9 ? absl::StrFormat("%.0f", count)
                                                             : absl::StrFormat("%.3g", count);
}

}  // namespace

absl::StatusOr<Tensor> HeatMap(const Tensor& matrix, const HeatMapOptions& options) {
  AD_RETURN_IF_ERROR(CheckMatrix(matrix, options));
  double lo = std::numeric_limits<double>::infinity(), hi = -lo;
  for (int64_t i = 0; i < matrix.num_elements(); ++i) {
    const double x = matrix.At(i);
    if (!std::isfinite(x)) continue;
    lo = std::min(lo, x), hi = std::max(hi, x);
  }
  const ColorScale scale{options.colors, lo, hi > lo ? hi : lo + 1};
  const int64_t columns = matrix.shape()[1];
  return PaintCells(matrix.shape()[0], columns, options, [&](int64_t i, int64_t j) {
    const double x = matrix.At(i * columns + j);
    return Cell{scale(x), CountText(x)};
  });
}

absl::StatusOr<Tensor> ConfusionMatrix(const Tensor& counts, const HeatMapOptions& options) {
  AD_RETURN_IF_ERROR(CheckMatrix(counts, options));
  const int64_t n = counts.shape()[0];
  if (counts.shape()[1] != n) {
    return absl::InvalidArgumentError(absl::StrCat("a confusion matrix is square, not ", counts.type().ToString()));
  }
  std::vector<double> totals(n, 0);
  double right = 0, all = 0;
  for (int64_t i = 0; i < n * n; ++i) {
    totals[i / n] += counts.At(i);
    all += counts.At(i);
    if (i / n == i % n) right += counts.At(i);
  }
  HeatMapOptions complete = options;
  if (complete.subtitle.empty() && all > 0) {
    complete.subtitle = absl::StrFormat("%.0f of %.0f right: %.2f %%", right, all, 100 * right / all);
  }
  if (complete.row_title.empty()) complete.row_title = "true class";
  if (complete.column_title.empty()) complete.column_title = "taken for";
  return PaintCells(n, n, complete, [&](int64_t i, int64_t j) -> Cell {
    const double count = counts.At(i * n + j);
    if (count == 0 || totals[i] <= 0) return {Map(ColorMap::kHeat, 0), ""};
    const double share = count / totals[i];
    if (i == j) return {Map(ColorMap::kHeat, share * share * 0.8), CountText(count)};
    return {Map(ColorMap::kDiverging, 0.5 + 0.5 * std::min(1.0, 0.08 + 1.6 * std::sqrt(share))), CountText(count)};
  });
}

}  // namespace adret::plot
