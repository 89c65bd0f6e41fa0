// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The engine of Executor::map: a window of submitted calls, refilled from the zipped input ranges.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <optional>
#include <ranges>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "plait/deadline.hpp"
#include "plait/detail/future_state.hpp"
#include "plait/detail/wire/exception.hpp"
#include "plait/detail/wire/signature.hpp"
#include "plait/futures/future.hpp"

namespace plait::detail {

// Results one after another.
template <class R>
class MapStream {
 public:
  virtual ~MapStream() = default;
  // Waits for the next; valid until the next call. nullptr: that was all. After an exception it is not called again.
  virtual Stored<R>* next() = 0;
};

// What map gives to the function of an element of a range: the element, or, where the range has but proxies for its
// elements (std::vector<bool>, zip), the value it stands for, since the call comes later than the iteration.
template <class Range>
using MapArgument = std::conditional_t<std::is_reference_v<std::ranges::range_reference_t<Range>>,
                                       std::ranges::range_reference_t<Range>, std::ranges::range_value_t<Range>>;

// Several ranges walked in step until the shortest ends; none are empty. Single pass.
template <class... Views>
class Zip {
 public:
  static constexpr bool sized = (std::ranges::sized_range<Views> || ...);

  explicit Zip(Views... views) : views_(std::move(views)...) {}

  // Calls use(element...) and goes on; false: at the end.
  template <class Use>
  bool next(Use use) {
    return next(use, std::index_sequence_for<Views...>());
  }

 private:
  template <class Use, std::size_t... i>
  bool next(Use& use, std::index_sequence<i...>) {
    if (at_end_) return false;
    if (at_) {
      (++std::get<i>(*at_), ...);
    } else {
      at_.emplace(std::ranges::begin(std::get<i>(views_))...);
    }
    at_end_ = ((std::get<i>(*at_) == std::ranges::end(std::get<i>(views_))) || ...);
    if (at_end_) return false;
    use(static_cast<MapArgument<Views>>(*std::get<i>(*at_))...);
    return true;
  }

  std::tuple<Views...> views_;
  std::optional<std::tuple<std::ranges::iterator_t<Views>...>> at_;
  bool at_end_ = sizeof...(Views) == 0;
};

// Calls that were submitted and whose results were not taken yet, at most `limit` of them. `Submit` submits the next
// call and returns its future, or nothing at the end of the input.
template <class T, class Submit>
class Window {
  using Value = std::remove_const_t<Stored<T>>;

 public:
  Window(Submit submit, std::size_t limit) : submit_(std::move(submit)), limit_(limit) { fill(); }
  Window(const Window&) = delete;
  Window& operator=(const Window&) = delete;
  ~Window() { cancel(); }

  // Takes the result of the oldest call, and refills. False: there is none.
  bool take(std::optional<Stored<T>>& result, Deadline deadline) {
    if (values_.empty() && futures_.empty()) return false;
    if (values_.empty()) {
      wait_for_oldest(result, deadline);
    } else {
      result.emplace(std::move(values_.front()));
      values_.pop_front();
    }
    fill();
    return true;
  }

 private:
  void wait_for_oldest(std::optional<Stored<T>>& result, Deadline deadline) {
    const futures::Future<T> oldest = std::move(futures_.front());
    futures_.pop_front();
    const auto& state = FutureAccess::state(oldest);
    try {
      state->wait_for_outcome(deadline);
    } catch (...) {
      state->cancel();
      throw;
    }
    state->decode_alone();
    result.emplace(std::move(state->value()));
  }

  void fill() try {
    while (!at_end_ && values_.size() + futures_.size() < limit_) {
      if (auto future = submit_()) {
        futures_.push_back(std::move(*future));
        take_values();
      } else {
        at_end_ = true;
      }
    }
  } catch (...) {
    cancel();
    throw;
  }
  // Lets go of the oldest tasks that have a value already, so that the next tasks lie where they did, in the cache. Not
  // if to move a value may throw, which is for who takes it.
  void take_values() {
    if constexpr (std::is_nothrow_constructible_v<Value, Stored<T>>) {
      while (!futures_.empty()) {
        const auto& state = FutureAccess::state(futures_.front());
        if (!state->finished()) return;
        state->decode_alone();
        if (state->exception() != nullptr) return;
        values_.push_back(std::move(state->value()));
        futures_.pop_front();
      }
    }
  }
  void cancel() noexcept {
    for (auto& future : futures_) future.cancel();
  }

