// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Sleeping on a 32-bit word until somebody changes it, within a process or between processes that share the memory.
//
//   while (word.load(std::memory_order_acquire) == old) {
//     if (!futex_wait(word, old, deadline, Scope::private_)) return false;  // the deadline has passed
//   }

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

namespace plait::os {

// Who shares the word: threads of one process (cheaper), or processes that map the same memory.
enum class Scope : std::uint8_t { private_, shared };

// Sleeps while `word` is `expected`, until woken. False: the deadline has passed. True says nothing of the word, since
// waking up for no reason is allowed; the caller looks again. A deadline in the past still compares the word first, so
// a word that differs gives true. EINTR is a wake-up for no reason. Orders no memory by itself: pair the change before
// futex_wake (release) with the look after (acquire).
bool futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                std::optional<std::chrono::steady_clock::time_point> deadline, Scope scope) noexcept;

// As futex_wait, of a shared word, but also until `stop`, a word of this process, is not 0 any more; who changes that
// wakes its sleepers (private_). Where the kernel cannot wait for two words (before Linux 5.16) it returns every 50 ms.
bool futex_wait_or_stop(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                        std::optional<std::chrono::steady_clock::time_point> deadline,
                        const std::atomic<std::uint32_t>& stop) noexcept;

// Wakes at most `count` sleepers; returns how many. The word may be gone already (its address is only compared), so
// waking after the last look at an object is legal.
int futex_wake(const std::atomic<std::uint32_t>& word, int count, Scope scope) noexcept;

}  // namespace plait::os
