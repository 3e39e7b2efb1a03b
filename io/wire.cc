#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include "adret/core/status.h"
#include "adret/io/wire_internal.h"

namespace adret::io {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

WireType WireTypeOf(const FieldDescriptor& field) {
  if (field.is_packed()) return kBytes;
  switch (field.type()) {
    case FieldDescriptor::TYPE_DOUBLE:
    case FieldDescriptor::TYPE_FIXED64:
      return kFixed64;
    case FieldDescriptor::TYPE_FLOAT:
    case FieldDescriptor::TYPE_FIXED32:
      return kFixed32;
    case FieldDescriptor::TYPE_STRING:
    case FieldDescriptor::TYPE_BYTES:
    case FieldDescriptor::TYPE_MESSAGE:
      return kBytes;
    default:
      return kVarint;
  }
}

bool ReadVarint(absl::string_view* bytes, uint64_t* value) {
  *value = 0;
  for (int i = 0; i < 10 && static_cast<size_t>(i) < bytes->size(); ++i) {
    const auto byte = static_cast<unsigned char>((*bytes)[i]);
    if (i == 9 && byte > 1) return false;
    *value |= uint64_t{byte & 0x7Fu} << (7 * i);
    if (byte < 0x80) {
      bytes->remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

bool ReadField(uint64_t wire_type, absl::string_view* bytes, absl::string_view* content) {
  uint64_t length = 0;
  switch (wire_type) {
    case kVarint: {
      const absl::string_view before = *bytes;
      if (!ReadVarint(bytes, &length)) return false;
      *content = before.substr(0, before.size() - bytes->size());
      return true;
    }
    case kFixed32:
      length = 4;
      break;
    case kFixed64:
      length = 8;
      break;
    case kBytes:
      if (!ReadVarint(bytes, &length)) return false;
      break;
    default:
      return false;
  }
  if (length > bytes->size()) return false;
  *content = bytes->substr(0, length);
  bytes->remove_prefix(length);
  return true;
}

const Descriptor& DescriptorIn(absl::Span<const unsigned char> descriptors, const char* message) {
  google::protobuf::FileDescriptorSet files;
  AD_CHECK(files.ParseFromArray(descriptors.data(), static_cast<int>(descriptors.size())));
  auto* pool = new google::protobuf::DescriptorPool;
  for (const google::protobuf::FileDescriptorProto& file : files.file()) AD_CHECK(pool->BuildFile(file) != nullptr);
  const Descriptor* found = pool->FindMessageTypeByName(message);
  AD_CHECK(found != nullptr);
  return *found;
}

}  // namespace adret::io
