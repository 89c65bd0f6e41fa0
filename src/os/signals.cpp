// SPDX-License-Identifier: Apache-2.0
#include "os/signals.hpp"

#include <atomic>

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

constinit std::atomic<pid_t> obeyed_sender{0};

void on_interrupt(int, siginfo_t* info, void*) {
  // relaxed: set before the handler is
  if (info->si_code == SI_USER && info->si_pid == obeyed_sender.load(std::memory_order_relaxed)) die_of_interrupt();
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

void obey_interrupts_of(pid_t sender) noexcept {
  obeyed_sender.store(sender, std::memory_order_relaxed);
  struct sigaction action {};
  action.sa_sigaction = on_interrupt;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
}

void die_of_interrupt() noexcept {
  set_disposition(SIGINT, SIG_DFL);
  raise(SIGINT);  // in its handler it is blocked, and comes when that returns
}

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
