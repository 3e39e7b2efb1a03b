// The lecture's last chapter, "what does CNN learn", picture by picture.
//
//   lecture_what_does_cnn_learn --model=lecture_cnn.adret --data=mnist --out=pictures
// Nothing of the code that made the network is needed: gradients of the loaded graph's values do it all.
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/str_format.h"
#include "adret/adret.h"
#include "adret/plot/attribution_sheet.h"
#include "adret/plot/axis.h"
#include "adret/plot/sheet.h"

ABSL_FLAG(std::string, model, "lecture_cnn.adret", "model file, made by train_lecture_cnn");
ABSL_FLAG(std::string, data, "", "folder with MNIST's four files; by default the program draws digits");
ABSL_FLAG(std::string, out, "pictures", "folder for the pictures; created if it is missing");

namespace {

using namespace adret;

absl::Status Save(const std::string& name, const absl::StatusOr<Tensor>& picture) {
  AD_RETURN_IF_ERROR(picture.status());
  const std::string path = std::filesystem::path(absl::GetFlag(FLAGS_out)) / (name + ".png");
  std::printf("%s\n", path.c_str());
  return io::SavePng(path, *picture);
}

// x* = argmax a(x) for each unit, with the activations before and after.
absl::Status Climb(const explain::Network& network, const std::string& units, const std::string& name,
                   const std::string& title, const explain::Penalties& penalties = {}) {
  AD_ASSIGN_OR_RETURN(const std::vector<explain::Objective> objectives, explain::ParseObjectives(units, network));
  AD_ASSIGN_OR_RETURN(const explain::Ascent ascent, explain::Maximize(network, objectives, {.penalties = penalties}));
  std::vector<std::string> captions;
  for (size_t i = 0; i < objectives.size(); ++i) {
    const double start = ascent.start.At(static_cast<int64_t>(i)), end = ascent.end.At(static_cast<int64_t>(i));
    captions.push_back(objectives[i].name + plot::WithMinusSigns(absl::StrFormat("\n%.3g \u2192 %.3g", start, end)));
  }
  return Save(name, plot::LabelledSheet(ascent.images, captions, {.title = title}));
}

absl::Status Run() {
  AD_ASSIGN_OR_RETURN(const io::Model model, io::LoadModel(absl::GetFlag(FLAGS_model)));
  AD_ASSIGN_OR_RETURN(const Value image, model.Input("image"));
  AD_ASSIGN_OR_RETURN(const Value logits, model.Output("logits"));
  AD_ASSIGN_OR_RETURN(const auto network, explain::Network::Create(image, logits, model.state, "logits"));
  const std::string data = absl::GetFlag(FLAGS_data);
  AD_ASSIGN_OR_RETURN(const auto digits,
                      data.empty() ? io::DrawnDigits({.train = 1, .test = 100}) : io::LoadMnist(data));
  std::error_code ignored;  // what cannot be written says so
  std::filesystem::create_directories(absl::GetFlag(FLAGS_out), ignored);

  // What does a filter of the first layer look like? It is an image itself.
  AD_ASSIGN_OR_RETURN(const Tensor weights, model.state.Get("conv1/w"));
  AD_RETURN_IF_ERROR(Save("1_conv1_weights", plot::LabelledSheet(weights, {},
                                                                 {.title = "The filters of conv1",
                                                                  .range = io::PixelRange::kSymmetric,
                                                                  .colors = plot::ColorMap::kDiverging,
                                                                  .legend = "weight"})));

  // And one of the second? Ask which image excites it most: a^k = sum_ij a^k_ij, x* = argmax a^k, by gradient ascent.
  AD_RETURN_IF_ERROR(Climb(network, "conv2:0-11", "2_conv2", "What filters of conv2 look for"));
  // A neuron of the fully connected layer sees the whole image.
  AD_RETURN_IF_ERROR(Climb(network, "dense1:0-8", "3_dense1", "What neurons of dense1 look for"));
  // What is a digit, for the network? x* = argmax y_k. Then less ink, which must pay: y_k - lambda sum |x|.
  AD_RETURN_IF_ERROR(Climb(network, "logits:*", "4_classes", "What the network takes for each digit"));
  AD_RETURN_IF_ERROR(Climb(network, "logits:*", "5_classes_l1", "The same, where ink must pay", {.l1 = 1}));

  // Which pixels matter? |dy_k / dx_ij|, and what happens to y_k when a part is covered.
  const Tensor examples = nn::TakeRows(digits.test.images, {0, 1, 2, 3, 4}, network.dtype());
  AD_ASSIGN_OR_RETURN(const auto slopes, explain::Attribute(network, examples));
  AD_ASSIGN_OR_RETURN(const auto covered, explain::Attribute(network, examples, {}, {.method = "occlusion"}));
  std::vector<std::string> answers;
  for (const int64_t unit : slopes.units) answers.push_back(absl::StrFormat("taken for %d", unit));
  const plot::AttributionColumn saliency{.title = "saliency", .maps = slopes.maps};
  const plot::AttributionColumn occlusion{.title = "occlusion", .maps = covered.maps};
  AD_RETURN_IF_ERROR(Save("6_which_pixels_matter", plot::AttributionSheet(examples, answers, {saliency, occlusion},
                                                                          {.title = "Which pixels matter"})));

  // Deep Dream: what conv2 sees in a digit, more and more of it. Style: the same digit, painted as the dream is.
  AD_ASSIGN_OR_RETURN(const auto digit, explain::ResizeImages(nn::TakeRows(examples, {0}, examples.dtype()), 112, 112));
  AD_ASSIGN_OR_RETURN(const Tensor dream, explain::Dream(network, digit, explain::Energy("conv2")));
  AD_ASSIGN_OR_RETURN(const explain::StyleResult painted, explain::TransferStyle(network, digit, dream));
  AD_RETURN_IF_ERROR(Save("7_deep_dream", io::ContactSheet(dream, {.scale = 3})));
  return Save("8_deep_style", io::ContactSheet(painted.image, {.scale = 3}));
}

}  // namespace

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  const absl::Status status = Run();
  if (!status.ok()) std::fprintf(stderr, "lecture_what_does_cnn_learn: %s\n", std::string(status.message()).c_str());
  return status.ok() ? 0 : 1;
}
