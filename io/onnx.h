// ONNX files: a network that came from elsewhere becomes a graph like any other.
//
//   AD_ASSIGN_OR_RETURN(io::Model model, io::LoadOnnx("resnet18.onnx"));
//   AD_ASSIGN_OR_RETURN(Value image, model.Input("input"));
//   AD_ASSIGN_OR_RETURN(Value logits, model.Output("logits"));
//   Value saliency = Gradients(Sum(Slice(logits, 1, 5, 6)), {image})[0];
//
// Weights become trainable variables of their names in the file, wherever the file keeps them: among the initialisers,
// or in Constant nodes. Running statistics of batch norm become variables that no optimiser changes. Scalars, integers
// and tensors that hold an infinity or NaN stay constants. Values keep their names. Shapes that the file computes are
// folded while it is read.
//
// Which operators are read, since which operator set, and what is differentiable: docs/onnx.md, made from the table
// that the reader works with.
#ifndef ADRET_IO_ONNX_H_
#define ADRET_IO_ONNX_H_

#include <cstdint>
#include <string>

#include "absl/container/btree_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "adret/core/dim.h"
#include "adret/core/tensor.h"
#include "adret/io/model.h"

namespace adret::io {

struct OnnxOptions {
  // What dimensions of the file's inputs become, by the names they have there: {{"time", 128}, {"N", kAnyBatch}}. A
  // name is given to axis 0 of every input under "batch" where no dimension is called so, even where the file says a
  // number: {{"batch", kAnyBatch}} frees a batch that was frozen. A dimension without a name is called by its input and
  // axis: "image_2". Without an entry, a dimension keeps its name as a symbol; an axis 0 without a name, or that is
  // called "batch", "batch_size" or "N", is the batch.
  absl::btree_map<std::string, int64_t> sizes = {};
  // Inputs whose numbers are known now: they become constants, so that what depends on them can be a shape.
  absl::btree_map<std::string, Tensor> fixed = {};
  // BatchNormalization uses the batch's statistics, and updates the running ones; Dropout drops.
  bool training = false;
  // Limits on what is read. structure_bytes does not count here: an ONNX file holds its weights in its structure.
  ModelLimits limits = {};
};

// Reads a file, and the files beside it in which it keeps its weights. Those must lie in its folder or below; links are
// not followed. Inputs and outputs of the signature are those of the file. Errors: InvalidArgument for what is no ONNX
// file, is truncated or contradicts itself; Unimplemented, naming all operators that are not read, with their operator
// set, how often they occur and the first node of each; ResourceExhausted above a limit.
absl::StatusOr<Model> LoadOnnx(const std::string& path, const OnnxOptions& options = {});

// Reads a file in memory. `folder` is where external weights lie; empty: there must be none.
absl::StatusOr<Model> ParseOnnx(absl::string_view bytes, const OnnxOptions& options = {},
                                const std::string& folder = "");

struct OnnxSaveOptions {
  int64_t version = 18;  // of the operator set, 13 to 27
  // The name of a file in the model's folder, where tensors of more than 1 KiB go. Empty: they are in the model's file;
  // if they need more than 1.5 GiB, in one beside it that is called as it is with ".data" behind.
  std::string external_data = "";
};

// Writes what a model computes as an ONNX file: a network, gradients, a training step. Ops that ONNX lacks are written
// as others. Outputs are those of `contents`, and for each variable that the training step updates one that is called
// "<variable>_next"; such variables are inputs, too, with their present numbers as defaults, and the metadata say which
// output is whose ("adret.update.<variable>"). Inputs and outputs keep their names; so do variables and named values,
// unless an input or an output has theirs. Only what outputs need is written. Errors: what SaveModel refuses; two
// inputs or outputs of one name; Unimplemented, with the node, for ops that cannot be written. The old file stays as it
// was when saving fails.
absl::Status SaveOnnx(const std::string& path, const ModelContents& contents, const OnnxSaveOptions& options = {});
// Writes to memory: less than 2 GiB.
absl::StatusOr<std::string> SerializeOnnx(const ModelContents& contents, const OnnxSaveOptions& options = {});

}  // namespace adret::io

#endif  // ADRET_IO_ONNX_H_
