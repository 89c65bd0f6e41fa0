// SPDX-License-Identifier: Apache-2.0
//
// One program, for processes and for threads: included once for each, with PLAIT_EITHER as its name and
// PLAIT_EITHER_NAMESPACE as the namespace that it uses. No include guard.

namespace plait::multiprocessing::PLAIT_EITHER {

namespace mp = PLAIT_EITHER_NAMESPACE;
using namespace std::chrono_literals;

// ---- processes

inline void put_text(mp::Queue<std::string> out, std::string text) { out.put(text + "!"); }

struct Spider : mp::ShippableProcess<Spider> {
  explicit Spider(mp::Queue<std::string> to = mp::Queue<std::string>(), std::string where = {})
      : out(std::move(to)), url(std::move(where)) {}
  void run() override { out.put("crawled " + url); }
  template <class A>
  void serialize(A& ar) {
    ar(out, url);
  }
  mp::Queue<std::string> out;
  std::string url;
};

TEST(PLAIT_EITHER, ProcessByTargetAndBySubclass) {
  mp::Queue<std::string> out;
  mp::Process process({.name = "p", .daemon = false}, put_text, out, "hello");
  EXPECT_EQ(process.name(), "p");
  EXPECT_FALSE(process.daemon());
  EXPECT_FALSE(process.is_alive());
  EXPECT_EQ(process.exitcode(), std::nullopt);
  EXPECT_EQ(process.pid(), std::nullopt);
  process.start();
  EXPECT_TRUE(process.pid().has_value());
  process.join();
  EXPECT_FALSE(process.is_alive());
  EXPECT_EQ(process.exitcode(), 0);
  EXPECT_EQ(out.get(), "hello!");

  Spider spider(out, "here");
  spider.start();
  spider.join(30s);
  EXPECT_EQ(spider.exitcode(), 0);
  EXPECT_EQ(out.get({.timeout = 30s}), "crawled here");
}

inline void wait_for(mp::Event begun, mp::Event go_on) {
  begun.set();
  go_on.wait();
}

TEST(PLAIT_EITHER, ActiveChildren) {
  EXPECT_TRUE(mp::active_children().empty());
  const mp::Event begun, go_on;
  mp::Process process(wait_for, begun, go_on);
  process.start();
  EXPECT_TRUE(begun.wait(30s));
  EXPECT_EQ(mp::active_children().size(), 1U);
  EXPECT_EQ(mp::active_children().at(0).name(), process.name());
  EXPECT_FALSE(mp::current_process().name().empty());
  go_on.set();
  process.join();
  EXPECT_TRUE(mp::active_children().empty());
}

// ---- queues

inline void produce(mp::Queue<int> out, int count) {
  for (int i = 1; i <= count; ++i) out.put(i);
  out.close();
  out.join_thread();
}
inline void work(mp::JoinableQueue<int> in, mp::SimpleQueue<int> out) {
  for (int x : in) {
    out.put(x * x);
    in.task_done();
  }
}

TEST(PLAIT_EITHER, Queues) {
  mp::Queue<int> numbers(3);
  mp::Process producer(produce, numbers, 10);
  producer.start();
  for (int i = 1; i <= 10; ++i) EXPECT_EQ(numbers.get({.timeout = 30s}), i);
  producer.join();
  EXPECT_TRUE(numbers.empty());
  EXPECT_THROW((void)numbers.get_nowait(), queue::Empty);
  EXPECT_THROW((void)numbers.get({.timeout = -1s}), queue::Empty);
  EXPECT_EQ(numbers.try_get(), std::nullopt);
  for (int i = 0; i < 3; ++i) numbers.put_nowait(i);
  EXPECT_TRUE(numbers.full());
  EXPECT_EQ(numbers.qsize(), 3U);
  EXPECT_THROW(numbers.put({.block = false}, 4), queue::Full);
  EXPECT_FALSE(numbers.try_put(4));
  numbers.shutdown();
  EXPECT_THROW(numbers.put(1), queue::ShutDown);

  mp::JoinableQueue<int> tasks;
  mp::SimpleQueue<int> results;
  mp::Process worker(work, tasks, results);
  worker.start();
  for (int i = 1; i <= 3; ++i) tasks.put(i);
  tasks.join();
  EXPECT_EQ(tasks.unfinished_tasks(), 0U);
  for (int i = 1; i <= 3; ++i) EXPECT_EQ(results.get(), i * i);
  EXPECT_TRUE(results.empty());
  EXPECT_THROW(tasks.task_done(), ValueError);
  tasks.shutdown();
  worker.join();

  mp::Queue<int> closed;
  closed.close();
  EXPECT_THROW(closed.put(1), ValueError);
}

// ---- locks and the like

inline void count_to(mp::Lock lock, mp::RLock again, mp::RawValue<int> plain, mp::Value<int> guarded, int n) {
  for (int i = 0; i < n; ++i) {
    {
      const std::scoped_lock held(lock);
      const std::scoped_lock once(again);
      const std::scoped_lock twice(again);
      ++*plain;
    }
    const std::scoped_lock held(guarded.get_lock());
    ++*guarded;
  }
}

TEST(PLAIT_EITHER, LocksAndValues) {
  mp::Lock lock;
  mp::RLock again;
  mp::RawValue<int> plain(0);
  mp::Value<int> guarded(0);
  mp::Process a(count_to, lock, again, plain, guarded, 1000), b(count_to, lock, again, plain, guarded, 1000);
  a.start();
  b.start();
  a.join();
  b.join();
  EXPECT_EQ(*plain, 2000);
  EXPECT_EQ(guarded.value(), 2000);
  EXPECT_TRUE(lock.acquire());
  EXPECT_FALSE(lock.acquire(false));
  EXPECT_FALSE(lock.acquire({.block = true, .timeout = 1ms}));
  EXPECT_FALSE(lock.acquire(-1s));
  EXPECT_TRUE(lock.locked());
  lock.release();
  mp::Value<double> shares({.lock = &lock}, 1.5);
  {
    const std::scoped_lock held(shares);
    EXPECT_FALSE(lock.try_lock());
  }
  EXPECT_TRUE(lock.try_lock());
  lock.unlock();
  plain.atomic().fetch_add(1);
  EXPECT_EQ(*plain, 2001);
}

inline void add_one(mp::Array<int> numbers, mp::RawArray<char> text) {
  const std::scoped_lock held(numbers.get_lock());
  for (int& n : numbers) ++n;
  text.set_value("hi");
}

TEST(PLAIT_EITHER, Arrays) {
  mp::Array<int> numbers({1, 2, 3});
  mp::RawArray<char> text(4);
  mp::Process process(add_one, numbers, text);
  process.start();
  process.join();
  EXPECT_THAT(std::vector(numbers.begin(), numbers.end()), testing::ElementsAre(2, 3, 4));
  EXPECT_EQ(numbers.size(), 3U);
  EXPECT_EQ(numbers.at(-1), 4);
  EXPECT_THROW((void)numbers.at(3), IndexError);
  EXPECT_EQ(numbers.slice(1, -1).size(), 1U);
  EXPECT_EQ(text.value(), "hi");
  EXPECT_EQ(text.raw().size(), 4U);
  EXPECT_THROW((void)mp::RawArray<int>(-1), ValueError);
  EXPECT_EQ(mp::RawArray<int>(std::vector{7, 8})[1], 8);
}

inline void meet(mp::Barrier barrier, mp::Semaphore free, mp::Condition changed, mp::Value<int> arrived) {
  barrier.wait();
  free.release();
  const std::scoped_lock held(changed);
  ++*arrived;
  changed.notify_all();
}

TEST(PLAIT_EITHER, MeetingPlaces) {
  mp::Barrier barrier(3);
  mp::Semaphore free(0);
  mp::Condition changed;
  mp::Value<int> arrived(0);
  mp::Process a(meet, barrier, free, changed, arrived), b(meet, barrier, free, changed, arrived);
  a.start();
  b.start();
  barrier.wait(30s);
  EXPECT_TRUE(free.acquire(30s));
  EXPECT_TRUE(free.acquire(30s));
  {
    const std::scoped_lock held(changed);
    EXPECT_TRUE(changed.wait_for([&] { return *arrived == 2; }, 30s));
  }
  EXPECT_EQ(free.get_value(), 0);
  EXPECT_FALSE(free.acquire(false));
  EXPECT_EQ(barrier.parties(), 3);
  EXPECT_FALSE(barrier.broken());
  barrier.abort();
  EXPECT_THROW(barrier.wait(), mp::BrokenBarrierError);
  mp::BoundedSemaphore bounded(1);
  EXPECT_THROW(bounded.release(), ValueError);
  a.join();
  b.join();
}

// ---- pipes

inline void answer(mp::Connection<int> end) {
  try {
    for (;;) end.send(end.recv() + 1);
  } catch (const EOFError&) {
  }
}

TEST(PLAIT_EITHER, Pipes) {
  auto [here, there] = mp::Pipe<int>();
  mp::Process process(answer, there);
  process.start();
  there.close();
  EXPECT_FALSE(here.poll());
  for (int i = 0; i < 10; ++i) {
    here.send(i);
    EXPECT_EQ(here.recv(), i + 1);
  }
  here.close();
  EXPECT_TRUE(here.closed());
  EXPECT_THROW(here.send(1), std::system_error);

  auto [receiver, sender] = mp::Pipe({.duplex = false});
  EXPECT_TRUE(receiver.readable());
  EXPECT_FALSE(receiver.writable());
  sender.send("text");
  sender.send(3.5);
  EXPECT_TRUE(receiver.poll(30s));
  EXPECT_EQ(receiver.template recv<std::string>(), "text");
  EXPECT_THROW((void)receiver.template recv<int>(), TypeError);
  sender.send_bytes("bytes", 1, 3);
  EXPECT_EQ(receiver.recv_bytes(), "yte");
  sender.send_bytes("bytes");
  std::array<char, 8> buffer{};
  EXPECT_EQ(receiver.recv_bytes_into(buffer, 2), 5U);
  EXPECT_EQ(std::string_view(buffer.data() + 2, 5), "bytes");
  sender.send_bytes("too long for it");
  EXPECT_THROW((void)receiver.recv_bytes_into(buffer), BufferTooShort);
  sender.close();
  EXPECT_THROW((void)receiver.recv_bytes(), EOFError);
  process.join();
}

// ---- pools

inline int square(int x) { return x * x; }
inline int add(int x, int y) { return x + y; }
inline void send_square(mp::Queue<int> out, int x) { out.put(square(x)); }
inline mp::RawValue<int>& worker_level() {
  static thread_local mp::RawValue<int> level(0);
  return level;
}

TEST(PLAIT_EITHER, PoolWithAQueue) {
  mp::Pool pool({.processes = 2, .initializer = {[] { *worker_level() = 1; }}});
  mp::Queue<int> out;
  EXPECT_EQ(pool.apply(square, 3), 9);
  EXPECT_THAT(pool.map(square, std::vector{1, 2, 3}), testing::ElementsAre(1, 4, 9));
  EXPECT_THAT(pool.starmap(add, std::vector{std::pair{1, 2}, {3, 4}}), testing::ElementsAre(3, 7));
  int sum = 0;
  for (int x : pool.imap_unordered(square, std::vector{1, 2, 3})) sum += x;
  EXPECT_EQ(sum, 14);
  mp::AsyncResult<void> sent = pool.apply_async(send_square, out, 5);
  sent.wait();
  EXPECT_EQ(out.get(), 25);
  EXPECT_EQ(pool.apply([](int) { return *worker_level(); }, 0), 1);
  pool.close();
  pool.join();
  EXPECT_GT(mp::cpu_count(), 0);
}

}  // namespace plait::multiprocessing::PLAIT_EITHER

#undef PLAIT_EITHER
#undef PLAIT_EITHER_NAMESPACE
