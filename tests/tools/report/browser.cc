#include "adret/tests/tools/report/browser.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "adret/core/status.h"
#include "adret/io/file.h"
#include "google/protobuf/util/json_util.h"

extern char** environ;

namespace adret {
namespace {

using google::protobuf::Struct;
using google::protobuf::Value;

constexpr size_t kLogLines = 5;  // of an error

std::string FindChromium() {
  const char* path = std::getenv("PATH");
  for (const absl::string_view folder : absl::StrSplit(path == nullptr ? "" : path, ':')) {
    for (const char* name : {"chromium", "chromium-browser", "google-chrome"}) {
      const std::string file = absl::StrCat(folder, "/", name);
      if (access(file.c_str(), X_OK) == 0) return file;
    }
  }
  return "";
}

std::string Json(const google::protobuf::Message& message) {
  std::string json;
  AD_CHECK(google::protobuf::util::MessageToJsonString(message, &json).ok());
  return json;
}

std::string Quoted(absl::string_view text) {
  Value value;
  value.set_string_value(std::string(text));
  return Json(value);
}

// The member of an object that a path leads to: Find(message, {"params", "entry", "level"}); null where there is none.
Value Find(const Struct& object, std::initializer_list<const char*> path) {
  Value at;
  *at.mutable_struct_value() = object;
  for (const char* name : path) {
    const auto found = at.struct_value().fields().find(name);
    if (found == at.struct_value().fields().end()) return {};
    const Value next = found->second;  // a copy: it is part of what is assigned to
    at = next;
  }
  return at;
}

std::string FindText(const Struct& object, std::initializer_list<const char*> path) {
  return Find(object, path).string_value();
}

std::string LogOf(const std::string& profile) { return profile + "/stderr.txt"; }

// A pipe whose ends are not among the numbers that the child gets its own on.
absl::Status MakePipe(int ends[2]) {
  int low[2];
  if (pipe2(low, O_CLOEXEC) != 0) return absl::InternalError("no pipe can be made");
  for (int i = 0; i < 2; ++i) {
    ends[i] = fcntl(low[i], F_DUPFD_CLOEXEC, 10);
    close(low[i]);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Browser>> Browser::Start() {
  const std::string program = FindChromium();
  if (program.empty()) return absl::NotFoundError("there is no chromium here: run \"scripts/setup test\"");
  std::unique_ptr<Browser> browser(new Browser);
  AD_RETURN_IF_ERROR(browser->Launch(program));
  AD_RETURN_IF_ERROR(browser->Attach());
  return browser;
}

absl::Status Browser::Launch(const std::string& program) {
  signal(SIGPIPE, SIG_IGN);  // a browser that ended is an error of write()
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  std::string pattern = (std::filesystem::temp_directory_path() / "adret-browser-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) return absl::InternalError("no temporary folder can be made");
  profile_ = pattern;
  int commands[2], answers[2];
  AD_RETURN_IF_ERROR(MakePipe(commands));
  AD_RETURN_IF_ERROR(MakePipe(answers));
  to_ = commands[1], from_ = answers[0];

  std::vector<std::string> arguments = {program,
                                        "--headless",
                                        "--no-sandbox",  // tests run as root, too
                                        "--disable-gpu",
                                        "--disable-dev-shm-usage",
                                        "--disable-breakpad",
                                        "--disable-extensions",
                                        "--disable-background-networking",
                                        "--disable-component-update",
                                        "--no-first-run",
                                        "--hide-scrollbars",
                                        "--force-color-profile=srgb",
                                        "--remote-debugging-pipe",
                                        absl::StrCat("--user-data-dir=", profile_),
                                        "about:blank"};
  // Killed, it leaves files in its temporary folder, which therefore is the one that goes.
  std::vector<std::string> variables = {absl::StrCat("TMPDIR=", profile_)};
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (!absl::StartsWith(*variable, "TMPDIR=")) variables.push_back(*variable);
  }
  std::vector<char*> environment;
  for (std::string& variable : variables) environment.push_back(variable.data());
  environment.push_back(nullptr);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  const std::string log = LogOf(profile_);
  posix_spawn_file_actions_addopen(&actions, 2, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&actions, commands[0], 3);
  posix_spawn_file_actions_adddup2(&actions, answers[1], 4);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);
  const int error = posix_spawn(&process_, program.c_str(), &actions, &attributes, argv.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  close(commands[0]);
  close(answers[1]);
  if (error == 0) return absl::OkStatus();
  process_ = -1;
  return absl::InternalError(absl::StrCat(program, " does not start: ", std::strerror(error)));
}

absl::Status Browser::Attach() {
  AD_ASSIGN_OR_RETURN(const Struct target, Call("Target.createTarget", R"({"url": "about:blank"})"));
  AD_ASSIGN_OR_RETURN(const Struct attached,
                      Call("Target.attachToTarget", absl::StrCat(R"({"flatten": true, "targetId": )",
                                                                 Quoted(FindText(target, {"targetId"})), "}")));
  session_ = FindText(attached, {"sessionId"});
  for (const char* domain : {"Page", "Runtime", "Log", "Network", "Inspector"}) {
    AD_RETURN_IF_ERROR(Call(absl::StrCat(domain, ".enable")).status());
  }
  AD_RETURN_IF_ERROR(Call("Page.setLifecycleEventsEnabled", R"({"enabled": true})").status());
  return Call("Emulation.setFocusEmulationEnabled", R"({"enabled": true})").status();
}

Browser::~Browser() {
  if (to_ >= 0) close(to_);
  if (from_ >= 0) close(from_);
  if (process_ > 0) {
    // Its helpers are children of this process from when it is gone. Whoever waits for all of them leaves none behind.
    kill(-process_, SIGKILL);
    while (waitpid(-process_, nullptr, 0) > 0 || errno == EINTR) {
    }
  }
  std::error_code error;
  if (!profile_.empty()) std::filesystem::remove_all(profile_, error);
}

absl::Status Browser::WithLog(const absl::Status& status) const {
  const absl::StatusOr<std::string> log = io::ReadFile(LogOf(profile_));
  if (!log.ok()) return status;
  std::vector<std::string> lines = absl::StrSplit(*log, '\n', absl::SkipWhitespace());
  if (lines.size() > kLogLines) lines.erase(lines.begin(), lines.end() - kLogLines);
  if (lines.empty()) return status;
  return absl::Status(status.code(), absl::StrCat(status.message(), "; its last words: ", absl::StrJoin(lines, " / ")));
}

absl::Status Browser::Send(absl::string_view message) {
  std::string bytes(message);
  bytes += '\0';
  for (size_t sent = 0; sent < bytes.size();) {
    const ssize_t n = write(to_, bytes.data() + sent, bytes.size() - sent);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return WithLog(absl::UnavailableError("the browser does not listen any more"));
    sent += static_cast<size_t>(n);
  }
  return absl::OkStatus();
}

absl::StatusOr<Struct> Browser::Receive() {
  for (size_t searched = 0;;) {
    const size_t end = received_.find('\0', searched);
    if (end != std::string::npos) {
      Struct message;
      const auto parsed = google::protobuf::util::JsonStringToMessage(received_.substr(0, end), &message);
      received_.erase(0, end + 1);
      if (!parsed.ok())
        return absl::InternalError(absl::StrCat("the browser's message is no JSON: ", parsed.ToString()));
      return message;
    }
    searched = received_.size();
    pollfd ready{.fd = from_, .events = POLLIN, .revents = 0};
    const int count = poll(&ready, 1, kPatienceMs);
    if (count < 0 && errno == EINTR) continue;
    if (count == 0) {
      return WithLog(absl::DeadlineExceededError(absl::StrCat("the browser says nothing for ", kPatienceMs, " ms")));
    }
    char buffer[1 << 16];
    const ssize_t n = read(from_, buffer, sizeof buffer);
    if (n <= 0) return WithLog(absl::UnavailableError("the browser has ended"));
    received_.append(buffer, static_cast<size_t>(n));
  }
}

void Browser::Notice(const Struct& event) {
  const std::string method = FindText(event, {"method"});
  if (method == "Page.lifecycleEvent") {
    if (FindText(event, {"params", "name"}) == "load") loaded_ = FindText(event, {"params", "loaderId"});
  } else if (method == "Runtime.exceptionThrown") {
    problems_.push_back(absl::StrCat("exception: ", Json(Find(event, {"params", "exceptionDetails"}))));
  } else if (method == "Runtime.consoleAPICalled") {
    const std::string type = FindText(event, {"params", "type"});
    if (type == "error" || type == "warning" || type == "assert") {
      problems_.push_back(absl::StrCat("console: ", Json(Find(event, {"params", "args"}))));
    }
  } else if (method == "Log.entryAdded") {
    const std::string level = FindText(event, {"params", "entry", "level"});
    if (level == "error" || level == "warning") {
      problems_.push_back(absl::StrCat("log: ", FindText(event, {"params", "entry", "text"})));
    }
  } else if (method == "Network.requestWillBeSent") {
    const std::string url = FindText(event, {"params", "request", "url"});
    if (url != url_ && !absl::StartsWith(url, "data:")) problems_.push_back(absl::StrCat("request: ", url));
  } else if (method == "Inspector.targetCrashed" || method == "Page.javascriptDialogOpening") {
    problems_.push_back(method);
  }
}

absl::StatusOr<Struct> Browser::Call(absl::string_view method, absl::string_view params) {
  const int id = ++last_id_;
  const std::string session = session_.empty() ? "" : absl::StrCat(R"(, "sessionId": )", Quoted(session_));
  AD_RETURN_IF_ERROR(
      Send(absl::StrCat(R"({"id": )", id, R"(, "method": )", Quoted(method), session, R"(, "params": )", params, "}")));
  for (;;) {
    AD_ASSIGN_OR_RETURN(const Struct message, Receive());
    if (Find(message, {"id"}).number_value() != id) {
      Notice(message);
      continue;
    }
    if (message.fields().contains("error")) {
      return absl::InvalidArgumentError(absl::StrCat(method, ": ", FindText(message, {"error", "message"})));
    }
    return Find(message, {"result"}).struct_value();
  }
}

absl::Status Browser::Navigate(absl::string_view url) {
  AD_ASSIGN_OR_RETURN(const Struct answer, Call("Page.navigate", absl::StrCat(R"({"url": )", Quoted(url), "}")));
  if (const std::string error = FindText(answer, {"errorText"}); !error.empty()) {
    return absl::NotFoundError(absl::StrCat(url, ": ", error));
  }
  while (loaded_ != FindText(answer, {"loaderId"})) {
    AD_ASSIGN_OR_RETURN(const Struct message, Receive());
    Notice(message);
  }
  return absl::OkStatus();
}

absl::Status Browser::Load(absl::string_view url) {
  // What is still told of the page before belongs to that one.
  AD_RETURN_IF_ERROR(Navigate("about:blank"));
  problems_.clear();
  url_ = std::string(url.substr(0, url.find('#')));
  return Navigate(url);
}

absl::StatusOr<Value> Browser::Evaluate(absl::string_view expression) {
  AD_ASSIGN_OR_RETURN(
      const Struct answer,
      Call("Runtime.evaluate",
           absl::StrCat(R"({"returnByValue": true, "awaitPromise": true, "expression": )", Quoted(expression), "}")));
  if (answer.fields().contains("exceptionDetails")) {
    return absl::InvalidArgumentError(
        absl::StrCat("JavaScript: ", FindText(answer, {"exceptionDetails", "exception", "description"})));
  }
  return Find(answer, {"result", "value"});
}

absl::Status Browser::Click(double x, double y) {
  for (const char* type : {"mouseMoved", "mousePressed", "mouseReleased"}) {
    const bool button = !absl::StartsWith(type, "mouseMoved");
    AD_RETURN_IF_ERROR(
        Call("Input.dispatchMouseEvent", absl::StrCat(R"({"type": ")", type, R"(", "x": )", x, R"(, "y": )", y,
                                                      button ? R"(, "button": "left", "clickCount": 1)" : "", "}"))
            .status());
  }
  return absl::OkStatus();
}

absl::Status Browser::Press(absl::string_view key) {
  struct Key {
    const char* key;
    const char* code;
    int number;
    const char* text;
  };
  constexpr Key kKeys[] = {{"Tab", "Tab", 9, ""},
                           {"Enter", "Enter", 13, "\r"},
                           {" ", "Space", 32, " "},
                           {"ArrowLeft", "ArrowLeft", 37, ""},
                           {"ArrowUp", "ArrowUp", 38, ""},
                           {"ArrowRight", "ArrowRight", 39, ""},
                           {"ArrowDown", "ArrowDown", 40, ""}};
  for (const Key& k : kKeys) {
    if (key != k.key) continue;
    const std::string same = absl::StrCat(R"(, "key": )", Quoted(k.key), R"(, "code": )", Quoted(k.code),
                                          R"(, "windowsVirtualKeyCode": )", k.number);
    const std::string text = *k.text == '\0' ? "" : absl::StrCat(R"(, "text": )", Quoted(k.text));
    AD_RETURN_IF_ERROR(Call("Input.dispatchKeyEvent", absl::StrCat(R"({"type": "keyDown")", same, text, "}")).status());
    return Call("Input.dispatchKeyEvent", absl::StrCat(R"({"type": "keyUp")", same, "}")).status();
  }
  return absl::InvalidArgumentError(absl::StrCat("the key '", key, "' is not among those that tests press"));
}

}  // namespace adret
