// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// A callable with its first arguments given beforehand. (Python: functools.partial.)
//
// It is what to use in place of a lambda with captures where a callable has to travel to another process:
//
//   int scaled(int k, int x) { return k * x; }
//   pool.map(plait::partial(scaled, 3), numbers);

#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "plait/detail/wire/codec.hpp"
#include "plait/detail/wire/signature.hpp"

namespace plait {

template <class F, class... Bound>
class Partial;

namespace wire {

// The types as which arguments are bound: those of F's parameters if it has one list of them and they are values,
// else the arguments' own, with texts as std::string.
template <class P, class Arg>
struct BoundAs : Travelling<Arg> {};
template <class P, class Arg>
  requires(kind_of<std::remove_cvref_t<P>> != Kind::none && kind_of<std::remove_cvref_t<P>> != Kind::view &&
           !std::is_abstract_v<std::remove_cvref_t<P>> && std::is_convertible_v<Arg, std::remove_cvref_t<P>> &&
           std::is_convertible_v<std::remove_cvref_t<P>, P>)
struct BoundAs<P, Arg> {
  using type = std::remove_cvref_t<P>;
};

// Of the parameters Ps, the first for the first argument and so on; `Taken` collects.
template <class F, class Taken, class Params, class... Args>
struct BindParams;
template <class F, class... Taken, class... Ps>
struct BindParams<F, Types<Taken...>, Types<Ps...>> {
  using type = Partial<F, Taken...>;
  using Rest = Types<Ps...>;
};
template <class F, class... Taken, class P, class... Ps, class Arg, class... Args>
struct BindParams<F, Types<Taken...>, Types<P, Ps...>, Arg, Args...>
    : BindParams<F, Types<Taken..., typename BoundAs<P, Arg>::type>, Types<Ps...>, Args...> {};
template <class F, class... Taken, class Arg, class... Args>
struct BindParams<F, Types<Taken...>, Types<>, Arg, Args...>
    : BindParams<F, Types<Taken..., typename Travelling<Arg>::type>, Types<>, Args...> {};

template <class F, class... Args>
struct KnownParams {
  using type = Types<>;
};
template <class F, class... Args>
  requires(Signature<F>::known)
struct KnownParams<F, Args...> {
  using type = typename CallParams<F, Args...>::type;
};
}  // namespace wire

// Holds F and the values bound to its first parameters; copyable and movable if they are, and as thread-safe as they
// are. Shippable if they are. Made by partial().
template <class F, class... Bound>
class Partial {
 public:
  template <class G, class... Args>
  explicit Partial(std::in_place_t, G&& f, Args&&... args)
      : f_(std::forward<G>(f)), bound_(std::forward<Args>(args)...) {}

  // f(bound..., args...). Called on an rvalue it gives its bound values away.
  template <class... Args>
    requires std::is_invocable_v<const F&, const Bound&..., Args...>
  decltype(auto) operator()(Args&&... args) const& {
    return std::apply(
        [&](const Bound&... bound) -> decltype(auto) { return std::invoke(f_, bound..., std::forward<Args>(args)...); },
        bound_);
  }
  template <class... Args>
    requires std::is_invocable_v<F&, Bound&..., Args...>
  decltype(auto) operator()(Args&&... args) & {
    return std::apply(
        [&](Bound&... bound) -> decltype(auto) { return std::invoke(f_, bound..., std::forward<Args>(args)...); },
        bound_);
  }
  template <class... Args>
    requires std::is_invocable_v<F, Bound..., Args...>
  decltype(auto) operator()(Args&&... args) && {
    return std::apply(
        [&](Bound&... bound) -> decltype(auto) {
          return std::invoke(std::move(f_), std::move(bound)..., std::forward<Args>(args)...);
        },
        bound_);
  }

  // The callable and its bound values (Python: func and args).
  [[nodiscard]] const F& func() const noexcept { return f_; }
  [[nodiscard]] const std::tuple<Bound...>& args() const noexcept { return bound_; }

 private:
  F f_;
  std::tuple<Bound...> bound_;
};

// A callable that calls f with `args`, then with what it is called with. They are kept by value: as f's parameter types
// if it has one signature ("x" becomes a std::string for a parameter of that type), else as they are, texts as
// std::string. Differs from Python: no keyword arguments, and what is bound is a copy.
template <class F, class... Args>
[[nodiscard]] auto partial(F&& f, Args&&... args) {
  using Callable = std::decay_t<F>;
  using Result = typename wire::BindParams<Callable, wire::Types<>, typename wire::KnownParams<Callable, Args...>::type,
                                           Args...>::type;
  return Result(std::in_place, std::forward<F>(f), std::forward<Args>(args)...);
}

namespace wire {

template <class F, class... Bound>
inline constexpr Kind std_kind<Partial<F, Bound...>> = Kind::partial;

template <class F, class... Bound>
struct PartsOf<Partial<F, Bound...>, Kind::partial> {
  using type = Types<F, Bound...>;
};

template <class F, class... Bound>
struct Codec<Partial<F, Bound...>, Kind::partial> {
  template <class Out>
  static void put(Out& out, const Partial<F, Bound...>& value) {
    wire::put(out, value.func());
    wire::put(out, value.args());
  }
  static Partial<F, Bound...> get(Reader& in) {
    return std::apply([](auto&&... parts) { return Partial<F, Bound...>(std::in_place, std::move(parts)...); },
                      std::tuple<F, Bound...>{wire::get<F>(in), wire::get<Bound>(in)...});
  }
};

// What is left of the parameters of its callable.
template <std::size_t n, class... Ps>
struct DropParams {
  static constexpr bool known = n == 0;
  using Params = Types<Ps...>;
};
template <std::size_t n, class P, class... Ps>
  requires(n > 0)
struct DropParams<n, P, Ps...> : DropParams<n - 1, Ps...> {};
template <std::size_t n, class... Ps>
DropParams<n, Ps...> drop_params(Types<Ps...>);

template <class F, class... Bound>
  requires(Signature<F>::known && !std::is_member_pointer_v<F>)
struct Signature<Partial<F, Bound...>>
    : decltype(drop_params<sizeof...(Bound)>(std::declval<typename Signature<F>::Params>())) {};
template <class F, class Self, class... Bound>
  requires(std::is_member_pointer_v<F>)
struct Signature<Partial<F, Self, Bound...>>
    : decltype(drop_params<sizeof...(Bound)>(std::declval<typename Signature<F>::Params>())) {};

}  // namespace wire
}  // namespace plait
