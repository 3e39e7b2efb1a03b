// Table: text in aligned columns.
//
//   tools::Table table({"layer", "output", ">parameters"});        // ">": numbers, aligned at their right ends
//   table.AddRow({"conv1", "25x26x26", "250"});
//   std::fputs(table.Text().c_str(), stdout);
#ifndef ADRET_TOOLS_TABLE_H_
#define ADRET_TOOLS_TABLE_H_

#include <string>
#include <vector>

namespace adret::tools {

class Table {
 public:
  // A row of empty titles is not printed.
  explicit Table(std::vector<std::string> titles);

  // As many cells as titles, UTF-8.
  void AddRow(std::vector<std::string> cells);
  bool empty() const { return rows_.size() == 1; }

  // A line for each row, without spaces at its end.
  std::string Text() const;

 private:
  std::vector<bool> right_;
  std::vector<std::vector<std::string>> rows_;  // the first one holds the titles
};

}  // namespace adret::tools

#endif  // ADRET_TOOLS_TABLE_H_
