// SPDX-License-Identifier: Apache-2.0
// Managers of threads: what they make, and the operations of their proxies. Expected values are CPython's.
#include "plait/multiprocessing/dummy/manager.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <compare>
#include <cstddef>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "plait/errors.hpp"
#include "plait/multiprocessing/dummy.hpp"

namespace plait::multiprocessing::dummy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::ThrowsMessage;

constexpr auto lowest = std::numeric_limits<std::ptrdiff_t>::min(),
               highest = std::numeric_limits<std::ptrdiff_t>::max();

// ---- the manager

TEST(DummyManager, MakesWhatThreadsShare) {
  Manager manager;
  const auto lock = manager.Lock();
  EXPECT_TRUE(lock.acquire());
  EXPECT_FALSE(lock.acquire(false));
  const auto again = manager.RLock();
  EXPECT_TRUE(again.acquire() && again.acquire());
  EXPECT_TRUE(manager.Condition().acquire());
  const auto condition = manager.Condition(again);
  EXPECT_NO_THROW(condition.notify_all()) << "its lock is held";
  EXPECT_THROW(manager.Condition(manager.Lock()).notify(), RuntimeError);
  EXPECT_EQ(manager.Semaphore(3).get_value(), 3);
  EXPECT_THROW(manager.BoundedSemaphore(1).release(), ValueError);
  EXPECT_FALSE(manager.Event().is_set());
  EXPECT_EQ(manager.Barrier(1).wait(), 0);
  bool acted = false;
  EXPECT_EQ(manager.Barrier({.action = [&] { acted = true; }}, 1).wait(), 0);
  EXPECT_TRUE(acted);
  const auto queue = manager.Queue<int>(1);
  queue.put(5);
  EXPECT_THROW(queue.put_nowait(6), queue::Full);
  const auto tasks = manager.JoinableQueue<std::string>();
  tasks.put("x");
  EXPECT_EQ(tasks.unfinished_tasks(), 1U);
  EXPECT_EQ(manager.Value<int>().get(), 0);
  EXPECT_THAT(manager.Array<double>(2).copy(), ElementsAre(0, 0));
  EXPECT_TRUE(manager.list<int>().empty());
  EXPECT_TRUE((manager.dict<int, int>().empty()));
  EXPECT_FALSE(manager.Namespace().hasattr("x"));
}

TEST(DummyManager, MakesPools) {
  Manager manager;
  auto pool = manager.Pool(2);
  EXPECT_EQ(pool.apply_async([](int x) { return x * x; }, 3).get(), 9);
  EXPECT_EQ(manager.Pool({.processes = 1}).apply([] { return 5; }), 5);
}

TEST(DummyManager, StartsOnceAndEndsForAllItsHandles) {
  managers::SyncManager manager;
  EXPECT_THAT([&] { (void)manager.Lock(); }, ThrowsMessage<AssertionError>(HasSubstr("not started")));
  manager.start();
  EXPECT_THAT([&] { manager.start(); }, ThrowsMessage<ProcessError>(HasSubstr("started before")));
  const managers::SyncManager other = manager;
  EXPECT_EQ(other, manager);
  EXPECT_FALSE(other == Manager());
  const auto numbers = other.list({1, 2});
  manager.shutdown();
  manager.shutdown();
  EXPECT_THAT([&] { (void)other.Queue<int>(); }, ThrowsMessage<AssertionError>(HasSubstr("shut down")));
  EXPECT_THROW((void)other.Pool(1), AssertionError);
  EXPECT_THAT([&] { manager.start(); }, ThrowsMessage<ProcessError>(HasSubstr("shut down")));
  EXPECT_EQ(numbers[1], 2) << "what was made stays";

  managers::SyncManager never;
  never.shutdown();
  EXPECT_THROW(never.start(), ProcessError);
}

TEST(DummyManager, ProxiesAreHandles) {
  Manager manager;
  const auto numbers = manager.list<int>();
  const auto same = numbers;
  same.append(1);
  EXPECT_EQ(numbers.size(), 1U);
  EXPECT_EQ(numbers, same);
  EXPECT_FALSE(numbers == manager.list({1})) << "equal items are not the same list";

  const auto nested = manager.dict<std::string, managers::ListProxy<int>>();
  nested["a"] = numbers;
  nested.at("a").append(2);
  EXPECT_THAT(numbers.copy(), ElementsAre(1, 2));
  const auto copies = manager.list<std::vector<int>>({{1}});
  copies.get(0).push_back(2);
  EXPECT_EQ(copies.get(0).size(), 1U) << "a value that was fetched is a copy";
}

// ---- lists

