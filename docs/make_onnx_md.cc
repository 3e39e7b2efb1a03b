// Writes the table of operators into docs/onnx.md, between its two marks, from the table that the reader works with:
//
//   make_onnx_md docs/onnx.md
//   make_onnx_md --check docs/onnx.md        # exits 1 when the file is out of date
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "adret/io/onnx/operators.h"

namespace {

using adret::onnx::Operator;

constexpr char kBegin[] = "<!-- operators: written by make_onnx_md -->\n", kEnd[] = "<!-- end of operators -->\n";

std::string Cell(absl::string_view text) { return absl::StrReplaceAll(text, {{"|", "\\|"}, {"\n", " "}}); }

// One operator: its rows, the newest first.
std::string Line(const std::string& name, const std::vector<const Operator*>& rows) {
  const Operator& newest = *rows[0];
  std::vector<std::string> since;
  for (const Operator* row : rows) {
    if (row->unsupported.empty()) since.insert(since.begin(), absl::StrCat(row->since));
  }
  const bool reads = newest.unsupported.empty();
  std::vector<std::string> notes;
  if (!reads) notes.push_back(absl::StrCat("not read: ", newest.unsupported));
  if (!newest.note.empty()) notes.emplace_back(newest.note);
  const std::string gradient = !reads ? "" : newest.gradient.empty() ? "yes" : absl::StrCat("no: ", newest.gradient);
  return absl::StrCat("| `", name, "` | ", absl::StrJoin(since, ", "), " | ", Cell(gradient), " | ",
                      Cell(absl::StrJoin(notes, "; ")), " |\n");
}

std::string Table() {
  std::map<std::string, std::vector<const Operator*>> by_name;
  for (const Operator* row : adret::onnx::AllOperators()) {
    by_name[row->domain.empty() ? std::string(row->name) : absl::StrCat(row->domain, ":", row->name)].push_back(row);
  }
  std::string text = "| operator | meanings since operator set | differentiable | remarks |\n|---|---|---|---|\n";
  for (const auto& [name, rows] : by_name) text += Line(name, rows);
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  const bool check = argc == 3 && std::string(argv[1]) == "--check";
  if (argc != 2 && !check) {
    std::cerr << "make_onnx_md [--check] docs/onnx.md\n";
    return 2;
  }
  const std::string path = argv[argc - 1];
  std::ifstream in(path);
  const std::string old((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  const size_t begin = old.find(kBegin), end = old.find(kEnd);
  if (begin == std::string::npos || end == std::string::npos) {
    std::cerr << path << " lacks the marks of the table\n";
    return 1;
  }
  const std::string now = absl::StrCat(old.substr(0, begin), kBegin, "\n", Table(), "\n", old.substr(end));
  if (check) {
    if (now == old) return 0;
    std::cerr << path << " is out of date: cmake --build build/release --target onnx_md\n";
    return 1;
  }
  std::ofstream(path) << now;
  return 0;
}
