// Makes a C++ file of the examples in the opening comments of headers, so that what a header shows is compiled:
//
//   extract_headers given.txt snippets.cc include_prefix folder header.h ...
//
// In an opening comment, lines indented by three spaces are an example; tables and formulas are indented by two. Each
// header's example is a function of its own, after its includes; one that begins with a definition stands outside of
// any function. What an example takes for granted (an image, a graph) is declared in given.txt: first what all headers
// may use, then for single headers, after a line "[core/graph.h]", what their examples need or call something else. Its
// #include lines go to the top.
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>
#include <regex>
#include <string>
#include <vector>

namespace {

bool StartsWith(const std::string& text, const std::string& prefix) {
  return text.compare(0, prefix.size(), prefix) == 0;
}

struct Example {
  std::string includes;
  std::string code;   // empty: the header has no example
  std::string first;  // the first line that is no comment
};

bool IsDefinition(const std::string& line) {
  static const std::regex kStart("(struct|class|template|constexpr|const \\w+Registration)\\b.*|.*\\) \\{");
  static const std::regex kControl("(if|for|while|switch) .*");
  return std::regex_match(line, kStart) && !std::regex_match(line, kControl);
}

Example Read(std::istream& in, const std::string& path) {
  Example example;
  std::string line;
  bool inside = false;
  for (int number = 1; std::getline(in, line) && StartsWith(line, "//"); ++number) {
    const bool code = StartsWith(line, "//   ") && (inside || (line.size() > 5 && line[5] != ' '));
    if (code) {
      const std::string text = line.substr(5);
      if (!inside) example.code += "#line " + std::to_string(number) + " \"" + path + "\"\n";
      if (example.first.empty() && !StartsWith(text, "//")) example.first = text;
      const bool top = StartsWith(text, "#include") || StartsWith(text, "using namespace");
      if (StartsWith(text, "#include")) example.includes += text + "\n";
      example.code += (top ? "" : text) + "\n";
    }
    inside = code;
  }
  return example;
}

// By header; "" is for all of them, "#include" is the top.
std::map<std::string, std::string> ReadGiven(std::istream& in, const std::string& path) {
  std::map<std::string, std::string> given;
  std::string line, header;
  for (int number = 1; std::getline(in, line); ++number) {
    if (StartsWith(line, "[")) {
      header = line.substr(1, line.find(']') - 1);
    } else if (StartsWith(line, "#include")) {
      given["#include"] += line + "\n";
    } else if (!line.empty() && !StartsWith(line, "#")) {
      given[header] += "#line " + std::to_string(number) + " \"" + path + "\"\n" + line + "\n";
    }
  }
  return given;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) {
    std::cerr << "usage: extract_headers GIVEN OUT.cc INCLUDE_PREFIX FOLDER HEADER...\n";
    return 1;
  }
  std::ifstream given_file(argv[1]);
  std::map<std::string, std::string> given = ReadGiven(given_file, argv[1]);
  const std::string prefix = argv[3], folder = argv[4];
  std::string includes = given["#include"], functions;
  for (int i = 5; i < argc; ++i) {
    const std::string header = argv[i], path = folder + "/" + header;
    std::ifstream in(path);
    if (!in) {
      std::cerr << "extract_headers: cannot read " << path << "\n";
      return 1;
    }
    const Example example = Read(in, path);
    includes += "#include \"" + prefix + header + "\"\n" + example.includes;
    if (example.code.empty()) continue;
    const std::string name = std::regex_replace(header, std::regex("[^a-z0-9]"), "_");
    functions += "\nnamespace " + name + " {\n" + given[header];
    functions += IsDefinition(example.first)
                     ? example.code
                     : "absl::Status Example() {\n" + example.code + "return absl::OkStatus();\n}\n";
    functions += "}  // namespace " + name + "\n";
  }
  std::ofstream out(argv[2]);
  out << includes << "#include \"adret/adret.h\"\nnamespace adret::examples {\n" << given[""] << functions << "}\n";
  return out.flush() ? 0 : 1;
}
