// Problems: to whom the rules of a reader report. The reader proper stops at the first problem; a checker lets the same
// rules go on and collects all of them.
//
//   absl::Status CheckNames(const std::vector<std::string>& names, io::Problems* problems) {
//     for (const std::string& name : names) AD_RETURN_IF_ERROR(problems->Note(CheckName(name)));
//     return absl::OkStatus();
//   }
//
// A rule that cannot let its caller go on returns its error instead of noting it.
#ifndef ADRET_IO_PROBLEMS_INTERNAL_H_
#define ADRET_IO_PROBLEMS_INTERNAL_H_

#include <cstddef>
#include <vector>

#include "absl/status/status.h"

namespace adret::io {

class Problems {
 public:
  enum Mode { kStopAtFirst, kCollect };
  explicit Problems(Mode mode) : mode_(mode) {}

  bool collects() const { return mode_ == kCollect; }
  // What was collected, in the order of the file.
  const std::vector<absl::Status>& found() const { return found_; }

  // Ok when status is, or when it was put with the others; otherwise status, which the caller returns. A hostile file
  // has no end of problems: after kMost of them, the reader stops.
  absl::Status Note(absl::Status status) {
    if (status.ok() || !collects() || found_.size() >= kMost) return status;
    found_.push_back(std::move(status));
    return absl::OkStatus();
  }

  static constexpr size_t kMost = 1000;

 private:
  Mode mode_;
  std::vector<absl::Status> found_;
};

}  // namespace adret::io

#endif  // ADRET_IO_PROBLEMS_INTERNAL_H_
