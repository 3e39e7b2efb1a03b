// Makes a C++ file of the ```cpp blocks of a Markdown page, so that what the page shows is compiled:
//
//   extract README.md snippets.cc
//
// Blocks follow each other in one function, as a reader would type them; #include and using lines go to the top. A
// comment before a block changes that:
//   <!-- snippet: file -->   the block stands outside of any function (definitions)
//   <!-- snippet: own -->    the block has a function of its own
//   <!-- snippet: skip -->   the block is not compiled
#include <cstdio>
#include <fstream>
#include <iostream>
#include <set>
#include <string>
#include <vector>

namespace {

bool StartsWith(const std::string& text, const std::string& prefix) {
  return text.compare(0, prefix.size(), prefix) == 0;
}

struct Page {
  std::set<std::string> top;     // #include and using lines
  std::string file_blocks;       // outside of functions
  std::string main_function;     // the body of the page's function
  std::vector<std::string> own;  // bodies of further functions
};

Page Read(std::istream& in, const std::string& name) {
  Page page;
  std::string kind, block, line;
  bool inside = false;
  for (int number = 1; std::getline(in, line); ++number) {
    if (!inside) {
      if (StartsWith(line, "```cpp")) {
        inside = true;
        block = "#line " + std::to_string(number + 1) + " \"" + name + "\"\n";
      } else if (StartsWith(line, "<!-- snippet: ")) {
        kind = line.substr(14, line.find(' ', 14) - 14);
      } else if (!line.empty()) {
        kind.clear();
      }
      continue;
    }
    if (!StartsWith(line, "```")) {
      const bool top = StartsWith(line, "#include") || StartsWith(line, "using namespace");
      if (top && kind != "skip") page.top.insert(line);
      block += (top ? "" : line) + "\n";
      continue;
    }
    inside = false;
    if (kind == "file") page.file_blocks += block;
    if (kind == "own") page.own.push_back(block);
    if (kind.empty()) page.main_function += block;
    kind.clear();
  }
  return page;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: extract PAGE.md OUT.cc\n";
    return 1;
  }
  std::ifstream in(argv[1]);
  if (!in) {
    std::cerr << "extract: cannot read " << argv[1] << "\n";
    return 1;
  }
  const Page page = Read(in, argv[1]);
  std::ofstream out(argv[2]);
  for (const std::string& line : page.top) {
    if (StartsWith(line, "#include")) out << line << "\n";
  }
  out << "#include \"adret/adret.h\"\n";
  for (const std::string& line : page.top) {
    if (!StartsWith(line, "#include")) out << line << "\n";
  }
  out << page.file_blocks << "void Page() {\n" << page.main_function << "}\n";
  for (size_t i = 0; i < page.own.size(); ++i) out << "void Own" << i << "() {\n" << page.own[i] << "}\n";
  return out.flush() ? 0 : 1;
}
