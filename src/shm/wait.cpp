// SPDX-License-Identifier: Apache-2.0
#include "shm/wait.hpp"

#include <algorithm>
#include <array>
#include <climits>

namespace plait::shm {

void Sleep::OnStop::operator()() const noexcept {
  sleep.stopped_.store(1, std::memory_order_relaxed);  // says nothing but to look
  os::futex_wake(sleep.stopped_, INT_MAX, os::Scope::private_);
}

Sleep::Sleep(const Until& until) : is_over_(until.is_over()) {
  if (!until.deadline().is_never()) deadline_ = until.deadline().time();
  if (until.stop().stop_possible()) callback_.emplace(until.stop(), OnStop{*this});
}

Sleep::~Sleep() = default;

void Sleep::on(const Word& word, std::uint32_t expected) noexcept {
  if (!callback_) {
    is_over_ = !os::futex_wait(word, expected, deadline_, os::Scope::shared);
  } else {
    const os::FutexWord shared{&word, expected, os::Scope::shared};
    on_any({&shared, 1});
  }
}

void Sleep::on_any(std::span<const os::FutexWord> words) noexcept {
  std::array<os::FutexWord, most_words + 1> with_stop;
  if (callback_) {
    *std::copy(words.begin(), words.end(), with_stop.begin()) = {&stopped_, 0, os::Scope::private_};
    words = {with_stop.data(), words.size() + 1};
  }
  const bool in_time = os::futex_wait_any(words, deadline_);
  is_over_ = !in_time || stopped_.load(std::memory_order_relaxed) != 0;
}

}  // namespace plait::shm
