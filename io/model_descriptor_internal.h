// The descriptor of the message in a model file (io/model.proto): its fields, for code that walks over them.
#ifndef ADRET_IO_MODEL_DESCRIPTOR_INTERNAL_H_
#define ADRET_IO_MODEL_DESCRIPTOR_INTERNAL_H_

namespace google::protobuf {
class Descriptor;
}  // namespace google::protobuf

namespace adret::io {

// Returns the descriptor of adret.io.proto.Model, from a pool of its own: in protobuf's common one there would be two
// where two copies of adret meet in a process. Lives as long as the process.
const google::protobuf::Descriptor& ModelDescriptor();

}  // namespace adret::io

#endif  // ADRET_IO_MODEL_DESCRIPTOR_INTERNAL_H_
