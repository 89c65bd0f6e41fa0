// SPDX-License-Identifier: Apache-2.0
// Messages that carry handles of shared objects and are dropped before anybody has decoded them.
#include <gtest/gtest.h>
#include <unistd.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "fault_test.hpp"
#include "plait/multiprocessing.hpp"
#include "plait/multiprocessing/shared_value.hpp"
#include "shared_objects.hpp"
#include "shm/message_block.hpp"
#include "support/encoded.hpp"

namespace plait::faults {
namespace {

using namespace std::chrono_literals;

// With handles of several kinds, one of them of a queue with an item that carries one; small, or of a size for which an
// item has a block of its own anyway.
struct Cargo {
  explicit Cargo(std::size_t size = 0) : text(size, 'x') { events.put(mp::Event()); }

  mp::Lock lock;
  mp::Condition condition;
  mp::Value<int> value{1};
  mp::Queue<mp::Event> events;
  std::string text;

  template <class A>
  void serialize(A& ar) {
    ar(lock, condition, value, events, text);
  }
};

// Where its serializer comes to an end, between two handles.
enum class End : std::uint8_t { none, throws_encoding, throws_decoding, hangs_decoding, dies_decoding };

struct Trap {
  explicit Trap(End its_end = End::none) : end(its_end) {}

  End end;
  mp::Event first, second;

