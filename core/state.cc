#include "adret/core/state.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "adret/core/status.h"

namespace adret {
namespace {

// FNV-1a over 64-bit words with a final mix; a digest for comparing runs, not a defence against forgery.
class Hasher {
 public:
  void Add(const void* data, size_t size) {
    const char* bytes = static_cast<const char*>(data);
    Word(size);
    for (size_t i = 0; i < size; i += 8) {
      uint64_t word = 0;
      std::memcpy(&word, bytes + i, std::min<size_t>(8, size - i));
      Word(word);
    }
  }
  uint64_t value() const { return h_; }

 private:
  void Word(uint64_t w) {
    h_ = (h_ ^ w) * 0x100000001B3;
    h_ ^= h_ >> 29;
  }
  uint64_t h_ = 0xCBF29CE484222325;
};

}  // namespace

uint64_t State::Version::Next() {
  static std::atomic<uint64_t> next{1};
  return next.fetch_add(1, std::memory_order_relaxed);
}

absl::StatusOr<Tensor> State::Get(absl::string_view name) const {
  auto it = tensors_.find(name);
  if (it == tensors_.end()) return absl::NotFoundError(absl::StrCat("the state has no variable '", name, "'"));
  return it->second;
}

void State::Set(absl::string_view name, Tensor value) {
  tensors_.insert_or_assign(std::string(name), std::move(value));
  version_ = Version();
}

void State::Erase(absl::string_view name) {
  auto it = tensors_.find(name);
  if (it != tensors_.end()) tensors_.erase(it);
  version_ = Version();
}

absl::StatusOr<State::Use> State::Use::Begin(const State* state, bool updates) {
  if (state == nullptr) return Use(nullptr, updates);
  std::atomic<int>& count = state->users_.count;
  int others = count.load(std::memory_order_relaxed);
  for (;;) {
    if (others == Users::kUpdated) {
      return absl::FailedPreconditionError(absl::StrCat(
          "cannot ", updates ? "update" : "read",
          " the state while another run updates it: let the runs take turns, or give one a copy of the state"));
    }
    if (updates && others > 0) {
      return absl::FailedPreconditionError(
          absl::StrCat("cannot update the state while other runs read it (", others,
                       " now): let the runs take turns, or let those read a copy of the state"));
    }
    const int more = updates ? Users::kUpdated : others + 1;
    if (count.compare_exchange_weak(others, more, std::memory_order_acquire, std::memory_order_relaxed)) break;
  }
  return Use(state, updates);
}

State::Use::~Use() {
  if (state_ == nullptr) return;
  std::atomic<int>& count = state_->users_.count;
  if (updates_) {
    count.store(0, std::memory_order_release);
  } else {
    count.fetch_sub(1, std::memory_order_release);
  }
}

size_t State::num_bytes() const {
  size_t bytes = 0;
  for (const auto& [name, tensor] : tensors_) bytes += tensor.num_bytes();
  return bytes;
}

std::string State::Digest() const {
  Hasher h;
  for (const auto& [name, tensor] : tensors_) {
    h.Add(name.data(), name.size());
    const std::string type = tensor.type().ToString();
    h.Add(type.data(), type.size());
    h.Add(tensor.raw(), tensor.num_bytes());
  }
  return absl::StrFormat("%016x", h.value());
}

absl::Status InitializeMissing(const Graph& graph, uint64_t seed, State* state) {
  AD_RETURN_IF_ERROR(graph.status());
  uint32_t position = 0;
  for (NodeId id = 0; id < graph.num_nodes(); ++id) {
    const Node& node = graph.node(id);
    if (!node.attrs.Is<VariableAttrs>()) continue;
    ++position;
    if (state->Contains(node.name)) continue;
    const Initializer& initializer = graph.initializer(id);
    if (initializer == nullptr) {
      return absl::FailedPreconditionError(absl::StrCat("variable '", node.name, "' has no initialiser"));
    }
    // The top bit keeps initialisers apart from random nodes, whose streams count from 1.
    Tensor value = initializer(node.outputs[0], RandomKey{seed, position | 0x80000000u, 0});
    if (value.type() != node.outputs[0]) {
      return absl::InvalidArgumentError(absl::StrCat("the initialiser of variable '", node.name, "' made ",
                                                     value.type().ToString(), " where ", node.outputs[0].ToString(),
                                                     " is expected"));
    }
    // A tensor of their own: runs update variables in place.
    state->Set(node.name, value.is_shared() ? value.Clone() : std::move(value));
  }
  return absl::OkStatus();
}

absl::StatusOr<State> InitialState(const Graph& graph, uint64_t seed) {
  State state;
  state.seed = seed;
  AD_RETURN_IF_ERROR(InitializeMissing(graph, seed, &state));
  return state;
}

}  // namespace adret
