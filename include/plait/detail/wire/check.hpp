// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What cannot work does not compile: the refusals of calls that cannot be sent to another process, each with its cure.

#include <functional>
#include <memory>
#include <type_traits>

#include "plait/detail/wire/signature.hpp"

namespace plait::wire {

template <class T>
inline constexpr bool is_reference_wrapper = false;
template <class T>
inline constexpr bool is_reference_wrapper<std::reference_wrapper<T>> = true;
template <class T>
inline constexpr bool is_std_function = false;
template <class F>
inline constexpr bool is_std_function<std::function<F>> = true;
template <class T>
inline constexpr bool is_smart_pointer = false;
template <class T, class D>
inline constexpr bool is_smart_pointer<std::unique_ptr<T, D>> = true;
template <class T>
inline constexpr bool is_smart_pointer<std::shared_ptr<T>> = true;
template <class T>
inline constexpr bool is_any_span = false;
template <class T, std::size_t n>
inline constexpr bool is_any_span<std::span<T, n>> = true;

// True for the types of lambdas, by their names.
template <class F>
consteval bool is_lambda() {
  const std::string_view name = __PRETTY_FUNCTION__;
  return std::is_class_v<F> && !std::is_aggregate_v<F> &&
         (name.find("<lambda") != std::string_view::npos || name.find("(lambda") != std::string_view::npos);
}

// Refuses T, a value to be sent, with the reason. Looks into containers, tuples and aggregates for it.
template <class T, class... Seen>
consteval bool require_value() {
  if constexpr (travels<T>() || (std::is_same_v<T, Seen> || ...)) {
    return true;
  } else if constexpr (std::is_reference_v<T> || is_reference_wrapper<T>) {
    static_assert(!sizeof(std::decay_t<T>),
                  "plait: a reference (std::ref) to a variable of this process means nothing in another one; pass the "
                  "value, and return what is to come back");
  } else if constexpr (std::is_pointer_v<T>) {
    static_assert(!sizeof(T),
                  "plait: a raw pointer means nothing in another process; pass the value it points to, or a "
                  "std::vector, std::string, std::unique_ptr or std::shared_ptr");
  } else if constexpr (is_std_function<T>) {
    static_assert(!sizeof(T),
                  "plait: a std::function cannot be sent to another process, for it does not show what is in it; "
                  "pass the function itself, a lambda without captures, or plait::partial(f, x)");
  } else if constexpr (std::is_bind_expression_v<T>) {
    static_assert(!sizeof(T),
                  "plait: a std::bind cannot be sent to another process; use plait::partial(f, x), or a lambda without "
                  "captures if the order of the arguments is to change");
  } else if constexpr (is_lambda<T>()) {
    static_assert(!sizeof(T),
                  "plait: this callable captures variables, which cannot be sent to another process; pass them as "
                  "arguments, or use plait::partial(f, k)");
  } else if constexpr (std_kind<T> == Kind::view || is_any_span<T>) {
    static_assert(!sizeof(T),
                  "plait: a view of memory of this process means nothing in another one; use std::string or "
                  "std::vector (a parameter may be a std::string_view or std::span<const T> itself)");
  } else if constexpr (is_smart_pointer<T>) {
    if constexpr (std::is_polymorphic_v<typename T::element_type>) {
      static_assert(!sizeof(T),
                    "plait: a pointer to a polymorphic class cannot be sent, for its dynamic type is not known; use "
                    "a std::variant of the classes");
    } else if constexpr (kind_of<T> == Kind::none) {
      static_assert(!sizeof(T),
                    "plait: a smart pointer to an array or with a deleter of its own cannot be sent; use "
                    "a std::vector, or std::unique_ptr<T> or std::shared_ptr<T>");
    } else {
      return require_value<typename T::element_type, Seen..., T>();
    }
  } else if constexpr (kind_of<T> == Kind::none && PlainAggregate<T>) {
    static_assert(
        !sizeof(T),
        "plait: an aggregate with a C array as member has no serializer of its own; use std::array, or give it "
        "`template <class A> void serialize(A& ar) { ar(...); }` with all its members");
  } else if constexpr (kind_of<T> == Kind::none) {
    static_assert(!sizeof(T),
                  "plait: this type has no serializer; make it an aggregate, or give it `template <class A> void "
                  "serialize(A& ar) { ar(...); }` with all its members");
  } else {
    return []<class... Ps>(Types<Ps...>) { return (require_value<Ps, Seen..., T>() && ...); }(Parts<T>());
  }
  return false;
}

// Refuses an argument of type Arg for a parameter of type P, with the reason.
template <class P, class Arg>
consteval bool require_argument() {
  if constexpr (is_reference_wrapper<std::decay_t<Arg>>) {
    return require_value<std::decay_t<Arg>>();
  } else if constexpr (std::is_lvalue_reference_v<P> && !std::is_const_v<std::remove_reference_t<P>>) {
    static_assert(!sizeof(std::decay_t<P>),
                  "plait: this function takes a non-const reference, but what it changes stays in the other process; "
                  "take it by value or by const reference, and return the result");
    return false;
  } else if constexpr (std::is_abstract_v<std::remove_cvref_t<P>>) {
    static_assert(!std::is_abstract_v<std::remove_cvref_t<P>>,
                  "plait: a parameter of an abstract class cannot be received, for there are no objects of it; make it "
                  "a template, or take a std::variant of the classes");
    return false;
  } else if constexpr (!std::is_convertible_v<Arg, std::remove_cvref_t<P>>) {
    static_assert(std::is_convertible_v<Arg, std::remove_cvref_t<P>>,
                  "plait: an argument cannot be converted to the type of its parameter");
    return false;
  } else if constexpr (is_view<std::remove_cvref_t<P>>) {
    return true;
  } else {
    return require_value<std::remove_cvref_t<P>>();
  }
}

template <class R>
consteval bool require_result() {
  if constexpr (std::is_void_v<R>) {
    return true;
  } else if constexpr (std::is_pointer_v<R> && !std::is_function_v<std::remove_pointer_t<R>>) {
    static_assert(!sizeof(R),
                  "plait: this function returns a raw pointer, which means nothing in the process that asked; "
                  "return the value, a std::string or a std::vector");
    return false;
  } else if constexpr (std_kind<R> == Kind::view || is_any_span<R>) {
    static_assert(!sizeof(R),
                  "plait: this function returns a view of memory of another process; return a std::string "
                  "or a std::vector");
    return false;
  } else {
    return require_value<R>();
  }
}

// What is received of parameter P and passed on to the callee.
template <class P>
using Passed = std::conditional_t<is_view<std::remove_cvref_t<P>>, std::remove_cvref_t<P>, std::remove_cvref_t<P>&&>;

// Checks what of a call of an F (decayed) with Args (with their references) goes to the other process.
template <class F, class... Args>
struct SendableCall {
  using Params = typename CallParams<F, Args...>::type;

