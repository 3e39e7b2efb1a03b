// Edge rows: what ops answer at the edges of their domains, compared with PyTorch 2 element by element.
//
//   const EdgeRows kEdges({
//       {.name = "sqrt", .build = [](Args x) { return Values{Sqrt(x[0])}; }, .inputs = {"specials"}},
//   });
//
// The numbers are in tests/golden/edges.npz. tests/golden/edges.py, which makes that file, has a row of the same name
// with PyTorch's expression; it also defines the inputs: "specials" are zeros of both signs, denormals, the largest
// numbers, infinities, NaN and a few ordinary numbers. Where PyTorch is not followed, the row in edges.py says what is
// right and why. Each row runs in f32 and in f64, as one fused plan and node by node, and its gradients with ones and
// with other numbers as cotangents. A test fails for every registered op that no row reaches.
#ifndef ADRET_TESTS_OPS_EDGE_SUITE_H_
#define ADRET_TESTS_OPS_EDGE_SUITE_H_

#include <functional>
#include <string>
#include <vector>

#include "adret/tests/ops/op_suite.h"

namespace adret {

struct EdgeRow {
  std::string name;  // unique; "sum/columns"
  std::function<Values(Args)> build;
  std::vector<std::string> inputs;  // names of arrays in edges.npz
  // How far numbers may be from the expected ones, in units in the last place of the expected number. Infinities and
  // NaN must be equal, and so must the signs of zeros in results (those of gradients are nobody's promise).
  double ulp = 2;
  double gradient_ulp = 4;
  // The unit is that of the largest finite number of the array: for sums, whose terms may be larger than they are.
  bool of_largest = false;
  // Off where a zero is the sum of zeros, whose sign depends on where the sum starts.
  bool signed_zeros = true;
  // The row must fail, and this is a part of its message. PyTorch fails, too.
  std::string error = "";
};

// Registers rows.
struct EdgeRows {
  explicit EdgeRows(std::vector<EdgeRow> rows);
};

}  // namespace adret

#endif  // ADRET_TESTS_OPS_EDGE_SUITE_H_
