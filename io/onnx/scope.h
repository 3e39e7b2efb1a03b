// Scopes: the names of a file, and what they stand for.
//
// A graph of a file has a scope; one that is an attribute of a node (a branch, the body of a loop) sees the names of
// the graph around it, too. So has a function, which sees no names but its own.
#ifndef ADRET_IO_ONNX_SCOPE_H_
#define ADRET_IO_ONNX_SCOPE_H_

#include <deque>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "adret/core/graph.h"
#include "adret/core/tensor.h"

namespace adret::onnx {

// What a name stands for: a value of the graph, or numbers of the file that become one when a node reads them.
struct Entry {
  // Where numbers come from: whether they can be weights is decided by that (Weights::ValueOf()).
  enum Source { kComputed, kConstantNode, kInitializer };

  std::string name;
  Value value = {};
  std::optional<Tensor> tensor = {};
  Source source = kComputed;
  std::string variable = {};  // under which name the state holds the tensor, once it is a variable
  // What of the file the tensor comes from, if a body may be read several times: its variables are the same each time.
  const void* origin = nullptr;
};

class Scope {
 public:
  // outer may be null.
  explicit Scope(const Scope* outer) : outer_(outer) {}
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  // Adds a name. Fails where the scope has it, since a name is given once.
  absl::Status Add(Entry entry);
  // Adds a name for what another name stands for already.
  absl::Status AddAlias(const std::string& name, Entry* entry);
  // Returns the entry of a name, here or in a scope around; nullptr where there is none. Pointers stay valid.
  Entry* Find(absl::string_view name) const;

 private:
  const Scope* const outer_;
  std::deque<Entry> entries_;
  absl::flat_hash_map<std::string, Entry*> by_name_;
};

}  // namespace adret::onnx

#endif  // ADRET_IO_ONNX_SCOPE_H_
