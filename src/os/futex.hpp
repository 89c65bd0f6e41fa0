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
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace plait::os {

// Who shares the word: threads of one process (cheaper), or processes that map the same memory.
enum class Scope : std::uint8_t { private_, shared };

// Sleeps while `word` is `expected`, until woken. False: the deadline has passed. True says nothing of the word, since
// waking up for no reason is allowed; the caller looks again. A deadline in the past still compares the word first, so
// a word that differs gives true. EINTR is a wake-up for no reason. Orders no memory by itself: pair the change before
// futex_wake (release) with the look after (acquire).
bool futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                std::optional<std::chrono::steady_clock::time_point> deadline, Scope scope) noexcept;

// A word to sleep on beside others, while it is `expected`.
struct FutexWord {
  const std::atomic<std::uint32_t>* word;
  std::uint32_t expected;
  Scope scope;
};
inline constexpr std::size_t most_futex_words = 128;  // the kernel's limit

// As futex_wait, while each of the words (at most most_futex_words) is what is expected of it. More than one of them
// may have been woken when it returns: who wakes one sleeper of each may have hit this one every time. Where the kernel
// cannot wait for several words (before Linux 5.16) it sleeps on the first, and returns after 50 ms at most.
bool futex_wait_any(std::span<const FutexWord> words,
                    std::optional<std::chrono::steady_clock::time_point> deadline) noexcept;

// Wakes at most `count` sleepers; returns how many. The word may be gone already (its address is only compared), so
// waking after the last look at an object is legal.
int futex_wake(const std::atomic<std::uint32_t>& word, int count, Scope scope) noexcept;

}  // namespace plait::os
