// Layers compared with PyTorch's: results, and the gradients of inputs and variables.
#ifndef ADRET_TESTS_NN_GOLDEN_LAYER_H_
#define ADRET_TESTS_NN_GOLDEN_LAYER_H_

#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "adret/core/graph.h"
#include "adret/tests/golden/golden.h"

namespace adret::nn {

using Args = absl::Span<const Value>;

// Calls a layer, which must be called "layer", on the inputs x0, x1, ... of a case that tests/golden/golden_case.py's
// layer() wrote to <file>.npz, with the variables of that case, and compares everything at 1e-10.
void ExpectGolden(const std::string& file, const std::string& name, const std::function<Value(Args)>& build);
// The same for a call with several results.
void ExpectGolden(const std::string& file, const std::string& name, const std::function<Values(Args)>& build);

}  // namespace adret::nn

#endif  // ADRET_TESTS_NN_GOLDEN_LAYER_H_
