// SPDX-License-Identifier: Apache-2.0
#include "os/futex.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <new>
#include <thread>

namespace plait::os {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

TEST(Futex, ReturnsAtOnceWhenTheWordDiffers) {
  const std::atomic<std::uint32_t> word{7};
  EXPECT_TRUE(futex_wait(word, 6, std::nullopt, Scope::private_));
  EXPECT_TRUE(futex_wait(word, 6, steady_clock::now() - 1s, Scope::shared));
}

TEST(Futex, GivesUpAtTheDeadlineAndNotBefore) {
  const std::atomic<std::uint32_t> word{0};
  const auto deadline = steady_clock::now() + 20ms;
  while (futex_wait(word, 0, deadline, Scope::private_)) {
  }
  EXPECT_GE(steady_clock::now(), deadline);
}

TEST(Futex, GivesUpAtOnceWhenTheDeadlineIsPast) {
  const std::atomic<std::uint32_t> word{0};
  EXPECT_FALSE(futex_wait(word, 0, steady_clock::now() - 1h, Scope::private_));
  EXPECT_FALSE(futex_wait(word, 0, steady_clock::time_point{} - 1h, Scope::private_));
}

TEST(Futex, WakesAThread) {
  std::atomic<std::uint32_t> word{0};
  std::thread waker([&] {
    word.store(1, std::memory_order_release);
    futex_wake(word, 1, Scope::private_);
  });
  while (word.load(std::memory_order_acquire) == 0) EXPECT_TRUE(futex_wait(word, 0, std::nullopt, Scope::private_));
  waker.join();
}

TEST(Futex, WakesAnotherProcessThatSharesTheMemory) {
  void* const page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(page, MAP_FAILED);
  auto& word = *new (page) std::atomic<std::uint32_t>{0};
  const pid_t child = ::fork();
  if (child == 0) {
    const auto deadline = steady_clock::now() + 10s;
    while (word.load() == 0) {
      if (!futex_wait(word, 0, deadline, Scope::shared)) _exit(1);
    }
    _exit(0);
  }
  word.store(1);
  futex_wake(word, 1, Scope::shared);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  munmap(page, 4096);
}

TEST(Futex, WakingNobodyIsAllowed) {
  const std::atomic<std::uint32_t> word{0};
  EXPECT_EQ(futex_wake(word, 1, Scope::private_), 0);
}

}  // namespace
}  // namespace plait::os
