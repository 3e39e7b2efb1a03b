#include "adret/io/onnx/scan.h"

#include <google/protobuf/descriptor.h>

#include "absl/strings/str_cat.h"
#include "adret/core/status.h"
#include "adret/io/wire_internal.h"

namespace adret::onnx {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

// Branches and loops within each other: a level takes three messages (graph, node, attribute).
constexpr int kMaxDepth = 96;

constexpr unsigned char kDescriptors[] = {
#include "adret/io/onnx/onnx.descriptors.inc"
};

class Scanner {
 public:
  explicit Scanner(const io::ModelLimits& limits) : limits_(limits) {}

  absl::Status Scan(const Descriptor& message, absl::string_view bytes, int depth) {
    if (depth > kMaxDepth) return absl::InvalidArgumentError("its graphs are nested too deep");
    while (!bytes.empty()) {
      uint64_t tag;
      absl::string_view content;
      if (!io::ReadVarint(&bytes, &tag) || tag >> 3 == 0 || !io::ReadField(tag & 7, &bytes, &content)) {
        return absl::InvalidArgumentError(
            absl::StrCat("it is no ONNX model, or is cut off (in a message of ", message.name(), ")"));
      }
      const FieldDescriptor* field = tag >> 32 == 0 ? message.FindFieldByNumber(static_cast<int>(tag >> 3)) : nullptr;
      if (field == nullptr || (tag & 7) != io::kBytes) continue;
      if (field->type() == FieldDescriptor::TYPE_MESSAGE) {
        AD_RETURN_IF_ERROR(Count(&messages_, 1, limits_.attributes, "messages"));
        AD_RETURN_IF_ERROR(Scan(*field->message_type(), content, depth + 1));
      } else if (field->is_packed()) {
        // A number of one byte takes 8 bytes once it is parsed.
        AD_RETURN_IF_ERROR(Count(&packed_bytes_, static_cast<int64_t>(content.size()), limits_.memory_budget / 8,
                                 "bytes of packed numbers"));
      } else if (field->is_repeated()) {
        AD_RETURN_IF_ERROR(Count(&strings_, 1, limits_.numbers, "names"));
      }
    }
    return absl::OkStatus();
  }

 private:
  static absl::Status Count(int64_t* counter, int64_t n, int64_t limit, absl::string_view what) {
    *counter += n;
    if (*counter <= limit) return absl::OkStatus();
    return absl::ResourceExhaustedError(absl::StrCat("the file has more than ", limit, " ", what));
  }

  const io::ModelLimits& limits_;
  int64_t messages_ = 0, strings_ = 0, packed_bytes_ = 0;
};

}  // namespace

absl::Status ScanModel(absl::string_view bytes, const io::ModelLimits& limits) {
  static const Descriptor& model = io::DescriptorIn(kDescriptors, "adret.onnx.proto.Model");
  return Scanner(limits).Scan(model, bytes, 0);
}

}  // namespace adret::onnx
