// The lecture's convolution by hand: a 6x6 image, two 3x3 filters, their maps with strides 1 and 2, and the maps pooled
// 2x2.
//
// Filter 1 looks for a diagonal, filter 2 for a vertical line: where a map is 3, the image shows exactly that.
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "adret/adret.h"

using namespace adret;

namespace {

// Channel `channel` of a tensor [1, channels, rows, columns], or filter `channel` of [filters, 1, rows, columns].
std::vector<std::string> Rows(const Tensor& t, int channel) {
  const int64_t rows = t.shape()[2], columns = t.shape()[3];
  std::vector<std::string> lines(rows);
  for (int64_t i = 0; i < rows * columns; ++i) {
    absl::StrAppendFormat(&lines[i / columns], "%3.0f", t.At(channel * rows * columns + i));
  }
  return lines;
}

struct Table {
  std::string title;
  std::vector<std::string> lines;
};

// Tables side by side.
void Print(const std::vector<Table>& tables) {
  std::string text;
  const auto print_row = [&](const auto& cell) {
    std::string line;
    for (const Table& table : tables) absl::StrAppendFormat(&line, "%-24s", cell(table));
    absl::StrAppend(&text, absl::StripTrailingAsciiWhitespace(line), "\n");
  };
  size_t height = 0;
  for (const Table& table : tables) height = std::max(height, table.lines.size());
  print_row([](const Table& table) { return table.title; });
  for (size_t row = 0; row < height; ++row) {
    print_row([&](const Table& table) { return row < table.lines.size() ? table.lines[row] : ""; });
  }
  std::printf("%s\n", text.c_str());
}

}  // namespace

int main() {
  const Tensor image = Tensor::From<float>({1, 1, 6, 6}, {1, 0, 0, 0, 0, 1,    //
                                                          0, 1, 0, 0, 1, 0,    //
                                                          0, 0, 1, 1, 0, 0,    //
                                                          1, 0, 0, 0, 1, 0,    //
                                                          0, 1, 0, 0, 1, 0,    //
                                                          0, 0, 1, 0, 1, 0});  //
  const Tensor filters = Tensor::From<float>({2, 1, 3, 3}, {1, -1, -1,         // a diagonal
                                                            -1, 1, -1,         //
                                                            -1, -1, 1,         //
                                                            -1, 1, -1,         // a vertical line
                                                            -1, 1, -1,         //
                                                            -1, 1, -1});
  Graph graph;
  Value x = graph.Constant(image), w = graph.Constant(filters);
  Value maps = Conv2d(x, w);
  Value coarse = Conv2d(x, w, {.stride = {2, 2}});
  Value pooled = MaxPool2d(maps);

  auto results = Evaluate({maps, coarse, pooled});
  if (!results.ok()) {
    std::fprintf(stderr, "%s\n", results.status().ToString().c_str());
    return 1;
  }
  Print({{"image", Rows(image, 0)}, {"filter 1", Rows(filters, 0)}, {"filter 2", Rows(filters, 1)}});
  for (int k = 0; k < 2; ++k) {
    Print({{absl::StrCat("map of filter ", k + 1), Rows((*results)[0], k)},
           {"with stride 2", Rows((*results)[1], k)},
           {"max-pooled 2x2", Rows((*results)[2], k)}});
  }
}
