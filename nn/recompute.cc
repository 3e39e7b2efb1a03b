#include "adret/nn/recompute.h"

#include "adret/autograd/recompute.h"

namespace adret::nn {

Layer Recompute(const Layer& body) {
  return Layer("", [body](LayerCall& call, Value x) {
    if (!call.training()) return body(x, call.mode());
    return adret::Recompute([&](Args v) { return Values{body(v[0], call.mode())}; }, {x})[0];
  });
}

}  // namespace adret::nn
