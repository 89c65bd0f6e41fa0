// SPDX-License-Identifier: Apache-2.0
// Values and arrays in shared memory.
#include "plait/multiprocessing/shared_value.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <list>
#include <mutex>
#include <numeric>
#include <ranges>
#include <span>
#include <string>
#include <vector>

#include "plait/futures.hpp"
#include "plait/multiprocessing/pool.hpp"
#include "plait/multiprocessing/process.hpp"
#include "plait/multiprocessing/queue.hpp"
#include "plait/os.hpp"
#include "plait/partial.hpp"
#include "shm/heap.hpp"
#include "support/encoded.hpp"

namespace plait::multiprocessing {
namespace {

struct Point {
  double x = 0;
  double y = 0;
};

void join(Process& process) {
  process.join();
  EXPECT_EQ(process.exitcode(), 0);
}
template <class F, class... Args>
void in_child(F f, const Args&... args) {
  Process process(f, args...);
  process.start();
  join(process);
}

// ---- values

TEST(RawValue, IsZeroOrWhatItIsMadeOf) {
  EXPECT_EQ(*RawValue<int>(), 0);
  EXPECT_EQ(*RawValue<int>(7), 7);
  EXPECT_EQ(RawValue<Point>(1.5, 2.5)->y, 2.5);
  EXPECT_EQ(RawValue<bool>(true).value(), true);
}

TEST(RawValue, IsTheSameForAllHandlesInAllProcesses) {
  const RawValue<Point> point(1.0, 2.0);
  const RawValue<Point> copy = point;
  copy->x = 3;
  EXPECT_EQ(point->x, 3);
  in_child([](RawValue<Point> its) { *its = {its->x + 1, 5}; }, point);
  EXPECT_EQ(copy->x, 4);
  EXPECT_EQ(copy->y, 5);
}

TEST(RawValue, AtomicCountsWithoutALock) {
  const RawValue<std::int64_t> count;
  const auto add = [](RawValue<std::int64_t> its) {
    for (int i = 0; i < 50'000; ++i) its.atomic().fetch_add(1, std::memory_order_relaxed);
  };
  Process one(add, count), two(add, count);
  one.start();
  two.start();
  join(one);
  join(two);
  EXPECT_EQ(*count, 100'000);
}

TEST(Value, LockMakesIncrementsExact) {
  const Value<int> count(0);
  const auto add = [](Value<int> its) {
    for (int i = 0; i < 20'000; ++i) {
      const std::scoped_lock held(its.get_lock());
      ++*its;
    }
  };
  Process one(add, count), two(add, count);
  one.start();
  two.start();
  join(one);
  join(two);
  EXPECT_EQ(count.get_obj(), 40'000);
}

TEST(Value, IsALockItself) {
  const Value<int> value(1);
  {
    const std::scoped_lock held(value);
    EXPECT_TRUE(value.try_lock()) << "an RLock";
    value.unlock();
    in_child([](Value<int> its) { ASSERT_FALSE(its.acquire(std::chrono::seconds(0))); }, value);
  }
  EXPECT_TRUE(value.acquire());
  value.release();
  EXPECT_THROW(value.release(), Error);
}

TEST(Value, TakesALockOfOnesOwn) {
  const Lock lock;
  const Value<int> first({.lock = &lock}, 1);
  const Array<int> second({.lock = &lock}, std::vector{1, 2});
  lock.acquire();
  EXPECT_FALSE(first.get_lock().try_lock());
  in_child([](Array<int> its) { ASSERT_FALSE(its.get_lock().try_lock()); }, second);
  lock.release();
  EXPECT_TRUE(second.get_lock().try_lock());
  EXPECT_TRUE(lock.locked());
  second.release();
}

TEST(Value, LivesAsLongAsAHandleOfIt) {
  static_cast<void>(Value<int>());  // the table of shared objects is there
  const std::size_t before = shm::Heap::get().bytes_in_use();
  futures::ProcessPoolExecutor pool({.max_workers = 1});
  {
    futures::Future<Value<int>> made = pool.submit([](int of) { return Value<int>(of); }, 5);
    const Value<int> value = made.result();
    EXPECT_EQ(*value, 5);
    EXPECT_TRUE(value.get_lock().try_lock());
    value.release();
  }
  pool.shutdown();
  EXPECT_LE(shm::Heap::get().bytes_in_use(), before + 4096) << "tables may have grown";
}

TEST(Value, HandlesInAForkOfTheHostThrow) {
  const Value<int> value(3);
  const Array<int> array({1, 2});
  const pid_t child = os::fork();
  if (child == 0) {
    int refused = 0;
    try {
      static_cast<void>(*value);
    } catch (const RuntimeError&) {
      ++refused;
    }
    try {
      static_cast<void>(array.data());
    } catch (const RuntimeError&) {
      ++refused;
    }
    ::_exit(refused);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 2);
}

// ---- arrays

TEST(RawArray, IsMadeOfASizeOrOfElements) {
  const RawArray<int> zeros(3);
  EXPECT_EQ(std::vector<int>(zeros.begin(), zeros.end()), std::vector<int>(3));
  const RawArray<int> listed({4, 5, 6});
  EXPECT_EQ(listed[2], 6);
  const std::list<short> shorts{1, 2};
  EXPECT_EQ(RawArray<long>(shorts).at(1), 2);
  EXPECT_EQ(RawArray<int>(std::views::iota(0, 5)).size(), 5U);
  EXPECT_TRUE(RawArray<int>(0).empty());
  static_assert(std::ranges::contiguous_range<RawArray<int>>);
}

TEST(RawArray, RefusesImpossibleSizes) {
  EXPECT_THROW(RawArray<int>(-1), ValueError);
  constexpr std::ptrdiff_t most = std::numeric_limits<std::ptrdiff_t>::max();
  EXPECT_THROW(static_cast<void>(RawArray<double>(most)), OutOfSharedMemory);
  EXPECT_THROW(Array<char>(std::ptrdiff_t{1} << 60), OutOfSharedMemory);
}

TEST(RawArray, IndexesAsPythonDoes) {
  const RawArray<int> array({10, 20, 30});
  EXPECT_EQ(array.at(0), 10);
  EXPECT_EQ(array.at(-1), 30);
  EXPECT_EQ(array.at(-3), 10);
  EXPECT_THROW(static_cast<void>(array.at(3)), IndexError);
  EXPECT_THROW(static_cast<void>(array.at(-4)), IndexError);
  EXPECT_THROW(static_cast<void>(RawArray<int>(0).at(0)), IndexError);
}

TEST(RawArray, SlicesAsPythonDoes) {
  const RawArray<int> array({0, 1, 2, 3, 4});
  const auto slice = [&array](std::ptrdiff_t from, std::ptrdiff_t to) {
    const std::span<int> part = array.slice(from, to);
    return std::vector<int>(part.begin(), part.end());
  };
  EXPECT_EQ(slice(1, 3), (std::vector{1, 2}));
  EXPECT_EQ(slice(-2, 99), (std::vector{3, 4}));
  EXPECT_EQ(slice(-99, 2), (std::vector{0, 1}));
  EXPECT_EQ(slice(3, 1), std::vector<int>());
  EXPECT_EQ(slice(7, 9), std::vector<int>());
  array.slice(0, 2)[1] = 9;
  EXPECT_EQ(array[1], 9) << "a view";
}

TEST(RawArray, OfCharsIsAText) {
  const RawArray<char> text(5);
  text.set_value("abc");
  EXPECT_EQ(text.value(), "abc");
  EXPECT_EQ(text.raw(), std::string("abc\0\0", 5));
  text.set_value("vwxyz");
  EXPECT_EQ(text.value(), "vwxyz");
  text.set_value("q");
  EXPECT_EQ(text.raw(), std::string("q\0xyz", 5));
  EXPECT_THROW(text.set_value("too long"), ValueError);
  EXPECT_EQ(text.value(), "q");
}

TEST(Array, IsSharedWithItsLock) {
  const Array<double> array({1, 2, 3});
  const std::scoped_lock held(array.get_lock());
  in_child(
      [](Array<double> its) {
        ASSERT_FALSE(its.try_lock());
        for (double& element : its) element *= 2;
      },
      array);
  EXPECT_EQ(array.get_obj()[2], 6);
}

TEST(Array, HandleOfAnotherTypeIsRefused) {
  futures::ProcessPoolExecutor pool({.max_workers = 1});
  const RawValue<char> one_byte;
  EXPECT_THROW(static_cast<void>(wire::loads<RawArray<double>>(tests::encoded(one_byte))), DecodeError);
  EXPECT_THROW(static_cast<void>(wire::loads<RawValue<Point>>(tests::encoded(one_byte))), DecodeError);
  EXPECT_THROW(static_cast<void>(wire::loads<Value<char>>(tests::encoded(one_byte))), DecodeError) << "it has no lock";
}

// ---- handles in the wrong place

TEST(HandlesAsBytes, AreRefusedWhereBytesMayBeKept) {
  EXPECT_THROW(static_cast<void>(wire::dumps(Value<int>(1))), EncodeError);
  EXPECT_THROW(static_cast<void>(wire::dumps(std::vector{Lock()})), EncodeError);
  EXPECT_NO_THROW(static_cast<void>(wire::dumps(std::vector<Lock>())));
}

// A program of its own, as another one would be that has got the bytes: what they name there is something else.
TEST(HandlesAsBytes, OfAnotherFamilyAreRefusedAndHarmNothing) {
  const Queue<int> queue;
  queue.put(1);
  const std::vector<std::byte> bytes = tests::encoded(queue);
  const pid_t child = ::fork();
  if (child == 0) {
    const Queue<int> own;  // founds a family
    own.put(77);
    int refused = 0;
    for (int i = 0; i < 3; ++i) {
      try {
        static_cast<void>(wire::loads<Queue<int>>(bytes));
      } catch (const DecodeError&) {
        ++refused;
      }
    }
    own.put(78);
    ::_exit(refused == 3 && own.get() == 77 && own.get() == 78 ? 0 : 1);
  }
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(wire::loads<Queue<int>>(bytes).get(), 1) << "here they arrive, once";
}

// ---- views of arrays as parameters

struct Seen {
  std::uintptr_t address = 0;
  double sum = 0;
};
Seen look(std::span<const double> elements) {
  return {reinterpret_cast<std::uintptr_t>(elements.data()), std::accumulate(elements.begin(), elements.end(), 0.0)};
}
double part_of(std::span<const double> elements, std::size_t from, std::size_t to) {
  const auto part = elements.subspan(from, to - from);
  return std::accumulate(part.begin(), part.end(), 0.0);
}
void note(std::span<const double> elements, RawValue<Seen> seen) { *seen = look(elements); }

// The heap is at the same address in all processes, so an array that was not copied is, too.
TEST(ViewOfAnArray, IsNotCopied) {
  const RawArray<double> plain(std::views::iota(0, 100'000));
  const Array<double> guarded(plain.span());
  futures::ProcessPoolExecutor pool({.max_workers = 2});
  EXPECT_EQ(pool.submit(look, plain).result().address, reinterpret_cast<std::uintptr_t>(plain.data()));
  EXPECT_EQ(pool.submit(look, guarded).result().address, reinterpret_cast<std::uintptr_t>(guarded.data()));
  EXPECT_EQ(pool.submit(partial(look, plain)).result().address, reinterpret_cast<std::uintptr_t>(plain.data()));
  EXPECT_EQ(pool.submit([](std::span<const double> its) { return its.size(); }, plain).result(), 100'000U);
  Pool processes(2);
  EXPECT_EQ(processes.apply(look, plain).sum, 100'000.0 * 99'999 / 2);
  EXPECT_EQ(processes.apply(look, plain).address, reinterpret_cast<std::uintptr_t>(plain.data()));
  const std::vector<double> local(10, 0.5);
  EXPECT_EQ(pool.submit(look, local).result().sum, 5) << "other ranges are copied, as ever";
}

TEST(ViewOfAnArray, GoesToEveryTaskOfAMap) {
  const RawArray<double> samples(std::views::iota(0, 1'000));
  const std::vector<std::size_t> from{0, 250, 500, 750}, to{250, 500, 750, 1'000};
  futures::ProcessPoolExecutor processes({.max_workers = 2});
  futures::ThreadPoolExecutor threads({.max_workers = 2});
  double by_processes = 0, by_threads = 0;
  for (const double sum : processes.map(partial(part_of, samples), from, to)) by_processes += sum;
  for (const double sum : threads.map(partial(part_of, samples), from, to)) by_threads += sum;
  EXPECT_EQ(by_processes, 1'000.0 * 999 / 2);
  EXPECT_EQ(by_threads, by_processes);
  const auto always = std::views::iota(0) | std::views::transform([&samples](int) { return samples; });
  int seen = 0;
  for (const Seen& each : processes.map({.buffersize = 2}, look, always)) {
    EXPECT_EQ(each.address, reinterpret_cast<std::uintptr_t>(samples.data()));
    if (++seen == 3) break;
  }
}

TEST(ViewOfAnArray, GoesToAProcess) {
  const RawArray<double> samples(std::views::iota(0, 1'000));
  const RawValue<Seen> seen;
  in_child(note, samples, seen);
  EXPECT_EQ(seen->sum, 1'000.0 * 999 / 2);
  EXPECT_EQ(seen->address, reinterpret_cast<std::uintptr_t>(samples.data()));
}

}  // namespace
}  // namespace plait::multiprocessing
