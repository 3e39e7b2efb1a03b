// What the reader of model files refuses. Numbers in the names are those of the list in docs/model_files.md.
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "adret/autograd/recompute.h"
#include "adret/io/file.h"
#include "adret/io/model.h"
#include "adret/ops/unary.h"
#include "adret/tests/io/model_file.h"
#include "adret/tests/io/mutations.h"
#include "adret/tests/temp_folder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::io {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kExhausted = absl::StatusCode::kResourceExhausted;

// The reader answers with this code and a message that holds this text.
void ExpectRefused(absl::string_view bytes, absl::string_view text, absl::StatusCode code = kInvalid,
                   const ModelLimits& limits = {}) {
  const absl::Status status = ParseModel(bytes, limits).status();
  EXPECT_EQ(status.code(), code) << status;
  // Seeds for tests/fuzz/model_fuzzer.
  if (const char* folder = std::getenv("ADRET_FUZZ_SEEDS"); folder != nullptr && bytes.size() < 10'000) {
    static int count = 0;
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    EXPECT_TRUE(WriteFile(absl::StrCat(folder, "/threat_", test->test_suite_name(), "_", count++), bytes).ok());
  }
  EXPECT_THAT(std::string(status.message()), HasSubstr(std::string(text)));
}

// The same of the small model's file after a change of its structure.
void ExpectRefusedAfter(const std::function<void(RawModel&)>& change, absl::string_view text,
                        absl::StatusCode code = kInvalid) {
  SCOPED_TRACE(text);
  ExpectRefused(Changed(change), text, code);
}

std::string Valid() { return *SerializeModel(SmallModel().contents()); }

// The file with a header for a file of this size whose structure has this size.
std::string WithSizes(std::string file, uint64_t file_bytes, uint64_t structure_bytes) {
  const FileHeader header = *DecodeHeader(absl::string_view(file).substr(0, kHeaderBytes), file.size());
  return file.replace(
      0, kHeaderBytes,
      EncodeHeader(
          {.file_bytes = file_bytes, .structure_bytes = structure_bytes, .structure_crc = header.structure_crc}));
}

TEST(Container1, MagicVersionAndSize) {
  const std::string valid = Valid();
  ExpectRefused("", "the file is empty");
  ExpectRefused("PK\x03\x04", "not an adret model file");
  ExpectRefused(std::string(1000, 'x'), "not an adret model file");
  ExpectRefused(valid.substr(0, 20), "truncated");
  ExpectRefused(valid.substr(0, valid.size() - 1), "truncated");
  ExpectRefused(valid + "x", "1 trailing bytes");
  std::string newer = valid;
  newer[8] = 2;
  ExpectRefused(newer, "the file is version 2, this build reads up to version 1");
  newer[8] = 0;
  ExpectRefused(newer, "the file is version 0");
  std::string flagged = valid;
  flagged[12] = 1;
  ExpectRefused(flagged, "checksum of the header");
  const uint32_t crc = Crc32(flagged.data(), 60);
  flagged.replace(60, 4, reinterpret_cast<const char*>(&crc), 4);
  ExpectRefused(flagged, "flags that this build does not know");
}

TEST(Container1, OnlyRegularFiles) {
  const auto refused = [](const std::string& path, absl::string_view text) {
    const absl::Status status = LoadModel(path).status();
    EXPECT_EQ(status.code(), kInvalid) << status;
    EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr(path), HasSubstr(std::string(text))));
  };
  refused("/dev/zero", "a device");
  refused(testing::TempDir(), "a folder");
  const TempFolder folder;
  const std::string fifo = folder / "fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  refused(fifo, "a FIFO");
  EXPECT_EQ(LoadModel("/no/such/file").status().code(), absl::StatusCode::kNotFound);
}

