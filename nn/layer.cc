#include "adret/nn/layer.h"

#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"

namespace adret::nn {
namespace {

// True when a node is called name or a variable lives in the scope of that name.
bool IsTaken(Graph* graph, const std::string& name) {
  if (graph->Contains(name)) return true;
  const std::string prefix = name + "/";
  for (const Value& variable : graph->all_variables()) {
    if (absl::StartsWith(variable.name(), prefix)) return true;
  }
  return false;
}

}  // namespace

struct Layer::Impl {
  std::string kind;
  std::string name;  // given by Named(), or empty
  Function function;
  absl::flat_hash_map<int64_t, std::unique_ptr<LayerCall::Binding>> bindings;  // by Graph::serial()
};

Value LayerCall::Variable(absl::string_view name, const Type& type, const Initializer& initializer, bool trainable) {
  for (const auto& [known, variable] : binding_->variables) {
    if (known != name) continue;
    if (variable.type() == type) return variable;
    return Fail(absl::StrCat("its variable ", name, " is ", variable.type().ToString(), ", but this input needs ",
                             type.ToString()));
  }
  const Value variable = graph_->Variable(name, type.dtype, type.shape, initializer, trainable, location_);
  if (variable.valid()) binding_->variables.emplace_back(std::string(name), variable);
  return variable;
}

Value LayerCall::Fail(absl::string_view message) {
  return graph_->Fail(absl::InvalidArgumentError(absl::StrCat(binding_->base_name, ": ", message)), location_);
}

Layer::Layer(std::string kind, Function function)
    : impl_(std::make_shared<Impl>(Impl{std::move(kind), "", std::move(function), {}})) {}

Layer Layer::Named(std::string name) const {
  impl_->name = std::move(name);
  return *this;
}

LayerCall::Binding& Layer::Bind(Graph* graph) const {
  std::unique_ptr<LayerCall::Binding>& binding = impl_->bindings[graph->serial()];
  if (binding != nullptr) return *binding;
  std::string base = impl_->name;
  for (int i = 1; base.empty() && !impl_->kind.empty(); ++i) {
    const std::string candidate = absl::StrCat(impl_->kind, i);
    if (!IsTaken(graph, graph->scope() + candidate)) base = candidate;
  }
  binding = std::make_unique<LayerCall::Binding>(LayerCall::Binding{base, {}});
  return *binding;
}

Value Layer::operator()(Operand x, Mode mode) const { return Call(x, mode, impl_->function); }

Value Layer::Call(Operand x, Mode mode, const Function& function) const {
  if (!x->valid()) return x;
  Graph* graph = x.graph();
  LocationScope location(graph, x.location());
  LayerCall::Binding& binding = Bind(graph);
  const std::string base = binding.base_name;
  const int first_new_node = graph->num_nodes();
  Value y;
  {
    std::optional<NameScope> scope;
    if (!base.empty()) scope.emplace(graph, base, x.location());
    LayerCall call(graph, mode, &binding, x.location());
    y = function(call, x);
  }
  if (!y.valid()) {
    return graph->Fail(
        absl::InvalidArgumentError(absl::StrCat(base, ": the layer returned a Value that was never built")),
        x.location());
  }
  if (impl_->kind.empty()) return y;
  // The layer's name belongs to a node whose only result is what the layer computes. A node of another layer, and one
  // that the function named, keeps its own.
  const bool is_free = y.node() >= first_new_node && !graph->IsNamed(y.node()) && y.id().output == 0;
  if (!is_free) y = Identity(y);
  for (const std::string& free : {base, base + (mode == Mode::kTraining ? "/training" : "/inference")}) {
    if (!graph->Contains(graph->scope() + free)) return y.Named(free);
  }
  return y;
}

Sequential::Sequential(std::vector<Layer> layers)
    : Layer("", [layers = std::move(layers)](LayerCall& call, Value x) {
        for (const Layer& layer : layers) x = layer(x, call.mode());
        return x;
      }) {}

Sequential Sequential::Named(std::string name) const { return Sequential(Layer::Named(std::move(name))); }

Layer Residual(Layer body) { return Residual(std::move(body), Sequential(std::vector<Layer>{})); }

Layer Residual(Layer body, Layer shortcut) {
  return Layer("residual", [body = std::move(body), shortcut = std::move(shortcut)](LayerCall& call, Value x) {
    const Value y = body(x, call.mode());
    const Value past = shortcut(x, call.mode());
    if (!y.valid() || !past.valid()) return InvalidResult("residual", {y, past});
    if (y.shape() != past.shape()) {
      return call.Fail(
          absl::StrCat("the body gives ", y.type().ToString(), " but the shortcut gives ", past.type().ToString()));
    }
    return Add(y, past);
  });
}

}  // namespace adret::nn
