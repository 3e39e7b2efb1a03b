#include "adret/io/onnx/inputs.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "adret/core/names.h"
#include "adret/core/status.h"
#include "adret/io/onnx/onnx.pb.h"
#include "adret/io/onnx/tensors.h"

namespace adret::onnx {
namespace {

constexpr absl::string_view kBatch = "batch";

// Whether files mean the batch by this name of axis 0.
bool MeansBatch(absl::string_view name) {
  const std::string lower = absl::AsciiStrToLower(name);
  return lower == "n" || lower == "?" || lower == "bs" || lower == "none" || lower.starts_with("batch") ||
         lower.starts_with("unk__") || lower.ends_with("dynamicdimension.0") || lower.empty();
}

// Returns the nearest name that a symbol may have.
std::string SymbolOf(absl::string_view name) {
  std::string symbol;
  for (const char c : name.substr(0, 48)) symbol.push_back(absl::ascii_isalnum(c) || c == '.' ? c : '_');
  return symbol.empty() || absl::ascii_isdigit(symbol[0]) ? absl::StrCat("d", symbol) : symbol;
}

}  // namespace

Dimensions::Dimensions(const proto::Graph& graph, const io::OnnxOptions& options) : options_(options) {
  for (const auto& [name, size] : options.sizes) used_[name] = false;
  for (const proto::ValueInfo& input : graph.input()) {
    for (const proto::Shape::Dimension& dim : input.type().tensor_type().shape().dim()) {
      if (dim.dim_param() == kBatch) batch_is_a_name_ = true;
    }
  }
}

int64_t Dimensions::Named(const std::string& name, int axis) {
  const auto given = options_.sizes.find(name);
  if (given != options_.sizes.end()) {
    used_[name] = true;
    return given->second;
  }
  const auto found = named_.find(name);
  if (found != named_.end()) return found->second;
  int64_t code = kAnyBatch;
  if (name != kBatch && (axis != 0 || !MeansBatch(name))) {
    const absl::StatusOr<Dim> sum = Dim::Parse(name);
    if (sum.ok() && sum->code() != kNoDim) {
      code = sum->code();
    } else {
      std::string symbol = SymbolOf(name);
      for (int i = 1; symbols_.contains(symbol); ++i) symbol = absl::StrCat(SymbolOf(name), "_", i);
      symbols_[symbol] = name;
      code = Dim(symbol).code();
    }
  }
  named_[name] = code;
  return code;
}

int64_t Dimensions::Unnamed(const std::string& input, int axis) {
  const std::string name = absl::StrCat(SymbolOf(input), "_", axis);
  if (const auto given = options_.sizes.find(name); given != options_.sizes.end()) {
    used_[name] = true;
    return given->second;
  }
  return axis == 0 ? kAnyBatch : Dim(name).code();
}

absl::StatusOr<Type> Dimensions::TypeOf(const proto::ValueInfo& input) {
  const auto refuse = [&](absl::StatusCode code, absl::string_view what) {
    return absl::Status(code, absl::StrCat("the input ", Quoted(input.name()), " ", what));
  };
  if (input.type().value_case() != proto::Type::kTensorType) {
    return refuse(absl::StatusCode::kUnimplemented,
                  "is a sequence, a map, an optional or a sparse tensor: only tensors are read");
  }
  const proto::Type::TensorType& type = input.type().tensor_type();
  const std::optional<DType> dtype = DTypeOf(type.elem_type());
  if (!dtype.has_value()) {
    return refuse(absl::StatusCode::kUnimplemented,
                  absl::StrCat("holds ", ElementTypeName(type.elem_type()), ", which adret has no dtype for"));
  }
  if (!type.has_shape()) return refuse(absl::StatusCode::kInvalidArgument, "has no shape: its rank must be known");
  const auto batch = options_.sizes.find(kBatch);
  Shape shape;
  for (int axis = 0; axis < type.shape().dim_size(); ++axis) {
    const proto::Shape::Dimension& dim = type.shape().dim(axis);
    int64_t code = dim.dim_value();
    if (axis == 0 && batch != options_.sizes.end() && !batch_is_a_name_) {
      code = batch->second;
      used_[std::string(kBatch)] = true;
    } else if (dim.value_case() == proto::Shape::Dimension::kDimParam && !dim.dim_param().empty() &&
               dim.dim_param() != "?") {
      code = Named(dim.dim_param(), axis);
    } else if (dim.value_case() != proto::Shape::Dimension::kDimValue || code < 0) {
      code = Unnamed(input.name(), axis);
    }
    shape.push_back(code);
  }
  const absl::Status valid = shape.Validate();
  if (!valid.ok()) return refuse(valid.code(), absl::StrCat("has ", valid.message()));
  return Type{*dtype, shape};
}

absl::Status Dimensions::CheckAllUsed() const {
  for (const auto& [name, used] : used_) {
    if (used) continue;
    std::vector<std::string> names;
    for (const auto& [found, code] : named_) names.push_back(Quoted(found));
    return absl::NotFoundError(
        absl::StrCat("no dimension of the inputs is called ", Quoted(name), "; there ",
                     names.empty() ? "are no named ones" : absl::StrCat("are ", absl::StrJoin(names, ", "))));
  }
  return absl::OkStatus();
}

}  // namespace adret::onnx
