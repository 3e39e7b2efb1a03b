// adret draw: a picture of a model's graph.
#include <cstdio>
#include <memory>
#include <optional>

#include "absl/flags/flag.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "adret/autograd/gradients.h"
#include "adret/core/status.h"
#include "adret/explain/objective.h"
#include "adret/io/dot.h"
#include "adret/nn/layer_dot.h"
#include "adret/plot/graph_svg.h"
#include "adret/tools/command.h"
#include "adret/tools/common_flags.h"
#include "adret/tools/model_file.h"
#include "adret/tools/network.h"
#include "adret/tools/open_model.h"
#include "adret/tools/output.h"

ABSL_FLAG(std::string, format, "",
          "dot (Graphviz's language) or svg; by default what the name of --out ends with, or dot");
ABSL_FLAG(bool, nodes, false, "draw every node instead of the layers");

namespace adret::tools {
namespace {

absl::StatusOr<bool> WantsSvg(const std::string& out) {
  const std::string format = absl::GetFlag(FLAGS_format);
  if (format.empty()) return absl::EndsWithIgnoreCase(out, ".svg");
  if (format == "svg" || format == "dot") return format == "svg";
  return absl::InvalidArgumentError(absl::StrCat("--format must be dot or svg, but is '", format, "'"));
}

// The whole file, or what leads to its main output.
absl::StatusOr<std::string> DrawModel(const std::string& path) {
  AD_ASSIGN_OR_RETURN(const io::Model model, OpenModel(path));
  AD_ASSIGN_OR_RETURN(const std::optional<io::NamedValue> output, MainOutput(model));
  std::vector<Value> fetches;
  if (output.has_value()) fetches = {output->value};
  if (absl::GetFlag(FLAGS_nodes)) return io::Dot(*model.graph, {.fetches = fetches});
  return nn::LayerDot(*model.graph, {.fetches = fetches});
}

// The network with the gradient's way through its layers, or the gradient itself, node by node.
absl::StatusOr<std::string> DrawUnit(const std::string& path, const std::string& unit) {
  AD_ASSIGN_OR_RETURN(const OpenNetwork open, OpenNetwork::Load(path));
  const explain::Network& network = open.network;
  if (!absl::GetFlag(FLAGS_nodes)) {
    AD_ASSIGN_OR_RETURN(const explain::Units units, explain::ParseUnits(unit, network));
    AD_ASSIGN_OR_RETURN(const explain::UnitLayer layer, network.FindLayer(units.layer));
    return nn::LayerDot(*network.graph(),
                        {.fetches = {network.output()}, .highlight = layer.value, .highlight_text = unit});
  }
  AD_ASSIGN_OR_RETURN(const std::vector<explain::Objective> objectives, explain::ParseObjectives(unit, network));
  Graph graph;
  Shape shape = network.image_shape();
  shape.insert(0, static_cast<int64_t>(objectives.size()));
  const Value image = graph.Input("image", network.dtype(), shape);
  AD_ASSIGN_OR_RETURN(const Value activation, explain::Activation(network, objectives, image));
  const Value slope = Gradients(activation, {image})[0].Named("slope");
  AD_RETURN_IF_ERROR(graph.status());
  return io::Dot(graph, {.fetches = {slope}});
}

absl::StatusOr<int> Draw(const std::vector<std::string>& arguments) {
  const std::string out = absl::GetFlag(FLAGS_out), unit = absl::GetFlag(FLAGS_unit);
  AD_ASSIGN_OR_RETURN(const bool svg, WantsSvg(out));
  OutputFiles outputs(arguments);
  AD_ASSIGN_OR_RETURN(OutputFile file, outputs.Create(out, ""));
  AD_ASSIGN_OR_RETURN(std::string picture, unit.empty() ? DrawModel(arguments[0]) : DrawUnit(arguments[0], unit));
  if (svg) {
    AD_ASSIGN_OR_RETURN(picture, plot::GraphvizSvg(picture));
  }
  if (file.wanted()) {
    AD_RETURN_IF_ERROR(file.Write(picture));
  } else {
    std::fwrite(picture.data(), 1, picture.size(), stdout);
  }
  return kSuccess;
}

const CommandRegistration kDraw(
    {.name = "draw",
     .summary = "Draws a network: its layers or every node, and the way of a unit's gradient.",
     .arguments = {"MODEL"},
     .examples = {{"digits.adret --out=digits.svg", "the layers, from the input down, with shapes and parameters"},
                  {"digits.adret --unit=conv2:7 --out=conv2_7.svg",
                   "the same; the way from filter 7 of conv2 back to the image is in colour"},
                  {"digits.adret --nodes --out=nodes.svg", "every node with its attributes; arrows carry types"},
                  {"digits.adret --nodes --unit=conv2:7 --out=slope.svg",
                   "the gradient of filter 7's activation with respect to the image: a graph as well"},
                  {"digits.adret | dot -Tpdf -o digits.pdf", "Graphviz's language, for its own programs"}},
     .flags = {"format",
               "nodes",
               {"unit", "the unit whose gradient's way is drawn, such as conv2:7"},
               {"out", "file to write; by default the standard output"},
               "input_name",
               "output",
               "dims"},
     .run = Draw});

}  // namespace
}  // namespace adret::tools
