// SPDX-License-Identifier: Apache-2.0
#include "os/signals.hpp"

namespace plait::os {
namespace {

sigset_t all_signals() noexcept {
  sigset_t all;
  sigfillset(&all);
  return all;
}

void set_disposition(int number, sighandler_t disposition) noexcept {
  struct sigaction action {};
  action.sa_handler = disposition;
  sigaction(number, &action, nullptr);  // SIGKILL, SIGSTOP and the C library's own refuse, as they should
}

}  // namespace

BlockAllSignals::BlockAllSignals() noexcept {
  const sigset_t all = all_signals();
  pthread_sigmask(SIG_SETMASK, &all, &before_);
}

BlockAllSignals::~BlockAllSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

void reset_signal_dispositions() noexcept {
  for (int number = 1; number < NSIG; ++number) set_disposition(number, SIG_DFL);
}

void ignore_signal(int number) noexcept { set_disposition(number, SIG_IGN); }

void block_all_signals() noexcept {
  const sigset_t all = all_signals();
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

void unblock_all_signals() noexcept {
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

}  // namespace plait::os
