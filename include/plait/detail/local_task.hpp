// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// A task that runs in this process: callable, arguments, outcome and links of the queue in one allocation.

#include <atomic>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "plait/detail/export.hpp"
#include "plait/detail/future_state.hpp"
#include "plait/detail/ref.hpp"
#include "plait/detail/task_memory.hpp"

namespace plait::detail {

// What a queue of tasks is made of.
struct QueueLink {
  std::atomic<QueueLink*> next{nullptr};
};

// The part that knows no type. Who runs it: try_start() on the state; if that succeeds run(), then publish() on the
// state.
class PLAIT_EXPORT LocalTask : public QueueLink {
 public:
  void retain() noexcept { state().retain(); }
  void release() noexcept { state().release(); }
  [[nodiscard]] virtual FutureState& state() noexcept = 0;

  // Calls, stores the outcome in the state, and destroys callable and arguments.
  virtual void run() noexcept = 0;
  // Stores `error` in place of an outcome; as run().
  virtual void fail(std::exception_ptr error) noexcept = 0;
  // Destroys callable and arguments of a task that will not run.
  virtual void discard() noexcept = 0;

  // The pool whose queue holds it: for comparison only.
  const void* pool = nullptr;

 protected:
  ~LocalTask() = default;
  // If this thread works for the task's pool: runs the task here, unless it has begun. A task that waits for another of
  // its own pool so never waits for a worker. Throws RuntimeError: hundreds of tasks deep.
  void run_in_own_worker();
};

// A call of F with Args (decayed), whose result is kept as R.
template <class R, class F, class... Args>
class CallTask final : public ResultState<R>, public LocalTask, public InTaskMemory {
 public:
  template <class... Parts>
  explicit CallTask(Parts&&... parts) : call_(std::in_place, std::forward<Parts>(parts)...) {}

  using FutureState::release, FutureState::retain;

  [[nodiscard]] FutureState& state() noexcept override { return *this; }
  void run() noexcept override {
    try {
      call();
    } catch (...) {
      this->store_exception(std::current_exception());
    }
    discard();
  }
  void fail(std::exception_ptr error) noexcept override {
    this->store_exception(std::move(error));
    discard();
  }
  void discard() noexcept override { call_.reset(); }
  void before_sleep() override { run_in_own_worker(); }

 private:
  void call() {
    const auto invoke = [](F& f, Args&... args) -> decltype(auto) {
      return std::invoke(std::move(f), std::move(args)...);
    };
    if constexpr (std::is_void_v<R>) {
      std::apply(invoke, *call_);
      this->store_value();
    } else {
      this->store_value(std::apply(invoke, *call_));
    }
  }

  std::optional<std::tuple<F, Args...>> call_;
};

// A callable that many tasks share.
template <class F>
struct SharedCallable {
  template <class... Args>
  decltype(auto) operator()(Args&&... args) const {
    return std::invoke(*f, std::forward<Args>(args)...);
  }
  std::shared_ptr<F> f;
};

// The task f(args...), with decayed copies of them, or moved from rvalues.
template <class R, class F, class... Args>
auto make_local_task(F&& f, Args&&... args) {
  using Task = CallTask<R, std::decay_t<F>, std::decay_t<Args>...>;
  return Ref<Task>::adopt(new Task(std::forward<F>(f), std::forward<Args>(args)...));
}

}  // namespace plait::detail
