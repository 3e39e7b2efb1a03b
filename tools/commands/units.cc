// adret units: what there is to look at in a network.
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "adret/core/status.h"
#include "adret/core/text_table.h"
#include "adret/explain/receptive_field.h"
#include "adret/nn/summary.h"
#include "adret/tools/command.h"
#include "adret/tools/network.h"

namespace adret::tools {
namespace {

// The op that makes a layer what it is: the one with products among the layer's nodes (a convolution's bias is added
// last), or that of the layer's own node. By position in `layers`.
std::vector<std::string> OpNames(const Graph& graph, const std::vector<explain::UnitLayer>& layers) {
  std::vector<std::string> names, ops;
  for (const explain::UnitLayer& layer : layers) {
    const Node& node = graph.node(layer.value.node());
    names.push_back(node.name);
    ops.push_back(node.op->name);
  }
  const std::vector<int> layer_of = nn::LayerOfNodes(graph, names);
  for (NodeId id = 0; id < graph.num_nodes(); ++id) {
    const Op& op = *graph.node(id).op;
    if (layer_of[id] >= 0 && op.multiply_adds != nullptr) ops[layer_of[id]] = op.name;
  }
  return ops;
}

// The part of the picture that one value of a map depends on; nothing where that is not to be known.
std::string FieldText(const explain::Network& network, const explain::UnitLayer& layer) {
  const absl::StatusOr<explain::ReceptiveField> field = explain::ReceptiveFieldOf(network, layer);
  return field.ok() ? absl::StrCat(field->height, "x", field->width) : "";
}

absl::StatusOr<int> Units(const std::vector<std::string>& arguments) {
  AD_ASSIGN_OR_RETURN(const OpenNetwork open, OpenNetwork::Load(arguments[0]));
  const explain::Network& network = open.network;
  const std::vector<explain::UnitLayer>& layers = network.layers();
  const std::vector<std::string> ops = OpNames(*network.graph(), layers);
  TextTable table({"layer", "op", ">units", "maps", "sees", "written"});
  for (size_t i = 0; i < layers.size(); ++i) {
    const explain::UnitLayer& layer = layers[i];
    const int64_t units = layer.units();
    table.AddRow({layer.name, ops[i], absl::StrCat(units),
                  layer.has_maps() ? absl::StrCat(layer.value.shape()[2], "x", layer.value.shape()[3]) : "",
                  FieldText(network, layer),
                  absl::StrCat(layer.name, ":0", units > 1 ? absl::StrCat(" to ", layer.name, ":", units - 1) : "")});
  }
  std::printf("%s leads to %s; pictures are %s (channels x height x width)\n\n%s", open.input_name.c_str(),
              open.output_name.c_str(), nn::ExampleShape(network.image_shape()).c_str(), table.ToString().c_str());
  return kSuccess;
}

const CommandRegistration kUnits(
    {.name = "units",
     .summary = "Lists what can be looked at in a network: its layers, with their units and how these are written.",
     .description =
         "Units are written conv2:7 (a filter: the sum of its map; a neuron; a logit), conv2:7@3,5 (its value\n"
         "at row 3, column 5), conv2:0-9 or conv2:1,4,8 (some), conv2:* (all), logits:5% (the probability of\n"
         "class 5), conv2 (the energy of the layer), conv2:7+0.5*dense1:3 (a mix).",
     .arguments = {"MODEL"},
     .examples =
         {{"digits.adret",
           "a line for each layer: its op, units, the size of their maps, the part of the picture that one value sees"},
          {"digits.adret --output=probabilities", "the layers that lead to another output"}},
     .flags = {"input_name", "output", "dims"},
     .run = Units});

}  // namespace
}  // namespace adret::tools
