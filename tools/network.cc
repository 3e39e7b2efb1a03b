#include "adret/tools/network.h"

#include <utility>

#include "adret/core/status.h"
#include "adret/io/in_file.h"
#include "adret/tools/model_file.h"
#include "adret/tools/open_model.h"

namespace adret::tools {

absl::StatusOr<OpenNetwork> OpenNetwork::Open(io::Model model, const std::string& output_name) {
  AD_ASSIGN_OR_RETURN(io::NamedValue input, ChooseInput(model));
  AD_ASSIGN_OR_RETURN(io::NamedValue output, ChooseOutput(model, input.value, output_name));
  AD_ASSIGN_OR_RETURN(explain::Network network,
                      explain::Network::Create(input.value, output.value, model.state, output.name));
  return OpenNetwork{std::move(model), std::move(input.name), std::move(output.name), std::move(network)};
}

absl::StatusOr<OpenNetwork> OpenNetwork::Load(const std::string& path) {
  AD_ASSIGN_OR_RETURN(io::Model model, OpenModel(path));
  absl::StatusOr<OpenNetwork> result = Open(std::move(model));
  if (!result.ok()) return io::InFile(path, result.status());
  return result;
}

}  // namespace adret::tools
