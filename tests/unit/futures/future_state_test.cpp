// SPDX-License-Identifier: Apache-2.0
// The protocol of the state word under races; what one thread can see is in future_test.cpp.
#include "plait/detail/future_state.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace plait::detail {
namespace {

using namespace std::chrono_literals;
constexpr int rounds = 3000;

// Runs the actions at the same time, on a fresh subject, many times.
template <class Subject>
void race(const std::function<std::unique_ptr<Subject>()>& make,
          const std::vector<std::function<void(Subject&)>>& actions, const std::function<void(Subject&)>& check) {
  std::unique_ptr<Subject> subject;
  std::barrier start(static_cast<std::ptrdiff_t>(actions.size()) + 1);
  std::barrier end(static_cast<std::ptrdiff_t>(actions.size()) + 1);
  std::vector<std::jthread> threads;
  for (const auto& action : actions) {
    threads.emplace_back([&] {
      for (int round = 0; round < rounds; ++round) {
        start.arrive_and_wait();
        action(*subject);
        end.arrive_and_wait();
      }
    });
  }
  for (int round = 0; round < rounds; ++round) {
    subject = make();
    start.arrive_and_wait();
    end.arrive_and_wait();
    check(*subject);
  }
}

class CountingObserver final : public Observer {
 public:
  void settled(FutureState&) noexcept override { calls.fetch_add(1, std::memory_order_relaxed); }
  std::atomic<int> calls{0};
};

struct CountingCallback final : Callback {
  explicit CountingCallback(std::atomic<int>& counter) : calls(counter) {}
  void call(FutureState&) override { calls.fetch_add(1, std::memory_order_relaxed); }
  std::atomic<int>& calls;
};

// A state that is settled, waited for, cancelled, observed and called back from, and what came of it.
struct Contended {
  Ref<ResultState<int>> state = Ref<ResultState<int>>::adopt(new ResultState<int>);
  CountingObserver observer;
  bool observed = false, started = false, cancelled = false;
  std::atomic<int> callbacks{0}, settlers{0};
};

std::unique_ptr<Contended> contended() { return std::make_unique<Contended>(); }

void settle(Contended& it) {
  try {
    it.state->set_value(7);
    it.settlers.fetch_add(1);
  } catch (const InvalidStateError&) {
  }
}
void cancel(Contended& it) { it.cancelled = it.state->cancel(); }
void wait(Contended& it) { EXPECT_TRUE(it.state->wait({})); }
void add_callback(Contended& it) { it.state->add_done_callback(std::make_unique<CountingCallback>(it.callbacks)); }
void observe(Contended& it) { it.observed = it.state->add_observer(it.observer); }
void observe_and_leave(Contended& it) {
  if (it.state->add_observer(it.observer)) it.state->remove_observer(it.observer);
}

TEST(FutureStateRaces, EveryWaiterWakesWhenItIsSettled) {
  race<Contended>(contended, {settle, wait, wait}, [](Contended& it) { EXPECT_EQ(it.state->value(), 7); });
}

TEST(FutureStateRaces, WaiterWithDeadlineSeesTheValueOrTheTimeout) {
  const auto wait_briefly = [](Contended& it) {
    if (it.state->wait(std::chrono::microseconds(30))) {
      EXPECT_EQ(it.state->value(), 7);
    }
  };
  race<Contended>(contended, {settle, wait_briefly}, [](Contended& it) { EXPECT_EQ(it.state->value(), 7); });
}

TEST(FutureStateRaces, CallbackRunsOnceWhenAddedWhileSettling) {
  race<Contended>(contended, {settle, add_callback, add_callback}, [](Contended& it) { EXPECT_EQ(it.callbacks, 2); });
}

TEST(FutureStateRaces, ObserverIsToldOnceOrRefused) {
  race<Contended>(contended, {settle, observe}, [](Contended& it) {
    EXPECT_EQ(it.observer.calls, it.observed ? 1 : 0);
    if (it.observed) it.state->remove_observer(it.observer);
  });
}

TEST(FutureStateRaces, ObserverMayLeaveWhileSettling) {
  race<Contended>(contended, {settle, observe_and_leave}, [](Contended& it) { EXPECT_LE(it.observer.calls, 1); });
}

TEST(FutureStateRaces, OneOfManySettlersWins) {
  race<Contended>(contended, {settle, settle, settle}, [](Contended& it) { EXPECT_EQ(it.settlers, 1); });
}

TEST(FutureStateRaces, EitherCancelledOrStarted) {
  const auto start = [](Contended& it) {
    it.started = it.state->try_start();
    if (it.started) {
      EXPECT_TRUE(it.state->publish());
    }
  };
  race<Contended>(contended, {start, cancel, observe}, [](Contended& it) {
    EXPECT_NE(it.started, it.cancelled);
    if (it.cancelled) it.state->try_start();
    EXPECT_TRUE(it.state->settled());
    EXPECT_EQ(it.observer.calls, it.observed ? 1 : 0);
    if (it.observed) it.state->remove_observer(it.observer);
  });
}

TEST(FutureStateRaces, EitherCancelledOrSettled) {
  race<Contended>(contended, {settle, cancel, add_callback, wait}, [](Contended& it) {
    EXPECT_NE(it.settlers == 1, it.cancelled);
    EXPECT_EQ(it.callbacks, 1);
  });
}

// A state whose outcome is decoded by who asks.
class EncodedState final : public ResultState<std::string> {
 public:
  explicit EncodedState(bool fails) : fails_(fails) {}
  bool finish() { return try_start() && publish_encoded(); }
  std::atomic<int> decodings{0};

