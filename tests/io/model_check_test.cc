// CheckModel(): the reader's rules, all at once.
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "adret/io/file.h"
#include "adret/io/model.h"
#include "adret/tests/io/model_file.h"
#include "adret/tests/io/mutations.h"
#include "adret/tests/temp_folder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::io {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string Valid() { return *SerializeModel(SmallModel().contents()); }

auto Says(const std::string& text) { return Field(&Finding::message, HasSubstr(text)); }

std::vector<Finding> Errors(absl::string_view bytes) {
  std::vector<Finding> errors = CheckSerializedModel(bytes);
  std::erase_if(errors, [](const Finding& f) { return f.severity != Finding::kError; });
  return errors;
}

std::vector<Finding> ErrorsAfter(const std::function<void(RawModel&)>& change) { return Errors(Changed(change)); }

TEST(ModelCheckTest, IndependentFaultsAreAllFound) {
  EXPECT_THAT(ErrorsAfter([](RawModel& m) {
                m.node("y")->mutable_outputs(0)->set_dims(1, 3);
                m.node("next_w")->clear_attrs();
                m.structure.mutable_outputs(1)->set_node(99);
              }),
              ElementsAre(Says("output 'w^T': refers to node 99"), Says("'next_w'"), Says("is stored as f32[?,3,3]")));
  EXPECT_THAT(ErrorsAfter([](RawModel& m) {
                m.node("y")->set_op("cast_a_spell");
                m.node("w")->set_name("w\n");
                m.node("next_w")->set_input_nodes(0, 77);
                m.structure.set_step(-1);
              }),
              AllOf(Contains(Says("does not know the op 'cast_a_spell'")), Contains(Says("control characters")),
                    Contains(Says("refers to node 77, which does not come before it")),
                    Contains(Says("the step -1 is out of range"))));
}

TEST(ModelCheckTest, EveryChecksumIsLookedAt) {
  const std::string valid = Valid();
  const RawModel raw(valid);
  std::string damaged = valid;
  damaged[kHeaderBytes + valid.substr(kHeaderBytes).find("0123456789")] = 'x';  // free text: still well-formed
  const uint64_t data = valid.size() - raw.data.size();
  for (int tensor : {0, 2}) damaged[data + raw.structure.tensors(tensor).offset()] ^= 1;
  damaged[data + raw.structure.tensors(1).offset() - 1] ^= 1;
  EXPECT_THAT(Errors(damaged), ElementsAre(Says("checksum of the structure"), Says("tensor 0: the checksum"),
                                           Says("between tensors, is not zero"), Says("tensor 2: the checksum")));
}

TEST(ModelCheckTest, OneFaultIsFoundOnce) {
  // What follows from it is not.
  EXPECT_THAT(ErrorsAfter([](RawModel& m) { m.node("transpose")->set_op("cast_a_spell"); }),
              ElementsAre(Says("cast_a_spell")));
  EXPECT_THAT(ErrorsAfter([](RawModel& m) { m.structure.mutable_tensors(0)->set_dtype(99); }),
              ElementsAre(Says("tensor 0: there is no dtype 99")));
  EXPECT_THAT(Errors(Valid() + "x"), ElementsAre(Says("1 trailing bytes")));
  const std::string valid = Valid();
  EXPECT_THAT(Errors(valid.substr(0, valid.size() - 1)),
              ElementsAre(Says("the file is truncated"), Says("exceeds the data section")));
}

TEST(ModelCheckTest, AgreesWithTheReader) {
  const auto agree = [](const std::string& bytes) {
    const absl::Status status = ParseModel(bytes).status();
    const std::vector<Finding> errors = Errors(bytes);
    EXPECT_EQ(errors.empty(), status.ok()) << status;
    if (status.ok()) return;
    // The first problem is one of all.
    EXPECT_THAT(errors, Contains(Says(std::string(status.message()))));
  };
  agree(Valid());
  ForEachTruncation(Valid(), agree);
  ForEachBitFlip(Valid(), agree);
  const RawModel raw(Valid());
  ForEachBitFlip(raw.structure.SerializeAsString(),
                 [&](const std::string& structure) { agree(raw.FileOf(structure)); });
}

TEST(ModelCheckTest, ThereIsAnEndToProblems) {
  const std::vector<Finding> errors = ErrorsAfter([](RawModel& m) {
    for (int i = 0; i < 5000; ++i) *m.structure.add_nodes() = *m.node("y");
  });
  EXPECT_THAT(errors, testing::SizeIs(testing::Lt(Problems::kMost + 5)));
  EXPECT_THAT(errors.back(), Says("and more"));
}

TEST(ModelCheckTest, WarnsOfWhatLoads) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kInf = std::numeric_limits<float>::infinity();
  SmallModel small;
  small.graph.Input("unused", DType::kFloat32, {kAnyBatch, 2});
  small.state.Set("w", Tensor::From<float>({2, 3}, {1, kNan, kNan, 4, -kInf, 6}));
  ModelContents contents = small.contents();
  const std::vector<Finding> findings = CheckSerializedModel(*SerializeModel(contents));
  EXPECT_THAT(findings, Each(Field(&Finding::severity, Finding::kWarning)));
  EXPECT_THAT(findings, AllOf(Contains(Says("variable 'w': 2 of 6 numbers are NaN")),
                              Contains(Says("variable 'w': 1 of 6 numbers is infinite")),
                              Contains(Says("input 'unused': nothing depends on it")),
                              Contains(Says("variable 'mask': nothing depends on it"))));
  EXPECT_THAT(findings, Not(Contains(Says("no outputs"))));
  contents.outputs.clear();
  const std::vector<Finding> silent = CheckSerializedModel(*SerializeModel(contents));
  EXPECT_THAT(silent, Contains(Says("the signature has no outputs")));
  EXPECT_THAT(silent, Not(Contains(Says("variable 'w': nothing depends"))))
      << "something depends on it, whatever is wanted";
  EXPECT_THAT(silent, Contains(Says("input 'unused': nothing depends on it")));
}

TEST(ModelCheckTest, CleanAndMissingFiles) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, 6});
  const Value w = graph.Variable("w", Tensor::From<float>({2, 3}, {1, 2, 3, 4, 5, 6}));
  const State state = *InitialState(graph, 1);
  const TempFolder folder;
  const std::string path = folder / "clean_model";
  ASSERT_TRUE(SaveModel(path, {.graph = &graph,
                               .state = &state,
                               .outputs = {{"y", Reshape(x, {kAnyBatch, 2, 3})}, {"v", Reshape(w, {6})}}})
                  .ok());
  EXPECT_THAT(CheckModel(path), IsEmpty());
  EXPECT_THAT(CheckModel("/no/such/file"), ElementsAre(Says("/no/such/file")));
}

}  // namespace
}  // namespace adret::io
