// ChooseFlag(): flags whose values are words.
//
//   AD_ASSIGN_OR_RETURN(const explain::Basis basis,
//                       tools::ChooseFlag<explain::Basis>("basis", absl::GetFlag(FLAGS_basis),
//                                                         {{"pixels", explain::Basis::kPixels}}));
#ifndef ADRET_TOOLS_CHOOSE_H_
#define ADRET_TOOLS_CHOOSE_H_

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"

namespace adret::tools {

// What the word stands for; InvalidArgument lists the words there are.
template <class T>
absl::StatusOr<T> ChooseFlag(absl::string_view flag, absl::string_view word,
                             std::initializer_list<std::pair<const char*, T>> meanings) {
  std::vector<absl::string_view> words;
  for (const auto& [name, meaning] : meanings) {
    if (word == name) return meaning;
    words.push_back(name);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--", flag, " must be one of ", absl::StrJoin(words, ", "), ", but is '", absl::CEscape(word), "'"));
}

}  // namespace adret::tools

#endif  // ADRET_TOOLS_CHOOSE_H_
