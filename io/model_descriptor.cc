#include "adret/io/model_descriptor_internal.h"
#include "adret/io/wire_internal.h"

namespace adret::io {
namespace {

// A serialised google.protobuf.FileDescriptorSet, made by protoc.
constexpr unsigned char kDescriptors[] = {
#include "adret/io/model.descriptors.inc"
};

}  // namespace

const google::protobuf::Descriptor& ModelDescriptor() {
  static const google::protobuf::Descriptor& model = DescriptorIn(kDescriptors, "adret.io.proto.Model");
  return model;
}

}  // namespace adret::io
