// TextTable: text in aligned columns.
//
//   TextTable table({"layer", "output", ">parameters"});        // ">": numbers, aligned at their right ends
//   table.AddRow({"conv1", "25x26x26", "250"});
//   std::fputs(table.ToString().c_str(), stdout);
#ifndef ADRET_CORE_TEXT_TABLE_H_
#define ADRET_CORE_TEXT_TABLE_H_

#include <string>
#include <vector>

namespace adret {

class TextTable {
 public:
  // Makes a table with a column for each title. Where all titles are empty, no line is printed for them.
  explicit TextTable(std::vector<std::string> titles);

  // Adds a row of UTF-8 cells, as many as there are titles.
  void AddRow(std::vector<std::string> cells);
  bool empty() const { return rows_.size() == 1; }

  // Returns a line for each row, without spaces at its end.
  std::string ToString() const;

 private:
  std::vector<bool> right_;
  std::vector<std::vector<std::string>> rows_;  // the first one holds the titles
};

}  // namespace adret

#endif  // ADRET_CORE_TEXT_TABLE_H_
