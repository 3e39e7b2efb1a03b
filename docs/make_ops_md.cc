// Prints docs/ops.md from the registry. With a file's name as argument, compares with that file instead:
//
//   make_ops_md > docs/ops.md
//   make_ops_md docs/ops.md        # exits 1 when the file is out of date
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <regex>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "adret/core/op.h"
#include "adret/tests/ops/exact_functions.h"

namespace {

// A cell of a Markdown table.
std::string Cell(const std::string& text) { return absl::StrReplaceAll(text, {{"|", "\\|"}, {"\n", " "}}); }

std::string Inputs(const adret::Op& op) {
  return absl::StrCat(absl::StrJoin(op.inputs, ", "), op.variadic ? ", ..." : "");
}

// Where a function is declared that builds nodes.
struct Builder {
  std::string name;    // "Conv2d"
  std::string header;  // "ops/conv2d.h"
  bool one_output = true;
};

// The builders that a folder's headers or one header declare, by their names in lower case.
std::map<std::string, Builder> BuildersIn(const std::string& place) {
  namespace fs = std::filesystem;
  const fs::path path = fs::path(ADRET_SOURCE_DIR) / place;
  std::vector<fs::path> headers;
  if (fs::is_directory(path)) {
    for (const auto& entry : fs::directory_iterator(path)) {
      if (entry.path().extension() == ".h") headers.push_back(entry.path());
    }
  } else {
    headers.push_back(path);
  }
  static const std::regex kDeclaration("^ {0,2}(inline )?(Values?|\\w+Result) (\\w+)\\(.*");
  std::map<std::string, Builder> builders;
  for (const fs::path& header : headers) {
    std::ifstream in(header);
    std::smatch match;
    for (std::string line; std::getline(in, line);) {
      if (!std::regex_match(line, match, kDeclaration)) continue;
      const std::string name = match[3];
      builders[absl::AsciiStrToLower(name)] = {name, fs::relative(header, ADRET_SOURCE_DIR).string(),
                                               match[2] == "Value"};
    }
  }
  return builders;
}

// Returns which builder makes an op: the one of its name, or else of a name that begins with it (BatchNormTraining
// makes batch_norm and has its three outputs). Nothing for an op that only gradients are made of.
std::string BuilderOf(const adret::Op& op) {
  static const auto* const kLeaves = new std::map<std::string, Builder>(BuildersIn("core/graph.h"));
  static const auto* const kOthers = [] {
    auto* all = new std::map<std::string, Builder>(BuildersIn("ops"));
    all->merge(BuildersIn("autograd"));  // loops and branches, whose gradients differentiate bodies
    return all;
  }();
  const std::map<std::string, Builder>& builders = op.traits.leaf ? *kLeaves : *kOthers;
  const std::string name = absl::StrReplaceAll(op.name, {{"_", ""}});
  for (auto it = builders.lower_bound(name); it != builders.end() && absl::StartsWith(it->first, name); ++it) {
    const Builder& b = it->second;
    if (it->first != name && b.one_output != (op.outputs.size() == 1)) continue;
    return absl::StrCat("`", b.name, "()`, [", b.header, "](../", b.header, ")");
  }
  return "";
}

// Returns "1 (1.5); 2 (3)": bounds of the value's and the derivative's error in f32 (f64). Where attributes choose
// between functions, it returns those of each.
std::string Ulps(const adret::Op& op) {
  std::vector<std::string> bounds;
  for (const adret::ExactFunction& f : adret::ExactFunctions()) {
    const adret::UlpBounds& b = f.bounds;
    if (f.op == op.name) bounds.push_back(absl::StrCat(b.y_f32, " (", b.y_f64, "); ", b.dx_f32, " (", b.dx_f64, ")"));
  }
  return absl::StrJoin(bounds, ", or ");
}

std::string Row(const adret::Op& op, bool builder) {
  const std::string gradient = op.traits.leaf ? "ends here"
                               : op.gradient  ? "yes"
                                              : absl::StrCat("none: ", op.no_gradient);
  return absl::StrCat("| `", op.name, "` | ", builder ? BuilderOf(op) + " | " : "", Inputs(op), " | ",
                      absl::StrJoin(op.outputs, ", "), " | ", Cell(op.doc), " | ", Cell(gradient), " |",
                      builder ? absl::StrCat(" ", Ulps(op), " |") : "", "\n");
}

std::string Section(const std::string& title, const std::string& text, const std::vector<const adret::Op*>& ops,
                    bool builders) {
  std::string result =
      absl::StrCat("\n## ", title, "\n\n", text, "\n\n| op |", builders ? " builder |" : "",
                   " inputs | outputs | what it computes | gradient |", builders ? " error in ulp |" : "", "\n|",
                   builders ? "---|---|" : "", "---|---|---|---|---|\n");
  for (const adret::Op* op : ops) absl::StrAppend(&result, Row(*op, builders));
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
      " more that gradients are made of. A gradient is a graph: where its column says `yes`, "
      "derivatives of every order exist.\nThe builder's header says what shapes and dtypes an operation takes.\n\n"
      "*Error in ulp* bounds the error of functions of one number in units in the last place: of the value in f32 (in "
      "f64); of the derivative in f32 (in f64). See [numerics.md](numerics.md).\n",
      Section("Operations", "What a model is written in.", ops, /*builders=*/true),
      Section("Gradient operations",
              "`<op>_<input>_grad`: operations that gradient rules append. They are differentiable themselves.",
              derived, /*builders=*/false));
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
