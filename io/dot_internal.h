// What the drawings of nodes and of layers share. Internal to io/.
#ifndef ADRET_IO_DOT_INTERNAL_H_
#define ADRET_IO_DOT_INTERNAL_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "adret/core/graph.h"

namespace adret::io {

// Colours of boxes.
inline constexpr char kInputFill[] = "#dae8fc", kVariableFill[] = "#d5e8d4", kPlainFill[] = "#eeeeee";

// The first lines of a drawing. Boxes are wide enough for fonts a fifth wider than Helvetica, which few machines have.
inline constexpr char kDotHead[] =
    "digraph adret {\n"
    "  graph [fontname=\"Helvetica\", fontsize=10, ranksep=0.35];\n"
    "  node [shape=box, style=\"rounded,filled\", fillcolor=white, fontname=\"Helvetica\", fontsize=10,"
    " margin=\"0.2,0.06\", color=\"#57534e\"];\n"
    "  edge [fontname=\"Helvetica\", fontsize=8, arrowsize=0.7, color=\"#57534e\"];\n";

// Text of a quoted string in the language, after CleanText(): quotes and backslashes escaped, tabs and newlines left
// out. Graphviz takes "&#27;" for the character, so that "&" is one of its entities, too.
std::string DotEscape(absl::string_view text);

// The nodes that these depend on; all without any.
std::vector<bool> DrawnNodes(const Graph& graph, const std::vector<Value>& fetches);

}  // namespace adret::io

#endif  // ADRET_IO_DOT_INTERNAL_H_
