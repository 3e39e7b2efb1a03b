// Functions of a file: operators that it defines itself, as graphs of others. A call is replaced by its nodes.
#ifndef ADRET_IO_ONNX_FUNCTIONS_H_
#define ADRET_IO_ONNX_FUNCTIONS_H_

#include <string>
#include <tuple>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace adret::onnx {

namespace proto {
class Function;
class Model;
class Node;
}  // namespace proto

// Returns "" for "ai.onnx", which are two names of one domain, and any other domain as it is.
absl::string_view DomainOf(absl::string_view domain);

// The versions of operator sets, by domain.
using OperatorSets = absl::flat_hash_map<std::string, int64_t>;

class Functions {
 public:
  // model must outlive this. Fails where a function is defined twice.
  static absl::StatusOr<Functions> Of(const proto::Model& model);

  // Returns the function that a node calls; nullptr where it calls none.
  const proto::Function* Find(const proto::Node& node) const;

 private:
  using Key = std::tuple<std::string, std::string, std::string>;  // domain, name, overload
  absl::flat_hash_map<Key, const proto::Function*> functions_;
};

// Returns the nodes of a function with the attributes of the call in place of the references to them, and the
// function's defaults where the call has none.
proto::Function WithAttributes(const proto::Function& function, const proto::Node& call);

}  // namespace adret::onnx

#endif  // ADRET_IO_ONNX_FUNCTIONS_H_
