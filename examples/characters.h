// What programs that learn to write share: a text as numbers, lines of it to learn from, and drawing a character.
#ifndef ADRET_EXAMPLES_CHARACTERS_H_
#define ADRET_EXAMPLES_CHARACTERS_H_

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "adret/adret.h"
#include "adret/io/file.h"
#include "verses.h"

// The text as numbers of its characters (bytes), and which they are.
struct Text {
  explicit Text(const std::string& bytes) {
    characters = bytes;
    std::sort(characters.begin(), characters.end());
    characters.erase(std::unique(characters.begin(), characters.end()), characters.end());
    for (char c : bytes) codes.push_back(static_cast<int64_t>(characters.find(c)));
  }
  int64_t size() const { return static_cast<int64_t>(codes.size()); }
  int64_t num_characters() const { return static_cast<int64_t>(characters.size()); }
  std::string Spell(const std::vector<int64_t>& written) const {
    std::string result;
    for (int64_t code : written) result += characters[code];
    return result;
  }

  std::string characters;
  std::vector<int64_t> codes;
};

// Reads a file, or takes the verses where no name is given. Lines of this length have to fit in.
inline absl::StatusOr<Text> ReadText(const std::string& file, int64_t line) {
  std::string bytes = kVerses;
  if (!file.empty()) {
    AD_ASSIGN_OR_RETURN(bytes, adret::io::ReadFile(file));
  }
  if (static_cast<int64_t>(bytes.size()) <= line) {
    return absl::InvalidArgumentError(
        absl::StrCat("the text has ", bytes.size(), " bytes; more than ", line, " are needed"));
  }
  return Text(bytes);
}

// Lines from random places of the text, [batch, line], and the same one character on. A function of seed and step.
inline std::pair<adret::Tensor, adret::Tensor> Lines(const Text& text, int64_t batch, int64_t line, uint64_t seed,
                                                     int64_t step) {
  adret::RandomStream random(adret::RandomKey{seed, 1, static_cast<uint64_t>(step)});
  adret::Tensor x(adret::DType::kInt64, {batch, line}), y(adret::DType::kInt64, {batch, line});
  for (int64_t b = 0; b < batch; ++b) {
    const int64_t begin = random.Below(static_cast<uint32_t>(text.size() - line));
    std::copy_n(text.codes.begin() + begin, line, x.mutable_data<int64_t>().begin() + b * line);
    std::copy_n(text.codes.begin() + begin + 1, line, y.mutable_data<int64_t>().begin() + b * line);
  }
  return {x, y};
}

// Draws a character by its probability, with a temperature of 0.7.
inline int64_t DrawCharacter(absl::Span<const float> logits, adret::RandomStream* random) {
  const float largest = *std::max_element(logits.begin(), logits.end());
  std::vector<double> up_to;
  double sum = 0;
  for (float v : logits) up_to.push_back(sum += std::exp((v - largest) / 0.7));
  const double at = random->Uniform() * sum;
  return std::lower_bound(up_to.begin(), up_to.end() - 1, at) - up_to.begin();
}

#endif  // ADRET_EXAMPLES_CHARACTERS_H_
