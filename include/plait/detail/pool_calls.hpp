// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// How a Pool makes tasks of a function and a range: which arguments an element gives, one call a task or several, and
// what values a settled task has.

#include <algorithm>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "plait/detail/pool_core.hpp"

namespace plait::detail {

// map, imap: an element is the argument.
struct WholeElement {
  template <class E>
  using Args = wire::Types<E>;
  template <class Use, class E>
  static decltype(auto) apply(Use&& use, E&& element) {
    return use(std::forward<E>(element));
  }
};

// starmap: a tuple of the arguments.
struct SpreadElement {
  template <class E, class Indices>
  struct ArgsOf;
  template <class E, std::size_t... i>
  struct ArgsOf<E, std::index_sequence<i...>> {
    using type = wire::Types<decltype(std::get<i>(std::declval<E>()))...>;
  };
  template <class E>
  using Args = typename ArgsOf<E, std::make_index_sequence<std::tuple_size_v<std::remove_cvref_t<E>>>>::type;
  template <class Use, class E>
  static decltype(auto) apply(Use&& use, E&& element) {
    return std::apply(std::forward<Use>(use), std::forward<E>(element));
  }
};

// The list of a map's results: nothing for a function that returns nothing.
template <class R>
struct ListOf {
  using type = std::vector<R>;
};
template <>
struct ListOf<void> {
  using type = void;
};

// Calls of F for the elements of a view, submitted one task after another. Neither thread-safe nor copied.
template <class B, class F, class View, class Spread, class Args>
class CallSource;
template <class B, class F, class View, class Spread, class... Args>
class CallSource<B, F, View, Spread, wire::Types<Args...>> {
 public:
  using Backend = B;
  using Result = typename Backend::template Result<F, Args...>;
  using Chunk = typename Backend::template Chunk<Result>;

  CallSource(Backend& backend, F f, View view, std::size_t calls_in_a_task)
      : chunksize(calls_in_a_task), backend_(&backend), f_(std::move(f)), elements_(std::move(view)) {}

  // Submits the next task. nullptr: at the end. Throw what the range and submitting throw.
  template <class Prepare>
  Ref<ResultState<Result>> submit_call(Prepare prepare) {
    Ref<ResultState<Result>> state;
    elements_.next([&](auto&& element) {
      const auto submit = [&](auto&&... args) {
        state = backend_->submit(prepare, f_, std::forward<decltype(args)>(args)...);
      };
      Spread::apply(submit, std::forward<decltype(element)>(element));
    });
    return state;
  }
  template <class Prepare>
  Ref<ResultState<Chunk>> submit_chunk(Prepare prepare) {
    typename Backend::template Calls<F, Args...> calls;
    calls.reserve(std::min(chunksize, most_reserved));
    const auto add = [&](auto&&... args) { calls.emplace_back(std::forward<decltype(args)>(args)...); };
    while (calls.size() < chunksize &&
           elements_.next([&](auto&& element) { Spread::apply(add, std::forward<decltype(element)>(element)); })) {
    }
    if (calls.empty()) return nullptr;
    return backend_->template submit_chunk<Result, Args...>(prepare, f_, std::move(calls));
  }

  const std::size_t chunksize;

 private:
  static constexpr std::size_t most_reserved = 65'536;  // who says a million per chunk may have but ten

  Backend* backend_;
  F f_;
  Zip<View> elements_;
};

template <class Backend, class F, class View, class Spread>
using CallSourceOf = CallSource<Backend, typename Backend::template Function<F>, View, Spread,
                                typename Spread::template Args<MapArgument<View>>>;

// A task of one call.
template <class Source>
struct OneCall {
  using Result = typename Source::Result;
  using State = ResultState<Result>;
  static constexpr bool ends_with_error = false;  // an imap goes on after it

  template <class Prepare>
  static Ref<State> submit(Source& source, Prepare prepare) {
    return source.submit_call(prepare);
  }
  // Gives the values of a settled task, which nobody else uses, to `sink`; throws its exception.
  template <class Sink>
  static void collect(State& state, Sink sink) {
    state.decode_alone();
    sink(std::move(state.value()));
  }
};

// What a sink is told before it is given a list of values.
struct AllAtOnce {};
inline constexpr AllAtOnce all_at_once;

// A task of several.
template <class Source>
struct ManyCalls {
  using Result = typename Source::Result;
  using State = ResultState<typename Source::Chunk>;
  static constexpr bool ends_with_error = true;

  template <class Prepare>
  static Ref<State> submit(Source& source, Prepare prepare) {
    return source.submit_chunk(prepare);
  }
  // The values before the call that threw, all at once where that can be, then what it threw.
  template <class Sink>
  static void collect(State& state, Sink sink) {
    state.decode_alone();
    auto& chunk = state.value();
    if constexpr (requires { sink(all_at_once, std::move(chunk.values)); }) {
      sink(all_at_once, std::move(chunk.values));
    } else {
      ChunkValue<Result> holder;
      for (auto& value : chunk.values) sink(std::move(*holder.hold(value)));
    }
    if (const std::exception_ptr error = error_of(chunk)) std::rethrow_exception(error);
  }
};

// The list of a map while it is made, for functions that return nothing std::monostate.
template <class R>
class ListMaker {
 public:
  void operator()(R&& value) { list.push_back(std::move(value)); }
  void operator()(AllAtOnce, std::vector<R>&& values)
    requires(!std::is_same_v<R, bool>)
  {
    list.insert(list.end(), std::make_move_iterator(values.begin()), std::make_move_iterator(values.end()));
  }
  std::vector<R> list;
};
template <>
class ListMaker<void> {
 public:
  void operator()(std::monostate&&) noexcept {}
  std::monostate list;
};

// Takes the values of settled tasks, in the order of the input. No fail-fast: at the end it throws the exception of the
// first task that has one.
template <class Part>
class ListCollector {
 public:
  void take(typename Part::State& part) noexcept {
    try {
      Part::collect(part, std::ref(maker_));
    } catch (...) {
      if (error_ == nullptr) error_ = std::current_exception();
    }
  }
  auto finish() {
    if (error_ != nullptr) std::rethrow_exception(error_);
    return std::move(maker_.list);
  }

 private:
  ListMaker<typename Part::Result> maker_;
  std::exception_ptr error_;
};

template <class Parts>
void cancel_all(Parts& parts) noexcept {
  for (const auto& part : parts) part->cancel();
}

// Waits for the tasks, each of which is let go when its values are taken.
template <class Part>
auto collect_list(std::vector<Ref<typename Part::State>>& parts) {
  ListCollector<Part> collector;
  for (auto& part : parts) {
    const auto taken = std::move(part);
    taken->wait({});
    collector.take(*taken);
  }
  return collector.finish();
}

// A whole map: submits all tasks, and collects. The oldest that are done already are let go meanwhile, so that the next
// tasks lie where they did, in the cache. If a task cannot be submitted, those before are cancelled.
template <class Part, class Source>
auto map_all(Source& source) {
  std::deque<Ref<typename Part::State>> parts;
  ListCollector<Part> collector;
  const auto take_oldest = [&] {
    collector.take(*parts.front());
    parts.pop_front();
  };
  try {
    while (auto part = Part::submit(source, [](auto&) {})) {
      parts.push_back(std::move(part));
      while (!parts.empty() && parts.front()->done()) take_oldest();
    }
  } catch (...) {
    cancel_all(parts);
    throw;
  }
  while (!parts.empty()) {
    parts.front()->wait({});
    take_oldest();
  }
  return collector.finish();
}

}  // namespace plait::detail
