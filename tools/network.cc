#include "adret/tools/network.h"

#include <utility>

#include "absl/flags/flag.h"
#include "adret/core/status.h"
#include "adret/io/in_file.h"

ABSL_FLAG(
    std::string, unit, "",
    "what to look at: conv2:7, conv2:*, conv2:0-9, conv2:7@3,5 (row, column), logits:5% (probability), conv2 (the "
    "layer's energy), or a mix such as conv2:7+0.5*dense1:3");

namespace adret::tools {

absl::StatusOr<OpenNetwork> OpenNetwork::Open(io::Model model) {
  AD_ASSIGN_OR_RETURN(io::NamedValue input, ChooseInput(model));
  AD_ASSIGN_OR_RETURN(io::NamedValue output, ChooseOutput(model, input.value));
  AD_ASSIGN_OR_RETURN(explain::Network network,
                      explain::Network::Create(input.value, output.value, model.state, output.name));
  return OpenNetwork{std::move(model), std::move(input.name), std::move(output.name), std::move(network)};
}

absl::StatusOr<OpenNetwork> OpenNetwork::Load(const std::string& path) {
  AD_ASSIGN_OR_RETURN(io::Model model, io::LoadModel(path));
  absl::StatusOr<OpenNetwork> result = Open(std::move(model));
  if (!result.ok()) return io::InFile(path, result.status());
  return result;
}

}  // namespace adret::tools
