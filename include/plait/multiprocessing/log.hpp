// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The log of plait::multiprocessing: starts and ends of processes, and what the program adds. Python's
// multiprocessing.get_logger() and log_to_stderr(), with as much of its module `logging` as they need.
//
//   plait::multiprocessing::log_to_stderr(plait::multiprocessing::INFO);
//   [INFO/Process-1 pid=4711] child process calling self.run()

#include <sys/types.h>

#include <functional>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>

#include "plait/detail/export.hpp"

// Some programs have macros of these names; they are spelled by numbers there.
#pragma push_macro("DEBUG")
#pragma push_macro("INFO")
#pragma push_macro("WARNING")
#pragma push_macro("ERROR")
#pragma push_macro("CRITICAL")
#undef DEBUG
#undef INFO
#undef WARNING
#undef ERROR
#undef CRITICAL

namespace plait::multiprocessing {

// NOLINTBEGIN(readability-identifier-naming): Python's
inline constexpr int NOTSET = 0;
inline constexpr int SUBDEBUG = 5;
inline constexpr int DEBUG = 10;
inline constexpr int INFO = 20;
inline constexpr int SUBWARNING = 25;
inline constexpr int WARNING = 30;
inline constexpr int ERROR = 40;
inline constexpr int CRITICAL = 50;
// NOLINTEND(readability-identifier-naming)

struct LogRecord {
  int level;
  std::string level_name;  // "INFO"; "Level 17" if there is none
  std::string process_name;
  pid_t process;
  std::string message;
  std::source_location where;
};

// There is one for each process. Its level, and whether it writes to standard error, are inherited by processes that
// are started later; handlers by those of fork only. Thread-safe. A call below the level costs one load.
//
// Differs from Python: there are no filters and formatters, and nothing is passed on to another logger.
class PLAIT_EXPORT Logger {
 public:
  using Handler = std::function<void(const LogRecord&)>;

  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  // NOTSET, as it is at first, stands for WARNING.
  [[nodiscard]] int level() const noexcept;
  [[nodiscard]] int effective_level() const noexcept;
  void set_level(int level) noexcept;
  [[nodiscard]] bool is_enabled_for(int level) const noexcept { return level >= effective_level(); }

  // Called with each record of the level or above, in the thread that logs, several at a time. What it throws leaves
  // the call that logs.
  void add_handler(Handler handler);
  // Without handlers, and without log_to_stderr(), records go nowhere.
  void clear_handlers() noexcept;

  void log(int level, std::string_view message, std::source_location where = std::source_location::current());
  void subdebug(std::string_view message, std::source_location where = std::source_location::current()) {
    log(SUBDEBUG, message, where);
  }
  void debug(std::string_view message, std::source_location where = std::source_location::current()) {
    log(DEBUG, message, where);
  }
  void info(std::string_view message, std::source_location where = std::source_location::current()) {
    log(INFO, message, where);
  }
  void subwarning(std::string_view message, std::source_location where = std::source_location::current()) {
    log(SUBWARNING, message, where);
  }
  void warning(std::string_view message, std::source_location where = std::source_location::current()) {
    log(WARNING, message, where);
  }
  void error(std::string_view message, std::source_location where = std::source_location::current()) {
    log(ERROR, message, where);
  }
  void critical(std::string_view message, std::source_location where = std::source_location::current()) {
    log(CRITICAL, message, where);
  }

 private:
  friend PLAIT_EXPORT Logger& get_logger() noexcept;
  constexpr Logger() noexcept = default;
};

[[nodiscard]] PLAIT_EXPORT Logger& get_logger() noexcept;

// From now on records are written to standard error, each as one line by one write:
// "[LEVEL/PROCESS pid=PID] MESSAGE". Sets the level if one is given. Differs from Python: to call it twice does not
// double the lines.
PLAIT_EXPORT Logger& log_to_stderr(std::optional<int> level = std::nullopt);

}  // namespace plait::multiprocessing

#pragma pop_macro("DEBUG")
#pragma pop_macro("INFO")
#pragma pop_macro("WARNING")
#pragma pop_macro("ERROR")
#pragma pop_macro("CRITICAL")