  Submit submit_;
  std::size_t limit_;
  bool at_end_ = false;
  std::deque<Value> values_;                // of the oldest calls
  std::deque<futures::Future<T>> futures_;  // of those after them
};

// One call a task.
template <class R, class Submit>
class PlainStream final : public MapStream<R> {
 public:
  PlainStream(Submit submit, std::size_t limit, Deadline deadline)
      : window_(std::move(submit), limit), deadline_(deadline) {}

  Stored<R>* next() override { return window_.take(result_, deadline_) ? &*result_ : nullptr; }

 private:
  Window<R, Submit> window_;
  Deadline deadline_;
  std::optional<Stored<R>> result_;
};

// What a task of several calls brings back: the values until the first call that threw, and the exception of that one.
template <class R>
struct ChunkResult {
  // As a vector of bool has no elements to refer to, and one of nothing no size.
  using Value = std::conditional_t<std::is_void_v<R> || std::is_same_v<R, bool>, std::uint8_t, Stored<R>>;

  // By hand, for values that can but be moved: to find out what an aggregate has may take copies of it.
  template <class A>
  void serialize(A& ar) {
    ar(values, error);
  }

  std::vector<Value> values;
  std::vector<std::byte> error;
};

template <class R>
class ChunkValue {
 public:
  Stored<R>* hold(typename ChunkResult<R>::Value& value) {
    if constexpr (std::is_void_v<R>) {
      return &held_;
    } else if constexpr (std::is_same_v<R, bool>) {
      held_ = value != 0;
      return &held_;
    } else {
      return &value;
    }
  }

 private:
  std::conditional_t<std::is_same_v<R, bool>, bool, std::monostate> held_{};
};

// Several calls a task.
template <class R, class Submit>
class ChunkStream final : public MapStream<R> {
 public:
  ChunkStream(Submit submit, std::size_t limit, Deadline deadline)
      : window_(std::move(submit), limit), deadline_(deadline) {}

  Stored<R>* next() override {
    while (!chunk_ || at_ == chunk_->values.size()) {
      if (chunk_ && !chunk_->error.empty()) std::rethrow_exception(wire::decode_exception(chunk_->error));
      if (!window_.take(chunk_, deadline_)) return nullptr;
      at_ = 0;
    }
    return value_.hold(chunk_->values[at_++]);
  }

 private:
  Window<ChunkResult<R>, Submit> window_;
  Deadline deadline_;
  std::optional<ChunkResult<R>> chunk_;
  std::size_t at_ = 0;
  ChunkValue<R> value_;
};

// Makes all calls of a chunk, until one throws; `values` has those before it.
template <class R, class F, class... Args>
void run_calls(F& f, std::vector<std::tuple<Args...>>& calls, std::vector<typename ChunkResult<R>::Value>& values) {
  values.reserve(calls.size());
  const auto call = [&](Args&... args) -> decltype(auto) { return std::invoke(f, std::move(args)...); };
  for (auto& arguments : calls) {
    if constexpr (std::is_void_v<R>) {
      std::apply(call, arguments);
      values.push_back(0);
    } else {
      values.push_back(std::apply(call, arguments));
    }
  }
}

// Runs in the worker: a chunk of calls.
template <class R, class F, class... Args>
ChunkResult<R> run_chunk(F f, std::vector<std::tuple<Args...>> calls) {
  ChunkResult<R> result;
  try {
    // the handler below would hide the stack of what is thrown
    wire::call_traced([&] { run_calls<R>(f, calls, result.values); });
  } catch (...) {
    result.error = wire::encode_exception(std::current_exception());
  }
  return result;
}

// The calls of F in a chunk, with arguments as owned values: those of a parameter that is a view as their own type.
template <class P, class Arg>
using ChunkArgument = std::conditional_t<wire::is_view<std::remove_cvref_t<P>>, typename wire::Travelling<Arg>::type,
                                         std::remove_cvref_t<P>>;

template <class F, class Params, class... Args>
struct ChunkCallsOf;
template <class F, class... Ps, class... Args>
struct ChunkCallsOf<F, wire::Types<Ps...>, Args...> {
  using Vector = std::vector<std::tuple<ChunkArgument<Ps, Args>...>>;
  template <class R>
  static constexpr auto runner = &run_chunk<R, F, ChunkArgument<Ps, Args>...>;
};
template <class F, class... Args>
using ChunkCalls = ChunkCallsOf<F, typename wire::CallParams<F, Args...>::type, Args...>;

}  // namespace plait::detail
