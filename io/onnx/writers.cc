#include "adret/io/onnx/writers.h"

#include "absl/container/flat_hash_map.h"
#include "adret/core/status.h"
#include "adret/io/onnx/operators.h"

namespace adret::onnx {
namespace {

absl::flat_hash_map<std::string, Writer>& Table() {
  static auto* table = new absl::flat_hash_map<std::string, Writer>;
  return *table;
}

}  // namespace

WriterRegistration::WriterRegistration(std::initializer_list<Writer> rows) {
  for (const Writer& row : rows) {
    const int ways = (row.to != nullptr) + (row.expand != nullptr) + !row.unsupported.empty();
    AD_CHECK(row.fits == nullptr ? ways == 1 : row.to != nullptr && row.expand != nullptr);
    const auto [found, added] = Table().emplace(std::string(row.op), row);
    // Where the program exports its symbols, a plugin's copy of adret comes with the same rows.
    AD_CHECK(added || ((row.to == nullptr) == (found->second.to == nullptr) &&
                       (row.expand == nullptr) == (found->second.expand == nullptr) &&
                       row.unsupported == found->second.unsupported));
  }
}

const Writer* FindWriter(absl::string_view op) {
  const auto found = Table().find(op);
  return found == Table().end() ? nullptr : &found->second;
}

const Operator* EqualOperator(absl::string_view op, int64_t version) {
  static const auto* equal = [] {
    auto* result = new absl::flat_hash_map<std::string, std::vector<const Operator*>>;
    for (const Operator* row : AllOperators()) {
      if (!row->op.empty() && row->domain.empty()) (*result)[std::string(row->op)].push_back(row);
    }
    return result;
  }();
  const auto found = equal->find(op);
  if (found == equal->end()) return nullptr;
  for (const Operator* row : found->second) {
    if (row->since <= version) return row;
  }
  return nullptr;
}

}  // namespace adret::onnx