  template <class... Ps>
  static consteval bool can_be_sent(Types<Ps...>) {
    if constexpr (!require_value<F>()) {
      return false;
    } else if constexpr (sizeof...(Ps) != sizeof...(Args)) {
      static_assert(sizeof...(Ps) == sizeof...(Args),
                    "plait: this callable takes another number of arguments (default arguments have to be given)");
      return false;
    } else if constexpr (!(require_argument<Ps, Args>() && ...)) {
      return false;
    } else if constexpr (!std::is_invocable_v<F, Passed<Ps>...>) {
      static_assert(std::is_invocable_v<F, Passed<Ps>...>,
                    "plait: this callable cannot be called with these arguments");
      return false;
    } else {
      return true;
    }
  }
  static constexpr bool ok = can_be_sent(Params());
};

// Checks such a call as a whole, and says what comes back.
template <class F, class... Args>
struct CheckedCall {
  using Params = typename SendableCall<F, Args...>::Params;

  template <class... Ps>
  static consteval bool check(Types<Ps...>) {
    if constexpr (SendableCall<F, Args...>::ok) {
      return require_result<std::decay_t<std::invoke_result_t<F, Passed<Ps>...>>>();
    } else {
      return false;
    }
  }
  static constexpr bool ok = check(Params());

  template <class... Ps>
  static auto result(Types<Ps...>) {
    if constexpr (ok) {
      return std::type_identity<std::decay_t<std::invoke_result_t<F, Passed<Ps>...>>>();
    } else {
      return std::type_identity<void>();
    }
  }
  using Result = typename decltype(result(Params()))::type;
};

// Compiles only if f(args...) can run in another process; the error says why not and what to do.
template <class F, class... Args>
constexpr void check_shippable() {
  [[maybe_unused]] constexpr bool ok = CheckedCall<std::decay_t<F>, Args&&...>::ok;  // its assertions speak
}

// The same for a call whose result, whatever it is, stays over there.
template <class F, class... Args>
constexpr void check_sendable() {
  [[maybe_unused]] constexpr bool ok = SendableCall<std::decay_t<F>, Args&&...>::ok;
}

}  // namespace plait::wire
