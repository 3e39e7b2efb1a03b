#include "adret/io/onnx/operators.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/container/btree_map.h"
#include "adret/core/status.h"

namespace adret::onnx {
namespace {

using Key = std::pair<std::string, std::string>;                            // domain, name
using Versions = absl::btree_map<int, const Operator*, std::greater<int>>;  // the newest first

absl::btree_map<Key, Versions>& Table() {
  static auto* table = new absl::btree_map<Key, Versions>;
  return *table;
}

// Returns whether a row comes from a second copy of adret in the process, as a plugin may hold: they share one table
// where the program exports its symbols.
bool IsCopy(const Operator& a, const Operator& b) {
  return a.op == b.op && a.unsupported == b.unsupported && a.gradient == b.gradient && a.note == b.note &&
         a.halves == b.halves && (a.from == nullptr) == (b.from == nullptr) && (a.from == nullptr || a.from != b.from);
}

}  // namespace

OperatorRegistration::OperatorRegistration(std::initializer_list<Operator> rows) {
  for (const Operator& row : rows) {
    AD_CHECK((row.from != nullptr) + !row.op.empty() + !row.unsupported.empty() == 1);
    Versions& versions = Table()[Key(row.domain, row.name)];
    if (const auto found = versions.find(row.since); found != versions.end()) {
      AD_CHECK(IsCopy(row, *found->second));
    } else {
      versions[row.since] = new Operator(row);
    }
  }
}

const Operator* FindOperator(absl::string_view domain, absl::string_view name, int64_t version) {
  const auto found = Table().find(Key(domain, name));
  if (found == Table().end()) return nullptr;
  for (const auto& [since, row] : found->second) {
    if (since <= version) return row;
  }
  return nullptr;
}

std::vector<const Operator*> AllOperators() {
  std::vector<const Operator*> all;
  for (const auto& [key, versions] : Table()) {
    for (const auto& [since, row] : versions) all.push_back(row);
  }
  return all;
}

}  // namespace adret::onnx
