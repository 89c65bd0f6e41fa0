// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What every Pool must do, of processes by each start method and of threads. A back end is a type with `Pool` and
// `options()`, what a Pool of it is made with; include this, define your list and INSTANTIATE_TYPED_TEST_SUITE_P(…,
// PoolSuite, List). All that is called here can be sent to another process.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <numeric>
#include <ranges>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "conformance/counts_moves.hpp"
#include "conformance/gate.hpp"
#include "plait/errors.hpp"
#include "plait/multiprocessing.hpp"

namespace plait::multiprocessing {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using tests::Gate;

// ---- what is called

inline int add(int a, int b) { return a + b; }
inline int same(int x) { return x; }
inline int square(int x) { return x * x; }
inline bool is_even(int x) { return x % 2 == 0; }
inline void nothing(int) {}
inline std::string shout(std::string text) { return text + "!"; }
inline std::size_t length(std::string_view text) { return text.size(); }
inline int reciprocal(int x) {
  if (x == 0) throw std::domain_error("division by zero");
  return 100 / x;
}
inline void refuse(int x) {
  if (x % 3 == 0) throw std::invalid_argument("refused " + std::to_string(x));
}
inline int throw_int(int x) { throw x; }
inline int hold(const std::string& gate, int value) {
  Gate::wait_at(gate);
  return value;
}
inline int hold_if_zero(const std::string& gate, int value) { return value == 0 ? hold(gate, value) : value; }
inline int begin_and_hold(const std::string& begun, const std::string& gate) {
  Gate::wait_at(begun);
  Gate::wait_at(gate);
  return 1;
}
struct Point {
  int x, y;
  friend bool operator==(const Point&, const Point&) = default;
};
inline Point mirrored(const Point& p) { return {p.y, p.x}; }
inline int take(std::unique_ptr<int> number) { return *number; }
inline thread_local int level_of_worker = 0;
inline void set_level(int level) { level_of_worker = level; }
inline int get_level(int) { return level_of_worker; }
inline void fail_to_begin() { throw std::runtime_error("no licence"); }

// Collects what callbacks say; they come one after another, but the test looks from another thread.
template <class T>
class Told {
 public:
  void add(T value) {
    const std::scoped_lock lock(mutex_);
    values_.push_back(std::move(value));
  }
  std::vector<T> values() {
    const std::scoped_lock lock(mutex_);
    return values_;
  }

 private:
  std::mutex mutex_;
  std::vector<T> values_;
};

template <class Backend>
class PoolSuite : public testing::Test {
 protected:
  using Pool = typename Backend::Pool;
  using Options = decltype(Backend::options());

  static Options options(int processes) {
    Options options = Backend::options();
    options.processes = processes;
    return options;
  }

