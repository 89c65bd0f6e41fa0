// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Signals: keeping the host's away from plait's threads, and giving a new process a clean slate.

#include <signal.h>
#include <sys/types.h>

namespace plait::os {

// Blocks every signal in this thread while it lives, and restores the mask as it was. A thread that is created
// meanwhile keeps them blocked: the host's signals are for the host's threads.
class BlockAllSignals {
 public:
  BlockAllSignals() noexcept;
  BlockAllSignals(const BlockAllSignals&) = delete;
  BlockAllSignals& operator=(const BlockAllSignals&) = delete;
  ~BlockAllSignals();

 private:
  sigset_t before_;
};

// Every signal does what it does by default. For a new process: handlers are code of the program it came from.
void reset_signal_dispositions() noexcept;

void ignore_signal(int number) noexcept;

// SIGINT does what it does by default if process `sender` sends it, and is ignored from anybody else, such as a
// terminal.
void obey_interrupts_of(pid_t sender) noexcept;
// As if a SIGINT of its had come.
void die_of_interrupt() noexcept;

// This thread's mask: all signals, or none.
void block_all_signals() noexcept;
void unblock_all_signals() noexcept;

}  // namespace plait::os
