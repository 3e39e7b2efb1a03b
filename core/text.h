// Text that comes from outside, such as names in a model file, made fit to be shown.
//
//   std::string name = CleanText("conv\xff");         // "conv\uFFFD"
//   std::string turned = CleanText("\u202Etxt.exe");  // "\uFFFD\uFFFD\uFFFDtxt.exe"
#ifndef ADRET_CORE_TEXT_H_
#define ADRET_CORE_TEXT_H_

#include <string>

#include "absl/strings/string_view.h"

namespace adret {

// text as UTF-8 that XML and HTML allow: each byte of anything else becomes U+FFFD. So does each byte of a control
// character but tab and newline, and of a mark that turns the direction of text around, by which a name could rearrange
// the words next to it. Markup is not escaped.
std::string CleanText(absl::string_view text);

}  // namespace adret

#endif  // ADRET_CORE_TEXT_H_
