// SPDX-License-Identifier: Apache-2.0
// Copies, moves, comparisons and allocations that throw, each at every step: no item is lost or doubled, the counts are
// right, and the queue goes on.
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "conformance/beside.hpp"
#include "plait/queue.hpp"

namespace plait::queue {
namespace {

// Counts down; at 0 whatever is done throws.
struct Fuse {
  struct Burnt : std::runtime_error {
    Burnt() : std::runtime_error("burnt") {}
  };
  static void step() {
    if (left > 0 && --left == 0) throw Burnt();
  }

  static inline thread_local int left = 0;  // 0: never
};

// Throws in every copy, move and comparison that the fuse comes to. A failed move leaves its source as it was.
struct Touchy {
  explicit Touchy(int its_number) : number(its_number) { ++alive; }
  Touchy(const Touchy& other) : number((Fuse::step(), other.number)) { ++alive; }
  Touchy(Touchy&& other) : number((Fuse::step(), other.number)) {  // NOLINT(performance-noexcept-move-constructor)
    other.number = moved_from;
    ++alive;
  }
  Touchy& operator=(const Touchy& other) = default;
  Touchy& operator=(Touchy&& other) {  // NOLINT(performance-noexcept-move-constructor)
    Fuse::step();
    number = std::exchange(other.number, moved_from);
    return *this;
  }
  ~Touchy() { --alive; }
  friend bool operator<(const Touchy& a, const Touchy& b) {
    Fuse::step();
    return a.number < b.number;
  }

  static constexpr int moved_from = -1;
  static inline std::atomic<int> alive = 0;
  int number;
};

// Moves never throw, copies and comparisons do.
struct Nervous {
  explicit Nervous(int its_number) : number(its_number) {}
  Nervous(const Nervous& other) : number((Fuse::step(), other.number)) {}
  Nervous(Nervous&& other) noexcept = default;
  Nervous& operator=(const Nervous& other) = default;
  Nervous& operator=(Nervous&& other) noexcept = default;
  ~Nervous() = default;
  friend bool operator<(const Nervous& a, const Nervous& b) {
    Fuse::step();
    return a.number < b.number;
  }

  int number;
};

template <class Q>
class ThrowingItems : public testing::Test {
 protected:
  // Runs a call with the fuse set to 1, 2, … until it comes through; `failed` is called after each that does not.
  template <class Call, class Failed>
  static void sweep(Call call, Failed failed) {
    for (int step = 1;; ++step) {
      ASSERT_LT(step, 1000);
      Fuse::left = step;
      bool burnt = false;
      try {
        call();
      } catch (const Fuse::Burnt&) {
        burnt = true;
      }
      Fuse::left = 0;
      if (!burnt) return;
      failed();
    }
  }

