// SPDX-License-Identifier: Apache-2.0
// The objects that processes share, with a process killed at every step of what it does with them. Built with a plait
// that has kill points (src/os/kill_point.hpp).
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "fault_test.hpp"
#include "os/file_descriptor.hpp"
#include "plait/multiprocessing/connection/wait.hpp"
#include "plait/multiprocessing/queue.hpp"
#include "plait/multiprocessing/shared_value.hpp"
#include "plait/multiprocessing/synchronize.hpp"
#include "shared_objects.hpp"
#include "shared_sweep.hpp"
#include "shm/heap.hpp"
#include "shm/shared_object.hpp"
#include "support/family.hpp"

namespace plait::faults {
namespace {

using namespace std::chrono_literals;

// What lies in a segment, in blocks of all kinds, and over the end of a segment.
std::vector<std::string> items() {
  std::vector<std::string> all{"a", std::string(5'000, 'b'), std::string(2'000'000, 'c'), std::string(200'000, 'd')};
  for (int i = 0; i < 14; ++i) all.emplace_back(3'000, static_cast<char>('e' + i));
  return all;
}

// Memory that deaths may cost: some segments, and an item that was in the hands of the dead.
constexpr std::size_t price_of_deaths = std::size_t{6} << 20;

TEST_F(SharedSweep, QueueWhenAPutterDies) {
  const std::vector<std::string> all = items();
  const std::size_t before = shm::Heap::get().bytes_in_use();
  {
    const mp::Queue<std::string> queue;
    const mp::RawValue<int> done;
    const int deaths = sweep([&] { *done = 0; },
                             [&] {
                               for (const std::string& item : all) {
                                 queue.put(item);
                                 ++*done;
                               }
                             },
                             [&](bool died) {
                               int count = 0;
                               while (const auto item = queue.try_get()) {
                                 ASSERT_LT(count, static_cast<int>(all.size()));
                                 EXPECT_EQ(*item, all[static_cast<std::size_t>(count)]);
                                 ++count;
                               }
                               EXPECT_GE(count, *done) << "what was put is there";
                               EXPECT_LE(count, *done + (died ? 1 : 0));
                               EXPECT_EQ(queue.qsize(), 0U);
                             });
    EXPECT_GT(deaths, 5 * static_cast<int>(all.size())) << "kill points are missing";
  }
  EXPECT_LE(shm::Heap::get().bytes_in_use(), before + price_of_deaths);
}

TEST_F(SharedSweep, QueueWhenAGetterDies) {
  const std::vector<std::string> all = items();
  const std::size_t before = shm::Heap::get().bytes_in_use();
  {
    const mp::Queue<std::string> queue(static_cast<std::int64_t>(all.size()));
    const mp::RawValue<int> done;
    const int deaths = sweep(
        [&] {
          *done = 0;
          for (const std::string& item : all) queue.put_nowait(item);
          EXPECT_TRUE(queue.full());
        },
        [&] {
          for (std::size_t i = 0; i < all.size(); ++i) {
            if (queue.get() != all[i]) std::_Exit(3);
            ++*done;
          }
        },
        [&](bool died) {
          const int taken = static_cast<int>(all.size() - queue.qsize());
          EXPECT_GE(taken, *done);
          EXPECT_LE(taken, *done + (died ? 1 : 0)) << "a death costs one item";
          for (auto i = static_cast<std::size_t>(taken); i < all.size(); ++i) EXPECT_EQ(queue.get_nowait(), all[i]);
          EXPECT_TRUE(queue.empty());
        });
    EXPECT_GT(deaths, 4 * static_cast<int>(all.size())) << "kill points are missing";
  }
  EXPECT_LE(shm::Heap::get().bytes_in_use(), before + price_of_deaths);
}

TEST_F(SharedSweep, QueueWhenOneOfTheSleepingDies) {
  const mp::Queue<int> queue(1), answers;
  const auto pass_on = [&] { answers.put(queue.get()); };
  // The other one must not be forgotten, whichever of the two was woken.
  for (long points = 0; points < 40 && !testing::Test::HasFailure(); ++points) {
    mp::Process other = mp::Process::forked(pass_on);
    other.start();
    mp::Process victim = mp::Process::forked([&] {
      points_to_pass = points;
      pass_on();
      points_to_pass = -1;
    });
    victim.start();
    queue.put(1);
    queue.put({.timeout = T}, 2);
    victim.join();
    if (queue.try_put(3)) {
    }
    other.join(10s);
    EXPECT_EQ(other.exitcode(), 0);
    while (queue.try_get()) {
    }
    while (answers.try_get()) {
    }
  }
}

// Until the process sleeps, or has died.
void await_sleep(const mp::Process& process) {
  const std::string path = "/proc/" + std::to_string(process.pid().value()) + "/stat";
  for (int seen = 0; seen < 50;) {  // so often in a row, since it may sleep a little on its way
    const std::string stat = tests::read_file(path);
    const auto state = stat.rfind(") ");
    if (state == std::string::npos || stat[state + 2] == 'Z') return;
    seen = stat[state + 2] == 'S' ? seen + 1 : 0;
    std::this_thread::yield();
  }
}

// It waits for two queues, and takes nothing; alone, and beside a descriptor.
TEST_F(SharedSweep, QueueWhenOneThatWaitsForSeveralDies) {
  const mp::Queue<int> queue, beside, answers;
  const os::FileDescriptor event = os::make_event();
  for (const bool has_descriptor : {false, true}) {
    std::vector<mp::Waitable> all{beside, queue};
    if (has_descriptor) all.emplace_back(event.get());
    int deaths = 0;
    for (long round = 0; round < 60 && !testing::Test::HasFailure(); ++round) {
      mp::Process other = mp::Process::forked([&] { answers.put(queue.get()); });
      mp::Process victim = mp::Process::forked([&] {
        points_to_pass = round % 6;
        static_cast<void>(mp::connection::wait(all));
        points_to_pass = -1;
      });
      mp::Process& first = round % 2 == 0 ? victim : other;
      mp::Process& second = round % 2 == 0 ? other : victim;
      for (mp::Process* const process : {&first, &second}) {
        process->start();
        await_sleep(*process);
      }
      queue.put(1);
      EXPECT_EQ(answers.try_get(10s), 1);
      beside.put(2);
      victim.join();
      if (victim.exitcode() == -SIGKILL) ++deaths;
      other.join();
      EXPECT_EQ(other.exitcode(), 0);
      EXPECT_EQ(beside.try_get(), 2);
    }
    EXPECT_GT(deaths, 20) << "kill points are missing";
  }
}

TEST_F(SharedSweep, LockWhenItsOwnerOrAWaiterDies) {
  const mp::Lock lock;
  std::atomic<bool> over{false};
  // Keeps it contended, so that the child comes to sleep.
  std::jthread rival([&] {
    while (!over) {
      bool abandoned = false;
      if (!lock.acquire({.timeout = T, .abandoned = &abandoned})) ADD_FAILURE() << "nobody gives it back";
      std::this_thread::sleep_for(100us);
      lock.release();
      std::this_thread::yield();
    }
  });
  for (int round = 0; round < 20; ++round) {
    sweep([] {},
          [&] {
            for (int i = 0; i < 3; ++i) {
              bool abandoned = false;
              static_cast<void>(lock.acquire({.abandoned = &abandoned}));
              lock.release();
            }
          },
          [](bool) {});
  }
  over = true;
}

TEST_F(SharedSweep, ConditionWhenTheNotifierDies) {
  const mp::Condition condition;
  sweep([] {},
        [&] {
          const std::scoped_lock held(condition);
          condition.notify_all();
        },
        [&](bool) {
          bool abandoned = false;
          EXPECT_TRUE(condition.acquire({.timeout = T, .abandoned = &abandoned}));
          condition.notify_all();
          condition.release();
        });
  for (long points = 0; points < 12; ++points) {
    const mp::Semaphore waits(0);
    std::vector<std::future<bool>> waiters;
    for (int i = 0; i < 2; ++i) {
      waiters.push_back(std::async(std::launch::async, [&] {
        bool abandoned = false;
        static_cast<void>(condition.acquire({.abandoned = &abandoned}));
        waits.release();
        try {
          const bool notified = condition.wait(10s);
          condition.release();
          return notified;
        } catch (const mp::AbandonedLockError&) {
          condition.release();
          return true;
        }
      }));
    }
    waits.acquire();
    waits.acquire();
    mp::Process victim = mp::Process::forked([&] {
      points_to_pass = points;
      const std::scoped_lock held(condition);
      condition.notify_all();
    });
    victim.start();
    victim.join();
    bool abandoned = false;
    EXPECT_TRUE(condition.acquire({.timeout = 5 * T, .abandoned = &abandoned}));
    condition.notify_all();
    condition.release();
    for (auto& waiter : waiters) EXPECT_TRUE(waiter.get());
  }
}

TEST_F(SharedSweep, ConditionWhenAWaiterDies) {
  const mp::Condition condition;
  const mp::Semaphore waits(0);
  for (long points = 0; points < 12; ++points) {
    auto other = std::async(std::launch::async, [&] {
      const std::scoped_lock held(condition);
      waits.release();
      try {
        return condition.wait(10s);
      } catch (const mp::AbandonedLockError&) {
        return true;  // it has the lock, and was woken
      }
    });
    waits.acquire();
    mp::Process victim = mp::Process::forked([&] {
      points_to_pass = points;
      const std::scoped_lock held(condition);
      waits.release();
      condition.wait(10s);
    });
    victim.start();
    if (!waits.acquire(100ms)) {  // it died before
    }
    bool abandoned = false;
    EXPECT_TRUE(condition.acquire({.timeout = 5 * T, .abandoned = &abandoned}));
    condition.notify_all();
    condition.release();
    EXPECT_TRUE(other.get());
    victim.join();
    static_cast<void>(condition.acquire({.abandoned = &abandoned}));  // it may have died with the lock
    condition.release();
    while (waits.acquire(false)) {
    }
  }
}

TEST_F(SharedSweep, BarrierWhenOnePartyDies) {
  const mp::Barrier barrier({.action = [] {}}, 2);
  for (const bool child_is_last : {false, true}) {
    for (long points = 0; points < 25; ++points) {
      auto other = std::async(std::launch::async, [&] {
        if (!child_is_last) {
          for (const Deadline soon = 20ms; barrier.n_waiting() < 1 && !soon.expired();) std::this_thread::yield();
        }
        try {
          return barrier.wait(child_is_last ? 200ms : 50ms) >= 0;
        } catch (const mp::BrokenBarrierError&) {
          return false;
        }
      });
      if (child_is_last) {
        for (const Deadline soon = 1s; barrier.n_waiting() < 1 && !soon.expired();) std::this_thread::yield();
      }
      mp::Process victim = mp::Process::forked([&] {
        points_to_pass = points;
        try {
          barrier.wait(5s);
        } catch (const mp::BrokenBarrierError&) {
        }
      });
      victim.start();
      victim.join();
      static_cast<void>(other.get());
      barrier.reset();
      EXPECT_FALSE(barrier.broken());
      EXPECT_EQ(barrier.n_waiting(), 0);
    }
  }
}

TEST_F(SharedSweep, SemaphoreWhenOneDies) {
  const mp::Semaphore semaphore(0);
  sweep([] {},
        [&] {
          semaphore.release(2);
          semaphore.acquire();
          if (!semaphore.acquire(1ms)) std::_Exit(3);
          if (semaphore.acquire(1ms)) std::_Exit(4);
        },
        [&](bool) {
          while (semaphore.acquire(false)) {
          }
          auto other = std::async(std::launch::async, [&] { return semaphore.acquire(10s); });
          semaphore.release();
          EXPECT_TRUE(other.get());
        });
}

TEST_F(SharedSweep, ObjectsThatAreMadeSentAndDropped) {
  const std::size_t before = shm::Heap::get().bytes_in_use();
  {
    const mp::Queue<mp::Value<int>> values;
    const int deaths = sweep([] {},
                             [&] {
                               for (int i = 0; i < 3; ++i) {
                                 const mp::Value<int> mine(i);
                                 values.put(mine);
                                 const mp::Value<int> received = values.get();
                                 if (*received != i) std::_Exit(3);
                                 const mp::Condition condition;
                                 const mp::Barrier barrier(2);
                               }
                             },
                             [&](bool) {
                               while (const auto value = values.try_get()) EXPECT_LT(**value, 3);
                               const mp::Lock fresh;
                               fresh.acquire();
                               fresh.release();
                             });
    EXPECT_GT(deaths, 30) << "kill points are missing";
  }
  EXPECT_LE(shm::Heap::get().bytes_in_use(), before + price_of_deaths);
}

// Whenever that is, what nobody else knows of goes with its maker, to the last byte.
TEST_F(SharedSweep, ObjectsWhoseMakerDies) {
  std::size_t before = 0;
  const int deaths = sweep([&] { before = bytes_in_use(); },
                           [] {
                             static const mp::Event event;
                             static const mp::RLock lock;
                             static const mp::Semaphore semaphore(3);
                             ::_exit(0);
                           },
                           [&](bool) { EXPECT_LE(shm::Heap::get().bytes_in_use(), before); });
  EXPECT_GT(deaths, 8) << "kill points are missing";
}

// What it had got is done, no more and no less: what the others have put and got still has to be.
TEST_F(SharedSweep, TasksWhenAWorkerDies) {
  const std::size_t before = shm::Heap::get().bytes_in_use();
  {
    const mp::JoinableQueue<std::string> queue;
    constexpr int tasks = 6;
    const int deaths = sweep(
        [&] {
          for (int i = 0; i < tasks; ++i) queue.put(std::string(i % 2 == 0 ? 10 : 10'000, 'x'));
        },
        [&] {
          for (int i = 0; i < 3; ++i) queue.get();
          for (int i = 0; i < 3; ++i) queue.task_done();
        },
        [&](bool) {
          const std::size_t left = queue.qsize();
          EXPECT_EQ(queue.unfinished_tasks(), left);
          for (std::size_t i = 0; i < left; ++i) queue.get();
          for (std::size_t i = 0; i < left; ++i) {
            EXPECT_FALSE(queue.join(0s));
            queue.task_done();
          }
          EXPECT_TRUE(queue.join(0s));
          EXPECT_THROW(queue.task_done(), ValueError);
        });
    EXPECT_GT(deaths, 20) << "kill points are missing";
  }
  EXPECT_LE(shm::Heap::get().bytes_in_use(), before + price_of_deaths);
}

// A worker that ends well, and is killed on the way: what it had got is done, or is for the others to finish.
TEST_F(SharedSweep, TasksWhenAWorkerDiesWhileItHandsThemOver) {
  const mp::JoinableQueue<int> queue;
  int handed_over = 0;
  const int deaths = sweep(
      [&] {
        for (int i = 0; i < 4; ++i) queue.put(i);
      },
      [&] {
        for (int i = 0; i < 3; ++i) queue.get();
        queue.task_done();
        shm::hand_over_objects(shm::Heap::get().self());
      },
      [&](bool) {
        const std::size_t left = queue.qsize();
        const std::size_t others = queue.unfinished_tasks() - left;
        EXPECT_TRUE(others == 0 || others == 2) << others;
        if (others == 2) ++handed_over;
        for (std::size_t i = 0; i < left; ++i) queue.get();
        for (std::size_t i = 0; i < left + others; ++i) {
          EXPECT_FALSE(queue.join(0s));
          queue.task_done();
        }
        EXPECT_TRUE(queue.join(0s));
        EXPECT_THROW(queue.task_done(), ValueError);
      });
  EXPECT_GT(deaths, 12) << "kill points are missing";
  EXPECT_GE(handed_over, 2) << "killed afterwards, and not killed at all";
}

// The dead worker's end is seen by a process that is killed while it settles that.
TEST_F(SharedSweep, TasksWhenWhoSettlesThemDies) {
  const mp::JoinableQueue<int> queue;
  const int deaths = sweep([&] { queue.put(1); },
                           [&] {
                             const mp::Event got;
                             mp::Process worker = mp::Process::forked([&] {
                               queue.get();
                               got.set();
                               mp::Event().wait();
                             });
                             worker.start();
                             got.wait();
                             worker.kill();
                             worker.join();
                           },
                           [&](bool) {
                             while (queue.try_get()) queue.task_done();
                             EXPECT_TRUE(queue.join(10s));
                             EXPECT_THROW(queue.task_done(), ValueError);
                           });
  EXPECT_GT(deaths, 20) << "kill points are missing";
}

// ---- processes

// Free, or abandoned, once all are dead that could have had it.
void expect_to_get(const mp::Lock& lock) {
  bool abandoned = false;
  EXPECT_TRUE(lock.acquire({.abandoned = &abandoned}));
  lock.release();
}

TEST_F(SharedSweep, ProcessesWhenTheirMakerDies) {
  const std::size_t before = shm::Heap::get().bytes_in_use();
  for (const char* const method : {"fork", "forkserver"}) {
    const mp::Lock lock;
    const int deaths = sweep([] {},
                             [&] {
                               const mp::Event held;
                               mp::Process child({.context = mp::get_context(method)}, hold_for_ever, lock, held);
                               child.start();
                               held.wait();
                               child.kill();
                               child.join();
                             },
                             [&](bool) { expect_to_get(lock); });
    EXPECT_GT(deaths, 10) << "kill points are missing";
  }
  EXPECT_LE(shm::Heap::get().bytes_in_use(), before + price_of_deaths);
}

// Who is killed has adopted the child of a child, or is about to.
TEST_F(SharedSweep, ProcessesWhenWhoAdoptsThemDies) {
  const mp::Lock lock;
  const int deaths = sweep([] {},
                           [&] {
                             const mp::Event held;
                             mp::Process child = mp::Process::forked([&] {
                               mp::Process({.context = mp::get_context("fork")}, hold_for_ever, lock, held).start();
                               mp::Event().wait();
                             });
                             child.start();
                             held.wait();
                             child.kill();
                             child.join();
                             expect_to_get(lock);
                           },
                           [&](bool) { expect_to_get(lock); });
  EXPECT_GT(deaths, 20) << "kill points are missing";
}

}  // namespace
}  // namespace plait::faults
