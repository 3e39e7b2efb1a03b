// NamedTensors: numbers by name, as .npz and safetensors files hold them.
//
//   io::NamedTensors weights(state.tensors().begin(), state.tensors().end());
#ifndef ADRET_IO_NAMED_TENSORS_H_
#define ADRET_IO_NAMED_TENSORS_H_

#include <map>
#include <string>

#include "adret/core/tensor.h"

namespace adret::io {

using NamedTensors = std::map<std::string, Tensor>;

}  // namespace adret::io

#endif  // ADRET_IO_NAMED_TENSORS_H_