  static std::multiset<int> drain(Q& queue) {
    std::multiset<int> numbers;
    while (!queue.empty()) numbers.insert(queue.get().number);
    return numbers;
  }
};
using Queues = testing::Types<Queue<Touchy>, LifoQueue<Touchy>, PriorityQueue<Touchy>, SimpleQueue<Touchy>,
                              Queue<Nervous>, LifoQueue<Nervous>, PriorityQueue<Nervous>, SimpleQueue<Nervous>>;
TYPED_TEST_SUITE(ThrowingItems, Queues);

TYPED_TEST(ThrowingItems, PutOfACopy) {
  using Item = typename TypeParam::value_type;
  TypeParam queue;
  std::multiset<int> expected;
  for (int i = 0; i < 20; ++i) {
    const Item item(100 - i);
    this->sweep([&] { queue.put(item); },
                [&] {
                  ASSERT_EQ(queue.qsize(), expected.size());
                  ASSERT_EQ(item.number, 100 - i);
                });
    expected.insert(100 - i);
    ASSERT_EQ(queue.qsize(), expected.size());
  }
  EXPECT_EQ(this->drain(queue), expected);
}

TYPED_TEST(ThrowingItems, PutOfAMovedItemLeavesItWithTheCaller) {
  using Item = typename TypeParam::value_type;
  TypeParam queue;
  std::multiset<int> expected;
  for (int i = 0; i < 20; ++i) {
    Item item(100 - i);
    this->sweep([&] { queue.put(std::move(item)); },
                [&] {
                  ASSERT_EQ(queue.qsize(), expected.size());
                  ASSERT_EQ(item.number, 100 - i);
                });
    expected.insert(100 - i);
  }
  EXPECT_EQ(this->drain(queue), expected);
}

TYPED_TEST(ThrowingItems, Get) {
  using Item = typename TypeParam::value_type;
  TypeParam queue;
  std::multiset<int> expected, got;
  for (int i = 0; i < 20; ++i) {
    queue.put(Item((i * 7) % 20));
    expected.insert((i * 7) % 20);
  }
  for (std::size_t left = 20; left != 0; --left) {
    this->sweep([&] { got.insert(queue.get().number); }, [&] { ASSERT_EQ(queue.qsize(), left); });
  }
  EXPECT_EQ(got, expected);
  EXPECT_TRUE(queue.empty());
}

TYPED_TEST(ThrowingItems, TryGet) {
  using Item = typename TypeParam::value_type;
  TypeParam queue;
  std::multiset<int> expected, got;
  for (int i = 0; i < 20; ++i) {
    queue.put(Item((i * 7) % 20));
    expected.insert((i * 7) % 20);
  }
  for (std::size_t left = 20; left != 0; --left) {
    this->sweep([&] { got.insert(queue.try_get().value().number); }, [&] { ASSERT_EQ(queue.qsize(), left); });
  }
  EXPECT_EQ(got, expected);
}

TYPED_TEST(ThrowingItems, OrderIsKept) {
  using Item = typename TypeParam::value_type;
  TypeParam undisturbed, queue;
  for (int i = 0; i < 40; ++i) {
    undisturbed.put(Item((i * 7) % 40));
    this->sweep([&] { queue.put(Item((i * 7) % 40)); }, [] {});
  }
  for (int i = 0; i < 40; ++i) {
    const int expected = undisturbed.get().number;
    int number = -1;
    this->sweep([&] { number = queue.get().number; }, [] {});
    ASSERT_EQ(number, expected);
  }
}

template <class Q>
class ThrowingMoves : public testing::Test {};
using QueuesOfTouchy = testing::Types<Queue<Touchy>, LifoQueue<Touchy>, PriorityQueue<Touchy>, SimpleQueue<Touchy>>;
TYPED_TEST_SUITE(ThrowingMoves, QueuesOfTouchy);

TYPED_TEST(ThrowingMoves, BlockedGetThatFailsLetsTheNextGoOn) {
  using Item = typename TypeParam::value_type;
  TypeParam queue;
  const auto get = [&](int fuse) {
    Fuse::left = fuse;
    int number = 0;
    try {
      number = queue.get().number;
    } catch (const Fuse::Burnt&) {
      number = -2;
    }
    Fuse::left = 0;
    return number;
  };
  tests::Beside failing([&] { return get(1); });
  failing.await_sleep();  // first in line
  tests::Beside next([&] { return get(0); });
  next.await_sleep();
  queue.put(Item(5));
  const std::multiset<int> results{failing.result(), next.result()};
  EXPECT_TRUE(results == (std::multiset{-2, 5})) << "the one that failed has let the other go on";
}

TEST(ThrowingQueue, LeaksNoItem) { EXPECT_EQ(Touchy::alive, 0) << "after all the tests above"; }

TEST(ThrowingQueue, IterationGoesOnAfterOne) {
  Queue<Touchy> queue;
  for (int i = 0; i < 3; ++i) queue.put(Touchy(i));
  queue.shutdown();
  Fuse::left = 1;
  EXPECT_THROW(static_cast<void>(queue.begin() == queue.end()), Fuse::Burnt);
  Fuse::left = 0;
  int expected = 0;
  for (auto&& item : queue) EXPECT_EQ(item.number, expected++);
  EXPECT_EQ(expected, 3);
}

// Is made from anything, and its moves may throw for all that is known.
struct Greedy {
  template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, Greedy>)
  explicit Greedy(F&& /*unused*/) : text("made") {}
  Greedy(Greedy&& other)  // NOLINT(performance-noexcept-move-constructor)
      : text(std::exchange(other.text, "moved from")) {}
  Greedy& operator=(Greedy&&) = delete;
  ~Greedy() = default;
  friend bool operator<(const Greedy& a, const Greedy& b) { return a.text < b.text; }

  std::string text;
};

template <class Q>
class GreedyItems : public testing::Test {};
using QueuesOfGreedy = testing::Types<Queue<Greedy>, LifoQueue<Greedy>, PriorityQueue<Greedy>, SimpleQueue<Greedy>>;
TYPED_TEST_SUITE(GreedyItems, QueuesOfGreedy);

TYPED_TEST(GreedyItems, AreMadeFromItemsOnly) {
  TypeParam queue;
  for (int i = 0; i < 3; ++i) {
    Greedy item(i);
    item.text = "put";
    queue.put(std::move(item));
  }
  for (std::size_t left = 3; left != 0; --left) {
    EXPECT_EQ(queue.try_get().value().text, "put");
    EXPECT_EQ(queue.qsize(), left - 1);
  }
  EXPECT_FALSE(queue.try_get().has_value());
}

TYPED_TEST(ThrowingMoves, BlockedPutThatFailsLetsTheNextGoOn) {
  if constexpr (!std::is_same_v<TypeParam, SimpleQueue<Touchy>>) {
    TypeParam queue(1);
    queue.put(Touchy(0));
    const auto put_one = [&](int fuse) {
      Touchy item(fuse);
      Fuse::left = fuse;
      bool done = true;
      try {
        queue.put(std::move(item));
      } catch (const Fuse::Burnt&) {
        done = false;
      }
      Fuse::left = 0;
      return done;
    };
    tests::Beside failing([&] { return put_one(1); });
    failing.await_sleep();  // first in line
    tests::Beside next([&] { return put_one(0); });
    next.await_sleep();
    EXPECT_EQ(queue.get().number, 0);
    EXPECT_FALSE(failing.result());
    EXPECT_TRUE(next.result()) << "the one that failed has let it go on";
    EXPECT_EQ(queue.qsize(), 1U);
  }
}

}  // namespace
}  // namespace plait::queue
