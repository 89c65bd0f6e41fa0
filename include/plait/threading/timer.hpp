// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Timer: Python's threading.Timer, a thread that calls a function after a while, unless it is cancelled before.

#include <chrono>
#include <memory>
#include <stop_token>
#include <utility>

#include "plait/deadline.hpp"
#include "plait/detail/export.hpp"
#include "plait/detail/thread_call.hpp"
#include "plait/errors.hpp"
#include "plait/threading/event.hpp"
#include "plait/threading/thread.hpp"

namespace plait::detail {

// Waits, then runs the call.
class PLAIT_EXPORT TimerTarget final : public ThreadTarget {
 public:
  // `interval` in nanoseconds. Throws ValueError: it is not a number.
  TimerTarget(std::shared_ptr<threading::Event> finished, long double interval, std::unique_ptr<ThreadTarget> call);
  void run(const std::stop_token& stop) override;
  [[nodiscard]] const void* code() const noexcept override { return call_->code(); }

 private:
  std::shared_ptr<threading::Event> finished_;
  std::chrono::duration<long double, std::nano> interval_;
  std::unique_ptr<ThreadTarget> call_;
};

}  // namespace plait::detail

namespace plait::threading {

// A Thread, which see: name, daemon and join() are those of its thread. The interval counts from start(); zero and less
// is at once. The function is given its arguments, and a stop_token, as a Thread's target.
//
// Destroying the owner of a timer that waits cancels it: its stop is requested, which for a timer means cancel, and it
// is joined. A timer whose function runs is joined. To let it fire without keeping it, hold it by std::shared_ptr when
// it is started, or make it a daemon; the end of the program then waits for the first, and forgets the second.
//
//   plait::threading::Timer timer(30s, say, "hello");
//   timer.start();
//   timer.cancel();
class Timer final : public Thread {
 public:
  // Throws ValueError: the interval is not a number.
  template <class Rep, class Period, class F, class... Args>
  explicit Timer(std::chrono::duration<Rep, Period> interval, F&& f, Args&&... args)
      : Timer(Options{}, interval, std::forward<F>(f), std::forward<Args>(args)...) {}
  template <class Rep, class Period, class F, class... Args>
  explicit Timer(Options options, std::chrono::duration<Rep, Period> interval, F&& f, Args&&... args)
      : Timer(std::move(options), std::chrono::duration<long double, std::nano>(interval).count(),
              detail::make_thread_call(std::forward<F>(f), std::forward<Args>(args)...), std::make_shared<Event>()) {}

  // The function will not be called, if it has not begun; before start(), too. No effect after that, nor if the
  // time comes at the same moment: join() to be sure. Throws RuntimeError: moved from.
  void cancel() { finished().set(); }
  // Set when it was cancelled, or the function has been called and has returned or thrown. Lives as long as the Timer.
  [[nodiscard]] Event& finished() const {
    if (finished_ == nullptr) throw RuntimeError("this Timer was moved from, there is no timer");
    return *finished_;
  }

 private:
  Timer(Options options, long double interval, std::unique_ptr<detail::ThreadTarget> call,
        std::shared_ptr<Event> finished)
      : Thread(std::move(options), TargetUses::nothing,
               std::unique_ptr<detail::ThreadTarget>(
                   std::make_unique<detail::TimerTarget>(finished, interval, std::move(call)))),
        finished_(std::move(finished)) {}

  std::shared_ptr<Event> finished_;
};

}  // namespace plait::threading
