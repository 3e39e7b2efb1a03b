#include "adret/tests/fuzz/model_mutator.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/message.h>

#include <cmath>
#include <iterator>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "adret/core/op.h"
#include "adret/core/random.h"
#include "adret/io/model_descriptor_internal.h"
#include "adret/io/model_format_internal.h"

namespace adret::fuzz {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

using Place = std::pair<Message*, const FieldDescriptor*>;

// Every field of the message and of the messages in it.
void Collect(Message* message, std::vector<Place>* places) {
  const Reflection& reflection = *message->GetReflection();
  for (int i = 0; i < message->GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = message->GetDescriptor()->field(i);
    places->push_back({message, field});
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (field->is_repeated()) {
      for (int k = 0; k < reflection.FieldSize(*message, field); ++k) {
        Collect(reflection.MutableRepeatedMessage(message, field, k), places);
      }
    } else if (reflection.HasField(*message, field)) {
      Collect(reflection.MutableMessage(message, field), places);
    }
  }
}

int64_t MutateInteger(int64_t old, RandomStream* random) {
  static constexpr int64_t kValues[] = {0,
                                        -1,
                                        1,
                                        2,
                                        3,
                                        6,
                                        -2,
                                        32,
                                        1 << 20,
                                        1LL << 31,
                                        1LL << 40,
                                        1LL << 58,
                                        255,
                                        7,
                                        -(1LL << 40),
                                        std::numeric_limits<int64_t>::max(),
                                        std::numeric_limits<int64_t>::min()};
  const uint32_t choice = random->Below(4);
  // Unsigned, so that the ends of the range wrap around.
  if (choice == 0) return static_cast<int64_t>(static_cast<uint64_t>(old) + 1);
  if (choice == 1) return static_cast<int64_t>(static_cast<uint64_t>(old) - 1);
  return kValues[random->Below(std::size(kValues))];
}

std::string MutateText(std::string old, const FieldDescriptor& field, RandomStream* random) {
  if (field.full_name() == "adret.io.proto.Node.op" || random->Below(4) == 0) {
    const auto ops = AllOps();
    return ops[random->Below(static_cast<uint32_t>(ops.size()))]->name;
  }
  if (!old.empty() && random->Below(2) == 0) {
    old.pop_back();
  } else {
    old.push_back(static_cast<char>('a' + random->Below(26)));
  }
  return old;
}

// Changes element k of a repeated field, or a singular field (k < 0).
void Change(Message* m, const FieldDescriptor* f, int k, RandomStream* random) {
  const Reflection& r = *m->GetReflection();
  const auto integer = [&](int64_t old) { return MutateInteger(old, random); };
  switch (f->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT64:
      if (k < 0) return r.SetInt64(m, f, integer(r.GetInt64(*m, f)));
      return r.SetRepeatedInt64(m, f, k, integer(r.GetRepeatedInt64(*m, f, k)));
    case FieldDescriptor::CPPTYPE_UINT64:
      return r.SetUInt64(m, f, integer(r.GetUInt64(*m, f)));
    case FieldDescriptor::CPPTYPE_UINT32:
      if (k < 0) return r.SetUInt32(m, f, static_cast<uint32_t>(integer(r.GetUInt32(*m, f))));
      return r.SetRepeatedUInt32(m, f, k, static_cast<uint32_t>(integer(r.GetRepeatedUInt32(*m, f, k))));
    case FieldDescriptor::CPPTYPE_BOOL:
      return r.SetBool(m, f, !r.GetBool(*m, f));
    case FieldDescriptor::CPPTYPE_DOUBLE: {
      static constexpr double kValues[] = {0, -1, 0.5, 1, 3, 1e300, -1e30, 5e-324, INFINITY, -INFINITY, NAN};
      const double value = kValues[random->Below(std::size(kValues))];
      return k < 0 ? r.SetDouble(m, f, value) : r.SetRepeatedDouble(m, f, k, value);
    }
    case FieldDescriptor::CPPTYPE_STRING:
      return r.SetString(m, f, MutateText(r.GetString(*m, f), *f, random));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if (k < 0) r.MutableMessage(m, f);  // sets it; its fields are changed as places of their own
      return;
    default:
      return;
  }
}

void ChangeRepeated(Message* m, const FieldDescriptor* f, RandomStream* random) {
  const Reflection& r = *m->GetReflection();
  const int size = r.FieldSize(*m, f);
  const int k = size == 0 ? 0 : static_cast<int>(random->Below(size));
  switch (random->Below(size == 0 ? 1 : 4)) {
    case 0:
      if (f->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        Message* added = r.AddMessage(m, f);
        if (size > 0) added->CopyFrom(r.GetRepeatedMessage(*m, f, k));
      } else if (f->cpp_type() == FieldDescriptor::CPPTYPE_INT64) {
        r.AddInt64(m, f, MutateInteger(1, random));
      } else if (f->cpp_type() == FieldDescriptor::CPPTYPE_UINT32) {
        r.AddUInt32(m, f, static_cast<uint32_t>(random->Below(8)));
      } else if (f->cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE) {
        r.AddDouble(m, f, 1);
      }
      return;
    case 1:
      return r.RemoveLast(m, f);
    case 2:
      return r.SwapElements(m, f, k, size - 1);
    default:
      return Change(m, f, k, random);
  }
}

}  // namespace

std::string MutateModel(absl::string_view file, uint32_t seed) {
  const auto header = io::DecodeHeader(file.substr(0, io::kHeaderBytes), file.size());
  if (!header.ok()) return "";
  // Protobuf would complain on stderr about what the scan refuses.
  if (!io::ScanStructure(file.substr(io::kHeaderBytes, header->structure_bytes), {}).ok()) return "";
  static auto* factory = new google::protobuf::DynamicMessageFactory;
  const std::unique_ptr<Message> model(factory->GetPrototype(&io::ModelDescriptor())->New());
  if (!model->ParseFromArray(file.data() + io::kHeaderBytes, static_cast<int>(header->structure_bytes))) return "";
  const FieldDescriptor* tensors = io::ModelDescriptor().FindFieldByName("tensors");
  const auto has_tensors = [&] { return model->GetReflection()->FieldSize(*model, tensors) > 0; };
  const uint64_t old_start = io::DataStart(header->structure_bytes, has_tensors());
  const std::string data(old_start < file.size() ? file.substr(old_start) : "");
  RandomStream random(seed);
  for (uint32_t changes = 1 + random.Below(3); changes > 0; --changes) {
    std::vector<Place> places;
    Collect(model.get(), &places);
    const auto [message, field] = places[random.Below(static_cast<uint32_t>(places.size()))];
    if (field->is_repeated()) {
      ChangeRepeated(message, field, &random);
    } else {
      Change(message, field, -1, &random);
    }
  }
  const std::string structure = model->SerializeAsString();
  const uint64_t start = io::DataStart(structure.size(), has_tensors());
  std::string result = io::EncodeHeader({.file_bytes = start + data.size(),
                                         .structure_bytes = structure.size(),
                                         .structure_crc = io::Crc32(structure.data(), structure.size())});
  result += structure;
  result.resize(start);
  return result + data;
}

}  // namespace adret::fuzz
