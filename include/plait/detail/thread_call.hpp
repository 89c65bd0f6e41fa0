// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What a Thread runs: a callable with its arguments, kept until it has run.

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <tuple>
#include <type_traits>
#include <utility>

#include "plait/detail/export.hpp"

namespace plait::detail {

// Run at most once, then destroyed.
class PLAIT_EXPORT ThreadTarget {
 public:
  ThreadTarget() noexcept = default;
  ThreadTarget(const ThreadTarget&) = delete;
  ThreadTarget& operator=(const ThreadTarget&) = delete;
  virtual ~ThreadTarget() = default;

  virtual void run(const std::stop_token& stop) = 0;
  // Where the function's code is, for the thread's name; null if the callable has none of its own.
  [[nodiscard]] virtual const void* code() const noexcept { return nullptr; }
};

// How an argument given as A is kept: by value as std::thread does, but an lvalue that can be neither copied nor moved,
// such as a Lock, by reference, for it has no other meaning.
template <class A>
inline constexpr bool stays_where_it_is =
    std::is_lvalue_reference_v<A> && std::is_object_v<std::remove_reference_t<A>> &&
    !std::is_array_v<std::remove_reference_t<A>> && !std::move_constructible<std::decay_t<A>>;
template <class A>
using Kept = std::conditional_t<stays_where_it_is<A>, A, std::decay_t<A>>;

// Can be kept: what is only movable has to come as an rvalue.
template <class A>
concept keepable = stays_where_it_is<A> || std::constructible_from<std::decay_t<A>, A>;

// How a callable takes the thread's stop_token: before its arguments, after them, or not.
enum class TakesStop : std::uint8_t { first, last, not_at_all, not_callable };
template <class F, class... Args>
inline constexpr TakesStop takes_stop = std::invocable<F, std::stop_token, Args...>   ? TakesStop::first
                                        : std::invocable<F, Args..., std::stop_token> ? TakesStop::last
                                        : std::invocable<F, Args...>                  ? TakesStop::not_at_all
                                                                                      : TakesStop::not_callable;

// The code of a function or of a member function that is not virtual.
template <class F>
const void* entry_of(const F& f) noexcept {
  if constexpr (std::is_function_v<std::remove_pointer_t<F>>) {
    return reinterpret_cast<const void*>(f);
  } else if constexpr (std::is_member_function_pointer_v<F>) {
    struct Words {
      std::uintptr_t function;
      std::ptrdiff_t adjustment;
    };
    const auto words = std::bit_cast<Words>(f);
    const bool is_virtual = ((words.function | static_cast<std::uintptr_t>(words.adjustment)) & 1U) != 0;
    return is_virtual ? nullptr : reinterpret_cast<const void*>(words.function);
  } else {
    return nullptr;
  }
}

// F and Args as kept.
template <class F, class... Args>
class ThreadCall final : public ThreadTarget {
 public:
  template <class G, class... Given>
  explicit ThreadCall(std::in_place_t, G&& f, Given&&... args)
      : f_(std::forward<G>(f)), args_(std::forward<Given>(args)...) {}

  void run(const std::stop_token& stop) override { call(stop, std::index_sequence_for<Args...>()); }
  [[nodiscard]] const void* code() const noexcept override { return entry_of(f_); }

 private:
  template <std::size_t... i>
  void call(const std::stop_token& stop, std::index_sequence<i...>) {
    constexpr TakesStop takes = takes_stop<F, Args...>;
    if constexpr (takes == TakesStop::first) {
      std::invoke(std::forward<F>(f_), std::stop_token(stop), std::get<i>(std::move(args_))...);
    } else if constexpr (takes == TakesStop::last) {
      std::invoke(std::forward<F>(f_), std::get<i>(std::move(args_))..., std::stop_token(stop));
    } else {
      std::invoke(std::forward<F>(f_), std::get<i>(std::move(args_))...);
    }
  }

  F f_;
  std::tuple<Args...> args_;
};

template <class F, class... Args>
std::unique_ptr<ThreadTarget> make_thread_call(F&& f, Args&&... args) {
  constexpr bool kept = keepable<F> && (... && keepable<Args>);
  static_assert(kept,
                "plait: the callable or an argument of this thread cannot be copied; pass it with std::move, or as "
                "std::ref(x) if it outlives the thread");
  constexpr bool callable = !kept || takes_stop<Kept<F>, Kept<Args>...> != TakesStop::not_callable;
  static_assert(callable,
                "plait: the target of this thread cannot be called with these arguments; a thread has copies of its "
                "own, given to the target as rvalues: for a parameter T& pass std::ref(x)");
  if constexpr (kept && callable) {
    return std::make_unique<ThreadCall<Kept<F>, Kept<Args>...>>(std::in_place, std::forward<F>(f),
                                                                std::forward<Args>(args)...);
  } else {
    return nullptr;
  }
}

}  // namespace plait::detail
