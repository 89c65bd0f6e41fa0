// SPDX-License-Identifier: Apache-2.0
#include "plait/multiprocessing/log.hpp"

#include <unistd.h>

#include <atomic>
#include <iterator>
#include <memory>
#include <mutex>
#include <utility>

#include "multiprocessing/log.hpp"
#include "multiprocessing/process_registry.hpp"
#include "os/output.hpp"
#include "plait/os.hpp"

namespace plait::multiprocessing {
namespace {

// Guard no other data, hence relaxed throughout.
constinit std::atomic<int> own_level{NOTSET};
constinit std::atomic<bool> writes_to_stderr{false};
constinit std::atomic<bool> has_handlers{false};

std::string name_of(int level) {
  switch (level) {
    case SUBDEBUG:
      return "SUBDEBUG";
    case DEBUG:
      return "DEBUG";
    case INFO:
      return "INFO";
    case SUBWARNING:
      return "SUBWARNING";
    case WARNING:
      return "WARNING";
    case ERROR:
      return "ERROR";
    case CRITICAL:
      return "CRITICAL";
    default:
      return "Level " + std::to_string(level);
  }
}

}  // namespace

int Logger::level() const noexcept { return own_level.load(std::memory_order_relaxed); }

int Logger::effective_level() const noexcept {
  const int set = level();
  return set == NOTSET ? WARNING : set;
}

void Logger::set_level(int level) noexcept { own_level.store(level, std::memory_order_relaxed); }

void Logger::add_handler(Handler handler) {
  detail::ProcessRegistry& registry = detail::ProcessRegistry::get();
  // Handlers are copied and destroyed without the lock.
  const auto present = [&registry] {
    const std::scoped_lock lock(registry.mutex);
    return registry.log_handlers;
  };
  auto more = std::make_shared<detail::LogHandlers>();
  more->push_back(std::move(handler));
  for (std::shared_ptr<const detail::LogHandlers> before = present();; before = present()) {
    more->erase(more->begin(), std::prev(more->end()));  // of the last try
    if (before != nullptr) more->insert(more->begin(), before->begin(), before->end());
    const std::scoped_lock lock(registry.mutex);
    if (registry.log_handlers != before) continue;  // another thread has changed them meanwhile
    registry.log_handlers = std::move(more);
    has_handlers.store(true, std::memory_order_relaxed);
    return;
  }
}

void Logger::clear_handlers() noexcept {
  detail::ProcessRegistry& registry = detail::ProcessRegistry::get();
  std::shared_ptr<const detail::LogHandlers> old;  // destroyed after the lock is given up
  const std::scoped_lock lock(registry.mutex);
  old.swap(registry.log_handlers);
  has_handlers.store(false, std::memory_order_relaxed);
}

void Logger::log(int level, std::string_view message, std::source_location where) {
  if (!is_enabled_for(level)) return;
  const bool to_stderr = writes_to_stderr.load(std::memory_order_relaxed);
  if (!to_stderr && !has_handlers.load(std::memory_order_relaxed)) return;
  LogRecord record{level, name_of(level), {}, os::getpid(), std::string(message), where};
  std::shared_ptr<const detail::LogHandlers> handlers;
  {
    detail::ProcessRegistry& registry = detail::ProcessRegistry::get();
    const std::scoped_lock lock(registry.mutex);
    record.process_name = registry.current().identity.name;
    handlers = registry.log_handlers;
  }
  if (to_stderr) {
    os::write_text(STDERR_FILENO, '[' + record.level_name + '/' + record.process_name +
                                      " pid=" + std::to_string(record.process) + "] " + record.message + '\n');
  }
  if (handlers == nullptr) return;
  for (const Handler& handler : *handlers) handler(record);
}

Logger& get_logger() noexcept {
  static constinit Logger logger;
  return logger;
}

Logger& log_to_stderr(std::optional<int> level) {
  Logger& logger = get_logger();
  if (level) logger.set_level(*level);
  writes_to_stderr.store(true, std::memory_order_relaxed);
  return logger;
}

}  // namespace plait::multiprocessing

namespace plait::detail {

LogSettings log_settings() noexcept {
  return {multiprocessing::get_logger().level(), multiprocessing::writes_to_stderr.load(std::memory_order_relaxed)};
}

void inherit_log_settings(const LogSettings& settings) noexcept {
  multiprocessing::get_logger().set_level(settings.level);
  multiprocessing::writes_to_stderr.store(settings.to_stderr, std::memory_order_relaxed);
}

}  // namespace plait::detail
