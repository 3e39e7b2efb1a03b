#include "adret/io/onnx/scope.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "adret/core/names.h"
#include "adret/core/status.h"

namespace adret::onnx {

absl::Status Scope::Add(Entry entry) {
  AD_RETURN_IF_ERROR(CheckName(entry.name, "a value"));
  const std::string name = entry.name;
  if (!entries_.emplace(name, std::move(entry)).second) {
    return absl::InvalidArgumentError(absl::StrCat("the name ", Quoted(name), " is given to two values"));
  }
  return absl::OkStatus();
}

Entry* Scope::Find(absl::string_view name) const {
  for (const Scope* scope = this; scope != nullptr; scope = scope->outer_) {
    const auto found = scope->entries_.find(name);
    if (found != scope->entries_.end()) return &found->second;
  }
  return nullptr;
}

}  // namespace adret::onnx
