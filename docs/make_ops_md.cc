// Prints docs/ops.md from the registry. With a file's name as argument, compares with that file instead:
//
//   make_ops_md > docs/ops.md
//   make_ops_md docs/ops.md        # exits 1 when the file is out of date
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "adret/core/op.h"

namespace {

// A cell of a Markdown table.
std::string Cell(const std::string& text) { return absl::StrReplaceAll(text, {{"|", "\\|"}, {"\n", " "}}); }

std::string Inputs(const adret::Op& op) {
  return absl::StrCat(absl::StrJoin(op.inputs, ", "), op.variadic ? ", ..." : "");
}

std::string Row(const adret::Op& op) {
  const std::string gradient = op.traits.leaf ? "ends here"
                               : op.gradient  ? "yes"
                                              : absl::StrCat("none: ", op.no_gradient);
  return absl::StrCat("| `", op.name, "` | ", Inputs(op), " | ", absl::StrJoin(op.outputs, ", "), " | ", Cell(op.doc),
                      " | ", Cell(gradient), " |\n");
}

std::string Section(const std::string& title, const std::string& text, const std::vector<const adret::Op*>& ops) {
  std::string result =
      absl::StrCat("\n## ", title, "\n\n", text,
                   "\n\n| op | inputs | outputs | what it computes | gradient |\n|---|---|---|---|---|\n");
  for (const adret::Op* op : ops) absl::StrAppend(&result, Row(*op));
  return result;
}

// "conv2d_input_grad" belongs to the second table.
bool IsDerived(const adret::Op& op) {
  return op.name.size() > 5 && op.name.compare(op.name.size() - 5, 5, "_grad") == 0;
}

std::string Page() {
  std::vector<const adret::Op*> ops, derived;
  for (const adret::Op* op : adret::AllOps()) (IsDerived(*op) ? derived : ops).push_back(op);
  return absl::StrCat(
      "<!-- Made from the registry by docs/make_ops_md.cc (build target ops_md). Do not edit. -->\n# Operations\n\n",
      ops.size(), " operations, and ", derived.size(),
      " more that gradients are made of. A gradient is a graph: where the last column says `yes`, "
      "derivatives of every order exist.\nThe builder of `conv2d` is `Conv2d()`, in `ops/`; its header says what "
      "shapes it takes.\n",
      Section("Operations", "What a model is written in.", ops),
      Section("Gradient operations",
              "`<op>_<input>_grad`: operations that gradient rules append. They are differentiable themselves.",
              derived));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string page = Page();
  if (argc < 2) {
    std::cout << page;
    return std::cout.flush() ? 0 : 1;
  }
  std::ifstream file(argv[1], std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (text == page) return 0;
  std::cerr << argv[1] << " is out of date; make it anew: cmake --build build/release --target ops_md\n";
  return 1;
}
