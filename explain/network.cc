#include "adret/explain/network.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "adret/core/ancestors.h"
#include "adret/core/import.h"
#include "adret/core/nearest_names.h"
#include "adret/explain/errors_internal.h"
#include "adret/nn/inference.h"
#include "adret/nn/summary.h"
#include "adret/ops/reshape.h"

namespace adret::explain {
namespace {

// True for f32 or f64 [?, ...] with all other dimensions known and positive.
bool IsBatch(const Type& type) {
  const Shape& shape = type.shape;
  return IsFloating(type.dtype) && shape.rank() >= 1 && shape[0] == kAnyBatch &&
         std::all_of(shape.begin() + 1, shape.end(), [](int64_t dim) { return dim > 0; });
}
bool HasUnits(const Type& type) { return IsBatch(type) && type.shape.rank() >= 2; }

// The side of a square of so many pixels, or 0.
int64_t SideOf(int64_t pixels) {
  const int64_t side = std::llround(std::sqrt(static_cast<double>(pixels)));
  return side * side == pixels ? side : 0;
}

Shape ImageShapeOf(const Shape& input) {
  if (input.rank() == 4) return {input[1], input[2], input[3]};
  if (input.rank() == 3) return {1, input[1], input[2]};
  int64_t size = 1;
  for (int axis = 1; axis < input.rank(); ++axis) size *= input[axis];
  if (const int64_t side = SideOf(size); side > 0) return {1, side, side};
  if (const int64_t side = size % 3 == 0 ? SideOf(size / 3) : 0; side > 0) return {3, side, side};
  return {1, 1, size};
}

// "conv1" of "conv1/inference": what a layer is called when its output's name was taken.
void RenameModes(Graph* graph) {
  for (NodeId id = 0; id < graph->num_nodes(); ++id) {
    if (graph->node(id).op->traits.leaf) continue;  // a variable's name is where its tensor is
    const std::string full = graph->node(id).name;
    absl::string_view name = full;
    if (!absl::ConsumeSuffix(&name, "/inference") && !absl::ConsumeSuffix(&name, "/training")) continue;
    if (!name.empty() && !graph->Contains(name)) Value(graph, {id, 0}).Named(name);
  }
}

absl::Status CheckEnds(Value input, Value output) {
  for (const Value& end : {input, output}) {
    if (end.graph() != nullptr) AD_RETURN_IF_ERROR(end.graph()->status());
  }
  if (!input.valid() || !output.valid()) return Bad("a network needs an input and an output");
  if (input.graph() != output.graph()) return Bad("a network's input and output belong to different graphs");
  if (!input.graph()->node(input.node()).attrs.Is<InputAttrs>() || !IsBatch(input.type())) {
    return Bad("a network's input must be a floating-point input [?, ...], but '", input.name(), "' is ",
               input.type().ToString());
  }
  constexpr int64_t kMostPixels = int64_t{1} << 26;
  if (input.shape().WithEvery(1).num_elements() > kMostPixels) {
    return absl::ResourceExhaustedError(
        absl::StrCat("an example of '", input.name(), "', ", input.type().ToString(), ", is beyond 2^26 numbers"));
  }
  if (!HasUnits(output.type())) {
    return Bad("a network's output must be floating-point [?, units, ...], but '", output.name(), "' is ",
               output.type().ToString());
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status UnitLayer::CheckUnit(int64_t unit) const {
  if (unit >= 0 && unit < units()) return absl::OkStatus();
  return absl::OutOfRangeError(absl::StrCat("layer ", name, " has units 0 to ", units() - 1, ", and no unit ", unit));
}

absl::Status UnitLayer::CheckPosition(const std::array<int64_t, 2>& position) const {
  if (!has_maps()) return Bad("the units of layer ", name, " are neurons, which have no positions");
  const int64_t height = value.shape()[2], width = value.shape()[3];
  if (position[0] >= 0 && position[0] < height && position[1] >= 0 && position[1] < width) return absl::OkStatus();
  return absl::OutOfRangeError(absl::StrCat("the maps of layer ", name, " are ", height, " x ", width,
                                            ", and have no position ", position[0], ",", position[1]));
}

struct Network::Impl {
  Graph graph;
  State state;
  Value input, output;
  std::string output_name;
  std::vector<bool> follows;  // nodes that follow from the input
  std::vector<UnitLayer> layers;
  Shape image_shape;

  // Keeps of the state what the graph's variables need.
  absl::Status TakeState(const State& from) {
    for (const Value& variable : graph.all_variables()) {
      AD_ASSIGN_OR_RETURN(Tensor tensor, from.Get(variable.name()));
      if (tensor.type() != variable.type()) {
        return Bad("variable ", variable.name(), " is ", variable.type().ToString(), ", but its tensor is ",
                   tensor.type().ToString());
      }
      state.Set(variable.name(), std::move(tensor));
    }
    state.seed = from.seed;
    return absl::OkStatus();
  }

  absl::Status CheckInputs() {
    std::vector<std::string> others;
    for (const Value& other : graph.inputs()) {
      if (other != input) others.push_back(other.name());
    }
    if (!others.empty()) {
      return Bad("'", output.name(), "' follows from '", absl::StrJoin(others, "', '"), "' as well as from '",
                 input.name(), "'; choose an output that follows from the picture alone");
    }
    follows = Descendants(graph, input);
    if (follows[output.node()] && output != input) return absl::OkStatus();
    return Bad("'", output.name(), "' does not follow from '", input.name(), "'");
  }

  bool IsInside(NodeId id) const { return follows[id] && id != input.node() && HasUnits(graph.node(id).outputs[0]); }
  std::string NameOf(const Value& value) const {
    return value == output && !output_name.empty() ? output_name : value.name();
  }

  void FindLayers() {
    const auto add_where = [&](auto&& wanted) {
      for (NodeId id = 0; id < graph.num_nodes(); ++id) {
        const Value value(&graph, {id, 0});
        if (IsInside(id) && (value == output || wanted(graph.node(id)))) layers.push_back({NameOf(value), value});
      }
    };
    add_where([](const Node& node) { return !nn::HasAutomaticName(node); });
    if (layers.size() > 1) return;
    layers.clear();
    add_where([](const Node&) { return true; });
  }
};

Network::Network(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Network::Network(Network&&) noexcept = default;
Network& Network::operator=(Network&&) noexcept = default;
Network::~Network() = default;

absl::StatusOr<Network> Network::Create(Value input, Value output, const State& state, absl::string_view output_name) {
  AD_RETURN_IF_ERROR(CheckEnds(input, output));
  auto impl = std::make_unique<Impl>();
  AD_ASSIGN_OR_RETURN(const Values ends, nn::ImportForInference({input, output}, {}, &impl->graph));
  impl->input = ends[0];
  impl->output = ends[1];
  impl->output_name = std::string(output_name);
  AD_RETURN_IF_ERROR(impl->CheckInputs());
  AD_RETURN_IF_ERROR(impl->TakeState(state));
  RenameModes(&impl->graph);
  AD_RETURN_IF_ERROR(impl->graph.status());
  impl->image_shape = ImageShapeOf(impl->input.shape());
  impl->FindLayers();
  return Network(std::move(impl));
}

Graph* Network::graph() const { return &impl_->graph; }
const State& Network::state() const { return impl_->state; }
Value Network::input() const { return impl_->input; }
Value Network::output() const { return impl_->output; }
const std::vector<UnitLayer>& Network::layers() const { return impl_->layers; }
UnitLayer Network::output_layer() const { return {impl_->NameOf(impl_->output), impl_->output}; }
Shape Network::image_shape() const { return impl_->image_shape; }

absl::StatusOr<UnitLayer> Network::FindLayer(absl::string_view name) const {
  std::vector<std::string> names;
  for (const UnitLayer& layer : impl_->layers) {
    if (layer.name == name) return layer;
    names.push_back(layer.name);
  }
  if (const absl::StatusOr<Value> value = impl_->graph.Find(name); value.ok() && impl_->follows[value->node()]) {
    if (HasUnits(value->type()) && *value != impl_->input) return UnitLayer{impl_->NameOf(*value), *value};
    return Bad("'", absl::CEscape(name), "' is ", value->type().ToString(), ", which has no units to look at");
  }
  return absl::NotFoundError(absl::StrCat("the network has no layer '", absl::CEscape(name),
                                          "'; the nearest names are ",
                                          absl::StrJoin(NearestNames(name, std::move(names), 3), ", ")));
}

absl::StatusOr<UnitLayer> Network::LastMaps() const {
  for (auto layer = impl_->layers.rbegin(); layer != impl_->layers.rend(); ++layer) {
    if (layer->has_maps() && layer->value != impl_->output) return *layer;
  }
  return absl::NotFoundError("the network has no layer whose units have maps (a convolution, a pooling)");
}

Value Network::FromImages(Value images) const {
  if (!images.valid() || impl_->input.rank() == 4) return images;
  std::vector<int64_t> dims(impl_->input.shape().begin(), impl_->input.shape().end());
  dims[0] = images.shape()[0];
  return Reshape(images, Shape(dims));
}

Tensor Network::FromImages(const Tensor& images) const {
  return images.Reshaped(impl_->input.shape().With(images.shape()[0]));
}

Tensor Network::ToImages(const Tensor& examples) const {
  Shape shape = impl_->image_shape;
  shape.insert(0, examples.shape()[0]);
  return examples.Reshaped(shape);
}

bool Network::TakesExamples(const Shape& shape) const {
  if (shape.rank() == 0) return false;
  Shape images = impl_->image_shape;
  images.insert(0, shape[0]);
  if (shape == images || shape == impl_->input.shape().With(shape[0])) return true;
  if (images[1] == 1) images.erase(1);
  return shape == images;
}

absl::StatusOr<Tensor> Network::AsImages(const Tensor& examples) const {
  if (!TakesExamples(examples.shape()) || examples.num_elements() == 0) {
    return Bad("examples are ", examples.type().ToString(), ", but the network expects ",
               impl_->input.type().ToString());
  }
  Tensor images = ToImages(examples.Cast(dtype()));
  if (examples.dtype() != DType::kUint8) return images;
  Tensor scaled(dtype(), images.shape());
  VisitFloating(dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    std::transform(images.data<T>().begin(), images.data<T>().end(), scaled.mutable_data<T>().begin(),
                   [](T pixel) { return pixel / 255; });
  });
  return scaled;
}

std::string Network::FreeScope(absl::string_view base) const {
  std::string scope(base);
  const auto taken = [&] {
    for (NodeId id = 0; id < impl_->graph.num_nodes(); ++id) {
      if (absl::StartsWith(impl_->graph.node(id).name, scope + "/")) return true;
    }
    return false;
  };
  while (taken()) scope += "_";
  return scope;
}

absl::StatusOr<Values> Network::Apply(absl::Span<const Value> values, Value images) const {
  if (images.graph() != nullptr) AD_RETURN_IF_ERROR(images.graph()->status());
  if (!images.valid() || images.rank() != 4 || images.dtype() != dtype()) {
    return Bad("the network looks at ", Name(dtype()), " images [n, channels, height, width]",
               images.valid() ? absl::StrCat(", not ", images.type().ToString()) : "; these are no value of a graph");
  }
  const Shape& expected = impl_->image_shape;
  const bool same_size = images.shape()[2] == expected[1] && images.shape()[3] == expected[2];
  if (images.shape()[1] != expected[0] || (!same_size && impl_->input.rank() != 4)) {
    return Bad("images are ", images.type().ToString(), ", but the network expects images of ",
               absl::StrJoin(expected, " x "), " (channels x height x width)");
  }
  const Value x = FromImages(images);
  return Import(values, {{impl_->input, x}}, images.graph(), {.resize = !same_size});
}

}  // namespace adret::explain
