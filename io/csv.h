// CSV (RFC 4180): tables of text, and the numbers in them.
//
//   io::CsvTable log = *io::LoadCsv("training.csv");
//   Tensor losses = *io::CsvNumbers(log, {"epoch", "loss"});        // f64 [rows,2]
#ifndef ADRET_IO_CSV_H_
#define ADRET_IO_CSV_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "adret/core/tensor.h"

namespace adret::io {

struct CsvTable {
  std::vector<std::string> header;  // names of the columns; empty for a table without
  std::vector<std::vector<std::string>> rows;
};

struct CsvOptions {
  char separator = ',';
  bool has_header = true;
  int64_t max_bytes = int64_t{1} << 30;
  int64_t max_columns = 1 << 20;
};

// Fields may be quoted ("" is a quote within), lines end with \n or \r\n, a byte-order mark is skipped.
// InvalidArgument, naming the line, when rows differ in length, a quote does not end or is in the middle of a field, a
// column name appears twice, or there is a NUL byte.
absl::StatusOr<CsvTable> ParseCsv(absl::string_view text, const CsvOptions& options = {});
absl::StatusOr<CsvTable> LoadCsv(const std::string& path, const CsvOptions& options = {});

// Returns f64 [rows, columns.size()]: the named columns (all, when there are no names) as numbers. Fails when a column
// is missing or a field is no number, naming both.
absl::StatusOr<Tensor> CsvNumbers(const CsvTable& table, const std::vector<std::string>& columns = {});

// Fields that need it are quoted.
std::string FormatCsv(const CsvTable& table, const CsvOptions& options = {});
absl::Status SaveCsv(const std::string& path, const CsvTable& table, const CsvOptions& options = {});

}  // namespace adret::io

#endif  // ADRET_IO_CSV_H_