 private:
  void materialize() noexcept override {
    decodings.fetch_add(1);
    std::this_thread::yield();
    fails_ ? store_exception(std::make_exception_ptr(ValueError("bad bytes"))) : store_value("decoded");
  }
  const bool fails_;
};

struct Encoded {
  Ref<EncodedState> state = Ref<EncodedState>::adopt(new EncodedState(false));
  Ref<EncodedState> second;
};

TEST(FutureState, DecodesWhenAskedAndNotBefore) {
  Encoded it;
  EXPECT_TRUE(it.state->finish());
  EXPECT_TRUE(it.state->wait({}));
  EXPECT_TRUE(it.state->done());
  EXPECT_EQ(it.state->decodings, 0);
  EXPECT_EQ(it.state->exception(), nullptr);
  EXPECT_EQ(it.state->value(), "decoded");
  EXPECT_EQ(it.state->decodings, 1);
}

TEST(FutureState, KeepsAnErrorOfDecoding) {
  auto state = Ref<EncodedState>::adopt(new EncodedState(true));
  EXPECT_TRUE(state->finish());
  EXPECT_THROW(state->value(), ValueError);
  EXPECT_THROW(state->value(), ValueError);
  EXPECT_EQ(state->decodings, 1);
}

TEST(FutureStateRaces, DecodedOnceHoweverManyAsk) {
  const auto ask = [](Encoded& it) {
    it.state->wait({});
    EXPECT_EQ(it.state->value(), "decoded");
  };
  race<Encoded>([] { return std::make_unique<Encoded>(); },
                {[](Encoded& it) { EXPECT_TRUE(it.state->finish()); }, ask, ask, ask},
                [](Encoded& it) { EXPECT_EQ(it.state->decodings, 1); });
}

// Who has the last reference may find that the others have decoded it, and have just let go.
TEST(FutureStateRaces, DecodedOnceByWhoIsLeftAlone) {
  const auto ask_and_let_go = [](Encoded& it) {
    const Ref<EncodedState> mine = std::move(it.second);
    EXPECT_EQ(mine->value(), "decoded");
  };
  const auto ask_alone = [](Encoded& it) {
    it.state->decode_alone();
    EXPECT_EQ(it.state->value(), "decoded");
  };
  const auto decoded_soon = [] {
    auto it = std::make_unique<Encoded>();
    EXPECT_TRUE(it->state->finish());
    it->second = it->state;
    return it;
  };
  race<Encoded>(decoded_soon, {ask_and_let_go, ask_alone}, [](Encoded& it) { EXPECT_EQ(it.state->decodings, 1); });
}

// A driver that settles the state which it is asked to help with.
class SettlingDriver final : public Driver {
 public:
  void help(bool (*done)(const void*) noexcept, const void* context) noexcept override {
    EXPECT_FALSE(done(context));
    state->set_value(1);
    EXPECT_TRUE(done(context));
  }
  ResultState<int>* state = nullptr;
};

TEST(FutureState, WaiterLetsTheDriverWork) {
  SettlingDriver driver;
  auto state = Ref<ResultState<int>>::adopt(new ResultState<int>(&driver));
  driver.state = state.get();
  EXPECT_TRUE(state->wait({}));
  EXPECT_EQ(state->value(), 1);
}

TEST(FutureState, IsSmall) { EXPECT_LE(sizeof(FutureState), 64U); }

TEST(FutureState, CancelAndNotifyCountsAsSettled) {
  Contended it;
  observe(it);
  EXPECT_TRUE(it.state->cancel_and_notify());
  EXPECT_EQ(it.observer.calls, 1);
  EXPECT_EQ(it.state->status(), Status::cancelled_and_notified);
  it.state->remove_observer(it.observer);
}

TEST(FutureState, UnwatchedUntilSomebodyElseHasIt) {
  Contended it;
  EXPECT_TRUE(it.state->unwatched());
  {
    const auto other = it.state;
    EXPECT_FALSE(it.state->unwatched());
  }
  EXPECT_TRUE(it.state->unwatched());
  add_callback(it);
  EXPECT_FALSE(it.state->unwatched());
}

}  // namespace
}  // namespace plait::detail
