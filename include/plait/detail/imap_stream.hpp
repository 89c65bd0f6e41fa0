// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The engine of imap and imap_unordered: a window of submitted tasks, refilled as results are taken.

#include <cstddef>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "plait/deadline.hpp"
#include "plait/detail/completions.hpp"
#include "plait/detail/pool_calls.hpp"
#include "plait/detail/pool_core.hpp"
#include "plait/errors.hpp"

namespace plait::detail {

// Tasks under way, of which the oldest is taken next.
template <class State>
class OrderedWindow {
 public:
  [[nodiscard]] std::size_t size() const noexcept { return states_.size(); }
  void add(Ref<State> state) { states_.push_back(std::move(state)); }
  // False: the next is not done by then.
  bool wait(Deadline deadline) { return states_.front()->wait(deadline); }
  void cancel() noexcept { cancel_all(states_); }
  Ref<State> take() noexcept {
    Ref<State> oldest = std::move(states_.front());
    states_.pop_front();
    return oldest;
  }

 private:
  std::deque<Ref<State>> states_;
};

// The same, of which the first that is done is taken next.
template <class State>
class UnorderedWindow {
 public:
  [[nodiscard]] std::size_t size() const noexcept { return completions_.size(); }
  void add(Ref<State> state) { completions_.watch(std::move(state)); }
  bool wait(Deadline deadline) { return completions_.wait_for(1, deadline); }
  void cancel() noexcept { completions_.cancel(); }
  Ref<State> take() noexcept { return Ref<State>::adopt(static_cast<State*>(completions_.take_next().detach())); }

 private:
  Completions completions_;
};

// What an IMapIterator knows of it.
template <class R>
class ImapStream : public PoolStream {
 public:
  // Waits for the next result; valid until the next call. nullptr: that was all. Throws TimeoutError, after which it
  // may be called again, and exceptions of calls.
  virtual Stored<R>* next(Deadline deadline) = 0;
  // Nobody wants the rest.
  virtual void abandon() noexcept = 0;
};

// next() is called by one thread; submit_rest() by any other. The mutex guards the source and what submit_rest() has
// submitted, which next() moves into the window.
template <class Source, class Part, template <class> class Window>
class ImapStreamOf final : public ImapStream<typename Source::Result>,
                           public std::enable_shared_from_this<ImapStreamOf<Source, Part, Window>> {
  using R = typename Source::Result;
  using State = typename Part::State;

 public:
  ImapStreamOf(std::shared_ptr<PoolCore> core, Source source, std::size_t limit)
      : core_(std::move(core)), source_(std::move(source)), limit_(limit) {}

  ImapStreamOf(const ImapStreamOf&) = delete;
  ImapStreamOf& operator=(const ImapStreamOf&) = delete;
  ~ImapStreamOf() override { exhaust(); }

  // Submits the first tasks, and makes itself known to the pool.
  void begin() {
    core_->add(this->shared_from_this());
    refill();
  }

  Stored<R>* next(Deadline deadline) override {
    while (values_.empty()) {
      if (error_ != nullptr) throw_error();
      if (ended_) return nullptr;
      refill();
      if (window_.size() == 0) return end();
      if (!window_.wait(deadline)) throw TimeoutError("the next result was not ready within the timeout");
      take_part();
    }
    current_.emplace(std::move(values_.front()));
    values_.pop_front();
    return &*current_;
  }

  void abandon() noexcept override {
    const std::scoped_lock lock(mutex_);
    exhaust();
    ended_ = true;
    window_.cancel();
    cancel_all(rest_);
  }

  void submit_rest() noexcept override {
    for (;;) {
      const std::scoped_lock lock(mutex_);
      Ref<State> state = submit_next();
      if (!state) return;
      rest_.push_back(std::move(state));
    }
  }

 private:
  // nullptr: nothing is left. Under the mutex.
  Ref<State> submit_next() noexcept {
    Ref<State> state;
    if (exhausted_) return state;
    try {
      state = Part::submit(source_, [](auto&) {});
    } catch (...) {
      input_error_ = std::current_exception();
    }
    if (!state) exhaust();
    return state;
  }
  void exhaust() noexcept {
    if (!std::exchange(exhausted_, true)) core_->remove(this);
  }

  void refill() {
    const std::scoped_lock lock(mutex_);
    while (window_.size() < limit_) {
      Ref<State> state = rest_.empty() ? submit_next() : std::move(rest_.front());
      if (!state) return;
      if (!rest_.empty()) rest_.pop_front();
      window_.add(std::move(state));
    }
  }

  void take_part() {
    const Ref<State> part = window_.take();
    try {
      Part::collect(*part, [this](Stored<R>&& value) { values_.push_back(std::move(value)); });
    } catch (...) {
      error_ = std::current_exception();
    }
  }

  [[noreturn]] void throw_error() {
    if (Part::ends_with_error) abandon();
    std::rethrow_exception(std::exchange(error_, nullptr));
  }

  // An exception of the input comes after the results of what was before it.
  Stored<R>* end() {
    ended_ = true;
    const std::scoped_lock lock(mutex_);
    if (input_error_ != nullptr) std::rethrow_exception(std::exchange(input_error_, nullptr));
    return nullptr;
  }

  const std::shared_ptr<PoolCore> core_;
  std::mutex mutex_;  // guards the next four
  Source source_;
  bool exhausted_ = false;
  std::exception_ptr input_error_;
  std::deque<Ref<State>> rest_;

  const std::size_t limit_;
  Window<State> window_;
  bool ended_ = false;
  std::deque<Stored<R>> values_;  // of the part taken last
  std::exception_ptr error_;      // and what came after them
  std::optional<Stored<R>> current_;
};

}  // namespace plait::detail
