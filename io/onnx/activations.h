// The activations that RNN, GRU and LSTM take by name.
#ifndef ADRET_IO_ONNX_ACTIVATIONS_H_
#define ADRET_IO_ONNX_ACTIVATIONS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "adret/core/graph.h"
#include "adret/io/onnx/call.h"

namespace adret::onnx {

struct Activation {
  Value (*function)(const Value& x, double alpha, double beta) = nullptr;
  double alpha = 0, beta = 0;
  Value operator()(const Value& x) const { return function(x, alpha, beta); }
};

// Reads the attributes activations, activation_alpha and activation_beta. `defaults` are those of one direction, which
// all directions have; names are told apart by letters in either case. Parameters are taken in the order of those
// activations that have such a parameter, as in ONNX Runtime.
absl::StatusOr<std::vector<Activation>> ReadActivations(Call& c, std::vector<std::string> defaults, int directions);

}  // namespace adret::onnx

#endif  // ADRET_IO_ONNX_ACTIVATIONS_H_
