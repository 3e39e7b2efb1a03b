// Browser: a real Chromium without a window, driven through its DevTools protocol.
//
//   absl::StatusOr<std::unique_ptr<Browser>> browser = Browser::Start();
//   AD_RETURN_IF_ERROR((*browser)->Load("file:///home/me/report.html"));
//   absl::StatusOr<google::protobuf::Value> title = (*browser)->Evaluate("document.title");
//   AD_RETURN_IF_ERROR((*browser)->Click(100, 200));
//   for (const std::string& problem : (*browser)->problems()) std::puts(problem.c_str());
//
// The protocol's messages are JSON, each ended by a NUL, through a pair of pipes: no port is opened. Every wait has an
// end. The destructor ends the browser with all of its processes, and removes what it has written.
#ifndef ADRET_TESTS_TOOLS_REPORT_BROWSER_H_
#define ADRET_TESTS_TOOLS_REPORT_BROWSER_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/struct.pb.h"

namespace adret {

inline constexpr int kPatienceMs = 30'000;  // for anything to happen: a browser on a busy machine starts slowly

class Browser {
 public:
  // NotFound when there is no Chromium.
  static absl::StatusOr<std::unique_ptr<Browser>> Start();
  ~Browser();
  Browser(const Browser&) = delete;
  Browser& operator=(const Browser&) = delete;

  // One command of the protocol; params is a JSON object. Returns its result, or the error that the browser answers.
  absl::StatusOr<google::protobuf::Struct> Call(absl::string_view method, absl::string_view params = "{}");

  // Loads a page and waits until it has been.
  absl::Status Load(absl::string_view url);
  // The value of an expression of JavaScript. Fails where that throws.
  absl::StatusOr<google::protobuf::Value> Evaluate(absl::string_view expression);
  // Presses and releases the left button at a place of the window.
  absl::Status Click(double x, double y);
  // Presses and releases a key: "Tab", "Enter", " ", "ArrowDown", ...
  absl::Status Press(absl::string_view key);

  // What went wrong since the last Load(): errors and warnings on the console, exceptions, crashes, and requests for
  // anything but the page itself and data inside it.
  const std::vector<std::string>& problems() const { return problems_; }

 private:
  Browser() = default;
  absl::Status Launch(const std::string& program);
  absl::Status Attach();
  absl::Status Navigate(absl::string_view url);
  absl::Status Send(absl::string_view message);
  // status, with what the browser has said last to its standard error.
  absl::Status WithLog(const absl::Status& status) const;
  // The next message from the browser.
  absl::StatusOr<google::protobuf::Struct> Receive();
  void Notice(const google::protobuf::Struct& event);

  pid_t process_ = -1;  // and its group
  int to_ = -1, from_ = -1;
  std::string profile_;  // a folder
  std::string session_;
  std::string received_;  // the beginning of a message
  int last_id_ = 0;
  std::string url_;
  std::string loaded_;  // the protocol's name of the page that was loaded last
  std::vector<std::string> problems_;
};

}  // namespace adret

#endif  // ADRET_TESTS_TOOLS_REPORT_BROWSER_H_
