// SPDX-License-Identifier: Apache-2.0
#include "os/signal_watch.hpp"

#include <sched.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <string>

#include "os/error.hpp"
#include "os/file_descriptor.hpp"
#include "os/fork_handlers.hpp"

namespace plait::os {
namespace {

// The event of each signal and the process that it belongs to, as one word; 0: none.
std::atomic<std::uint64_t> watched[NSIG];
// Handlers that run. seq_cst with `watched`: the destructor clears that and then looks at this, a handler counts itself
// and then looks at that.
std::atomic<int> running{0};

// In a child they run in threads that are not there.
[[gnu::constructor(registers_handlers)]] void register_handlers() {
  pthread_atfork(nullptr, nullptr, [] { running.store(0); });
}

std::uint64_t mine(int event) noexcept {
  return static_cast<std::uint64_t>(getpid()) << 32U | static_cast<std::uint32_t>(event);
}

void on_signal(int number) {
  const int error = errno;
  running.fetch_add(1);
  const std::uint64_t event = watched[number].load();
  if (event >> 32U == static_cast<std::uint64_t>(getpid())) raise_event(static_cast<int>(event & 0xffffffffU));
  running.fetch_sub(1);
  errno = error;
}

}  // namespace

SignalWatch::SignalWatch(int number, int event) : number_(number), word_(mine(event)) {
  if (number <= 0 || number >= NSIG) throw_system_error(EINVAL, "sigaction", "signal " + std::to_string(number));
  std::uint64_t none = watched[number].load();
  if (none >> 32U == static_cast<std::uint64_t>(getpid()) || !watched[number].compare_exchange_strong(none, word_)) {
    throw_system_error(EBUSY, "sigaction", "signal " + std::to_string(number) + " is watched already");
  }
  struct sigaction action {};
  action.sa_handler = &on_signal;
  action.sa_flags = SA_RESTART | SA_ONSTACK;
  sigfillset(&action.sa_mask);
  if (sigaction(number, &action, &before_) == 0) return;
  const int error = errno;
  watched[number].store(0);
  throw_system_error(error, "sigaction", "signal " + std::to_string(number));
}

SignalWatch::~SignalWatch() {
  if (watched[number_].load() != word_) return;  // an inherited one, and this process has its own
  struct sigaction present {};
  sigaction(number_, nullptr, &present);
  if ((present.sa_flags & SA_SIGINFO) == 0 && present.sa_handler == &on_signal) sigaction(number_, &before_, nullptr);
  std::uint64_t own = word_;
  watched[number_].compare_exchange_strong(own, 0);
  while (running.load() > 0) sched_yield();
}

}  // namespace plait::os
