// style.css and script.js, which the build puts into the program.
#ifndef ADRET_TOOLS_REPORT_ASSETS_H_
#define ADRET_TOOLS_REPORT_ASSETS_H_

#include "absl/strings/string_view.h"

namespace adret::report {

struct Asset {
  absl::string_view text;
  absl::string_view sha256;  // of the text, in hexadecimal
};

extern const Asset kStyle;
extern const Asset kScript;

}  // namespace adret::report

#endif  // ADRET_TOOLS_REPORT_ASSETS_H_
