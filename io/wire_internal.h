// Protobuf's wire format (https://protobuf.dev/programming-guides/encoding), for walks over bytes of which nothing has
// been built yet. Internal to io/.
#ifndef ADRET_IO_WIRE_INTERNAL_H_
#define ADRET_IO_WIRE_INTERNAL_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace google::protobuf {
class Descriptor;
class FieldDescriptor;
}  // namespace google::protobuf

namespace adret::io {

enum WireType : uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

// Returns how a field is written. Hidden, as all that names protobuf: libraries do not export it.
[[gnu::visibility("hidden")]] WireType WireTypeOf(const google::protobuf::FieldDescriptor& field);

// Takes a number from the front of `bytes`. Returns false, having changed nothing that counts, where there is none.
bool ReadVarint(absl::string_view* bytes, uint64_t* value);

// Takes what follows the tag of a field of this wire type: `content` is what lies between the length and the end of a
// field of bytes, or the number itself. Returns false where the bytes end before it does, or for any other wire type.
bool ReadField(uint64_t wire_type, absl::string_view* bytes, absl::string_view* content);

// Returns the descriptor of a message, by its full name, from descriptors as protoc writes them, in a pool of its own:
// in protobuf's common one there would be two where two copies of adret meet in a process. Lives as long as the
// process.
const google::protobuf::Descriptor& DescriptorIn(absl::Span<const unsigned char> descriptors, const char* message);

}  // namespace adret::io

#endif  // ADRET_IO_WIRE_INTERNAL_H_
