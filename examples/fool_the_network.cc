// How little it takes: digits changed by at most epsilon a pixel, so that the network takes each for another one.
//
//   fool_the_network --model=lecture_cnn.adret --data=mnist --out=fooled.png
//
// The gradient that trains weights and shows what they look for also says which way to push each pixel.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/str_format.h"
#include "adret/adret.h"
#include "adret/plot/sheet.h"

ABSL_FLAG(std::string, model, "lecture_cnn.adret", "model file, made by train_lecture_cnn");
ABSL_FLAG(std::string, data, "", "folder with MNIST's four files; by default the program draws digits");
ABSL_FLAG(double, epsilon, 0.2, "how far each pixel may be changed, of 1");
ABSL_FLAG(std::string, out, "fooled.png", "picture to write");

namespace {

using namespace adret;

constexpr int64_t kDigits = 8;

std::string Caption(const explain::Answer& answer) {
  return absl::StrFormat("taken for %d\nloss %.2f", answer.prediction, std::max(0.0, answer.loss));
}

absl::Status Run() {
  AD_ASSIGN_OR_RETURN(const io::Model model, io::LoadModel(absl::GetFlag(FLAGS_model)));
  AD_ASSIGN_OR_RETURN(const Value image, model.Input("image"));
  AD_ASSIGN_OR_RETURN(const Value logits, model.Output("logits"));
  AD_ASSIGN_OR_RETURN(const auto network, explain::Network::Create(image, logits, model.state, "logits"));
  const std::string data = absl::GetFlag(FLAGS_data);
  AD_ASSIGN_OR_RETURN(const auto digits,
                      data.empty() ? io::DrawnDigits({.train = 1, .test = 100}) : io::LoadMnist(data));
  const Tensor images = nn::TakeRows(digits.test.images, {0, 1, 2, 3, 4, 5, 6, 7}, network.dtype());

  // Away from what the network takes each digit for.
  AD_ASSIGN_OR_RETURN(const explain::Adversarial fooled,
                      explain::Pgd(network, images, {}, {.epsilon = absl::GetFlag(FLAGS_epsilon)}));

  // Above, the digits; below each, what has been made of it.
  Tensor both(images.dtype(), {2 * kDigits, 1, images.shape()[2], images.shape()[3]});
  std::memcpy(both.mutable_raw(), images.raw(), images.num_bytes());
  std::memcpy(static_cast<char*>(both.mutable_raw()) + images.num_bytes(), fooled.images.raw(), images.num_bytes());
  std::vector<std::string> captions;
  for (const explain::Answer& answer : fooled.before) captions.push_back(Caption(answer));
  for (const explain::Answer& answer : fooled.after) captions.push_back(Caption(answer));
  int64_t count = 0;
  for (size_t i = 0; i < fooled.units.size(); ++i) count += fooled.after[i].prediction != fooled.before[i].prediction;
  std::printf("%d of %d digits are taken for other ones\n", static_cast<int>(count), static_cast<int>(kDigits));
  AD_ASSIGN_OR_RETURN(
      const Tensor sheet,
      plot::LabelledSheet(both, captions,
                          {.title = "The same digits, for people",
                           .subtitle = absl::StrFormat("below, no pixel is changed by more than %g (projected gradient "
                                                       "ascent of the loss)",
                                                       absl::GetFlag(FLAGS_epsilon)),
                           .columns = kDigits}));
  return io::SavePng(absl::GetFlag(FLAGS_out), sheet);
}

}  // namespace

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  const absl::Status status = Run();
  if (!status.ok()) std::fprintf(stderr, "fool_the_network: %s\n", std::string(status.message()).c_str());
  return status.ok() ? 0 : 1;
}
