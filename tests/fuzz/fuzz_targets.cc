#include "adret/tests/fuzz/fuzz_targets.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "adret/core/executor.h"
#include "adret/core/status.h"
#include "adret/io/bytes.h"
#include "adret/io/csv.h"
#include "adret/io/idx.h"
#include "adret/io/model.h"
#include "adret/io/model.pb.h"
#include "adret/io/model_format_internal.h"
#include "adret/io/npy.h"
#include "adret/io/onnx.h"
#include "adret/io/png.h"
#include "adret/io/safetensors.h"

namespace adret::fuzz {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;
constexpr io::ModelLimits kLimits = {.structure_bytes = kMiB,
                                     .memory_budget = 4 * kMiB,
                                     .value_bytes = kMiB,
                                     .nodes = 1000,
                                     .attributes = 10'000,
                                     .tensors = 1000,
                                     .names = 1000,
                                     .numbers = 100'000};
// Of all values of a graph together, so that a run takes milliseconds.
constexpr int64_t kRunBytes = kMiB;
constexpr int64_t kBatch = 2;
constexpr size_t kFetches = 32;

// The file with its size, its checksums and those of its tensors put right, as far as the header makes sense.
std::string Repaired(absl::string_view bytes) {
  using io::kHeaderBytes;
  if (bytes.size() < kHeaderBytes + 1) return std::string(bytes);
  const auto claimed = io::LoadLittle<uint64_t>(bytes.data() + 24);
  const uint64_t size = std::min<uint64_t>(claimed, bytes.size() - kHeaderBytes);
  std::string structure(bytes.substr(kHeaderBytes, size));
  std::string data;
  io::proto::Model model;
  if (io::ScanStructure(structure, kLimits).ok() && model.ParseFromString(structure)) {
    const uint64_t start = io::DataStart(size, model.tensors_size() > 0);
    if (start < bytes.size()) data = std::string(bytes.substr(start));
    for (io::proto::TensorEntry& t : *model.mutable_tensors()) {
      if (t.offset() > data.size() || t.bytes() > data.size() - t.offset()) continue;
      t.set_crc32(io::Crc32(data.data() + t.offset(), t.bytes()));
    }
    structure = model.SerializeAsString();
  }
  const uint64_t start = io::DataStart(structure.size(), model.tensors_size() > 0);
  std::string file = io::EncodeHeader({.file_bytes = start + data.size(),
                                       .structure_bytes = structure.size(),
                                       .structure_crc = io::Crc32(structure.data(), structure.size())});
  file += structure;
  file.resize(start);
  return file + data;
}

// Small numbers around zero: also negative indices, and divisors that are 0.
Tensor Ramp(const Type& type) {
  Tensor t(DType::kFloat64, type.shape);
  auto data = t.mutable_data<double>();
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<double>(i % 5) - 1;
  return t.Cast(type.dtype);
}

void Run(io::Model* model) {
  Graph* graph = model->graph.get();
  int64_t bytes = 0;
  Values fetches;
  for (NodeId id = 0; id < graph->num_nodes(); ++id) {
    const Node& node = graph->node(id);
    for (int i = 0; i < static_cast<int>(node.outputs.size()); ++i) {
      const Shape shape = node.outputs[i].shape.With(kBatch);
      if (!shape.Validate().ok()) return;
      if (bytes += Type{node.outputs[i].dtype, shape}.bytes(); bytes > kRunBytes) return;
      fetches.push_back(Value(graph, {id, i}));
    }
  }
  if (fetches.size() > kFetches) fetches.erase(fetches.begin(), fetches.end() - kFetches);
  Feeds feeds;
  for (Value input : graph->inputs()) {
    feeds.emplace_back(input, Ramp({input.dtype(), input.shape().With(kBatch)}));
  }
  auto executor = Executor::Create(fetches, model->updates, {.threads = 1, .memory_limit = 64 * kMiB});
  if (!executor.ok()) return;
  const absl::Status status = executor->Run(feeds, &model->state).status();
  (void)status;
}

// The checker finds an error exactly where the reader does.
absl::StatusOr<io::Model> ParseAndCheck(absl::string_view bytes) {
  auto model = io::ParseModel(bytes, kLimits);
  const std::vector<io::Finding> findings = io::CheckSerializedModel(bytes, kLimits);
  const bool errors = std::any_of(findings.begin(), findings.end(),
                                  [](const io::Finding& f) { return f.severity == io::Finding::kError; });
  AD_CHECK(model.ok() != errors);
  return model;
}

constexpr io::SafetensorsLimits kSafetensorsLimits = {
    .header_bytes = kMiB, .memory_budget = 4 * kMiB, .tensors = 1000, .metadata = 1000};

// The file with a header that ends with its last brace.
std::string WithHeaderSize(absl::string_view bytes) {
  constexpr size_t kStart = 8;
  const size_t brace = bytes.rfind('}');
  if (bytes.size() < kStart || brace == absl::string_view::npos || brace < kStart) return std::string(bytes);
  std::string file;
  io::AppendLittle<uint64_t>(brace + 1 - kStart, &file);
  return file.append(bytes.data() + kStart, bytes.size() - kStart);
}

}  // namespace

void FuzzModel(absl::string_view bytes) {
  auto model = ParseAndCheck(bytes);
  if (!model.ok()) model = ParseAndCheck(Repaired(bytes));
  if (!model.ok()) return;
  const auto saved = io::SerializeModel(model->contents(), kLimits);
  AD_CHECK(saved.ok());
  const auto again = io::ParseModel(*saved, kLimits);
  AD_CHECK(again.ok());
  AD_CHECK(again->state.Digest() == model->state.Digest());
  AD_CHECK(*io::SerializeModel(again->contents(), kLimits) == *saved);
  Run(&*model);
}

void FuzzOnnx(absl::string_view bytes) {
  absl::StatusOr<io::Model> model = io::ParseOnnx(bytes, {.limits = kLimits});
  if (!model.ok()) return;
  if (const auto saved = io::SerializeModel(model->contents(), kLimits); saved.ok()) {
    AD_CHECK(io::ParseModel(*saved, kLimits).ok());
  }
  if (const auto written = io::SerializeOnnx(model->contents()); written.ok()) {
    (void)io::ParseOnnx(*written, {.limits = kLimits}).status();
  }
  Run(&*model);
}

void FuzzIdx(absl::string_view bytes) { (void)io::ParseIdx(bytes, {.max_bytes = 4 * kMiB}).status(); }

void FuzzCsv(absl::string_view bytes) {
  const auto table = io::ParseCsv(bytes, {.max_bytes = kMiB, .max_columns = 1000});
  if (table.ok()) (void)io::CsvNumbers(*table).status();
}

void FuzzPng(absl::string_view bytes) {
  const auto picture = io::DecodePng(bytes, {.max_pixels = kMiB, .max_bytes = kMiB});
  if (!picture.ok()) return;
  const auto encoded = io::EncodePng(*picture);
  AD_CHECK(encoded.ok());
  const auto again = io::DecodePng(*encoded);
  AD_CHECK(again.ok() && again->BitEqual(*picture));
}

void FuzzNpz(absl::string_view bytes) {
  (void)io::ParseNpy(bytes).status();
  const auto arrays = io::ParseNpz(bytes, {.max_bytes = 4 * kMiB, .max_arrays = 100});
  if (arrays.ok()) AD_CHECK(io::FormatNpz(*arrays).ok());
}

void FuzzSafetensors(absl::string_view bytes) {
  absl::StatusOr<io::Safetensors> read = io::ParseSafetensors(bytes, kSafetensorsLimits);
  if (!read.ok()) read = io::ParseSafetensors(WithHeaderSize(bytes), kSafetensorsLimits);
  if (!read.ok()) return;
  const auto saved = io::SerializeSafetensors(read->tensors, read->metadata);
  AD_CHECK(saved.ok());
  const auto again = io::ParseSafetensors(*saved, {});
  AD_CHECK(again.ok() && again->metadata == read->metadata && again->tensors.size() == read->tensors.size());
  for (const auto& [name, tensor] : read->tensors) AD_CHECK(again->tensors.at(name).BitEqual(tensor));
  AD_CHECK(*io::SerializeSafetensors(again->tensors, again->metadata) == *saved);
}

}  // namespace adret::fuzz
