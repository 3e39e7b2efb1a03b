// Scopes: the names of a file, and what they stand for.
//
// A graph of a file has a scope; one that is an attribute of a node (a branch, the body of a loop) sees the names of
// the graph around it, too. So has a function, which sees no names but its own.
#ifndef ADRET_IO_ONNX_SCOPE_H_
#define ADRET_IO_ONNX_SCOPE_H_

#include <optional>
#include <string>

#include "absl/container/node_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "adret/core/graph.h"
#include "adret/core/tensor.h"

namespace adret::onnx {

// What a name stands for: a value of the graph, or numbers of the file that become one when a node reads them.
struct Entry {
  std::string name;
  Value value = {};
  std::optional<Tensor> tensor = {};
  bool from_initializer = false;
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
  // Returns the entry of a name, here or in a scope around; nullptr where there is none. Pointers stay valid.
  Entry* Find(absl::string_view name) const;

 private:
  const Scope* const outer_;
  mutable absl::node_hash_map<std::string, Entry> entries_;
};

}  // namespace adret::onnx

#endif  // ADRET_IO_ONNX_SCOPE_H_
