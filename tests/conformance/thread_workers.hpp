// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What the suites of the synchronisation objects need of a back end, for the objects of plait::threading: the types,
// and start(), which runs a stateless function of them elsewhere. A back end of another kind has the same members.

#include <exception>
#include <future>
#include <thread>
#include <type_traits>
#include <utility>

#include "plait/errors.hpp"
#include "plait/threading/barrier.hpp"
#include "plait/threading/condition.hpp"
#include "plait/threading/event.hpp"
#include "plait/threading/lock.hpp"
#include "plait/threading/rlock.hpp"
#include "plait/threading/semaphore.hpp"

namespace plait::tests {

struct ThreadWorkers {
  using Lock = threading::Lock;
  using RLock = threading::RLock;
  using Condition = threading::Condition;
  using Semaphore = threading::Semaphore;
  using BoundedSemaphore = threading::BoundedSemaphore;
  using Event = threading::Event;
  using Barrier = threading::Barrier;
  using NotOwned = RuntimeError;  // of conditions

  static threading::AcquireOptions poll() { return {.blocking = false}; }

  // A call that runs elsewhere. get() waits for its result or throws what it threw; the destructor waits.
  template <class R>
  class Task {
   public:
    explicit Task(std::packaged_task<R()> call) : result_(call.get_future()), thread_(std::move(call)) {}
    R get() { return result_.get(); }

   private:
    std::future<R> result_;
    std::jthread thread_;
  };

  // f(arguments...); shared objects reach it as themselves, plain values by copy.
  template <class F, class... Args>
  static auto start(F f, Args&... arguments) {
    using R = std::invoke_result_t<F, Args&...>;
    return Task<R>(std::packaged_task<R()>([f, &arguments...] { return f(arguments...); }));
  }
};

}  // namespace plait::tests
