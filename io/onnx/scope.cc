#include "adret/io/onnx/scope.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "adret/core/names.h"
#include "adret/core/status.h"

namespace adret::onnx {

absl::Status Scope::Add(Entry entry) {
  const std::string name = entry.name;
  entries_.push_back(std::move(entry));
  return AddAlias(name, &entries_.back());
}

absl::Status Scope::AddAlias(const std::string& name, Entry* entry) {
  AD_RETURN_IF_ERROR(CheckName(name, "a value"));
  if (!by_name_.emplace(name, entry).second) {
    return absl::InvalidArgumentError(absl::StrCat("the name ", Quoted(name), " is given to two values"));
  }
  return absl::OkStatus();
}

Entry* Scope::Find(absl::string_view name) const {
  for (const Scope* scope = this; scope != nullptr; scope = scope->outer_) {
    const auto found = scope->by_name_.find(name);
    if (found != scope->by_name_.end()) return found->second;
  }
  return nullptr;
}

}  // namespace adret::onnx
