// SPDX-License-Identifier: Apache-2.0
// Messages that carry handles, with a process killed at every step of sending, taking and dropping them: a death costs
// a reference at most, and none is ever given back twice.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <optional>

#include "plait/multiprocessing/queue.hpp"
#include "plait/multiprocessing/synchronize.hpp"
#include "plait/wire.hpp"
#include "shared_sweep.hpp"
#include "shm/shared_object.hpp"
#include "support/encoded.hpp"

namespace plait::faults {
namespace {

// How many processes and messages have a reference to the lock's object.
std::uint32_t references(const mp::Lock& lock) {
  const std::vector<std::byte> bytes = tests::encoded(lock);
  std::uint64_t word = 0;
  std::memcpy(&word, bytes.data(), sizeof word);
  const std::uint32_t all = shm::find_object(word)->references.load();
  static_cast<void>(wire::loads<mp::Lock>(bytes));
  return all - 1;
}

// What a death may cost: the reference that the dead was about to give, and the one that it was about to give up.
constexpr std::uint32_t price = 2;

class DroppedSweep : public SharedSweep {
 protected:
  void refill(std::int64_t maxsize = 0, int items = 3) {
    lock_.emplace();
    queue_.emplace(maxsize);
    for (int i = 0; i < items; ++i) queue_->put_nowait(*lock_);
  }
  // What is in the queue is whole, whether somebody gets it or not.
  void check(bool died) {
    if (gets_) {
      for (std::size_t left = queue_->qsize(); left > 0; --left) EXPECT_EQ(queue_->get_nowait(), *lock_);
    }
    queue_.reset();
    EXPECT_GE(references(*lock_), 1U) << "one was given back twice";
    EXPECT_LE(references(*lock_), 1 + (died ? price : 0));
  }

  // Twice: what is left in the queue is dropped, and got.
  template <class Child>
  void sweep_both(std::int64_t maxsize, int items, Child child, int points) {
    for (const bool gets : {false, true}) {
      gets_ = gets;
      const int deaths = sweep([&] { refill(maxsize, items); }, child, [&](bool died) { check(died); });
      EXPECT_GT(deaths, points) << "kill points are missing";
    }
  }

  bool gets_ = false;
  std::optional<mp::Lock> lock_;
  std::optional<mp::Queue<mp::Lock>> queue_;
};

TEST_F(DroppedSweep, WhenAPutterDies) {
  const auto put = [&] {
    for (int i = 0; i < 3; ++i) queue_->put(*lock_);
  };
  sweep_both(0, 1, put, 15);
}

TEST_F(DroppedSweep, WhenAPutterWhoWasRefusedDies) {
  const auto put = [&] {
    for (int i = 0; i < 3; ++i) {
      EXPECT_FALSE(queue_->try_put(*lock_));
      static_cast<void>(queue_->get());
      queue_->put(*lock_);
    }
  };
  sweep_both(1, 1, put, 30);
}

TEST_F(DroppedSweep, WhenAGetterDies) {
  const auto get = [&] {
    for (int i = 0; i < 3; ++i) static_cast<void>(queue_->get());
  };
  sweep_both(0, 3, get, 15);
}

TEST_F(DroppedSweep, WhenWhoShutsItDownDies) {
  const auto shut_down = [&] { queue_->shutdown(true); };
  const int deaths = sweep([&] { refill(); }, shut_down,
                           [&](bool died) {
                             queue_->shutdown(true);
                             check(died);
                           });
  EXPECT_GT(deaths, 10) << "kill points are missing";
}

// Of a queue that nobody but the dead had: all that was in it.
TEST_F(DroppedSweep, WhenWhoDestroysItDies) {
  const int deaths = sweep([&] { lock_.emplace(); },
                           [&] {
                             const mp::Queue<mp::Lock> queue;
                             for (int i = 0; i < 3; ++i) queue.put(*lock_);
                           },
                           [&](bool died) {
                             EXPECT_GE(references(*lock_), 1U) << "one was given back twice";
                             EXPECT_LE(references(*lock_), 1 + (died ? price + 3 : 0));
                           });
  EXPECT_GT(deaths, 25) << "kill points are missing";
}

// Between two handles of an item: one has arrived.
struct Trap {
  mp::Lock first, second;
  template <class A>
  void serialize(A& ar) {
    ar(first);
    while (A::is_reading && hangs) ::pause();
    ar(second);
  }
  static inline bool hangs = false;
};

// Who looks after a dead getter, and one whose put waits for room, is killed at each step, and the next looks after
// all.
TEST_F(DroppedSweep, WhenWhoLooksAfterTheDeadDies) {
  for (const bool is_putter : {false, true}) {
    std::optional<mp::Queue<Trap>> queue;
    const mp::Event begun;  // not made by one that dies: what that leaves would be a chunk more to look at each time
    const int deaths = sweep(
        [&] {
          lock_.emplace();
          queue.emplace(1);
          queue->put({*lock_, *lock_});
          begun.clear();
        },
        [&] {
          const long own_points = points_to_pass.exchange(-1);
          mp::Process victim = mp::Process::forked([&] {
            begun.set();
            Trap::hangs = true;
            is_putter ? queue->put({*lock_, *lock_}) : static_cast<void>(queue->get());
          });
          victim.start();
          begun.wait();
          std::this_thread::sleep_for(std::chrono::milliseconds(2));
          points_to_pass = own_points;
          victim.kill();
          victim.join();
        },
        [&](bool died) {
          queue->shutdown(true);  // for who died while he looked at a queue leaves it undestroyed
          EXPECT_GE(references(*lock_), 1U) << "one was given back twice";
          EXPECT_LE(references(*lock_), 1 + (died ? price : 0));
        });
    EXPECT_GT(deaths, 10) << "kill points are missing";
  }
}

}  // namespace
}  // namespace plait::faults
