// How norms run on batches of examples: the rules (Op::batch) of layer_norm, rms_norm and their gradients.
#ifndef ADRET_OPS_NORM_BATCH_INTERNAL_H_
#define ADRET_OPS_NORM_BATCH_INTERNAL_H_

#include "adret/core/batch.h"

namespace adret {

// Where examples share scale and bias, they are more rows. Otherwise scale and bias are applied afterwards.
Values LayerNormBatch(const BatchContext& c);
Values RmsNormBatch(const BatchContext& c);

// The gradients of scale and bias are sums over an example, and no longer over all rows.
Values LayerNormXGradBatch(const BatchContext& c);
Values RmsNormXGradBatch(const BatchContext& c);

}  // namespace adret

#endif  // ADRET_OPS_NORM_BATCH_INTERNAL_H_
