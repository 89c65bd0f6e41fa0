// SPDX-License-Identifier: Apache-2.0
#include "shm/wait.hpp"

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
    const bool in_time = os::futex_wait_or_stop(word, expected, deadline_, stopped_);
    is_over_ = !in_time || stopped_.load(std::memory_order_relaxed) != 0;
  }
}

}  // namespace plait::shm
