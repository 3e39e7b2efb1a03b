// ScanStructure(): a walk over protobuf's wire format (https://protobuf.dev/programming-guides/encoding), guided by the
// message's descriptor.
#include <google/protobuf/descriptor.h>

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "adret/core/names.h"
#include "adret/core/status.h"
#include "adret/core/text.h"
#include "adret/io/model_descriptor_internal.h"
#include "adret/io/model_format_internal.h"
#include "adret/io/wire_internal.h"

namespace adret::io {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

// Deeper than any message of ours.
constexpr int kMaxDepth = 8;

class Scanner {
 public:
  explicit Scanner(const ModelLimits& limits) : limits_(limits) {}

  absl::Status Scan(const Descriptor& message, absl::string_view bytes, int depth) {
    if (depth > kMaxDepth) return Bad(message, "is nested too deep");
    uint64_t seen = 0;    // bit i: field number i has occurred
    uint64_t oneofs = 0;  // bit i: a member of oneof i has
    while (!bytes.empty()) {
      uint64_t tag;
      if (!ReadVarint(&bytes, &tag)) return Bad(message, "ends within a field");
      const FieldDescriptor* field = tag >> 3 < 64 ? message.FindFieldByNumber(static_cast<int>(tag >> 3)) : nullptr;
      if (field == nullptr) return Bad(message, absl::StrCat("has an unknown field ", tag >> 3));
      if ((tag & 7) != WireTypeOf(*field)) return Bad(*field, "has the wrong wire type");
      if (!field->is_repeated() || field->is_packed()) {
        if (seen >> field->number() & 1) return Bad(*field, "is given twice");
        seen |= uint64_t{1} << field->number();
      }
      if (field->containing_oneof() != nullptr) {
        const uint64_t bit = uint64_t{1} << field->containing_oneof()->index();
        if (oneofs & bit) return Bad(message, "has two values");
        oneofs |= bit;
      }
      AD_RETURN_IF_ERROR(Field(*field, &bytes, depth));
    }
    return absl::OkStatus();
  }

 private:
  template <class D>
  static absl::Status Bad(const D& what, absl::string_view problem) {
    return absl::InvalidArgumentError(absl::StrCat("the structure is malformed: ", what.full_name(), " ", problem));
  }

  absl::Status Field(const FieldDescriptor& field, absl::string_view* bytes, int depth) {
    absl::string_view content;
    if (!ReadField(WireTypeOf(field), bytes, &content)) return Bad(field, "is cut off");
    if (WireTypeOf(field) != kBytes) return absl::OkStatus();
    if (field.is_packed()) return Packed(field, content);
    if (field.type() == FieldDescriptor::TYPE_STRING) return Name(field, content);
    if (field.type() != FieldDescriptor::TYPE_MESSAGE) return absl::OkStatus();
    AD_RETURN_IF_ERROR(Count(*field.message_type(), field));
    return Scan(*field.message_type(), content, depth + 1);
  }

  absl::Status Name(const FieldDescriptor& field, absl::string_view text) {
    if (text.size() > kMaxNameBytes) {
      return Bad(field, absl::StrCat("of ", text.size(), " bytes is longer than ", kMaxNameBytes, ": ", Quoted(text)));
    }
    if (!IsUtf8(text))
      return Bad(field, absl::StrCat("is not valid UTF-8: '", absl::CHexEscape(text.substr(0, 80)), "'"));
    return absl::OkStatus();
  }

  absl::Status Packed(const FieldDescriptor& field, absl::string_view content) {
    if (field.type() == FieldDescriptor::TYPE_DOUBLE) {
      if (content.size() % 8 != 0) return Bad(field, "is cut off");
      numbers_ += static_cast<int64_t>(content.size() / 8);
    } else {
      numbers_ +=
          std::count_if(content.begin(), content.end(), [](char c) { return static_cast<signed char>(c) >= 0; });
    }
    if (numbers_ <= limits_.numbers) return absl::OkStatus();
    return absl::ResourceExhaustedError(absl::StrCat("the structure has more than ", limits_.numbers, " numbers"));
  }

  absl::Status Count(const Descriptor& message, const FieldDescriptor& field) {
    int64_t limit = limits_.names;
    if (&message == node_) limit = limits_.nodes;
    if (&message == tensor_) limit = limits_.tensors;
    // At most one of these for each attribute, and as many types as a node has outputs.
    if (&message == attr_ || &message == type_ || field.containing_type() == attr_) {
      limit = limits_.attributes;
    }
    if (++counts_[&field] <= limit) return absl::OkStatus();
    return absl::ResourceExhaustedError(absl::StrCat("the structure has more than ", limit, " ", field.name()));
  }

  static const Descriptor* Message(const char* name) {
    const Descriptor* message = ModelDescriptor().file()->FindMessageTypeByName(name);
    AD_CHECK(message != nullptr);
    return message;
  }

  const ModelLimits& limits_;
  const Descriptor* const node_ = Message("Node");
  const Descriptor* const tensor_ = Message("TensorEntry");
  const Descriptor* const attr_ = Message("Attr");
  const Descriptor* const type_ = Message("Type");
  absl::flat_hash_map<const FieldDescriptor*, int64_t> counts_;
  int64_t numbers_ = 0;
};

}  // namespace

absl::Status ScanStructure(absl::string_view bytes, const ModelLimits& limits) {
  return Scanner(limits).Scan(ModelDescriptor(), bytes, 0);
}

}  // namespace adret::io
