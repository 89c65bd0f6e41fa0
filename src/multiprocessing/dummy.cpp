// SPDX-License-Identifier: Apache-2.0
#include "plait/multiprocessing/dummy.hpp"

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <system_error>

#include "plait/errors.hpp"

namespace plait::detail {
namespace {

// Which thread has started which, by their numbers, as far as they may be alive. Leaked: threads may outlive statics.
struct Children {
  struct Child {
    std::uint64_t parent, child;
  };
  std::mutex mutex;
  std::vector<Child> all;

  static Children& get() {
    static auto* const children = new Children;
    return *children;
  }
};

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

}  // namespace plait::detail

namespace plait::multiprocessing::dummy {

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
