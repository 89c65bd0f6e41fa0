// SPDX-License-Identifier: Apache-2.0
#include "plait/threading/local.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <barrier>
#include <latch>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "plait/threading/thread.hpp"

namespace plait::threading {
namespace {

// Counts how many of it there are.
struct Counted {
  static std::atomic<int> alive, made;

  Counted() {
    ++alive;
    ++made;
  }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { --alive; }

  int x = 0;
};
std::atomic<int> Counted::alive = 0;
std::atomic<int> Counted::made = 0;

void run(auto f) {
  Thread thread(std::move(f));
  thread.start();
  thread.join();
}

TEST(Local, EachThreadHasItsOwnValue) {
  local<int> data;
  EXPECT_EQ(*data, 0);
  *data = 1;
  std::vector<Thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&data, i] {
      EXPECT_EQ(data.get(), 0) << "empty in a new thread";
      *data = i;
      std::this_thread::yield();
      EXPECT_EQ(*data, i);
    });
  }
  for (Thread& thread : threads) thread.start();
  for (Thread& thread : threads) thread.join();
  EXPECT_EQ(*data, 1);
}

TEST(Local, ForeignThreadsToo) {
  local<std::string> data;
  *data = "main";
  std::jthread([&] {
    EXPECT_TRUE(data->empty());
    *data = "other";
  }).join();
  EXPECT_EQ(*data, "main");
}

TEST(Local, TheFactoryRunsInEachThread) {
  std::atomic<int> calls = 0;
  local data([&] { return std::to_string(++calls); });
  static_assert(std::is_same_v<decltype(data)::value_type, std::string>);
  EXPECT_EQ(*data, "1");
  EXPECT_EQ(*data, "1");
  run([&] { EXPECT_EQ(*data, "2"); });
  run([&] { EXPECT_EQ(*data, "3"); });
  EXPECT_EQ(data->size(), 1U);
}

TEST(Local, TakesTypesThatCannotBeMoved) {
  local<std::mutex> data;
  const std::scoped_lock held(*data);
  run([&] { EXPECT_TRUE(data->try_lock()), data->unlock(); });
}

TEST(Local, AThrowingFactoryIsCalledAgain) {
  int calls = 0;
  local<Counted> data([&] {
    if (++calls == 1) throw std::runtime_error("not yet");
    return Counted();
  });
  EXPECT_THROW(data.get(), std::runtime_error);
  EXPECT_EQ(data->x, 0);
  EXPECT_EQ(calls, 2);
}

TEST(Local, AFactoryThatSetsTheValueItself) {
  struct Recursive {
    int calls = 0;
    local<int> data{[this] {
      if (++calls == 1) *data = 7;
      return calls;
    }};
  } recursive;
  EXPECT_EQ(*recursive.data, 7);
}

TEST(Local, ValuesDieWithTheirThread) {
  local<Counted> data;
  data->x = 1;
  run([&] {
    data->x = 2;
    EXPECT_EQ(Counted::alive, 2);
  });
  EXPECT_EQ(Counted::alive, 1);
  std::jthread([&] { data->x = 2; }).join();
  EXPECT_EQ(Counted::alive, 1);
  EXPECT_EQ(data->x, 1);
}

TEST(Local, ValuesOfLivingThreadsDieWithTheLocal) {
  std::barrier<> step(2);
  auto data = std::make_unique<local<Counted>>();
  (*data)->x = 1;
  Thread thread([&] {
    (*data)->x = 2;
    step.arrive_and_wait();
    step.arrive_and_wait();
  });
  thread.start();
  step.arrive_and_wait();
  EXPECT_EQ(Counted::alive, 2);
  data.reset();
  EXPECT_EQ(Counted::alive, 0);
  step.arrive_and_wait();
  thread.join();
  EXPECT_EQ(Counted::alive, 0);
}

