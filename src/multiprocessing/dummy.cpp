// SPDX-License-Identifier: Apache-2.0
#include "plait/multiprocessing/dummy.hpp"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>

#include "plait/errors.hpp"

namespace plait::detail {
namespace {

// Which thread has started which, by their numbers, as far as they may be alive. Leaked: threads may outlive statics.
struct Children {
  struct Child {
    std::uint64_t parent, child;
  };
  std::mutex mutex;  // fork() waits for it
  std::vector<Child> all;

  static Children& get() {
    static auto* const children = new Children;
    return *children;
  }

 private:
  Children() {
    pthread_atfork([] { get().mutex.lock(); }, [] { get().mutex.unlock(); }, [] { get().mutex.unlock(); });
  }
};

// Before main(), so that no fork comes between.
[[maybe_unused]] const Children& made_early = Children::get();

}  // namespace

void throw_connection_error(int error, const char* what) {
  throw std::system_error(error, std::system_category(), std::string("plait: ") + what);
}

std::string_view message_part(std::string_view whole, std::ptrdiff_t offset, std::optional<std::ptrdiff_t> size) {
  if (offset < 0 || static_cast<std::size_t>(offset) > whole.size()) throw ValueError("no such offset in the buffer");
  const std::size_t rest = whole.size() - static_cast<std::size_t>(offset);
  if (size && (*size < 0 || static_cast<std::size_t>(*size) > rest))
    throw ValueError("the buffer has no so many bytes");
  return whole.substr(static_cast<std::size_t>(offset), size ? static_cast<std::size_t>(*size) : rest);
}

void throw_no_key(const std::string& key) {
  throw KeyError("there is no " + (key.empty() ? "such key" : "key " + key) + " in the dictionary");
}

void throw_no_attribute(std::string_view name) {
  throw AttributeError("the namespace has no attribute '" + std::string(name) + "'");
}

void throw_other_attribute(std::string_view name) {
  throw TypeError("the attribute '" + std::string(name) + "' is a value of another type");
}

}  // namespace plait::detail

namespace plait::multiprocessing::dummy {

struct managers::SyncManager::State {
  enum class Stage : std::uint8_t { made, started, shut_down };
  std::atomic<Stage> stage = Stage::made;
};

managers::SyncManager::SyncManager() : state_(std::make_shared<State>()) {}

void managers::SyncManager::start() {
  auto expected = State::Stage::made;
  if (!state_->stage.compare_exchange_strong(expected, State::Stage::started)) {
    throw ProcessError(expected == State::Stage::started ? "the manager was started before"
                                                         : "the manager was shut down: make a new one");
  }
}

void managers::SyncManager::shutdown() noexcept { state_->stage = State::Stage::shut_down; }

void managers::SyncManager::check_running() const {
  const State::Stage stage = state_->stage;
  if (stage == State::Stage::made) throw AssertionError("the manager is not started: start() it");
  if (stage == State::Stage::shut_down) throw AssertionError("the manager was shut down: make a new one");
}

void Process::start() {
  Thread::start();
  detail::Children& children = detail::Children::get();
  const std::uint64_t child = ident().value_or(0);
  const std::scoped_lock lock(children.mutex);
  std::erase_if(children.all, [child](const auto& one) { return one.child == child; });  // numbers come again
  children.all.push_back({threading::get_ident(), child});
}

std::optional<int> Process::exitcode() const { return ident() && !is_alive() ? std::optional(0) : std::nullopt; }

std::optional<pid_t> Process::pid() const { return ident() ? std::optional(os::getpid()) : std::nullopt; }

std::vector<threading::Thread> active_children() {
  std::vector<threading::Thread> alive = threading::enumerate();
  detail::Children& children = detail::Children::get();
  const std::scoped_lock lock(children.mutex);
  const auto is_alive = [&alive](std::uint64_t ident) {
    return std::ranges::any_of(alive, [ident](const auto& thread) { return thread.ident() == ident; });
  };
  std::erase_if(children.all, [&](const auto& one) { return !is_alive(one.child); });
  std::erase_if(alive, [&, self = threading::get_ident()](const threading::Thread& thread) {
    return std::ranges::none_of(children.all,
                                [&](const auto& one) { return one.parent == self && one.child == thread.ident(); });
  });
  return alive;
}

}  // namespace plait::multiprocessing::dummy
