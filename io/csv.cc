#include "adret/io/csv.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "adret/core/status.h"
#include "adret/io/file.h"
#include "adret/io/in_file.h"

namespace adret::io {
namespace {

constexpr size_t kShownField = 40;

// Splits a text into records.
class Reader {
 public:
  Reader(absl::string_view text, const CsvOptions& options) : rest_(text), options_(options) {
    absl::ConsumePrefix(&rest_, "\xEF\xBB\xBF");
  }

  bool done() const { return rest_.empty(); }
  // Of the record read last.
  int64_t line() const { return record_line_; }

  absl::StatusOr<std::vector<std::string>> ReadRecord() {
    record_line_ = line_;
    std::vector<std::string> fields;
    while (true) {
      if (static_cast<int64_t>(fields.size()) == options_.max_columns) {
        return absl::ResourceExhaustedError(
            absl::StrCat("line ", line_, " has more than the limit of ", options_.max_columns, " fields"));
      }
      fields.emplace_back();
      AD_RETURN_IF_ERROR(!rest_.empty() && rest_[0] == '"' ? ReadQuoted(&fields.back()) : ReadPlain(&fields.back()));
      if (!rest_.empty() && rest_[0] == options_.separator) {
        rest_.remove_prefix(1);
        continue;
      }
      AD_RETURN_IF_ERROR(EndLine());
      return fields;
    }
  }

 private:
  absl::Status Error(absl::string_view what) const {
    return absl::InvalidArgumentError(absl::StrCat("line ", line_, ": ", what));
  }

  absl::Status ReadPlain(std::string* field) {
    size_t end = 0;
    for (; end < rest_.size() && rest_[end] != options_.separator && rest_[end] != '\n'; ++end) {
      if (rest_[end] == '\r' && end + 1 < rest_.size() && rest_[end + 1] == '\n') break;
      if (rest_[end] == '\0') return Error("has a NUL byte");
      if (rest_[end] == '"') return Error("a quote inside a field that does not start with one");
    }
    *field = std::string(rest_.substr(0, end));
    rest_.remove_prefix(end);
    return absl::OkStatus();
  }

  absl::Status ReadQuoted(std::string* field) {
    const int64_t start = line_;
    rest_.remove_prefix(1);
    while (!rest_.empty()) {
      const char c = rest_[0];
      rest_.remove_prefix(1);
      if (c == '"' && !absl::ConsumePrefix(&rest_, "\"")) return absl::OkStatus();
      if (c == '\0') return Error("has a NUL byte");
      line_ += c == '\n';
      field->push_back(c);
    }
    line_ = start;
    return Error("a quote that does not end");
  }

  absl::Status EndLine() {
    if (!rest_.empty() && !absl::ConsumePrefix(&rest_, "\n") && !absl::ConsumePrefix(&rest_, "\r\n")) {
      return Error("something follows a closing quote");
    }
    ++line_;
    return absl::OkStatus();
  }

  absl::string_view rest_;
  const CsvOptions& options_;
  int64_t line_ = 1;
  int64_t record_line_ = 1;
};

absl::Status CheckHeader(const std::vector<std::string>& header) {
  std::set<std::string> names;
  for (const std::string& name : header) {
    if (!names.insert(name).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("line 1: the column \"", absl::CHexEscape(name), "\" appears twice"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<size_t>> FindColumns(const CsvTable& table, const std::vector<std::string>& columns) {
  std::vector<size_t> found;
  if (columns.empty()) {
    found.resize(!table.header.empty() ? table.header.size() : table.rows.empty() ? 0 : table.rows[0].size());
    std::iota(found.begin(), found.end(), size_t{0});
    return found;
  }
  for (const std::string& name : columns) {
    const auto at = std::find(table.header.begin(), table.header.end(), name);
    if (at == table.header.end()) {
      return absl::NotFoundError(absl::StrCat("no column \"", name, "\" among ", absl::StrJoin(table.header, ", ")));
    }
    found.push_back(at - table.header.begin());
  }
  return found;
}

void AppendRecord(const std::vector<std::string>& fields, char separator, std::string* out) {
  const std::string special{separator, '"', '\n', '\r'};
  for (size_t i = 0; i < fields.size(); ++i) {
    if (i > 0) out->push_back(separator);
    // An empty line would be read as no record; and a byte-order mark would be skipped.
    const bool quote = fields[i].find_first_of(special) != std::string::npos ||
                       (fields.size() == 1 && fields[i].empty()) || absl::string_view(fields[i]).substr(0, 1) == "\xEF";
    if (quote) {
      absl::StrAppend(out, "\"", absl::StrReplaceAll(fields[i], {{"\"", "\"\""}}), "\"");
    } else {
      absl::StrAppend(out, fields[i]);
    }
  }
  out->push_back('\n');
}

}  // namespace

absl::StatusOr<CsvTable> ParseCsv(absl::string_view text, const CsvOptions& options) {
  Reader reader(text, options);
  CsvTable table;
  if (options.has_header) {
    if (reader.done()) return absl::InvalidArgumentError("is empty; expected is a line with the columns' names");
    AD_ASSIGN_OR_RETURN(table.header, reader.ReadRecord());
    AD_RETURN_IF_ERROR(CheckHeader(table.header));
  }
  size_t columns = table.header.size();
  while (!reader.done()) {
    AD_ASSIGN_OR_RETURN(std::vector<std::string> row, reader.ReadRecord());
    if (columns == 0) columns = row.size();
    if (row.size() != columns) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", reader.line(), " has ", row.size(), " fields; expected are ", columns));
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

absl::StatusOr<CsvTable> LoadCsv(const std::string& path, const CsvOptions& options) {
  AD_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path, options.max_bytes));
  absl::StatusOr<CsvTable> table = ParseCsv(bytes, options);
  if (!table.ok()) return InFile(path, table.status());
  return table;
}

absl::StatusOr<Tensor> CsvNumbers(const CsvTable& table, const std::vector<std::string>& columns) {
  AD_ASSIGN_OR_RETURN(const std::vector<size_t> found, FindColumns(table, columns));
  const auto rows = static_cast<int64_t>(table.rows.size()), width = static_cast<int64_t>(found.size());
  Tensor numbers(DType::kFloat64, {rows, width});
  double* out = numbers.mutable_data<double>().data();
  for (int64_t i = 0; i < rows; ++i) {
    for (const size_t column : found) {
      const absl::string_view field =
          column < table.rows[i].size() ? absl::string_view(table.rows[i][column]) : absl::string_view();
      if (absl::SimpleAtod(field, out++)) continue;
      const std::string name = column < table.header.size() ? table.header[column] : absl::StrCat(column);
      return absl::InvalidArgumentError(absl::StrCat("row ", i + 1, ", column \"", name, "\": \"",
                                                     absl::CHexEscape(field.substr(0, kShownField)),
                                                     "\" is no number"));
    }
  }
  return numbers;
}

std::string FormatCsv(const CsvTable& table, const CsvOptions& options) {
  std::string out;
  if (!table.header.empty()) AppendRecord(table.header, options.separator, &out);
  for (const std::vector<std::string>& row : table.rows) AppendRecord(row, options.separator, &out);
  return out;
}

absl::Status SaveCsv(const std::string& path, const CsvTable& table, const CsvOptions& options) {
  return WriteFile(path, FormatCsv(table, options));
}

}  // namespace adret::io