  Pool pool{options(2)};
};
TYPED_TEST_SUITE_P(PoolSuite);

template <class F>
std::string message_of(F f) {
  try {
    f();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "nothing was thrown";
}

// ---- apply

TYPED_TEST_P(PoolSuite, ApplyGivesTheResult) {
  EXPECT_EQ(this->pool.apply(add, 20, 22), 42);
  EXPECT_EQ(this->pool.apply(shout, "hey"), "hey!");
  EXPECT_EQ(this->pool.apply(length, std::string("four")), 4U);
  EXPECT_EQ(this->pool.apply(mirrored, Point{1, 2}), (Point{2, 1}));
  EXPECT_EQ(this->pool.apply([](int x) { return x + 0.5; }, 1), 1.5);
  this->pool.apply(nothing, 1);
}

TYPED_TEST_P(PoolSuite, ApplyThrowsWhatTheTaskThrows) {
  EXPECT_THROW((void)this->pool.apply(reciprocal, 0), std::domain_error);
  EXPECT_ANY_THROW((void)this->pool.apply(throw_int, 1));
  EXPECT_EQ(this->pool.apply(reciprocal, 5), 20);
}

TYPED_TEST_P(PoolSuite, AsyncResultTellsWhatBecameOfTheTask) {
  Gate gate;
  auto held = this->pool.apply_async(hold, gate.name(), 7);
  EXPECT_FALSE(held.ready());
  EXPECT_THROW((void)held.successful(), ValueError);
  EXPECT_THROW((void)held.get(1ms), TimeoutError);
  EXPECT_THROW((void)held.get(-1ms), TimeoutError);
  held.wait(1ms);
  EXPECT_FALSE(held.ready());
  gate.pass();
  held.wait();
  EXPECT_TRUE(held.ready());
  EXPECT_TRUE(held.successful());
  EXPECT_EQ(held.get(), 7);
  EXPECT_EQ(held.get(0s), 7) << "again";
  auto failed = this->pool.apply_async(reciprocal, 0);
  failed.wait();
  EXPECT_FALSE(failed.successful());
  EXPECT_THROW((void)failed.get(), std::domain_error);
  EXPECT_THROW((void)failed.get(), std::domain_error) << "again";
}

TYPED_TEST_P(PoolSuite, ManyResultsEachHaveTheirOwn) {
  std::vector<AsyncResult<int>> results;
  for (int i = 0; i < 5000; ++i) results.push_back(this->pool.apply_async(add, i, 1));
  for (int i = 0; i < 5000; ++i) ASSERT_EQ(results[static_cast<std::size_t>(i)].get(), i + 1);
}

// ---- callbacks

TYPED_TEST_P(PoolSuite, CallbacksGetValueOrErrorOnceBeforeTheResultIsReady) {
  Told<int> values;
  Told<std::string> errors;
  std::vector<AsyncResult<int>> results;
  for (int x : {1, 0, 2}) {
    results.push_back(
        this->pool.apply_async({.callback = [&](int value) { values.add(value); },
                                .error_callback = [&](const std::exception& error) { errors.add(error.what()); }},
                               reciprocal, x));
    results.back().wait();
    EXPECT_EQ(values.values().size() + errors.values().size(), results.size());
  }
  EXPECT_THAT(values.values(), ElementsAre(100, 50));
  EXPECT_THAT(errors.values(), ElementsAre("division by zero"));
  EXPECT_EQ(results[2].get(), 50);
}

TYPED_TEST_P(PoolSuite, CallbacksOfAMapGetTheList) {
  Told<std::vector<int>> lists;
  Told<std::exception_ptr> errors;
  std::atomic<int> calls{0};
  const auto add_list = [&](const std::vector<int>& list) { lists.add(list); };
  for (const int chunksize : {1, 2, 100}) {
    this->pool.map_async({.chunksize = chunksize, .callback = add_list}, square, std::vector{1, 2, 3}).wait();
    this->pool
        .map_async({.chunksize = chunksize, .error_callback = [&](std::exception_ptr error) { errors.add(error); }},
                   reciprocal, std::vector{1, 0, 3})
        .wait();
    this->pool.map_async({.chunksize = chunksize, .callback = [&] { ++calls; }}, nothing, std::vector{1, 2, 3}).wait();
  }
  this->pool.map_async({.callback = add_list}, square, std::vector<int>()).wait();
  EXPECT_THAT(lists.values(),
              ElementsAre(ElementsAre(1, 4, 9), ElementsAre(1, 4, 9), ElementsAre(1, 4, 9), ElementsAre()));
  EXPECT_EQ(errors.values().size(), 3U);
  for (const auto& error : errors.values()) EXPECT_THROW(std::rethrow_exception(error), std::domain_error);
  EXPECT_EQ(calls, 3);
}

TYPED_TEST_P(PoolSuite, CallbackThatThrowsIsReportedAndLaterOnesRun) {
  testing::internal::CaptureStderr();
  Told<int> values;
  auto first = this->pool.apply_async({.callback = [](int) { throw std::runtime_error("clumsy"); }}, same, 1);
  first.wait();
  auto second = this->pool.apply_async({.callback = [&](int x) { values.add(x); }}, same, 2);
  second.wait();
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("clumsy"));
  EXPECT_EQ(first.get(), 1);
  EXPECT_THAT(values.values(), ElementsAre(2));
}

TYPED_TEST_P(PoolSuite, CallbacksComeOneAfterAnotherAndNeverInTheCallingThread) {
  std::atomic<int> inside{0}, together{0}, here{0};
  const auto self = std::this_thread::get_id();
  std::vector<AsyncResult<int>> results;
  for (int i = 0; i < 1000; ++i) {
    results.push_back(this->pool.apply_async({.callback =
                                                  [&](int) {
                                                    if (++inside > 1) ++together;
                                                    if (std::this_thread::get_id() == self) ++here;
                                                    --inside;
                                                  }},
                                             same, i));
  }
  for (const auto& result : results) result.wait();
  EXPECT_EQ(together, 0);
  EXPECT_EQ(here, 0);
}

TYPED_TEST_P(PoolSuite, CallbacksMaySubmitAndClose) {
  std::promise<int> second;
  auto first = this->pool.apply_async({.callback =
                                           [&](int x) {
                                             this->pool.apply_async({.callback = [&](int y) { second.set_value(y); }},
                                                                    add, x, 1);
                                             this->pool.close();
                                           }},
                                      same, 1);
  EXPECT_EQ(second.get_future().get(), 2);
  first.wait();
  this->pool.join();
}

TYPED_TEST_P(PoolSuite, CallbacksMayTerminate) {
  auto result = this->pool.apply_async({.callback = [&](int) { this->pool.terminate(); }}, same, 1);
  EXPECT_EQ(result.get(), 1);
  this->pool.join();
}

// ---- map, starmap

TYPED_TEST_P(PoolSuite, MapKeepsTheOrderWhateverTheChunks) {
  std::vector<int> expected(100);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(this->pool.map(same, std::views::iota(0, 100)), expected);
  for (const int chunksize : {1, 3, 7, 1000}) {
    EXPECT_EQ(this->pool.map({.chunksize = chunksize}, same, expected), expected);
    EXPECT_EQ(this->pool.map_async({.chunksize = chunksize}, same, expected).get(), expected);
  }
}

TYPED_TEST_P(PoolSuite, MapOfEveryKindOfResult) {
  for (const int chunksize : {1, 2}) {
    EXPECT_EQ(this->pool.map({.chunksize = chunksize}, is_even, std::vector{0, 1, 2}),
              (std::vector<bool>{true, false, true}));
    this->pool.map({.chunksize = chunksize}, nothing, std::vector{1, 2, 3});
    EXPECT_EQ(this->pool.map({.chunksize = chunksize}, length, std::vector{"a", "bb", "ccc"}),
              (std::vector<std::size_t>{1, 2, 3}));
    EXPECT_EQ(this->pool.map({.chunksize = chunksize}, mirrored, std::vector{Point{1, 2}, {3, 4}}),
              (std::vector{Point{2, 1}, {4, 3}}));
  }
}

TYPED_TEST_P(PoolSuite, MapOfEveryKindOfRange) {
  EXPECT_TRUE(this->pool.map(same, std::vector<int>()).empty());
  EXPECT_TRUE(this->pool.map_async(same, std::vector<int>()).ready());
  this->pool.map(nothing, std::vector<int>());
  std::istringstream words("1 2 3");
  EXPECT_THAT(this->pool.map(square, std::views::istream<int>(words)), ElementsAre(1, 4, 9));
  auto made = std::views::iota(1, 4) | std::views::transform([](int i) { return std::make_unique<int>(i); });
  EXPECT_THAT(this->pool.map(take, made), ElementsAre(1, 2, 3));
  auto odd = std::views::iota(1, 6) | std::views::filter([](int i) { return i % 2 == 1; });
  EXPECT_THAT(this->pool.map({.chunksize = 2}, square, odd), ElementsAre(1, 9, 25));
  std::vector<bool> bits(10, true);
  EXPECT_EQ(this->pool.map([](bool x) { return !x; }, bits), std::vector<bool>(10, false));
}

TYPED_TEST_P(PoolSuite, MapEndsAllCallsThenThrowsTheFirstError) {
  Gate gate;
  const std::vector<std::pair<std::string, int>> calls{{gate.name(), 1}, {gate.name(), 3}};
  std::jthread opener([&] { gate.pass(); });
  for (const int chunksize : {1, 2, 10}) {
    const auto numbers = std::views::iota(1, 11);
    EXPECT_THROW(this->pool.map({.chunksize = chunksize}, refuse, numbers), std::invalid_argument);
    // Keeps the exception: ThreadSanitizer does not see how the C++ library counts references to it.
    const auto result = this->pool.map_async({.chunksize = chunksize}, refuse, numbers);
    EXPECT_EQ(message_of([&] { result.get(); }), "refused 3");
    EXPECT_FALSE(result.successful());
  }
  // The error comes when the held call has ended too.
  const auto held = [](const std::string& name, int x) { return x == 1 ? hold(name, x) : reciprocal(0); };
  EXPECT_THROW((void)this->pool.starmap({.chunksize = 1}, held, calls), std::domain_error);
}

TYPED_TEST_P(PoolSuite, MapTakesWhatIsDoneWhileItSubmits) {
  typename TestFixture::Pool single{this->options(1)};
  constexpr int count = 1000;
  int moves_before_the_last = 0;
  tests::CountsMoves::moves_here = 0;
  auto numbers = std::views::iota(0, count) | std::views::transform([&](int i) {
                   if (i % 100 == 98) single.apply(same, i);  // so those before are done
                   if (i == count - 1) moves_before_the_last = tests::CountsMoves::moves_here;
                   return i;
                 });
  const auto results = single.map({.chunksize = 1}, tests::counting_moves, numbers);
  EXPECT_GT(moves_before_the_last, 0);
  ASSERT_EQ(results.size(), static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) ASSERT_EQ(results[static_cast<std::size_t>(i)].value(), i);
}

TYPED_TEST_P(PoolSuite, InputThatThrowsIsThrownOn) {
  auto broken = std::views::iota(0, 10) | std::views::transform([](int i) {
                  if (i == 5) throw std::out_of_range("input");
                  return i;
                });
  EXPECT_THROW((void)this->pool.map({.chunksize = 1}, same, broken), std::out_of_range);
  EXPECT_THROW((void)this->pool.map({.chunksize = 3}, same, broken), std::out_of_range);
  EXPECT_THROW((void)this->pool.map_async(same, broken), std::out_of_range);
  EXPECT_EQ(this->pool.apply(same, 1), 1);
}

TYPED_TEST_P(PoolSuite, EmptyChunksAreRefused) {
  for (const int chunksize : {0, -1}) {
    EXPECT_THROW((void)this->pool.map({.chunksize = chunksize}, same, std::vector{1}), ValueError);
    EXPECT_THROW((void)this->pool.map_async({.chunksize = chunksize}, same, std::vector{1}), ValueError);
    EXPECT_THROW((void)this->pool.imap({.chunksize = chunksize}, same, std::vector{1}), ValueError);
    EXPECT_THROW((void)this->pool.imap_unordered({.chunksize = chunksize}, same, std::vector{1}), ValueError);
    EXPECT_THROW((void)this->pool.imap({.buffersize = chunksize}, same, std::vector{1}), ValueError);
  }
}

TYPED_TEST_P(PoolSuite, StarmapSpreadsTuples) {
  EXPECT_THAT(this->pool.starmap(add, std::vector{std::pair{2, 5}, {3, 2}}), ElementsAre(7, 5));
  EXPECT_THAT(this->pool.starmap({.chunksize = 1}, add, std::vector{std::tuple{1, 2}, {3, 4}, {5, 6}}),
              ElementsAre(3, 7, 11));
  EXPECT_THAT(this->pool.starmap(shout, std::vector{std::tuple{"a"}, {"b"}}), ElementsAre("a!", "b!"));
  EXPECT_THAT(this->pool.starmap_async(add, std::vector{std::array{1, 2}}).get(), ElementsAre(3));
  Told<std::vector<int>> lists;
  this->pool
      .starmap_async({.chunksize = 2, .callback = [&](const std::vector<int>& list) { lists.add(list); }}, add,
                     std::vector{std::pair{2, 5}, {3, 2}, {0, 0}})
      .wait();
  EXPECT_THAT(lists.values(), ElementsAre(ElementsAre(7, 5, 0)));
}

// ---- imap

TYPED_TEST_P(PoolSuite, ImapGivesResultsInOrder) {
  for (const int chunksize : {1, 3, 1000}) {
    int expected = 0;
    for (int x : this->pool.imap({.chunksize = chunksize}, same, std::views::iota(0, 2000))) ASSERT_EQ(x, expected++);
    EXPECT_EQ(expected, 2000);
  }
  auto results = this->pool.imap(shout, std::vector<std::string>{"a"});
  EXPECT_EQ(results.next(), "a!");
  EXPECT_EQ(results.next(), std::nullopt);
  EXPECT_EQ(results.next(), std::nullopt) << "again";
  int count = 0;
  for ([[maybe_unused]] auto& none : this->pool.imap(nothing, std::vector{1, 2, 3})) ++count;
  for (bool even : this->pool.imap({.chunksize = 2}, is_even, std::vector{2, 4, 6})) count += even ? 1 : 0;
  EXPECT_EQ(count, 6);
}

TYPED_TEST_P(PoolSuite, ImapUnorderedGivesEachOnce) {
  for (const int chunksize : {1, 3, 1000}) {
    std::vector<int> times(3000, 0);
    for (int x : this->pool.imap_unordered({.chunksize = chunksize}, same, std::views::iota(0, 3000))) {
      ++times.at(static_cast<std::size_t>(x));
    }
    EXPECT_EQ(times, std::vector<int>(3000, 1));
  }
}

TYPED_TEST_P(PoolSuite, ImapUnorderedGivesTheFirstThatIsDone) {
  Gate gate;
  auto results = this->pool.imap_unordered(partial(hold_if_zero, gate.name()), std::vector{0, 1, 2, 3});
  std::set<int> first{*results.next(), *results.next(), *results.next()};
  EXPECT_EQ(first, (std::set{1, 2, 3}));
  gate.pass();
  EXPECT_EQ(results.next(), 0);
  EXPECT_EQ(results.next(), std::nullopt);
}

TYPED_TEST_P(PoolSuite, NextCanBeRetriedAfterATimeout) {
  for (const bool ordered : {true, false}) {
    Gate gate;
    const auto f = partial(hold, gate.name());
    auto results = ordered ? this->pool.imap(f, std::vector{7}) : this->pool.imap_unordered(f, std::vector{7});
    EXPECT_THROW((void)results.next(1ms), TimeoutError);
    EXPECT_THROW((void)results.next(0s), TimeoutError);
    gate.pass();
    EXPECT_EQ(results.next(30s), 7);
    EXPECT_EQ(results.next(0s), std::nullopt);
  }
}

TYPED_TEST_P(PoolSuite, ImapGoesOnAfterTheErrorOfASingleCall) {
  auto results = this->pool.imap(reciprocal, std::vector{1, 0, 2, 0, 4});
  EXPECT_EQ(results.next(), 100);
  EXPECT_THROW((void)results.next(), std::domain_error);
  EXPECT_EQ(results.next(), 50);
  EXPECT_THROW((void)results.next(), std::domain_error);
  EXPECT_EQ(results.next(), 25);
  EXPECT_EQ(results.next(), std::nullopt);
}

TYPED_TEST_P(PoolSuite, ImapEndsWithTheErrorOfAChunk) {
  auto results = this->pool.imap({.chunksize = 3}, reciprocal, std::vector{1, 2, 4, 5, 0, 10, 20});
  EXPECT_EQ(results.next(), 100);
  EXPECT_EQ(results.next(), 50);
  EXPECT_EQ(results.next(), 25);
  EXPECT_EQ(results.next(), 20);
  EXPECT_THROW((void)results.next(), std::domain_error);
  EXPECT_EQ(results.next(), std::nullopt);
}

TYPED_TEST_P(PoolSuite, ImapThrowsWhatTheInputThrowsAfterTheResultsBefore) {
  auto broken = std::views::iota(0) | std::views::transform([](int i) {
                  if (i == 5) throw std::out_of_range("input");
                  return i;
                });
  auto results = this->pool.imap(same, broken);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(results.next(), i);
  EXPECT_THROW((void)results.next(), std::out_of_range);
  EXPECT_EQ(results.next(), std::nullopt);
}

TYPED_TEST_P(PoolSuite, ImapPullsNoMoreThanItsBuffer) {
  for (const bool ordered : {true, false}) {
    int pulled = 0, taken = 0;
    auto endless = std::views::iota(0) | std::views::transform([&](int i) { return ++pulled, i; });
    const ImapOptions options{.buffersize = 5};
    auto results =
        ordered ? this->pool.imap(options, same, endless) : this->pool.imap_unordered(options, same, endless);
    EXPECT_EQ(pulled, 5);
    for ([[maybe_unused]] int x : results) {
      ASSERT_LE(pulled, ++taken + 5);
      if (taken == 50) break;
    }
  }
}

TYPED_TEST_P(PoolSuite, ImapGoesOnAfterClose) {
  auto results = this->pool.imap({.buffersize = 3}, same, std::views::iota(0, 100));
  this->pool.close();
  EXPECT_THROW((void)this->pool.imap(same, std::vector{1}), ValueError);
  int expected = 0;
  for (int x : results) EXPECT_EQ(x, expected++);
  EXPECT_EQ(expected, 100);
  this->pool.join();
}

TYPED_TEST_P(PoolSuite, JoinHasAllOfAnImapDone) {
  auto ordered = this->pool.imap({.buffersize = 3}, same, std::views::iota(0, 100));
  auto unordered = this->pool.imap_unordered({.buffersize = 3}, same, std::views::iota(0, 100));
  this->pool.close();
  this->pool.join();
  int expected = 0, sum = 0;
  for (int x : ordered) EXPECT_EQ(x, expected++);
  for (int x : unordered) sum += x;
  EXPECT_EQ(expected, 100);
  EXPECT_EQ(sum, 4950);
}

TYPED_TEST_P(PoolSuite, DroppedImapKeepsNothingFromEnding) {
  auto results = this->pool.imap({.buffersize = 3}, same, std::views::iota(0));
  { auto dropped = std::move(results); }
  this->pool.close();
  this->pool.join();
}

// ---- the end

TYPED_TEST_P(PoolSuite, CloseHasWhatWasTakenDoneAndRefusesMore) {
  std::vector<AsyncResult<int>> results;
  for (int i = 0; i < 500; ++i) results.push_back(this->pool.apply_async(same, i));
  this->pool.close();
  EXPECT_THROW((void)this->pool.apply(same, 1), ValueError);
  EXPECT_THROW((void)this->pool.apply_async(same, 1), ValueError);
  EXPECT_THROW((void)this->pool.apply_async({.callback = [](int) {}}, same, 1), ValueError);
  EXPECT_THROW((void)this->pool.map(same, std::vector{1}), ValueError);
  EXPECT_THROW((void)this->pool.map_async(same, std::vector{1}), ValueError);
  EXPECT_THROW((void)this->pool.starmap(add, std::vector{std::pair{1, 2}}), ValueError);
  EXPECT_THROW((void)this->pool.imap(same, std::vector{1}), ValueError);
  EXPECT_THROW((void)this->pool.imap_unordered(same, std::vector{1}), ValueError);
  this->pool.join();
  for (int i = 0; i < 500; ++i) {
    EXPECT_TRUE(results[static_cast<std::size_t>(i)].ready());
    EXPECT_EQ(results[static_cast<std::size_t>(i)].get(), i);
  }
  this->pool.close();
  this->pool.join();
}

TYPED_TEST_P(PoolSuite, JoinWantsThePoolClosed) {
  EXPECT_THROW(this->pool.join(), ValueError);
  this->pool.close();
  this->pool.join();
}

TYPED_TEST_P(PoolSuite, TerminateFailsWhatHasNotBegun) {
  typename TestFixture::Pool own{this->options(1)};
  Gate begun, gate;
  Told<std::string> errors;
  auto running = own.apply_async(begin_and_hold, begun.name(), gate.name());
  begun.pass();
  std::vector<AsyncResult<int>> waiting;
  for (int i = 0; i < 500; ++i) waiting.push_back(own.apply_async(same, i));
  auto mapped =
      own.map_async({.chunksize = 1, .error_callback = [&](const std::exception& error) { errors.add(error.what()); }},
                    same, std::vector{1, 2});
  auto results = own.imap(same, std::views::iota(0));
  own.terminate();
  for (const auto& result : waiting) EXPECT_THROW((void)result.get(30s), CancelledError);
  EXPECT_THROW((void)mapped.get(30s), CancelledError);
  EXPECT_THROW((void)results.next(30s), CancelledError);
  EXPECT_THAT(errors.values(), ElementsAre(HasSubstr("terminated")));
  EXPECT_THROW((void)own.apply(same, 1), ValueError);
  if constexpr (std::is_same_v<typename TestFixture::Pool, Pool>) {
    EXPECT_THROW((void)running.get(30s), futures::WorkerDied);
  } else {
    gate.pass();
    EXPECT_EQ(running.get(), 1);
  }
  own.close();
  own.terminate();
  own.join();
}

TYPED_TEST_P(PoolSuite, DestructionTerminates) {
  std::vector<AsyncResult<int>> waiting;
  Gate begun, gate;
  std::jthread opener;
  {
    typename TestFixture::Pool own{this->options(1)};
    (void)own.apply_async(begin_and_hold, begun.name(), gate.name());
    begun.pass();
    for (int i = 0; i < 500; ++i) waiting.push_back(own.apply_async(same, i));
    if constexpr (!std::is_same_v<typename TestFixture::Pool, Pool>) {
      opener = std::jthread([&] {
        waiting.back().wait();  // for it to be terminated
        gate.pass();
      });
    }
  }
  for (const auto& result : waiting) EXPECT_THROW((void)result.get(30s), CancelledError);
}

TYPED_TEST_P(PoolSuite, ResultsOutliveTheirPool) {
  std::optional<AsyncResult<std::string>> result;
  std::optional<AsyncResult<std::vector<int>>> list;
  {
    typename TestFixture::Pool own{this->options(1)};
    result = own.apply_async(shout, "late");
    list = own.map_async(square, std::vector{1, 2});
    own.close();
    own.join();
  }
  EXPECT_EQ(result->get(), "late!");
  EXPECT_THAT(list->get(), ElementsAre(1, 4));
}

TYPED_TEST_P(PoolSuite, ReprTellsStateAndSize) {
  EXPECT_THAT(this->pool.repr(), HasSubstr("state=RUN pool_size=2"));
  this->pool.close();
  EXPECT_THAT(this->pool.repr(), HasSubstr("state=CLOSE"));
  this->pool.terminate();
  EXPECT_THAT(this->pool.repr(), HasSubstr("state=TERMINATE"));
}

// ---- how it is made

TYPED_TEST_P(PoolSuite, NoWorkersAreRefused) {
  for (const int processes : {0, -1}) {
    EXPECT_THROW(typename TestFixture::Pool own{this->options(processes)}, ValueError);
  }
}

TYPED_TEST_P(PoolSuite, InitializerRunsInEachWorker) {
  auto options = this->options(2);
  options.initializer = {set_level, 7};
  typename TestFixture::Pool own(std::move(options));
  EXPECT_EQ(own.map({.chunksize = 1}, get_level, std::views::iota(0, 100)), std::vector<int>(100, 7));
}

TYPED_TEST_P(PoolSuite, InitializerThatThrowsIsOneClearError) {
  testing::internal::CaptureStderr();  // threads say it there too
  auto options = this->options(2);
  options.initializer = {fail_to_begin};
  typename TestFixture::Pool own(std::move(options));
  EXPECT_THAT(message_of([&] { (void)own.map({.chunksize = 1}, same, std::views::iota(0, 100)); }),
              HasSubstr("no licence"));
  EXPECT_THROW((void)own.apply(same, 1), BrokenExecutor);
  (void)testing::internal::GetCapturedStderr();
}

REGISTER_TYPED_TEST_SUITE_P(
    PoolSuite, ApplyGivesTheResult, ApplyThrowsWhatTheTaskThrows, AsyncResultTellsWhatBecameOfTheTask,
    ManyResultsEachHaveTheirOwn, CallbacksGetValueOrErrorOnceBeforeTheResultIsReady, CallbacksOfAMapGetTheList,
    CallbackThatThrowsIsReportedAndLaterOnesRun, CallbacksComeOneAfterAnotherAndNeverInTheCallingThread,
    CallbacksMaySubmitAndClose, CallbacksMayTerminate, MapKeepsTheOrderWhateverTheChunks, MapOfEveryKindOfResult,
    MapOfEveryKindOfRange, MapEndsAllCallsThenThrowsTheFirstError, MapTakesWhatIsDoneWhileItSubmits,
    InputThatThrowsIsThrownOn, EmptyChunksAreRefused, StarmapSpreadsTuples, ImapGivesResultsInOrder,
    ImapUnorderedGivesEachOnce, ImapUnorderedGivesTheFirstThatIsDone, NextCanBeRetriedAfterATimeout,
    ImapGoesOnAfterTheErrorOfASingleCall, ImapEndsWithTheErrorOfAChunk,
    ImapThrowsWhatTheInputThrowsAfterTheResultsBefore, ImapPullsNoMoreThanItsBuffer, ImapGoesOnAfterClose,
    JoinHasAllOfAnImapDone, DroppedImapKeepsNothingFromEnding, CloseHasWhatWasTakenDoneAndRefusesMore,
    JoinWantsThePoolClosed, TerminateFailsWhatHasNotBegun, DestructionTerminates, ResultsOutliveTheirPool,
    ReprTellsStateAndSize, NoWorkersAreRefused, InitializerRunsInEachWorker, InitializerThatThrowsIsOneClearError);

}  // namespace plait::multiprocessing