  template <class A>
  void serialize(A& ar) {
    ar(end, first);
    if (A::is_reading) {
      first.set();
      if (end == End::throws_decoding) throw std::runtime_error("decoding");
      while (end == End::hangs_decoding) ::pause();
      if (end == End::dies_decoding) ::raise(SIGKILL);
    } else if (end == End::throws_encoding && !std::is_same_v<A, wire::SizeCounter>) {
      throw std::runtime_error("encoding");
    }
    ar(second);
  }
};

void get_one(mp::Queue<Trap> queue) { static_cast<void>(queue.get()); }
void put_one(mp::Queue<mp::Lock> queue, mp::Event begun) {
  const mp::Lock lock;
  begun.set();
  queue.put(lock);
}

}  // namespace

// ---- items of queues

TEST(FaultDropped, ItemsOfAQueueThatIsDestroyed) {
  const std::size_t before = bytes_in_use();
  {
    const mp::Queue<Cargo> queue;
    for (const std::size_t size : {0UL, 10'000UL, 1'000'000UL}) queue.put(Cargo(size));
    EXPECT_GT(bytes_in_use(), before);
  }
  EXPECT_TRUE(is_back_at(before));
}

TEST(FaultDropped, ItemsOfASimpleQueueThatIsDestroyed) {
  const std::size_t before = bytes_in_use();
  { mp::SimpleQueue<Cargo>().put(Cargo()); }
  EXPECT_TRUE(is_back_at(before));
}

TEST(FaultDropped, ItemsOfAQueueThatIsShutDownAtOnce) {
  const std::size_t before = bytes_in_use();
  const mp::JoinableQueue<Cargo> queue;
  const std::size_t empty = bytes_in_use();
  for (const std::size_t size : {0UL, 10'000UL}) queue.put(Cargo(size));
  queue.shutdown(true);
  EXPECT_TRUE(is_back_at(empty));
  EXPECT_GT(empty, before);
}

TEST(FaultDropped, ItemsThatWereNotPut) {
  const mp::Queue<mp::Lock> queue(1);
  queue.put(mp::Lock());
  const std::size_t before = bytes_in_use();
  EXPECT_THROW(queue.put_nowait(mp::Lock()), queue::Full);
  EXPECT_THROW(queue.put({.timeout = 1ms}, mp::Lock()), queue::Full);
  EXPECT_FALSE(queue.try_put(mp::Lock()));
  queue.shutdown();
  EXPECT_THROW(queue.put(mp::Lock()), queue::ShutDown);
  EXPECT_TRUE(is_back_at(before));
}

TEST(FaultDropped, ItemsThatArriveAreNotGivenBack) {
  const std::size_t before = bytes_in_use();
  {
    const mp::Queue<Cargo> queue;
    for (const std::size_t size : {0UL, 10'000UL}) {
      const Cargo sent(size);
      queue.put(sent);
      const Cargo got = queue.get();
      EXPECT_EQ(got.lock, sent.lock);
      EXPECT_EQ(got.text.size(), size);
      *sent.value = 5;
      EXPECT_EQ(*got.value, 5);
      EXPECT_FALSE(got.events.get().is_set());
    }
  }
  EXPECT_TRUE(is_back_at(before));
}

TEST(FaultDropped, EncodingThatFailsMidway) {
  const mp::Queue<Trap> queue;
  const std::size_t before = bytes_in_use();
  EXPECT_THROW(queue.put(Trap(End::throws_encoding)), std::runtime_error);
  EXPECT_TRUE(is_back_at(before));
}

TEST(FaultDropped, DecodingThatFailsMidway) {
  const mp::Queue<Trap> queue;
  const std::size_t before = bytes_in_use();
  {
    const Trap sent(End::throws_decoding);
    queue.put(sent);
    EXPECT_THROW(static_cast<void>(queue.get()), std::runtime_error);
    EXPECT_TRUE(sent.first.is_set());  // the one that had arrived
    EXPECT_FALSE(sent.second.is_set());
  }
  EXPECT_TRUE(is_back_at(before));
}

TEST(FaultDropped, ItemsWithinItems) {
  const std::size_t before = bytes_in_use();
  {
    const mp::Queue<mp::Queue<mp::Queue<mp::Lock>>> queue;
    const mp::Queue<mp::Queue<mp::Lock>> middle;
    const mp::Queue<mp::Lock> inner;
    inner.put(mp::Lock());
    middle.put(inner);
    queue.put(middle);
  }
  EXPECT_TRUE(is_back_at(before));
}

// Queues of queues of queues …: a handle does not say what its queue's items are.
using Chain = mp::Queue<mp::Queue<int>>;
mp::Queue<int> as_item(const Chain& queue) { return wire::loads<mp::Queue<int>>(tests::encoded(queue)); }

TEST(FaultDropped, AChainThatIsTooLongForAStack) {
  const auto make_and_drop = [] {
    Chain last;
    for (int i = 0; i < 3000; ++i) {
      const Chain queue;
      queue.put(as_item(last));
      last = queue;
    }
  };
  make_and_drop();  // the table of objects stays as large as it was
  const std::size_t before = bytes_in_use();
  make_and_drop();
  EXPECT_TRUE(is_back_at(before));
}

// It would keep itself.
TEST(FaultDropped, AQueueThatCarriesItselfAndIsShutDownAtOnce) {
  const std::size_t before = bytes_in_use();
  {
    const Chain queue;
    queue.put(as_item(queue));
    queue.shutdown(true);
  }
  EXPECT_TRUE(is_back_at(before));
}

class FaultDroppedOfProcesses : public SharedObjects {};
PLAIT_OVER_START_METHODS(FaultDroppedOfProcesses, "forkserver", "spawn", "fork");

TEST_P(FaultDroppedOfProcesses, AnItemInTheHandsOfTheDead) {
  const std::size_t before = bytes_in_use();
  {
    const mp::Queue<Trap> queue;
    const Trap sent(End::hangs_decoding);
    queue.put(sent);
    mp::Process getter = process(get_one, queue);
    getter.start();
    sent.first.wait();
    kill(getter);
    sent.first.clear();
    sent.second.set();  // both are still ours
  }
  EXPECT_TRUE(is_back_at(before));
}

TEST_P(FaultDroppedOfProcesses, AnItemOfAPutterThatDiesWhileItWaits) {
  const std::size_t before = bytes_in_use();
  {
    const mp::Queue<mp::Lock> queue(1);
    const mp::Event begun;
    queue.put(mp::Lock());
    mp::Process putter = process(put_one, queue, begun);
    putter.start();
    begun.wait();
    const std::string path = "/proc/" + std::to_string(putter.pid().value()) + "/stat";
    while (tests::read_file(path).find(") S") == std::string::npos) std::this_thread::yield();
    std::this_thread::sleep_for(10ms);
    kill(putter);
    static_cast<void>(queue.get_nowait());
    EXPECT_TRUE(queue.empty());
  }
  EXPECT_TRUE(is_back_at(before));
}

// ---- arguments of processes

void take(const Cargo&) {
  for (;;) ::pause();
}
void take_trap(const Trap&) {}

// A death in the middle of an arrival, or of making what is then replaced, may cost an object of all these.
TEST_P(FaultDroppedOfProcesses, ArgumentsOfOneThatIsKilledAtOnce) {
  constexpr int deaths = 60;
  const std::size_t before = bytes_in_use();
  std::size_t of_one = 0;
  {
    const Cargo cargo;
    of_one = bytes_in_use() - before;
  }
  for (int i = 0; i < deaths; ++i) {
    mp::Process victim = process(take, Cargo());
    victim.start();
    if (i % 2 == 1) std::this_thread::sleep_for(i * 20us);
    kill(victim);
  }
  EXPECT_TRUE(is_back_at(before + deaths / 4 * of_one));
}

TEST_P(FaultDroppedOfProcesses, ArgumentsThatAreHalfDecoded) {
  if (forks()) GTEST_SKIP() << "nothing is decoded";
  const std::size_t before = bytes_in_use();
  {
    const Trap sent(End::hangs_decoding), bad(End::throws_decoding);
    mp::Process victim = process(take_trap, sent);
    victim.start();
    sent.first.wait();
    kill(victim);
    mp::Process thrower = process(take_trap, bad);
    thrower.start();
    thrower.join();
    EXPECT_EQ(thrower.exitcode(), 1);
    EXPECT_TRUE(bad.first.is_set());
    sent.second.set();  // all are still ours
    bad.second.set();
  }
  EXPECT_TRUE(is_back_at(before));
}

TEST_P(FaultDroppedOfProcesses, ArgumentsOfOneThatIsNotStarted) {
  if (forks()) GTEST_SKIP() << "nothing is encoded";
  const std::size_t before = bytes_in_use();
  {
    mp::Process refused = process(take_trap, Trap(End::throws_encoding));
    EXPECT_THROW(refused.start(), std::runtime_error);
  }
  EXPECT_TRUE(is_back_at(before));
}

// ---- tasks of pools, and their results

Cargo make_cargo(std::size_t size) { return Cargo(size); }
Trap make_trap() { return Trap(End::throws_decoding); }
void use(const Cargo&) {}
void wait_for(const mp::Event& event) { event.wait(); }

class FaultDroppedOfPools : public SharedObjects {};
PLAIT_OVER_START_METHODS(FaultDroppedOfPools, "forkserver", "spawn", "fork");

TEST_P(FaultDroppedOfPools, TasksThatAreCancelled) {
  const std::size_t before = bytes_in_use();
  {
    ProcessPoolExecutor pool(workers(1));
    const mp::Event go_on;
    const Future<void> busy = pool.submit(wait_for, go_on);
    while (!busy.running()) std::this_thread::yield();
    std::vector<Future<void>> waiting;
    for (const std::size_t size : {0UL, 10'000UL}) {
      for (int i = 0; i < 10; ++i) waiting.push_back(pool.submit(use, Cargo(size)));
    }
    EXPECT_TRUE(waiting.back().cancel());
    std::jthread later([&] {
      std::this_thread::sleep_for(10ms);
      go_on.set();
    });
    pool.shutdown({.wait = true, .cancel_futures = true});
    EXPECT_TRUE(waiting.back().cancelled());
  }
  EXPECT_TRUE(is_back_at(before));
}

TEST_P(FaultDroppedOfPools, TasksWhoseWorkerDiesOrThrowsBeforeItHasThem) {
  const std::size_t before = bytes_in_use();
  {
    ProcessPoolExecutor pool(workers(1));
    const Trap deadly(End::dies_decoding), bad(End::throws_decoding);
    EXPECT_EQ(death_of(pool.submit(take_trap, deadly)).signal(), SIGKILL);
    EXPECT_THROW(pool.submit(take_trap, bad).result(), std::exception);
    for (const Trap* const sent : {&deadly, &bad}) {
      EXPECT_TRUE(sent->first.is_set());
      sent->second.set();  // both are still ours
    }
  }
  EXPECT_TRUE(is_back_at(before));
}

TEST_P(FaultDroppedOfPools, ResultsThatNobodyAsksFor) {
  const std::size_t before = bytes_in_use();
  {
    ProcessPoolExecutor pool(workers(2));
    for (const std::size_t size : {0UL, 10'000UL}) {
      std::vector<Future<Cargo>> results;
      for (int i = 0; i < 10; ++i) results.push_back(pool.submit(make_cargo, size));
      EXPECT_FALSE(results.front().result().events.get().is_set());
      futures::wait(results);
    }
    EXPECT_THROW(static_cast<void>(pool.submit(make_trap).result()), std::runtime_error);
  }
  EXPECT_TRUE(is_back_at(before));
}

// What the initializer gave to this worker.
std::optional<std::pair<mp::Lock, mp::Barrier>> kept;

void keep(const mp::Lock& lock, const mp::Barrier& all) { kept.emplace(lock, all); }
int meet_the_others(int x) {
  kept->second.wait();
  const std::scoped_lock lock(kept->first);
  return x;
}

TEST_P(FaultDroppedOfPools, InitializersGiveTheSameObjectsToAllWorkers) {
  constexpr int workers = 4;
  const std::size_t before = bytes_in_use();
  {
    const mp::Lock lock;
    const mp::Barrier all(workers);
    mp::Pool pool({.processes = workers, .initializer = {keep, lock, all}, .context = mp::get_context(GetParam())});
    for (int round = 0; round < 5; ++round) {
      const std::vector<int> met = pool.map({.chunksize = 1}, meet_the_others, std::vector<int>(workers, round));
      EXPECT_EQ(met, std::vector<int>(workers, round));
      EXPECT_THROW(pool.apply(::raise, SIGKILL), futures::WorkerDied);  // the next is given them, too
    }
    EXPECT_TRUE(lock.acquire(false));
    lock.release();
    pool.close();
    pool.join();
  }
  EXPECT_TRUE(is_back_at(before));
}

TEST_P(FaultDroppedOfPools, InitializersThatDieOrFailBeforeTheyHaveAll) {
  const std::size_t before = bytes_in_use();
  for (const End end : {End::dies_decoding, End::throws_decoding}) {
    const Trap trap(end);
    ProcessPoolOptions options = workers(2);
    options.initializer = {take_trap, trap};
    ProcessPoolExecutor pool(std::move(options));
    EXPECT_THROW(pool.submit(wait_for, mp::Event()).result(), futures::BrokenProcessPool);
    trap.second.set();  // is still ours
  }
  EXPECT_TRUE(is_back_at(before));
}

TEST_P(FaultDroppedOfPools, TasksOfAPoolThatIsTerminated) {
  const std::size_t before = bytes_in_use();
  {
    const mp::Event never;
    mp::Pool pool({.processes = 1, .context = mp::get_context(GetParam())});
    const auto busy = pool.apply_async(wait_for, never);
    std::vector<mp::AsyncResult<void>> waiting;
    for (int i = 0; i < 10; ++i) waiting.push_back(pool.apply_async(use, Cargo()));
    std::this_thread::sleep_for(5ms);
    pool.terminate();
    pool.join();
  }
  EXPECT_TRUE(is_back_at(before));
}

// ---- bytes that may be anything

TEST(FaultDropped, AListThatIsNone) {
  const std::size_t before = bytes_in_use();
  shm::Heap& heap = shm::Heap::get();
  for (const std::uint64_t nonsense : {~0ULL, 1ULL, 64ULL, 0x10000ULL, 1ULL << 40}) {
    void* const words = shm::allocate_message(100, 3);
    for (std::uint64_t& word : shm::handles_in(words, 100)) word = nonsense;
    shm::free_message(words, 100);

    void* const count = shm::allocate_message(100, 3);
    (shm::handles_in(count, 100).data())[-1] = nonsense;
    shm::free_message(count, 100);
  }
  EXPECT_EQ(shm::handles_in(heap.at(12345), 100).data(), nullptr);
  EXPECT_TRUE(is_back_at(before));
}

TEST(FaultDropped, AHandleThatIsNotInTheList) {
  const mp::Lock lock;
  const wire::MessageSize size = wire::message_size(lock);
  EXPECT_EQ(size.handles, 1U);
  const std::size_t before = bytes_in_use();
  for (const std::size_t listed : {0UL, 1UL}) {
    void* const block = shm::allocate_message(size.bytes, 1);
    const std::span bytes(static_cast<std::byte*>(block), size.bytes);
    const std::span<std::uint64_t> handles = shm::handles_in(block, size.bytes);
    wire::encode(lock, {bytes, handles});
    if (listed == 0) {
      EXPECT_THROW(static_cast<void>(wire::decode<mp::Lock>(bytes, handles.first(0))), DecodeError);
      EXPECT_EQ(wire::decode<mp::Lock>(bytes, handles), lock);
    } else {
      bytes[0] ^= std::byte{64};
      EXPECT_THROW(static_cast<void>(wire::decode<mp::Lock>(bytes, handles)), DecodeError);
      bytes[0] ^= std::byte{64};
    }
    shm::free_message(block, size.bytes);
  }
  EXPECT_TRUE(is_back_at(before));
}

}  // namespace plait::faults
