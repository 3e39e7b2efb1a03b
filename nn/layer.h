// Layer: a function from a value to a value that owns variables, as a small copyable handle.
//
//   nn::Sequential net{nn::Conv2d(25, 3), nn::Relu(), nn::MaxPool2d(2), nn::Flatten(), nn::Dense(10).Named("logits")};
//   Value logits = net(image);                              // builds nodes; shapes follow from the image's
//   Value answer = net(image, nn::Mode::kInference);        // other nodes, the same variables
//
// Names. A layer is called after its kind and a running number (conv1, conv2, pool1, dense1: the first that is free in
// the current name scope), or what Named() says. Its variables are "conv1/w", "conv1/b"; the node of its output is
// "conv1", so that graph.Find("conv1") is what the layer computes, bias included. Where that name is taken already,
// because the layer was called before, the output is "conv1/inference" or "conv1/training". Layers made of layers put
// theirs into a scope of their own when they have a name (residual1/conv1); a Sequential has one only if it is given.
//
// A handle's copies are the same layer and share variables. Variables are created at the first call in a graph. Where a
// layer of one's own returns what another layer computes, the inner one keeps its name ("block1/dense1"), and an
// identity takes the outer one's.
#ifndef ADRET_NN_LAYER_H_
#define ADRET_NN_LAYER_H_

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "adret/core/graph.h"

namespace adret::nn {

// Dropout drops, and batch_norm uses and tracks the batch's statistics, in training only.
enum class Mode { kTraining, kInference };

// What a layer's function sees of one call.
class LayerCall {
 public:
  Graph* graph() const { return graph_; }
  Mode mode() const { return mode_; }
  bool training() const { return mode_ == Mode::kTraining; }

  // Returns the layer's variable `name`. The first call in a graph creates it; a later one finds it, and fails when it
  // now has another type.
  Value Variable(absl::string_view name, const Type& type, const Initializer& initializer, bool trainable = true);
  // Records "<layer>: <message>" as the graph's error and returns an invalid value.
  Value Fail(absl::string_view message);

 private:
  friend class Layer;
  struct Binding {
    std::string base_name;  // without the scope
    std::vector<std::pair<std::string, Value>> variables;
  };
  LayerCall(Graph* graph, Mode mode, Binding* binding, std::source_location location)
      : graph_(graph), mode_(mode), binding_(binding), location_(location) {}

  Graph* graph_;
  Mode mode_;
  Binding* binding_;
  std::source_location location_;
};

class Layer {
 public:
  using Function = std::function<Value(LayerCall& call, Value x)>;

  // Makes a layer of one's own: a kind ("conv", the stem of its name) and what it builds. With an empty kind the layer
  // has no name and no scope unless Named() gives one, and its function names the output.
  Layer(std::string kind, Function function);

  // Names the layer (before its first call) and returns it.
  Layer Named(std::string name) const;

  // Builds the layer's nodes on x, in x's graph. After an error, which the graph keeps, the result is an invalid value.
  Value operator()(Operand x, Mode mode = Mode::kTraining) const;

 protected:
  // Builds what another function makes of x, with the layer's name, scope and variables: for layers that may be called
  // with more than one value.
  Value Call(Operand x, Mode mode, const Function& function) const;

 private:
  struct Impl;
  LayerCall::Binding& Bind(Graph* graph) const;

  std::shared_ptr<Impl> impl_;
};

// Layers one after the other.
class Sequential : public Layer {
 public:
  Sequential(std::initializer_list<Layer> layers) : Sequential(std::vector<Layer>(layers)) {}
  explicit Sequential(std::vector<Layer> layers);
  // Gives the layers a scope of their own: "encoder/conv1".
  Sequential Named(std::string name) const;

 private:
  explicit Sequential(Layer layer) : Layer(std::move(layer)) {}
};

// Computes y = body(x) + shortcut(x) (He et al. 2016). The shortcut is the identity unless given; use a 1x1 convolution
// where the body changes the shape.
Layer Residual(Layer body);
Layer Residual(Layer body, Layer shortcut);

}  // namespace adret::nn

#endif  // ADRET_NN_LAYER_H_