TEST(Container2, Structure) {
  ModelLimits limits;
  limits.structure_bytes = 100;
  ExpectRefused(Valid(), "the limit is 100", kExhausted, limits);

  const RawModel raw(Valid());
  const std::string structure = raw.structure.SerializeAsString();
  ExpectRefused(raw.FileOf(structure.substr(0, structure.size() - 1)), "malformed");
  ExpectRefused(raw.FileOf(structure + "\x7a\x01x"), "unknown field 15");
  ExpectRefused(raw.FileOf(structure + "\x13"), "wrong wire type");             // a group where nodes are
  ExpectRefused(raw.FileOf(structure + "\x48\x02\x48\x04"), "is given twice");  // step
  ExpectRefused(raw.FileOf(structure + std::string(11, '\xff')), "malformed");
  // A node within an attribute within a node and so on: there is no such field.
  std::string nested;
  for (int i = 0; i < 60; ++i) nested = absl::StrCat("\x3a", std::string(1, static_cast<char>(nested.size())), nested);
  ExpectRefused(raw.FileOf(absl::StrCat(structure, "\x12", std::string(1, static_cast<char>(nested.size())), nested)),
                "malformed");

  std::string file = Valid();
  file[kHeaderBytes + 5] ^= 1;
  ExpectRefused(file, "checksum of the structure");
  // UTF-8: a lone continuation byte, an overlong form, a surrogate, a value above U+10FFFF.
  for (absl::string_view bad : {"\x80", "\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "ab\xE2\x82"}) {
    const std::string op = absl::StrCat("\x12", std::string(1, static_cast<char>(bad.size() + 2)), "\x0a",
                                        std::string(1, static_cast<char>(bad.size())), bad);
    ExpectRefused(raw.FileOf(structure + op), "not valid UTF-8");
  }
}

TEST(Container3, Bombs) {
  const RawModel raw(Valid());
  const std::string structure = raw.structure.SerializeAsString();
  const auto repeat = [](absl::string_view piece, int times) {
    std::string result;
    for (int i = 0; i < times; ++i) absl::StrAppend(&result, piece);
    return result;
  };
  const std::string empty_node("\x12\x00", 2), empty_tensor("\x0a\x00", 2), empty_output("\x22\x00", 2);
  ExpectRefused(raw.FileOf(repeat(empty_node, 1'100'000)), "more than 1000000 nodes", kExhausted);
  ExpectRefused(raw.FileOf(repeat(empty_tensor, 1'100'000)), "more than 1000000 tensors", kExhausted);
  ExpectRefused(raw.FileOf(repeat(empty_output, 1'100'000)), "more than 1000000 outputs", kExhausted);
  const std::string empty_attrs = repeat(absl::string_view("\x2a\x00", 2), 60);
  const std::string node = absl::StrCat("\x12\x78", empty_attrs);
  ExpectRefused(raw.FileOf(repeat(node, 70'000)), "more than 4000000 attrs", kExhausted);
  const std::string numbers = absl::StrCat("\x12\xff\x7f\x1a\xfc\x7f", std::string(16380, '\0'));
  ExpectRefused(raw.FileOf(repeat(numbers, 1000)), "more than 16000000 numbers", kExhausted);

  ModelLimits limits;
  limits.nodes = 3;
  ExpectRefused(Valid(), "more than 3 nodes", kExhausted, limits);
  limits = {};
  limits.tensors = 1;
  ExpectRefused(Valid(), "more than 1 tensors", kExhausted, limits);
}

TEST(Container4, LengthsAndOffsets) {
  const std::string valid = Valid();
  constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
  ExpectRefused(WithSizes(valid, valid.size(), 0), "the structure is empty");
  ExpectRefused(WithSizes(valid, valid.size(), valid.size()), "more than the file");
  ExpectRefused(WithSizes(valid, valid.size(), kMax), "more than the file");
  ExpectRefused(WithSizes(valid, valid.size(), kMax - 63), "more than the file");
  ExpectRefused(WithSizes(valid, kMax, 10), "truncated");
  ExpectRefused(WithSizes(valid, valid.size(), valid.size() - 64), "");  // up to the end of the file
  RawModel raw(valid);
  raw.data.clear();
  ExpectRefused(raw.File(), "exceeds the data section");
  // The structure claims tensors, but the file ends where the data section would have to start.
  const std::string structure = raw.structure.SerializeAsString();
  ExpectRefused(raw.FileOf(structure, /*has_tensors=*/false), "");
  // A string of 2^63 bytes, a message of 2^32 - 1.
  ExpectRefused(raw.FileOf("\x12\x0b\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), "cut off");
  ExpectRefused(raw.FileOf("\x12\xff\xff\xff\xff\x0f"), "cut off");
}

TEST(Container5, Names) {
  ExpectRefusedAfter([](RawModel& m) { m.node("y")->set_name(""); }, "empty name");
  ExpectRefusedAfter([](RawModel& m) { m.node("y")->set_name("next_w"); }, "the name is another node's");
  ExpectRefusedAfter([](RawModel& m) { m.node("y")->set_name(std::string(1025, 'a')); }, "longer than 1024");
  ExpectRefusedAfter([](RawModel& m) { m.node("y")->set_name(std::string("a\0b", 3)); }, "'a\\x00\\x62'");
  ExpectRefusedAfter([](RawModel& m) { m.node("y")->set_name("\x1b[31m"); }, "'\\x1b[31m'");
  ExpectRefusedAfter([](RawModel& m) { m.node("y")->set_name("a\x7f"); }, "control characters");
  ExpectRefusedAfter([](RawModel& m) { m.node("y")->mutable_attrs(0)->set_name(""); }, "empty name");
  ExpectRefusedAfter([](RawModel& m) { m.structure.mutable_outputs(0)->set_name(""); }, "an output has an empty name");
  ExpectRefusedAfter([](RawModel& m) { m.structure.mutable_outputs(0)->set_name("w^T"); }, "is there twice");
  ExpectRefusedAfter([](RawModel& m) { m.structure.mutable_state(0)->set_name(""); }, "a variable has an empty name");
  ExpectRefusedAfter([](RawModel& m) { m.structure.mutable_metadata(0)->set_key("empty"); }, "is there twice");
  ExpectRefusedAfter([](RawModel& m) { m.structure.mutable_metadata(0)->set_key("a\nb"); }, "'a\\nb'");
}

TEST(Tensors6, TypesOfTensors) {
  const auto dims = [](RawModel& m, const std::vector<int64_t>& values) {
    auto* t = m.structure.mutable_tensors(1);
    t->mutable_dims()->Assign(values.begin(), values.end());
  };
  ExpectRefusedAfter([](RawModel& m) { m.structure.mutable_tensors(0)->set_dtype(0); },
                     "tensor 0: there is no dtype 0");
  ExpectRefusedAfter([](RawModel& m) { m.structure.mutable_tensors(0)->set_dtype(14); }, "there is no dtype 14");
  ExpectRefusedAfter([](RawModel& m) { m.structure.mutable_tensors(0)->set_dtype(257); }, "there is no dtype 257");
  ExpectRefusedAfter([&](RawModel& m) { dims(m, {-1, 2}); }, "negative dimension");
  ExpectRefusedAfter([&](RawModel& m) { dims(m, {std::numeric_limits<int64_t>::min()}); }, "out of range");
  ExpectRefusedAfter([&](RawModel& m) { dims(m, std::vector<int64_t>(33, 1)); }, "rank 33 is above the limit of 32");
  ExpectRefusedAfter([&](RawModel& m) { dims(m, {int64_t{1} << 32, int64_t{1} << 32}); }, "too many elements");
  ExpectRefusedAfter([&](RawModel& m) { dims(m, {0, int64_t{1} << 40, int64_t{1} << 40}); }, "too many elements");
  ExpectRefusedAfter([&](RawModel& m) { dims(m, {int64_t{1} << 61}); }, "out of range");
  ExpectRefusedAfter([&](RawModel& m) { dims(m, {0, int64_t{1} << 40}); }, "empty but absurdly large");
  ExpectRefusedAfter([&](RawModel& m) { dims(m, {int64_t{1} << 57}); }, "bytes instead of");
  // Two dimensions that multiply to the right number modulo 2^64.
  ExpectRefusedAfter([&](RawModel& m) { dims(m, {(int64_t{1} << 58), 1 << 6, 3}); }, "too many elements");
}

TEST(Tensors7, RangesAndChecksums) {
  const auto tensor = [](RawModel& m, int i) { return m.structure.mutable_tensors(i); };
  ExpectRefusedAfter([&](RawModel& m) { tensor(m, 1)->set_offset(0); }, "starts at 0 of the data section");  // overlap
  ExpectRefusedAfter([&](RawModel& m) { tensor(m, 1)->set_offset(65); }, "starts at 65");
  ExpectRefusedAfter([&](RawModel& m) { tensor(m, 1)->set_offset(128); }, "starts at 128");
  ExpectRefusedAfter([&](RawModel& m) { tensor(m, 1)->set_offset(~uint64_t{0} - 10); }, "starts at");
  ExpectRefusedAfter([&](RawModel& m) { m.structure.mutable_tensors()->SwapElements(0, 1); }, "starts at");
  ExpectRefusedAfter([&](RawModel& m) { tensor(m, 1)->set_bytes(23); }, "has 23 bytes instead of");
  ExpectRefusedAfter([&](RawModel& m) { tensor(m, 1)->set_bytes(~uint64_t{0}); }, "bytes instead of");
  ExpectRefusedAfter([&](RawModel& m) { tensor(m, 1)->set_crc32(1); }, "tensor 1: the checksum does not match");
  ExpectRefusedAfter([](RawModel& m) { m.data[0] ^= 1; }, "tensor 0: the checksum does not match");
  ExpectRefusedAfter([](RawModel& m) { m.data[16] = 1; }, "between tensors, is not zero");
  ExpectRefusedAfter([](RawModel& m) { m.data += std::string(64, '\0'); }, "but its tensors end at");
  ExpectRefusedAfter([](RawModel& m) { m.data.pop_back(); }, "exceeds the data section");
  // A bool must be 0 or 1, or programs misbehave.
  ExpectRefusedAfter(
      [](RawModel& m) {
        auto* last = m.structure.mutable_tensors(m.structure.tensors_size() - 1);
        m.data[last->offset()] = 2;
        last->set_crc32(Crc32(m.data.data() + last->offset(), last->bytes()));
      },
      "neither true nor false");
  // Between structure and data section.
  const RawModel raw(Valid());
  std::string file = raw.FileOf(raw.structure.SerializeAsString(), true);
  const size_t start = file.size() - raw.data.size();
  ASSERT_NE((kHeaderBytes + raw.structure.ByteSizeLong()) % 64, 0u);
  file[start - 1] = 1;
  ExpectRefused(file, "is not zero");
}

TEST(Tensors8, MemoryBudget) {
  ModelLimits limits;
  limits.memory_budget = 200;
  ExpectRefused(Valid(), "budget of 200 bytes", kExhausted, limits);
  limits.memory_budget = 256;  // four tensors with their alignment
  EXPECT_TRUE(ParseModel(Valid(), limits).ok());
}

TEST(Graph9, OpsAndAttributes) {
  ExpectRefusedAfter(
      [](RawModel& m) {
        m.node("y")->set_op("fancy_op");
        m.node("next_w")->set_op("another\n");
        m.node("transpose")->set_op("fancy_op");
      },
      "does not know the ops 'another\\n', 'fancy_op'");
  const auto attr = [](RawModel& m) { return m.node("y")->mutable_attrs(0); };
  ExpectRefusedAfter([&](RawModel& m) { attr(m)->set_text("six"); }, "wrong type of attribute 'shape'");
  ExpectRefusedAfter([&](RawModel& m) { attr(m)->clear_value(); }, "attribute 'shape': has no value");
  ExpectRefusedAfter([&](RawModel& m) { attr(m)->set_name("form"); }, "missing attribute 'shape'");
  ExpectRefusedAfter([&](RawModel& m) { *m.node("y")->add_attrs() = *attr(m); }, "repeats the attribute 'shape'");
  ExpectRefusedAfter([&](RawModel& m) { m.node("y")->clear_attrs(); }, "missing attribute 'shape'");
  ExpectRefusedAfter(
      [&](RawModel& m) {
        auto* more = m.node("y")->add_attrs();
        more->set_name("plugin");
        more->set_text("/tmp/evil.so");
      },
      "unknown attribute");
  ExpectRefusedAfter(
      [&](RawModel& m) {
        for (int i = 0; i < 300; ++i) {
          auto* more = m.node("y")->add_attrs();
          more->set_name(absl::StrCat("a", i));
          more->set_integer(i);
        }
      },
      "has 301 attributes");
  const auto dtype = [](RawModel& m) { return m.node("x")->mutable_attrs(0); };
  ExpectRefusedAfter([&](RawModel& m) { dtype(m)->set_dtype(99); }, "attribute 'dtype': there is no dtype 99");
  ExpectRefusedAfter([&](RawModel& m) { m.node("constant")->mutable_attrs(0)->set_tensor(9); }, "there is no tensor 9");
  // All nodes with problems are listed at once.
  const absl::Status status = ParseModel(Changed([](RawModel& m) {
                                m.node("y")->clear_attrs();
                                m.node("next_w")->clear_attrs();
                              })).status();
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("'y'"), HasSubstr("'next_w'")));
}

TEST(Graph10, References) {
  ExpectRefusedAfter([](RawModel& m) { m.node("y")->set_input_nodes(0, 7); }, "does not come before it");
  ExpectRefusedAfter([](RawModel& m) { m.node("y")->set_input_nodes(0, 100); }, "does not come before it");
  ExpectRefusedAfter([](RawModel& m) { m.node("y")->set_input_nodes(0, ~0u); }, "does not come before it");
  ExpectRefusedAfter([](RawModel& m) { m.node("y")->add_input_outputs(1); }, "output 1 of node 0 'x'");
  ExpectRefusedAfter(
      [](RawModel& m) {
        m.node("y")->add_input_outputs(0);
        m.node("y")->add_input_outputs(0);
      },
      "1 inputs but 2 output numbers");
  ExpectRefusedAfter([](RawModel& m) { m.node("y")->add_input_nodes(0); }, "expects 1 input but has 2");
  ExpectRefusedAfter([](RawModel& m) { m.node("y")->clear_input_nodes(); }, "expects 1 input but has 0");
  ExpectRefusedAfter([](RawModel& m) { m.structure.mutable_outputs(0)->set_node(99); },
                     "output 'y': refers to node 99");
  ExpectRefusedAfter([](RawModel& m) { m.structure.mutable_outputs(0)->set_output(1); }, "refers to output 1");
  ExpectRefusedAfter([](RawModel& m) { m.structure.mutable_inputs(0)->set_node(1); }, "cannot be fed");
  ExpectRefusedAfter([](RawModel& m) { m.structure.mutable_inputs(0)->set_node(~0u); }, "which does not exist");
  const auto update = [](RawModel& m) { return m.structure.mutable_updates(0); };
  ExpectRefusedAfter([&](RawModel& m) { update(m)->set_variable(99); }, "updates: refers to node 99");
  ExpectRefusedAfter([&](RawModel& m) { update(m)->set_node(99); }, "updates: refers to node 99");
  ExpectRefusedAfter([&](RawModel& m) { update(m)->set_variable(0); }, "is no variable");
  ExpectRefusedAfter([&](RawModel& m) { *m.structure.add_updates() = *update(m); }, "is updated twice");
  ExpectRefusedAfter([&](RawModel& m) { update(m)->set_node(2); }, "is f64[2] but the variable is f32[2,3]");
  ExpectRefusedAfter([](RawModel& m) { m.structure.mutable_side_updates(0)->set_node(1); },
                     "but the variable is f64[2]");
  ExpectRefusedAfter([](RawModel& m) { m.structure.mutable_side_updates(0)->set_variable(8); }, "side updates");
}

TEST(Graph10, VariablesAndTheirTensors) {
  ExpectRefusedAfter([](RawModel& m) { m.structure.mutable_state()->RemoveLast(); }, "has no tensor");
  ExpectRefusedAfter([](RawModel& m) { m.structure.mutable_state(0)->set_name("v"); }, "is not in the graph");
  ExpectRefusedAfter([](RawModel& m) { m.structure.mutable_state(0)->set_name("w/m"); }, "");
  ExpectRefusedAfter([](RawModel& m) { *m.structure.add_state() = m.structure.state(0); }, "has two tensors");
  ExpectRefusedAfter([](RawModel& m) { m.structure.mutable_state(0)->set_tensor(99); }, "there is no tensor 99");
  ExpectRefusedAfter([](RawModel& m) { m.structure.mutable_state(0)->set_tensor(0); }, "shares tensor 0");
  ExpectRefusedAfter([](RawModel& m) { m.structure.mutable_state(0)->set_name("y"); }, "is not in the graph");
  ExpectRefusedAfter(
      [](RawModel& m) {
        auto* t = m.structure.add_tensors();
        *t = m.structure.tensors(0);
        t->set_offset(AlignUp(m.data.size()));
        m.data.resize(t->offset());
        m.data += m.data.substr(0, t->bytes());
      },
      "belongs to no variable and no attribute");
}

TEST(Graph11, StoredTypesMustBeTheInferredOnes) {
  ExpectRefusedAfter([](RawModel& m) { m.node("y")->mutable_outputs(0)->set_dims(1, 3); },
                     "is stored as f32[?,3,3] but is f32[?,2,3]");
  ExpectRefusedAfter([](RawModel& m) { m.node("y")->mutable_outputs(0)->set_dtype(2); }, "is stored as f64");
  ExpectRefusedAfter([](RawModel& m) { m.node("y")->mutable_outputs(0)->set_dtype(14); }, "there is no dtype 14");
  ExpectRefusedAfter([](RawModel& m) { m.node("y")->clear_outputs(); }, "has 0 outputs, but the op has 1");
  ExpectRefusedAfter([](RawModel& m) { m.node("y")->add_outputs()->set_dtype(1); }, "has 2 outputs, but the op has 1");
}

// Of an op with any number of outputs only the type rule knows how many a node has.
TEST(Graph11, AsManyOutputsAsTheTypeRuleSays) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {3});
  const Values y = Recompute([](Args v) { return Values{Exp(v[0]), Sin(v[0])}; }, {x});
  const auto refusal = [&](const std::function<void(proto::Node*)>& change) {
    RawModel raw(*SerializeModel({.graph = &graph, .outputs = {{"y", y[0]}}}));
    change(raw.node(y[0].name()));
    return std::string(ParseModel(raw.File()).status().message());
  };
  EXPECT_EQ(refusal([](proto::Node*) {}), "");
  EXPECT_THAT(refusal([](proto::Node* n) { n->mutable_outputs()->RemoveLast(); }),
              HasSubstr("has 1 outputs, but its type rule says 2"));
  EXPECT_THAT(refusal([](proto::Node* n) { *n->add_outputs() = n->outputs(0); }),
              HasSubstr("has 3 outputs, but its type rule says 2"));
}

TEST(Training15, StepSeedAndSlots) {
  ExpectRefusedAfter([](RawModel& m) { m.structure.set_step(-1); }, "the step -1 is out of range");
  ExpectRefusedAfter([](RawModel& m) { m.structure.set_step(int64_t{1} << 48); }, "is out of range");
  // A seed of five bytes, of the wrong wire type.
  const RawModel raw(Valid());
  RawModel without_seed = raw;
  without_seed.structure.clear_seed();
  const std::string structure = without_seed.structure.SerializeAsString();
  ExpectRefused(raw.FileOf(absl::StrCat(structure, "\x41\x01\x02\x03\x04\x05")), "cut off");
  ExpectRefused(raw.FileOf(absl::StrCat(structure, "\x42\x05\x01\x02\x03\x04\x05")), "wrong wire type");
  // A slot whose tensor has another shape than the graph's variable.
  ExpectRefusedAfter(
      [](RawModel& m) {
        m.node("w/m")->mutable_outputs(0)->set_dims(0, 3);
        m.node("w/m")->mutable_attrs(1)->mutable_shape()->set_dims(0, 3);
      },
      "variable 'w/m' of shape [3] has a tensor");
}

TEST(Damage, TruncatedAnywhere) {
  ForEachTruncation(Valid(), [](const std::string& bytes) { EXPECT_FALSE(ParseModel(bytes).ok()) << bytes.size(); });
}

TEST(Damage, EverySingleBitMatters) {
  int accepted = 0;
  ForEachBitFlip(Valid(), [&](const std::string& bytes) { accepted += ParseModel(bytes).ok(); });
  EXPECT_EQ(accepted, 0);
}

TEST(Damage, EverySingleBitOfTheStructureWithARightChecksum) {
  // What remains loadable must be a model that can be saved again.
  const RawModel raw(Valid());
  int accepted = 0;
  ForEachBitFlip(raw.structure.SerializeAsString(), [&](const std::string& structure) {
    auto model = ParseModel(raw.FileOf(structure));
    if (!model.ok()) {
      EXPECT_TRUE(model.status().code() == kInvalid || model.status().code() == kExhausted) << model.status();
      return;
    }
    ++accepted;
    auto again = SerializeModel(model->contents());
    EXPECT_TRUE(again.ok()) << again.status();
  });
  EXPECT_GT(accepted, 0);  // other letters in names, another seed
}

}  // namespace
}  // namespace adret::io
