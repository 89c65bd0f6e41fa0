// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// AsyncResult: what apply_async, map_async and starmap_async of a Pool give. Python's multiprocessing.pool.AsyncResult.

#include <exception>
#include <type_traits>
#include <utility>

#include "plait/deadline.hpp"
#include "plait/detail/future_state.hpp"
#include "plait/detail/ref.hpp"
#include "plait/errors.hpp"

namespace plait::multiprocessing {

// A handle: copies share one result. Thread-safe, but for assigning; may outlive its pool. A moved-from one may only be
// assigned and destroyed. Dropping it neither cancels the task nor waits for it.
//
//   AsyncResult<int> result = pool.apply_async(long_time_task, 3);
//   int value = result.get(2s);
//
// Differs from Python: typed; get() of a temporary hands the value over instead of copying it.
template <class T>
class AsyncResult {
 public:
  using value_type = T;

  // For pools.
  explicit AsyncResult(detail::Ref<detail::ResultState<T>> state) noexcept : state_(std::move(state)) {}

  // The value, once it is there: a reference into the shared result, valid while a copy of this lives. Throws: the
  // task's exception, of a map the first one in the order of the input, after all calls have ended; TimeoutError, then
  // the task goes on and get() may be called again; CancelledError: the pool was terminated before the task had begun;
  // futures::WorkerDied: its process died while it ran; futures::BrokenProcessPool, futures::BrokenThreadPool: an
  // initializer failed; DecodeError; in a worker of a ThreadPool whose tasks wait for one another hundreds deep,
  // RuntimeError.
  std::add_lvalue_reference_t<const T> get(Deadline timeout = {}) const& {
    wait_for_outcome(timeout);
    if constexpr (std::is_void_v<T>) {
      state_->value();
    } else {
      return state_->value();
    }
  }
  // The same, with the value moved out: copies of this are left with a moved-from one.
  T get(Deadline timeout = {}) && {
    wait_for_outcome(timeout);
    if constexpr (std::is_void_v<T>) {
      state_->value();
    } else {
      state_->decode_alone();
      return std::move(state_->value());
    }
  }

  // Returns when the result is there, or at the deadline. Throws only what get() says of workers of a ThreadPool.
  void wait(Deadline timeout = {}) const { detail::Ref<detail::ResultState<T>>(state_)->wait(timeout); }

  [[nodiscard]] bool ready() const noexcept { return state_->done(); }

  // Whether there is a value, not an exception. Throws ValueError: not ready.
  [[nodiscard]] bool successful() const {
    if (!ready()) throw ValueError("the result is not ready: successful() comes after wait() or get()");
    return state_->exception() == nullptr;
  }

  // Of the same result.
  friend bool operator==(const AsyncResult&, const AsyncResult&) noexcept = default;

 private:
  void wait_for_outcome(Deadline timeout) const {
    wait(timeout);
    if (!ready()) throw TimeoutError("the result was not ready within the timeout; its task goes on");
  }

  detail::Ref<detail::ResultState<T>> state_;
};

}  // namespace plait::multiprocessing
