// What convolutional layers have in common, in any number of dimensions: checks, which make the layer's call fail, and
// the bias.
#ifndef ADRET_NN_CONV_LAYER_INTERNAL_H_
#define ADRET_NN_CONV_LAYER_INTERNAL_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "adret/nn/initializers.h"
#include "adret/nn/layer.h"

namespace adret::nn {

// Returns true when n >= 1; else the call has failed.
bool IsPositive(LayerCall& call, absl::string_view what, int64_t n);

// Returns true when x is f32 or f64 [batch, channels, ...] of this rank with known channels; else the call has failed.
bool IsImage(LayerCall& call, const Value& x, int rank);

// Returns true when filters of this size, in groups, can be laid over x [batch, channels, ...] of this rank; else the
// call has failed.
bool IsConvPossible(LayerCall& call, const Value& x, int rank, int64_t filters, absl::Span<const int64_t> kernel,
                    int64_t groups);

// Returns y + b for y [batch, channels, ...], with the layer's variable b [channels].
Value AddChannelBias(LayerCall& call, Value y, const Initializer& initializer);

}  // namespace adret::nn

#endif  // ADRET_NN_CONV_LAYER_INTERNAL_H_