TEST(Local, ALocalAtTheSameAddressIsAnother) {
  std::barrier<> step(2);
  alignas(local<int>) std::byte memory[sizeof(local<int>)];
  auto* data = new (memory) local<int>;
  Thread thread([&] {
    *data->operator->() = 2;
    step.arrive_and_wait();
    step.arrive_and_wait();
    EXPECT_EQ(data->get(), 0);
  });
  thread.start();
  *data->operator->() = 1;
  step.arrive_and_wait();
  data->~local();
  data = new (memory) local<int>;
  EXPECT_EQ(data->get(), 0);
  step.arrive_and_wait();
  thread.join();
  data->~local();
}

TEST(Local, Many) {
  std::vector<std::unique_ptr<local<int>>> all;
  for (int i = 0; i < 300; ++i) {
    all.push_back(std::make_unique<local<int>>());
    all.back()->get() = i;
    if (i % 3 == 0) all[static_cast<std::size_t>(i) / 2].reset();
  }
  for (int i = 0; i < 300; ++i) {
    const auto& one = all[static_cast<std::size_t>(i)];
    EXPECT_TRUE(one == nullptr || one->get() == i);
  }
}

struct UsesOther {
  local<Counted>* other = nullptr;
  std::string* name = nullptr;
  ~UsesOther() {
    if (other == nullptr) return;
    (*other)->x = 1;
    *name = current_thread().name();
  }
};

TEST(Local, ADyingValueMayUseOthersAndTheThread) {
  local<Counted> other;
  local<UsesOther> data;
  std::string name;
  Thread thread({.name = "the thread"}, [&] {
    data->other = &other;
    data->name = &name;
  });
  thread.start();
  thread.join();
  EXPECT_EQ(name, "the thread");
  EXPECT_EQ(Counted::alive, 0) << "what it made anew is destroyed too";
}

TEST(Local, ADyingValueMayDestroyItsLocal) {
  struct Owner {
    std::unique_ptr<local<Owner>> own;
  };
  auto made = std::make_unique<local<Owner>>();
  local<Owner>& data = *made;
  run([&] { data->own = std::move(made); });
  EXPECT_EQ(made, nullptr);
}

struct UsesItself {
  local<UsesItself>* own = nullptr;
  int* destroyed = nullptr;
  const UsesItself* self = this;
  ~UsesItself() {
    if (own == nullptr) return;
    ++*destroyed;
    EXPECT_EQ(&own->get(), self);
  }
};

TEST(Local, ADyingValueFindsItselfInItsLocal) {
  int destroyed = 0;
  local<UsesItself> data([&] { return UsesItself{&data, &destroyed}; });
  run([&] { EXPECT_EQ(data->self, &*data); });
  EXPECT_EQ(destroyed, 1);
}

struct Remakes {
  const local<Remakes>* other = nullptr;
  int* made = nullptr;
  ~Remakes() {
    if (*made < 1000) static_cast<void>(other->get());
  }
};

TEST(Local, ValuesThatMakeEachOtherAreKeptInTheEnd) {
  int made = 0;
  std::unique_ptr<local<Remakes>> a, b;
  a = std::make_unique<local<Remakes>>([&] { return ++made, Remakes{b.get(), &made}; });
  b = std::make_unique<local<Remakes>>([&] { return ++made, Remakes{a.get(), &made}; });
  run([&] { static_cast<void>(a->get()); });
  EXPECT_GE(made, 4);
  EXPECT_LE(made, 10);
}

TEST(Local, ThreadsEndWhileItIsDestroyed) {
  Counted::made = 0;
  for (int round = 0; round < 200; ++round) {
    auto data = std::make_unique<local<Counted>>();
    std::latch used(4);
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        (*data)->x = 1;
        used.count_down();
      });
    }
    used.wait();
    data.reset();
    EXPECT_EQ(Counted::alive, 0) << "whoever destroys them, none is left";
  }
  EXPECT_EQ(Counted::made, 800);
}

}  // namespace
}  // namespace plait::threading