TEST(DummyListProxy, IndicesCountFromBothEnds) {
  Manager manager;
  const auto list = manager.list({1, 2, 3});
  EXPECT_EQ(list.get(0), 1);
  EXPECT_EQ(list[-1].get(), 3);
  EXPECT_EQ(list[-3] + list[1], 3);
  list[0] = 7;
  list[-1] = list[0];
  EXPECT_THAT(list.copy(), ElementsAre(7, 2, 7));
  for (const std::ptrdiff_t beyond : {std::ptrdiff_t{3}, std::ptrdiff_t{-4}, lowest, highest}) {
    EXPECT_THROW((void)list.get(beyond), IndexError) << beyond;
    EXPECT_THROW(list.set(beyond, 1), IndexError) << beyond;
    EXPECT_THROW(list[beyond] = 1, IndexError) << beyond;
    EXPECT_THROW((void)list.pop(beyond), IndexError) << beyond;
    EXPECT_THROW(list.del(beyond), IndexError) << beyond;
  }
  EXPECT_THAT([&] { (void)list.get(3); }, ThrowsMessage<IndexError>(HasSubstr("index 3 of a list of 3")));
  EXPECT_THAT(list.copy(), ElementsAre(7, 2, 7));
}

TEST(DummyListProxy, Slices) {
  Manager manager;
  const auto list = manager.list({0, 1, 2, 3, 4});
  EXPECT_THAT(list.slice(1, 3), ElementsAre(1, 2));
  EXPECT_THAT(list.slice(-2, 100), ElementsAre(3, 4));
  EXPECT_THAT(list.slice(lowest, highest), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(list.slice(3, 1), IsEmpty());
  list.del(1, -1);
  EXPECT_THAT(list.copy(), ElementsAre(0, 4));
  list.del(5, 2);
  EXPECT_THAT(list.copy(), ElementsAre(0, 4));
}

TEST(DummyListProxy, Grows) {
  Manager manager;
  const auto list = manager.list<std::string>(std::vector{"b"});
  list.append("d");
  list.insert(1, "c");
  list.insert(lowest, "a");
  list.insert(100, "f");
  list.insert(-1, "e");
  EXPECT_THAT(list.copy(), ElementsAre("a", "b", "c", "d", "e", "f"));
  list.del(1, 100);
  list.extend({"x", "y"});
  list.extend(std::views::iota(0, 2) | std::views::transform([](int i) { return std::to_string(i); }));
  list.extend(list);
  EXPECT_THAT(list.copy(), ElementsAre("a", "x", "y", "0", "1", "a", "x", "y", "0", "1"));
}

TEST(DummyListProxy, LazyInputMayLookAtTheList) {
  Manager manager;
  const auto list = manager.list({5, 6});
  list.extend(std::views::iota(0, 2) | std::views::transform([&](int i) { return list.get(i); }));
  EXPECT_THAT(list.copy(), ElementsAre(5, 6, 5, 6));
}

TEST(DummyListProxy, GivesBackAndForgets) {
  Manager manager;
  const auto list = manager.list({1, 2, 3, 2});
  EXPECT_EQ(list.pop(), 2);
  EXPECT_EQ(list.pop(0), 1);
  list.remove(3);
  EXPECT_THROW(list.remove(3), ValueError);
  EXPECT_THAT(list.copy(), ElementsAre(2));
  list.clear();
  EXPECT_TRUE(list.empty());
  EXPECT_THROW((void)list.pop(), IndexError);
}

TEST(DummyListProxy, Searches) {
  Manager manager;
  const auto list = manager.list({1, 2, 3, 2});
  EXPECT_EQ(list.index(2), 1U);
  EXPECT_EQ(list.index(2, 2), 3U);
  EXPECT_EQ(list.index(2, -1), 3U);
  EXPECT_THROW((void)list.index(2, 2, 3), ValueError);
  EXPECT_THROW((void)list.index(9), ValueError);
  EXPECT_EQ(list.count(2), 2U);
  EXPECT_EQ(list.count(9), 0U);
  EXPECT_TRUE(list.contains(3));
  EXPECT_FALSE(list.contains(9));
}

struct Card {
  int rank = 0;
  char suit = 'x';
  bool operator==(const Card&) const = default;
  bool operator<(const Card& other) const {
    if (rank == 0) throw std::domain_error("no rank");
    return rank < other.rank;
  }
  bool operator>(const Card& other) const { return other < *this; }
  bool operator<=(const Card& other) const { return !(other < *this); }
  bool operator>=(const Card& other) const { return !(*this < other); }
};

TEST(DummyListProxy, SortsStablyInBothDirections) {
  Manager manager;
  const auto list = manager.list<Card>({{2, 'a'}, {1, 'a'}, {2, 'b'}, {1, 'b'}});
  list.sort();
  EXPECT_THAT(list.copy(), ElementsAre(Card{1, 'a'}, Card{1, 'b'}, Card{2, 'a'}, Card{2, 'b'}));
  list.sort({.reverse = true});
  EXPECT_THAT(list.copy(), ElementsAre(Card{2, 'a'}, Card{2, 'b'}, Card{1, 'a'}, Card{1, 'b'}));
  list.reverse();
  EXPECT_EQ(list.get(0), (Card{1, 'b'}));
  list.append({});
  EXPECT_THROW(list.sort(), std::domain_error);
  EXPECT_EQ(list.size(), 5U);
  EXPECT_EQ(list.get(0), (Card{1, 'b'})) << "as it was";
}

TEST(DummyListProxy, OfBools) {
  Manager manager;
  const auto list = manager.list({true, false});
  list[0] = false;
  list.append(true);
  EXPECT_TRUE(list.pop());
  EXPECT_EQ(list.index(false), 0U);
  list.remove(false);
  EXPECT_THAT(list.copy(), ElementsAre(false));
}

// An item that looks at its list when it is destroyed, unless it was moved from.
struct Looker {
  using Home = std::shared_ptr<std::optional<managers::ListProxy<Looker>>>;
  Looker() = default;
  Looker(Home its_home, std::shared_ptr<int> its_seen) : home(std::move(its_home)), seen(std::move(its_seen)) {}
  Looker(const Looker&) = default;
  Looker(Looker&&) = default;
  Looker& operator=(const Looker&) = default;
  Looker& operator=(Looker&&) = default;
  ~Looker() {
    if (seen && home && *home) *seen = static_cast<int>((*home)->size());
  }
  Home home;
  std::shared_ptr<int> seen;
};

TEST(DummyListProxy, ItemsAreDestroyedWithoutTheLock) {
  Manager manager;
  const Looker::Home home = std::make_shared<Looker::Home::element_type>(manager.list<Looker>());
  const auto seen = std::make_shared<int>(-1);
  const auto& list = **home;
  const auto add = [&] {
    list.append(Looker(home, seen));
    *seen = -1;
  };
  add();
  list.clear();
  EXPECT_EQ(*seen, 0);
  add();
  list.set(0, {});
  EXPECT_EQ(*seen, 1);
  list.clear();
  add();
  list.del(0);
  EXPECT_EQ(*seen, 0);
  home->reset();
}

TEST(DummyListProxy, EachCallIsOneStepForThreads) {
  constexpr int count = 2000;
  Manager manager;
  const auto list = manager.list<int>();
  const auto taken = manager.Value<int>(0);
  const auto lock = manager.Lock();
  const auto work = [=](int first) {
    for (int i = 0; i < count; ++i) {
      list.append(first + i);
      if (i % 2 == 0) continue;
      (void)list.pop(0);
      const std::scoped_lock held(lock);
      taken.set(taken.get() + 1);
    }
  };
  {
    Process a(work, 0), b(work, count);
    a.start();
    b.start();
  }
  EXPECT_EQ(taken.value(), count);
  EXPECT_EQ(list.size(), static_cast<std::size_t>(count));
}

// ---- arrays, values

TEST(DummyArrayProxy, KeepsItsLength) {
  Manager manager;
  const auto array = manager.Array<int>({1, 2, 3});
  array[-1] = array[0] + 8;
  EXPECT_THAT(array.copy(), ElementsAre(1, 2, 9));
  EXPECT_THAT(array.slice(1, 9), ElementsAre(2, 9));
  EXPECT_THAT([&] { array.set(3, 1); }, ThrowsMessage<IndexError>(HasSubstr("index 3 of an array of 3")));
  EXPECT_THAT(manager.Array<long>(std::views::iota(0, 3)).copy(), ElementsAre(0, 1, 2));
  EXPECT_EQ(manager.Array<int>(0).size(), 0U);
  EXPECT_THROW((void)manager.Array<int>(-1), ValueError);
}

TEST(DummyValueProxy, IsReadAndSet) {
  Manager manager;
  const auto value = manager.Value<std::string>("a");
  const auto same = value;
  same.set(value.get() + "b");
  EXPECT_EQ(value.value(), "ab");
}

// ---- dictionaries

TEST(DummyDictProxy, ReadsAndWritesByKey) {
  Manager manager;
  const auto ages = manager.dict<std::string, int>({{"Ann", 31}, {"Bob", 27}});
  EXPECT_EQ(ages.size(), 2U);
  EXPECT_EQ(ages.at("Ann"), 31);
  EXPECT_EQ(ages["Bob"], 27);
  ages["Bob"] = ages["Ann"] + 1;
  ages.set("Eve", 5);
  EXPECT_EQ(ages.get("Bob"), 32);
  EXPECT_EQ(ages.get("nobody"), std::nullopt);
  EXPECT_EQ(ages.get("nobody", 9), 9);
  EXPECT_TRUE(ages.contains("Eve"));
  EXPECT_FALSE(ages.contains("nobody"));
  EXPECT_THAT([&] { (void)ages.at("nobody"); }, ThrowsMessage<KeyError>(HasSubstr("'nobody'")));
  EXPECT_THROW((void)ages["nobody"].get(), KeyError);
  EXPECT_FALSE(ages.contains("nobody")) << "reading adds nothing";
  const auto numbers = manager.dict<int, int>();
  EXPECT_THAT([&] { (void)numbers.at(7); }, ThrowsMessage<KeyError>(HasSubstr("key 7")));
  const auto pairs = manager.dict<std::pair<int, int>, int>();
  EXPECT_THAT([&] { pairs.del({1, 2}); }, ThrowsMessage<KeyError>(HasSubstr("no such key")));
}

TEST(DummyDictProxy, KeysStayInTheOrderInWhichTheyCame) {
  Manager manager;
  const auto dict = manager.dict<std::string, int>({{"z", 1}, {"a", 2}});
  dict["m"] = 3;
  dict["z"] = 4;
  EXPECT_THAT(dict.keys(), ElementsAre("z", "a", "m"));
  EXPECT_THAT(dict.values(), ElementsAre(4, 2, 3));
  dict.del("z");
  dict["z"] = 5;
  EXPECT_THAT(dict.items(), ElementsAre(Pair("a", 2), Pair("m", 3), Pair("z", 5)));
  EXPECT_EQ(dict.copy(), (std::map<std::string, int>{{"a", 2}, {"m", 3}, {"z", 5}}));
  EXPECT_EQ(dict.popitem(), std::pair(std::string("z"), 5));
  EXPECT_THAT(dict.keys(), ElementsAre("a", "m"));
  dict.clear();
  EXPECT_THAT(dict.items(), IsEmpty());
  EXPECT_THROW((void)dict.popitem(), KeyError);
  dict["n"] = 1;
  EXPECT_THAT(dict.keys(), ElementsAre("n"));
}

TEST(DummyDictProxy, DefaultsPopsAndUpdates) {
  Manager manager;
  const auto dict = manager.dict<int, std::string>(std::map<int, std::string>{{1, "a"}});
  EXPECT_EQ(dict.setdefault(1, "x"), "a");
  EXPECT_EQ(dict.setdefault(2, "b"), "b");
  EXPECT_EQ(dict.pop(1), "a");
  EXPECT_THROW((void)dict.pop(1), KeyError);
  EXPECT_THROW(dict.del(1), KeyError);
  EXPECT_EQ(dict.pop(1, "none"), "none");
  dict.update({{2, "B"}, {3, "c"}});
  dict.update(std::map<int, std::string>{{4, "d"}});
  dict.update(dict);
  EXPECT_THAT(dict.items(), ElementsAre(Pair(2, "B"), Pair(3, "c"), Pair(4, "d")));
}

// ---- namespaces

TEST(DummyNamespaceProxy, HasAttributesOfAnyTypes) {
  Manager manager;
  const auto shared = manager.Namespace();
  const auto same = shared;
  shared.setattr("x", 10);
  shared.setattr("name", "Ann");
  shared.setattr("list", std::vector{1, 2});
  EXPECT_EQ(same.getattr<int>("x"), 10);
  EXPECT_EQ(same.getattr<std::string>("name"), "Ann");
  EXPECT_THAT(same.getattr<std::vector<int>>("list"), ElementsAre(1, 2));
  same.setattr("x", 1.5);
  EXPECT_EQ(shared.getattr<double>("x"), 1.5);
  EXPECT_THAT([&] { (void)shared.getattr<int>("x"); }, ThrowsMessage<TypeError>(HasSubstr("'x'")));
  EXPECT_THROW((void)shared.getattr<int>("x", 3), TypeError);
  EXPECT_TRUE(shared.hasattr("x"));
  shared.delattr("x");
  EXPECT_FALSE(shared.hasattr("x"));
  EXPECT_EQ(shared.getattr<int>("x", 3), 3);
  EXPECT_THAT([&] { (void)shared.getattr<int>("x"); }, ThrowsMessage<AttributeError>(HasSubstr("'x'")));
  EXPECT_THROW(shared.delattr("x"), AttributeError);
}

TEST(DummyManager, TextsAsDefaultsOfAttributes) {
  const Manager manager;
  const auto names = manager.Namespace();
  EXPECT_EQ(names.getattr("title", "none"), "none");
  names.setattr("title", "some");
  EXPECT_EQ(names.getattr("title", "none"), "some");
}

TEST(DummyManager, ItemsCanBeCompared) {
  const Manager manager;
  const auto list = manager.list({1, 1, 2});
  EXPECT_TRUE(list[0] == list[1]);
  EXPECT_FALSE(list[0] == list[2]);
}

}  // namespace
}  // namespace plait::multiprocessing::dummy
