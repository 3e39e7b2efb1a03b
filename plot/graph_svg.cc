#include "adret/plot/graph_svg.h"

#include <cstdlib>
#include <memory>
#include <mutex>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

#ifdef ADRET_GRAPHVIZ
#include <graphviz/gvc.h>

extern "C" {
extern gvplugin_library_t gvplugin_core_LTX_library, gvplugin_dot_layout_LTX_library;
}
#endif

namespace adret::plot {

#ifdef ADRET_GRAPHVIZ
namespace {

// Graphviz recurses along paths, and its time grows with the square of a graph or faster. It lays an edge through every
// row between its ends, so that what counts as its nodes are these places, too.
constexpr int kMostNodes = 5000;
constexpr int64_t kMostPlaces = 8000;
// Beyond this size the layout is no longer improved to the end.
constexpr int64_t kManyPlaces = 400;

// Two plugins that are linked, instead of those that a configuration file of the machine lists: no other one measures
// text, and nothing is loaded at run time.
struct Context {
  Context() {
    static lt_symlist_t plugins[] = {{"gvplugin_core_LTX_library", &gvplugin_core_LTX_library},
                                     {"gvplugin_dot_layout_LTX_library", &gvplugin_dot_layout_LTX_library},
                                     {nullptr, nullptr}};
    gvc = gvContextPlugins(plugins, /*demand_loading=*/0);
    agseterr(AGMAX);  // nothing to stderr
  }
  ~Context() { gvFreeContext(gvc); }
  GVC_t* gvc;
};

absl::Status Failure(absl::string_view what) {
  const std::unique_ptr<char, decltype(&std::free)> error(aglasterr(), &std::free);
  return absl::InvalidArgumentError(
      absl::StrCat(what, error == nullptr ? "" : absl::StrCat(": ", absl::StripAsciiWhitespace(error.get()))));
}

// Nodes and the rows that edges pass, when each node is a row below those that lead to it and stand before it.
int64_t Places(Agraph_t* graph) {
  absl::flat_hash_map<Agnode_t*, int64_t> rows;
  int64_t places = 0;
  for (Agnode_t* node = agfstnode(graph); node != nullptr; node = agnxtnode(graph, node)) {
    int64_t row = 0;
    for (Agedge_t* edge = agfstin(graph, node); edge != nullptr; edge = agnxtin(graph, edge)) {
      if (const auto from = rows.find(edge->node); from != rows.end()) row = std::max(row, from->second + 1);
    }
    for (Agedge_t* edge = agfstin(graph, node); edge != nullptr; edge = agnxtin(graph, edge)) {
      if (const auto from = rows.find(edge->node); from != rows.end()) places += row - from->second - 1;
    }
    rows[node] = row;
    ++places;
  }
  return places;
}

absl::StatusOr<std::string> Render(const std::string& dot) {
  const Context context;
  const std::unique_ptr<Agraph_t, decltype(&agclose)> graph(agmemread(dot.c_str()), &agclose);
  if (graph == nullptr) return Failure("Graphviz cannot read the graph");
  const int nodes = agnnodes(graph.get()), edges = agnedges(graph.get());
  const int64_t places = Places(graph.get());
  if (nodes > kMostNodes || places + edges > kMostPlaces + nodes) {
    return absl::ResourceExhaustedError(absl::StrCat("a graph of ", nodes, " nodes and ", edges, " edges, which pass ",
                                                     places - nodes, " rows, is too large to draw; the limits are ",
                                                     kMostNodes, " nodes, and ", kMostPlaces, " edges and rows"));
  }
  if (places > kManyPlaces) {
    std::pair<std::string, std::string> limits[] = {{"nslimit", "1"}, {"nslimit1", "1"}, {"mclimit", "0.2"}};
    for (auto& [name, value] : limits) agattr(graph.get(), AGRAPH, name.data(), value.data());
  }
  if (gvLayout(context.gvc, graph.get(), "dot") != 0) return Failure("Graphviz cannot lay the graph out");
  char* bytes = nullptr;
  unsigned int size = 0;
  const int status = gvRenderData(context.gvc, graph.get(), "svg", &bytes, &size);
  std::string svg = status == 0 ? std::string(bytes, size) : "";
  gvFreeRenderData(bytes);
  gvFreeLayout(context.gvc, graph.get());
  if (status != 0) return Failure("Graphviz cannot draw the graph");
  return svg;
}

}  // namespace

absl::StatusOr<std::string> GraphvizSvg(const std::string& dot, const GraphSvgOptions& options) {
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  absl::StatusOr<std::string> svg = Render(dot);
  if (!svg.ok()) return svg;
  // Without what stands before the element: a page has a prolog of its own, and the DTD is elsewhere. Quotes in text
  // are entities, so this finds attributes only.
  return absl::StrReplaceAll(svg->substr(svg->find("<svg")), {{" id=\"", absl::StrCat(" id=\"", options.id_prefix)}});
}
#else
absl::StatusOr<std::string> GraphvizSvg(const std::string&, const GraphSvgOptions&) {
  return absl::UnimplementedError("adret was built without Graphviz (libgraphviz-dev): it cannot draw SVG");
}
#endif

}  // namespace adret::plot
