// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// concurrent.futures.wait and as_completed: waiting for several futures.
//
// Both take any range of Future<T>, and one future given several times counts once. The futures may belong to different
// executors. A future that was cancelled but that its executor has not noticed yet is not done here, as in Python.

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <ranges>
#include <string>
#include <utility>
#include <vector>

#include "plait/deadline.hpp"
#include "plait/detail/completions.hpp"
#include "plait/errors.hpp"
#include "plait/futures/future.hpp"

namespace plait::detail {

template <class F>
struct FutureValue;
template <class T>
struct FutureValue<futures::Future<T>> {
  using type = T;
};

}  // namespace plait::detail

namespace plait::futures {

// What wait() waits for. FIRST_EXCEPTION: the first future that fails (a cancelled one does not count), else all.
enum ReturnWhen : std::uint8_t { FIRST_COMPLETED, FIRST_EXCEPTION, ALL_COMPLETED };

// A range whose elements are Future<T>.
template <class R>
concept FutureRange =
    std::ranges::input_range<R> && requires { typename detail::FutureValue<std::ranges::range_value_t<R>>::type; };

template <FutureRange R>
using FutureRangeValue = typename detail::FutureValue<std::ranges::range_value_t<R>>::type;

struct WaitOptions {
  Deadline timeout = {};
  ReturnWhen return_when = ALL_COMPLETED;
};

struct AsCompletedOptions {
  Deadline timeout = {};
};

// Each in the order of the input: `auto [done, not_done] = wait(futures);`
template <class T>
struct DoneAndNotDone {
  std::vector<Future<T>> done;
  std::vector<Future<T>> not_done;
};

// Waits as `return_when` says or until the timeout, which is no error; then tells which futures are done.
// An empty range gives two empty vectors at once. Throws ValueError: no such return_when.
//   auto [done, not_done] = wait({.timeout = 1s, .return_when = FIRST_COMPLETED}, futures);
template <FutureRange R>
DoneAndNotDone<FutureRangeValue<R>> wait(WaitOptions options, R&& futures);
template <FutureRange R>
DoneAndNotDone<FutureRangeValue<R>> wait(R&& futures) {
  return wait(WaitOptions{}, std::forward<R>(futures));
}

// The futures in the order in which they get done: a single-pass range of Future<T>&. Move-only, and used by one
// thread.
template <class T>
class [[nodiscard]] AsCompleted {
 public:
  class Iterator;

  // `futures`: the states to watch.
  AsCompleted(std::vector<detail::Ref<detail::FutureState>> futures, Deadline deadline)
      : completions_(std::make_unique<detail::Completions>(std::move(futures))),
        deadline_(deadline),
        total_(completions_->size()) {}

  // begin() and ++ wait for the next future. Throw TimeoutError, "N (of M) futures unfinished", when the timeout,
  // counted from the call of as_completed, has passed before it was done.
  Iterator begin() {
    advance();
    return Iterator(*this);
  }
  std::default_sentinel_t end() const noexcept { return {}; }

 private:
  void advance();

  std::unique_ptr<detail::Completions> completions_;
  Deadline deadline_;
  std::size_t total_;
  bool at_end_ = false;
  Future<T> current_ = detail::FutureAccess::make<T>(nullptr);
};

// Yields each future once, those that are done already first.
//   for (auto& future : as_completed(futures)) show(future.result());
template <FutureRange R>
AsCompleted<FutureRangeValue<R>> as_completed(AsCompletedOptions options, R&& futures);
template <FutureRange R>
AsCompleted<FutureRangeValue<R>> as_completed(R&& futures) {
  return as_completed(AsCompletedOptions{}, std::forward<R>(futures));
}

}  // namespace plait::futures

namespace plait::detail {

template <class R>
std::vector<Ref<FutureState>> states_of(R&& futures) {
  std::vector<Ref<FutureState>> states;
  if constexpr (std::ranges::sized_range<R>) states.reserve(std::ranges::size(futures));
  for (const auto& future : futures) states.emplace_back(FutureAccess::state(future));
  return states;
}

template <class T>
futures::Future<T> typed_future(const Ref<FutureState>& state) {
  return FutureAccess::make(Ref<ResultState<T>>(static_cast<ResultState<T>*>(state.get())));
}

// The compiled part of wait().
PLAIT_EXPORT SettledAndUnsettled wait_for_states(std::vector<Ref<FutureState>> states, futures::ReturnWhen return_when,
                                                 Deadline deadline);

}  // namespace plait::detail

namespace plait::futures {

template <FutureRange R>
DoneAndNotDone<FutureRangeValue<R>> wait(WaitOptions options, R&& futures) {
  using T = FutureRangeValue<R>;
  auto states = detail::wait_for_states(detail::states_of(futures), options.return_when, options.timeout);
  DoneAndNotDone<T> sorted;
  for (const auto& state : states.settled) sorted.done.push_back(detail::typed_future<T>(state));
  for (const auto& state : states.unsettled) sorted.not_done.push_back(detail::typed_future<T>(state));
  return sorted;
}

template <FutureRange R>
AsCompleted<FutureRangeValue<R>> as_completed(AsCompletedOptions options, R&& futures) {
  return AsCompleted<FutureRangeValue<R>>(detail::states_of(futures), options.timeout);
}

template <class T>
void AsCompleted<T>::advance() {
  const std::size_t unfinished = completions_->size();
  at_end_ = unfinished == 0;
  if (at_end_) return;
  if (!completions_->wait_for(1, deadline_)) {
    at_end_ = true;
    throw TimeoutError(std::to_string(unfinished) + " (of " + std::to_string(total_) + ") futures unfinished");
  }
  current_ = detail::typed_future<T>(completions_->take_next());
}

template <class T>
class AsCompleted<T>::Iterator {
 public:
  using value_type = Future<T>;
  using difference_type = std::ptrdiff_t;

  Future<T>& operator*() const noexcept { return range_->current_; }
  Future<T>* operator->() const noexcept { return &range_->current_; }
  Iterator& operator++() {
    range_->advance();
    return *this;
  }
  void operator++(int) { ++*this; }
  bool operator==(std::default_sentinel_t) const noexcept { return range_->at_end_; }

 private:
  friend AsCompleted;
  explicit Iterator(AsCompleted& range) noexcept : range_(&range) {}
  AsCompleted* range_;
};

}  // namespace plait::futures
