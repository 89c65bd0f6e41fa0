// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The outcome of an apply_async with callbacks, or of a map_async: of several tasks together.

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <type_traits>
#include <utility>
#include <vector>

#include "plait/detail/future_state.hpp"
#include "plait/detail/pool_calls.hpp"
#include "plait/detail/pool_core.hpp"

namespace plait::detail {

template <class T>
struct CallbackOf {
  using type = std::function<void(const T&)>;
};
template <>
struct CallbackOf<void> {
  using type = std::function<void()>;
};

template <class T>
struct PoolCallbacks {
  typename CallbackOf<T>::type callback;
  std::function<void(const std::exception_ptr&)> error_callback;

  [[nodiscard]] bool any() const noexcept { return callback || error_callback; }
};

// How parts become the outcome: of an apply_async, that of its one task; of a map_async, the list.
template <class R>
struct SingleOutcome {
  using State = ResultState<R>;
  using Value = R;
  static Stored<Value> take(std::vector<Ref<State>>& parts) { return std::move(parts.front()->value()); }
};
template <class Part>
struct ListOutcome {
  using State = typename Part::State;
  using Value = typename ListOf<typename Part::Result>::type;
  static auto take(std::vector<Ref<State>>& parts) { return collect_list<Part>(parts); }
};

// The parts are known before the last is submitted, and that one has a callback, which starts a chain: it goes to the
// first part that is not done, leaves a callback there, and so on; who comes to the end settles. So all this happens in
// a thread that runs callbacks, and never in the one that submits.
template <class Outcome>
class PoolResult final : public ResultState<typename Outcome::Value> {
  using T = typename Outcome::Value;
  using State = typename Outcome::State;

 public:
  // `count` parts are going to be submitted.
  PoolResult(std::shared_ptr<PoolCore> core, Driver* driver, std::size_t count, PoolCallbacks<T> told)
      : ResultState<T>(driver), core_(std::move(core)), count_(count), callbacks_(std::move(told)) {
    parts_.reserve(count);
    this->try_start();  // nobody can cancel it
  }

  // For the submitting of a part.
  [[nodiscard]] auto preparation() {
    return [this](State& part) {
      parts_.emplace_back(&part);
      if (parts_.size() == count_) follow(part);
    };
  }
  // A part could not be submitted: those before are cancelled, and this is forgotten.
  void give_up() noexcept {
    cancel_all(parts_);
    parts_.clear();
  }
  // There are no more parts than those submitted, perhaps none at all.
  void end_of_parts() {
    if (count_ == 0) finish();
  }

  void before_sleep() override {
    if (!FutureState::this_thread_runs_tasks()) return;
    std::vector<Ref<State>> parts;
    {
      const std::scoped_lock lock(parts_mutex_);
      parts = parts_;
    }
    for (const auto& part : parts) part->before_sleep();
  }

 private:
  class Follow final : public Callback {
   public:
    explicit Follow(PoolResult& result) : result_(&result) {}
    void call(FutureState&) override { result_->proceed(); }

   private:
    Ref<PoolResult> result_;
  };

  void follow(State& part) { part.add_done_callback(std::make_unique<Follow>(*this)); }

  void proceed() {
    for (; next_ < parts_.size(); ++next_) {
      if (!parts_[next_]->done()) return follow(*parts_[next_]);
    }
    finish();
  }

  void finish() noexcept {
    if (callbacks_.any()) {
      store_outcome();
      tell();
      if (!this->publish()) this->run_callbacks();
    } else if (!this->publish_encoded()) {  // the tasks' values are taken, and so decoded, by who asks
      this->run_callbacks();
    }
  }

  void materialize() noexcept override { store_outcome(); }

  void store_outcome() noexcept {
    std::vector<Ref<State>> parts;
    {
      const std::scoped_lock lock(parts_mutex_);
      parts.swap(parts_);
    }
    try {
      if constexpr (std::is_void_v<T>) {
        Outcome::take(parts);
        this->store_value();
      } else {
        this->store_value(Outcome::take(parts));
      }
    } catch (...) {
      this->store_exception(std::current_exception());
    }
  }

  void tell() noexcept {
    const PoolCallbacks<T> told = std::exchange(callbacks_, {});
    const auto lock = core_->callbacks_lock();
    try {
      if (const std::exception_ptr& error = this->stored_exception()) {
        if (told.error_callback) told.error_callback(error);
      } else if (told.callback) {
        if constexpr (std::is_void_v<T>) {
          told.callback();
        } else {
          told.callback(this->stored_value());
        }
      }
    } catch (...) {
      report_throwing_callback();
    }
  }

  const std::shared_ptr<PoolCore> core_;  // keeps the driver
  const std::size_t count_;
  PoolCallbacks<T> callbacks_;

  // Written while parts are submitted, then by the chain, of which there is one, and by who takes the outcome; those
  // who wait meanwhile read it.
  std::mutex parts_mutex_;
  std::vector<Ref<State>> parts_;
  std::size_t next_ = 0;  // the chain's: those before it are done
};

}  // namespace plait::detail
