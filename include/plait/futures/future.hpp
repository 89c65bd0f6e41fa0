// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// concurrent.futures.Future: the outcome of a task, now or later.
//
// A Future is a handle: copies share one outcome. An executor makes it PENDING; it becomes RUNNING and then FINISHED
// (with a value or an exception), or CANCELLED if cancel() came before it ran. A made-up `Future<T>()` is pending until
// set_result or set_exception, for tests and for executors of your own.

#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "plait/deadline.hpp"
#include "plait/detail/future_state.hpp"
#include "plait/detail/ref.hpp"
#include "plait/errors.hpp"

namespace plait::futures {

template <class T>
class Future;

}  // namespace plait::futures

namespace plait::detail {

template <class T, class F>
class FutureCallback;

// How plait's own parts get from a Future to its state and back.
struct FutureAccess {
  template <class T>
  static futures::Future<T> make(Ref<ResultState<T>> state) noexcept {
    return futures::Future<T>(std::move(state));
  }
  template <class T>
  static const Ref<ResultState<T>>& state(const futures::Future<T>& future) noexcept {
    return future.state_;
  }
};

}  // namespace plait::detail

namespace plait::futures {

// All members are thread-safe; distinct copies may be used by distinct threads at once, as may one by const members.
// A moved-from Future may only be assigned and destroyed. Comparison and hash are by identity: equal futures share one
// outcome. Dropping a Future does not cancel its task, nor wait for it.
//
// T may be void, a reference (the task returns one; what it refers to must live on), or move-only.
//
//   Future<int> answer = pool.submit(f, 6, 7);
//   answer.add_done_callback([](Future<int>& future) { log(future.result()); });
//   int value = answer.result(2s);
//
// Differs from Python: typed; result() of a temporary hands the value over instead of copying it. A thread pool's
// worker that waits, without a timeout, for a task of its own pool which nobody has begun runs it itself, where Python
// would deadlock.
template <class T>
class Future {
 public:
  using value_type = T;

  // A fresh pending one, Python's Future().
  Future() : state_(State::adopt(new detail::ResultState<T>)) {}

  // True: the task will never run, or was cancelled before. False: it runs or has finished. Callbacks run here.
  bool cancel() { return State(state_)->cancel(); }
  [[nodiscard]] bool cancelled() const noexcept { return state_->cancelled(); }
  [[nodiscard]] bool running() const noexcept { return state_->running(); }
  // Finished or cancelled.
  [[nodiscard]] bool done() const noexcept { return state_->done(); }

  // The value, once there is one; a reference into the shared outcome, valid while a copy of this future lives.
  // Throws: the task's exception; TimeoutError, then the task goes on; CancelledError; DecodeError when the bytes that
  // came from another process are no T; RuntimeError in a worker whose tasks wait for one another hundreds deep.
  std::add_lvalue_reference_t<std::conditional_t<std::is_reference_v<T>, T, const T>> result(
      Deadline timeout = {}) const&;
  // The same, with the value moved out: copies of this future are left with a moved-from value.
  T result(Deadline timeout = {}) &&;

  // The task's exception, nullptr if it returned a value. Waits and throws as result().
  [[nodiscard]] std::exception_ptr exception(Deadline timeout = {}) const;

  // Calls function(future) when this is done, in the thread that settles or cancels it (a process pool: in the pool's
  // own thread), in the order added; at once, in this thread, if it is done already. What it throws is reported on
  // stderr, the rest still run. It may submit to the executor, and shut it down; it must not wait for another future of
  // the same process pool, whose outcomes are not read while it runs.
  template <std::invocable<Future<T>&> F>
  void add_done_callback(F function) const {
    State(state_)->add_done_callback(std::make_unique<detail::FutureCallback<T, F>>(std::move(function)));
  }

  // For executors: the task is about to run. False: it was cancelled; wait() and as_completed() are told.
  // Throws RuntimeError: it is running or done already.
  bool set_running_or_notify_cancel() { return State(state_)->set_running_or_notify_cancel(); }
  // For executors: settles with a value (none for void). Throws InvalidStateError: settled or cancelled already, or a
  // pool is running the task.
  template <class... U>
    requires(sizeof...(U) == (std::is_void_v<T> ? 0 : 1))
  void set_result(U&&... value) {
    State(state_)->set_value(std::forward<U>(value)...);
  }
  // For executors: settles with an exception, a std::exception_ptr or the exception itself. Throws InvalidStateError as
  // set_result; ValueError: a null pointer.
  void set_exception(std::exception_ptr error) { State(state_)->set_exception(std::move(error)); }
  template <std::derived_from<std::exception> E>
  void set_exception(E error) {
    set_exception(std::make_exception_ptr(std::move(error)));
  }

  friend bool operator==(const Future&, const Future&) noexcept = default;

 private:
  // What wakes others or runs callbacks holds a reference of its own: one of them may drop this very handle.
  using State = detail::Ref<detail::ResultState<T>>;
  friend detail::FutureAccess;
  friend std::hash<Future>;

  explicit Future(State state) noexcept : state_(std::move(state)) {}

  State state_;
};

template <class T>
auto Future<T>::result(
    Deadline timeout) const& -> std::add_lvalue_reference_t<std::conditional_t<std::is_reference_v<T>, T, const T>> {
  state_->wait_for_outcome(timeout);
  if constexpr (std::is_reference_v<T>) {
    return static_cast<T>(*state_->value());
  } else if constexpr (std::is_void_v<T>) {
    state_->value();
  } else {
    return state_->value();
  }
}

template <class T>
T Future<T>::result(Deadline timeout) && {
  if constexpr (std::is_object_v<T>) {
    state_->wait_for_outcome(timeout);
    state_->decode_alone();
    return std::move(state_->value());
  } else {
    return std::as_const(*this).result(timeout);
  }
}

template <class T>
std::exception_ptr Future<T>::exception(Deadline timeout) const {
  state_->wait_for_outcome(timeout);
  return state_->exception();
}

}  // namespace plait::futures

template <class T>
struct std::hash<plait::futures::Future<T>> {
  std::size_t operator()(const plait::futures::Future<T>& future) const noexcept {
    return std::hash<const void*>()(future.state_.get());
  }
};

namespace plait::detail {

template <class T, class F>
class FutureCallback final : public Callback {
 public:
  explicit FutureCallback(F&& function) : function_(std::move(function)) {}
  void call(FutureState& state) override {
    auto future = FutureAccess::make(Ref<ResultState<T>>(static_cast<ResultState<T>*>(&state)));
    std::invoke(function_, future);
  }

 private:
  F function_;
};

}  // namespace plait::detail
