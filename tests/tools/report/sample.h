// A report about nothing real, with everything that a report can have, for tests of the page.
#ifndef ADRET_TESTS_TOOLS_REPORT_SAMPLE_H_
#define ADRET_TESTS_TOOLS_REPORT_SAMPLE_H_

#include "adret/tools/report/report_data.h"

namespace adret::report {

// Ten classes, two layers of filters and one of neurons; all names are such as nobody wants in a page.
ReportData SampleReport();

// What those names begin with: markup that must come out as text.
inline constexpr char kHostileName[] = "</style><script>alert('&amp;')</script>\"'><img src=x onerror=alert(1)>";

}  // namespace adret::report

#endif  // ADRET_TESTS_TOOLS_REPORT_SAMPLE_H_
