// A small valid model, and model files written by hand, for the tests of their reader.
#ifndef ADRET_TESTS_IO_MODEL_FILE_H_
#define ADRET_TESTS_IO_MODEL_FILE_H_

#include <functional>
#include <string>

#include "absl/strings/string_view.h"
#include "adret/core/graph.h"
#include "adret/io/model.h"
#include "adret/io/model.pb.h"
#include "adret/io/model_format_internal.h"
#include "adret/ops/reshape.h"
#include "adret/ops/transpose.h"

namespace adret::io {

// An input, three variables, two constants that share their numbers, and an update, of shape-changing ops only.
struct SmallModel {
  SmallModel() {
    x = graph.Input("x", DType::kFloat32, {kAnyBatch, 6});
    w = graph.Variable("w", Tensor::From<float>({2, 3}, {1, -2, 3, -4, 5, -6}));
    const Value m = graph.Variable("w/m", Tensor::From<double>({2}, {0.5, -0.25}), /*trainable=*/false);
    graph.Variable("mask", Tensor::From<bool>({3}, {true, false, true}));
    const Tensor numbers = Tensor::From<int64_t>({2}, {7, 8});
    graph.Constant(numbers);
    graph.Constant(numbers);
    y = Reshape(x, {kAnyBatch, 2, 3}).Named("y");
    next_w = Reshape(Transpose(w, {1, 0}), {2, 3}).Named("next_w");
    graph.AddSideUpdate(m, Reshape(m, {2}));
    state = *InitialState(graph, 17);
    state.step = 3;
  }
  ModelContents contents() const {
    return {.graph = &graph,
            .state = &state,
            .outputs = {{"y", y}, {"w^T", next_w}},
            .updates = {{w, next_w}},
            .metadata = {{"classes", "0123456789"}, {"empty", ""}}};
  }

  Graph graph;
  State state;
  Value x, w, y, next_w;
};

// The parts of a file, to be changed and put together again with right sizes and checksums of header and structure.
struct RawModel {
  explicit RawModel(absl::string_view file) {
    const FileHeader header = *DecodeHeader(file.substr(0, kHeaderBytes), file.size());
    structure.ParseFromArray(file.data() + kHeaderBytes, static_cast<int>(header.structure_bytes));
    data = std::string(file.substr(DataStart(header.structure_bytes, structure.tensors_size() > 0)));
  }

  std::string File() const { return FileOf(structure.SerializeAsString(), structure.tensors_size() > 0); }
  // With a structure given as bytes.
  std::string FileOf(const std::string& bytes, bool has_tensors = true) const {
    const uint64_t start = DataStart(bytes.size(), has_tensors);
    std::string file = EncodeHeader({.file_bytes = start + data.size(),
                                     .structure_bytes = bytes.size(),
                                     .structure_crc = Crc32(bytes.data(), bytes.size())});
    file += bytes;
    file.resize(start);
    return file + data;
  }

  // The node of this name; it must exist.
  proto::Node* node(absl::string_view name) {
    for (proto::Node& n : *structure.mutable_nodes()) {
      if (n.name() == name) return &n;
    }
    AD_CHECK(false);
  }

  proto::Model structure;
  std::string data;
};

// The small model's file after a change.
inline std::string Changed(const std::function<void(RawModel&)>& change) {
  RawModel raw(*SerializeModel(SmallModel().contents()));
  change(raw);
  return raw.File();
}

}  // namespace adret::io

#endif  // ADRET_TESTS_IO_MODEL_FILE_H_
