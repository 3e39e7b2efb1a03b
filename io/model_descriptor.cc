#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <iterator>

#include "adret/core/status.h"
#include "adret/io/model_descriptor_internal.h"

namespace adret::io {
namespace {

// A serialised google.protobuf.FileDescriptorSet, made by protoc.
constexpr unsigned char kDescriptors[] = {
#include "adret/io/model.descriptors.inc"
};

}  // namespace

const google::protobuf::Descriptor& ModelDescriptor() {
  static const google::protobuf::Descriptor* const model = [] {
    google::protobuf::FileDescriptorSet files;
    AD_CHECK(files.ParseFromArray(kDescriptors, static_cast<int>(std::size(kDescriptors))));
    auto* pool = new google::protobuf::DescriptorPool;
    for (const google::protobuf::FileDescriptorProto& file : files.file()) AD_CHECK(pool->BuildFile(file) != nullptr);
    return pool->FindMessageTypeByName("adret.io.proto.Model");
  }();
  AD_CHECK(model != nullptr);
  return *model;
}

}  // namespace adret::io
