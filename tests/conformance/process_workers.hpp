// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The back end of the suites for the objects of plait::multiprocessing: what runs elsewhere runs in a process, as a
// task of a pool; shared objects reach it as handles.

#include <memory>
#include <type_traits>
#include <utility>

#include "plait/futures/process_pool_executor.hpp"
#include "plait/multiprocessing/synchronize.hpp"

namespace plait::tests {

struct ProcessWorkers {
  using Lock = multiprocessing::Lock;
  using RLock = multiprocessing::RLock;
  using Condition = multiprocessing::Condition;
  using Semaphore = multiprocessing::Semaphore;
  using BoundedSemaphore = multiprocessing::BoundedSemaphore;
  using Event = multiprocessing::Event;
  using Barrier = multiprocessing::Barrier;
  using NotOwned = AssertionError;

  static multiprocessing::AcquireOptions poll() { return {.block = false}; }

  // A call that runs elsewhere. get() waits for its result or throws what it threw; the destructor waits.
  template <class R>
  class Task {
   public:
    template <class F, class... Args>
    explicit Task(std::in_place_t, F call, Args&... arguments) : result_(process_->submit(call, arguments...)) {}
    R get() { return result_.result(); }

   private:
    std::unique_ptr<futures::ProcessPoolExecutor> process_ =
        std::make_unique<futures::ProcessPoolExecutor>(futures::ProcessPoolOptions{.max_workers = 1});
    futures::Future<R> result_;
  };

  // Gives f the arguments as objects of the process's own.
  template <class F>
  struct Call {
    template <class... Args>
    auto operator()(Args... arguments) const {
      return F()(arguments...);
    }
  };

  template <class F, class... Args>
  static auto start(F, Args&... arguments) {
    using R = std::invoke_result_t<F, Args&...>;
    return Task<R>(std::in_place, Call<F>(), arguments...);
  }
};

}  // namespace plait::tests
