#include "adret/core/names.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "adret/core/text.h"

namespace adret {

absl::Status CheckName(absl::string_view name, absl::string_view what) {
  const auto bad = [&](const auto&... parts) { return absl::InvalidArgumentError(absl::StrCat(what, parts...)); };
  if (name.empty()) return bad(" has an empty name");
  if (name.size() > kMaxNameBytes) return bad(" has a name longer than ", kMaxNameBytes, " bytes: ", Quoted(name));
  if (!IsUtf8(name)) return bad(" has a name that is not valid UTF-8: ", Quoted(name));
  const bool control =
      std::any_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
  if (control) return bad(" has control characters in its name ", Quoted(name));
  return absl::OkStatus();
}

std::string Quoted(absl::string_view name) {
  constexpr size_t kShown = 80;
  return absl::StrCat("'", absl::CHexEscape(name.substr(0, kShown)), name.size() > kShown ? "...'" : "'");
}

}  // namespace adret
