// Network: a trained network that is to be looked into, and its layers.
//
//   io::Model model = *io::LoadModel("digits.adret");
//   explain::Network network = *explain::Network::Create(*model.Input("image"), *model.Output("logits"), model.state);
//   for (const explain::UnitLayer& layer : network.layers()) std::puts(layer.name.c_str());
//
//   Graph graph;                                                         // the network, on images of one's own
//   Value images = graph.Variable("images", Tensor::Zeros(DType::kFloat32, {50, 1, 28, 28}));
//   Value maps = (*network.Apply({network.FindLayer("conv2")->value}, images))[0];
//   Value slope = Gradients(Sum(maps), {images})[0];
//
// Nothing but the graph is needed: a file that was loaded without the code that built it will do.
#ifndef ADRET_EXPLAIN_NETWORK_H_
#define ADRET_EXPLAIN_NETWORK_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "adret/core/graph.h"
#include "adret/core/state.h"

namespace adret::explain {

// A value that has units: filters, whose maps are a plane each, or neurons. Units run along axis 1.
struct UnitLayer {
  std::string name;  // "conv2", "residual1/conv1"; the output is called what the network calls it
  Value value;       // in Network::graph(): [?, units] or [?, units, height, width]; other ranks count as neurons, too

  int64_t units() const { return value.shape()[1]; }
  bool has_maps() const { return value.rank() == 4; }
  // Returns OutOfRange for a unit, or a row and column of its map, that the layer does not have.
  absl::Status CheckUnit(int64_t unit) const;
  absl::Status CheckPosition(const std::array<int64_t, 2>& position) const;
};

class Network {
 public:
  // Copies the part of a graph that leads from input to output, in inference mode (nn/inference.h). state must hold
  // every variable of that part. output_name is what the output's layer is called besides its node's name, such as its
  // name in a model file's signature.
  //
  // Fails when input is no floating-point input with the batch on axis 0, or output no floating-point value [?, ...]
  // that follows from it; when output follows from another input, too, which is named; or a variable is missing.
  static absl::StatusOr<Network> Create(Value input, Value output, const State& state,
                                        absl::string_view output_name = "");
  Network(Network&&) noexcept;
  Network& operator=(Network&&) noexcept;
  ~Network();

  Graph* graph() const;
  const State& state() const;
  Value input() const;
  Value output() const;
  DType dtype() const { return input().dtype(); }

  // Returns the layers that somebody named, from the input to the output; in a graph where nobody did, all values that
  // have units.
  const std::vector<UnitLayer>& layers() const;
  // Returns the layer of this name, or any value of the network that has units, by its node's name. NotFound suggests
  // the nearest names.
  absl::StatusOr<UnitLayer> FindLayer(absl::string_view name) const;
  // Returns the output as a layer.
  UnitLayer output_layer() const;
  // Returns the last layer before the output whose units have maps. NotFound when there is none.
  absl::StatusOr<UnitLayer> LastMaps() const;

  // Returns [channels, height, width]: how an example is shown as a picture. Of an input [?, d] it is one plane, square
  // where d is a square number, or three where d / 3 is, and otherwise one row.
  Shape image_shape() const;
  // Returns images [n, channels, height, width] as the input's shape [n, ...]; only reshapes.
  Value FromImages(Value images) const;
  Tensor FromImages(const Tensor& images) const;
  // Returns examples [n, ...] of the input's shape as images [n, channels, height, width].
  Tensor ToImages(const Tensor& examples) const;
  // Returns whether arrays of this shape are examples [n, ...]: n times the input's shape or image_shape(), whose axis
  // of channels may be missing where there is one. Others of as many elements are laid out otherwise.
  bool TakesExamples(const Shape& shape) const;
  // Returns such examples as images of the network's dtype; u8 pixels are divided by 255. Fails when there are none or
  // they are of another shape, saying which is expected.
  absl::StatusOr<Tensor> AsImages(const Tensor& examples) const;

  // Returns an unused name scope for nodes beside copies of the network: base, or base_, base__ and so on.
  std::string FreeScope(absl::string_view base) const;

  // Returns what `values` of graph() are for images [n, channels, height, width], a value of another graph, of the
  // network's dtype, n concrete or symbolic. Copied into the images' graph; the variables keep their names, so that
  // state() fits. Images may have another height and width than the network's where nothing on the way depends on it
  // (convolutions, pooling: core/import.h).
  absl::StatusOr<Values> Apply(absl::Span<const Value> values, Value images) const;
  absl::StatusOr<Values> Apply(std::initializer_list<Value> values, Value images) const {
    return Apply(absl::MakeConstSpan(values.begin(), values.size()), images);
  }

 private:
  struct Impl;
  explicit Network(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace adret::explain

#endif  // ADRET_EXPLAIN_NETWORK_H_
