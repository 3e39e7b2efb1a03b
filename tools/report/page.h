// The page: a report as one HTML file that needs nothing else, neither network nor JavaScript.
//
//   AD_ASSIGN_OR_RETURN(const std::string page, report::RenderPage(data));
//   AD_RETURN_IF_ERROR(io::WriteFile("report.html", page));
//
// The same data give the same bytes: there are no dates and no times in it.
#ifndef ADRET_TOOLS_REPORT_PAGE_H_
#define ADRET_TOOLS_REPORT_PAGE_H_

#include <string>

#include "absl/status/statusor.h"
#include "adret/tools/report/report_data.h"

namespace adret::report {

// InvalidArgument when the parts do not fit each other (a matrix of another size than classes, a cell outside of it),
// or a picture is none.
absl::StatusOr<std::string> RenderPage(const ReportData& data);

}  // namespace adret::report

#endif  // ADRET_TOOLS_REPORT_PAGE_H_
