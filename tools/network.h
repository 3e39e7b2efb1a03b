// What most commands start from: the network in a model file.
//
//   AD_ASSIGN_OR_RETURN(const tools::OpenNetwork open, tools::OpenNetwork::Load("digits.adret"));
//   std::printf("%s leads to %s\n", open.input_name.c_str(), open.output_name.c_str());
#ifndef ADRET_TOOLS_NETWORK_H_
#define ADRET_TOOLS_NETWORK_H_

#include <string>

#include "absl/status/statusor.h"
#include "adret/explain/network.h"
#include "adret/io/model.h"

namespace adret::tools {

struct OpenNetwork {
  // The part of the model's graph from --input_name to --output (tools/model_file.h), or to the output of this name, in
  // inference mode.
  static absl::StatusOr<OpenNetwork> Open(io::Model model, const std::string& output_name = "");
  static absl::StatusOr<OpenNetwork> Load(const std::string& path);

  io::Model model;
  std::string input_name, output_name;  // in the model's signature
  explain::Network network;
};

}  // namespace adret::tools

#endif  // ADRET_TOOLS_NETWORK_H_
