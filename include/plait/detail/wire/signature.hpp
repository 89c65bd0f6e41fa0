// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What a callable takes, when that is one list of types: functions, member functions, and function objects whose
// operator() is neither overloaded nor a template. Arguments are then converted before they travel.

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "plait/detail/wire/shippable.hpp"

namespace plait::wire {

// `Params` of the callable F after its object, if it is a member. `known` is false when there is more than one.
template <class F>
struct Signature {
  static constexpr bool known = false;
};

template <class... Ps>
struct KnownSignature {
  static constexpr bool known = true;
  using Params = Types<Ps...>;
};
template <class R, class... Ps>
struct Signature<R (*)(Ps...)> : KnownSignature<Ps...> {};
template <class R, class... Ps>
struct Signature<R (*)(Ps...) noexcept> : KnownSignature<Ps...> {};
template <class R, class C>
struct Signature<R C::*> : KnownSignature<> {};

// NOLINTBEGIN(bugprone-macro-parentheses): qualifiers are no expression
#define PLAIT_MEMBER_SIGNATURE(qualifiers) \
  template <class R, class C, class... Ps> \
  struct Signature<R (C::*)(Ps...) qualifiers> : KnownSignature<Ps...> {};
PLAIT_MEMBER_SIGNATURE()
PLAIT_MEMBER_SIGNATURE(const)
PLAIT_MEMBER_SIGNATURE(&)
PLAIT_MEMBER_SIGNATURE(const&)
PLAIT_MEMBER_SIGNATURE(&&)
PLAIT_MEMBER_SIGNATURE(const&&)
PLAIT_MEMBER_SIGNATURE(noexcept)
PLAIT_MEMBER_SIGNATURE(const noexcept)
PLAIT_MEMBER_SIGNATURE(& noexcept)
PLAIT_MEMBER_SIGNATURE(const& noexcept)
PLAIT_MEMBER_SIGNATURE(&& noexcept)
PLAIT_MEMBER_SIGNATURE(const&& noexcept)
#undef PLAIT_MEMBER_SIGNATURE
// NOLINTEND(bugprone-macro-parentheses)

template <class F>
  requires requires { &F::operator(); }
struct Signature<F> : Signature<decltype(&F::operator())> {};

// The type as which an argument travels when nothing says what its parameter is.
template <class Arg>
struct Travelling {
  using type = std::decay_t<Arg>;
};
template <class Arg>
  requires(std::is_convertible_v<Arg, std::string_view> &&
           (std::is_pointer_v<std::decay_t<Arg>> || std::is_same_v<std::decay_t<Arg>, std::string_view>))
struct Travelling<Arg> {
  using type = std::string;
};

// Parameter types that are views: they may point into the message for the time of the call.
template <class P>
inline constexpr bool is_span = false;
template <class T>
inline constexpr bool is_span<std::span<const T>> = flat<T>;
template <class P>
inline constexpr bool is_view = is_span<P> || std_kind<P> == Kind::view;

// As what an argument travels for a parameter P. A handle of shared memory of which P is a view goes itself: what it is
// a handle of is there already, and is not copied.
template <class P, class Arg>
struct TravelsFor {
  using type = P;
};
template <class P, class Arg>
  requires(is_span<std::remove_cvref_t<P>> && kind_of<std::decay_t<Arg>> == Kind::handle &&
           std::is_convertible_v<std::decay_t<Arg>, std::remove_cvref_t<P>>)
struct TravelsFor<P, Arg> {
  using type = std::decay_t<Arg>;
};
template <class Params, class... Args>
struct TravelFor {
  using type = Params;
};
template <class... Ps, class... Args>
  requires(sizeof...(Ps) == sizeof...(Args))
struct TravelFor<Types<Ps...>, Args...> {
  using type = Types<typename TravelsFor<Ps, Args>::type...>;
};

// The parameter types of a call of F with Args, one for each argument. Types<> for the wrong number of arguments.
template <class F, class... Args>
struct CallParams {
  using type = Types<typename Travelling<Args>::type...>;
};
template <class Self, class... Ps>
Types<Self, Ps...> with_self(Types<Ps...>);
template <class F, class Self, class... Args>
  requires(std::is_member_pointer_v<F>)
struct CallParams<F, Self, Args...> {
  using type =
      decltype(with_self<std::decay_t<Self>>(typename TravelFor<typename Signature<F>::Params, Args...>::type()));
};
template <class F, class... Args>
  requires(Signature<F>::known && !std::is_member_pointer_v<F>)
struct CallParams<F, Args...> : TravelFor<typename Signature<F>::Params, Args...> {};

}  // namespace plait::wire
