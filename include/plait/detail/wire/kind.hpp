// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// How a type is taken apart to travel: kind_of<T> names the way, Codec<T> (codec.hpp) goes it. Containers are known by
// their operations, not their names, so that this needs few of the standard's headers and takes other people's
// containers too.

#include <array>
#include <boost/pfr/tuple_size.hpp>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "plait/detail/wire/archive.hpp"

namespace plait::detail {
class SharedHandle;
struct ArrivedHandle;
}  // namespace plait::detail

namespace plait::wire {

enum class Kind {
  none,         // does not travel
  scalar,       // arithmetic types and enums
  function,     // pointers to functions
  member,       // pointers to members
  handle,       // handles of shared objects: Lock, Queue, Value, …
  serialize,    // value.serialize(ar)
  save_load,    // value.save(ar) const and value.load(ar)
  adl,          // serialize(ar, value)
  string,       // std::basic_string
  view,         // std::basic_string_view: written as a string, read only as a parameter
  array,        // T[N]
  std_array,    // std::array
  tuple,        // std::tuple and std::pair
  optional,     //
  variant,      //
  pointer,      // std::unique_ptr and std::shared_ptr: a value or null
  duration,     //
  time_point,   //
  path,         // std::filesystem::path
  complex,      //
  bitset,       //
  vector,       // std::vector
  sequence,     // what has emplace_back: std::list, std::deque, …
  forward,      // what has insert_after: std::forward_list
  associative,  // what has a key_type: std::map, std::unordered_multiset, …
  partial,      // plait::partial(…)
  stateless,    // empty classes: lambdas without captures, std::plus<>
  aggregate,    // structs, field by field
};

template <class T>
inline constexpr Kind std_kind = Kind::none;
template <class C, class Tr, class A>
inline constexpr Kind std_kind<std::basic_string<C, Tr, A>> = Kind::string;
template <class C, class Tr>
inline constexpr Kind std_kind<std::basic_string_view<C, Tr>> = Kind::view;
template <class T, std::size_t n>
inline constexpr Kind std_kind<T[n]> = Kind::array;
template <class T, std::size_t n>
inline constexpr Kind std_kind<std::array<T, n>> = Kind::std_array;
template <class... Ts>
inline constexpr Kind std_kind<std::tuple<Ts...>> = Kind::tuple;
template <class A, class B>
inline constexpr Kind std_kind<std::pair<A, B>> = Kind::tuple;
template <class T>
inline constexpr Kind std_kind<std::optional<T>> = Kind::optional;
template <class... Ts>
inline constexpr Kind std_kind<std::variant<Ts...>> = Kind::variant;
template <class T>
inline constexpr Kind std_kind<std::unique_ptr<T>> = std::is_array_v<T> ? Kind::none : Kind::pointer;
template <class T>
inline constexpr Kind std_kind<std::shared_ptr<T>> = std::is_array_v<T> ? Kind::none : Kind::pointer;
template <class R, class P>
inline constexpr Kind std_kind<std::chrono::duration<R, P>> = Kind::duration;
template <class C, class D>
inline constexpr Kind std_kind<std::chrono::time_point<C, D>> = Kind::time_point;
template <class T, class A>
inline constexpr Kind std_kind<std::vector<T, A>> = Kind::vector;

template <class T>
concept HasSerialize = requires(T& t, SizeCounter& size, Reader& in) {
  Access::serialize(size, t);
  Access::serialize(in, t);
};
template <class T>
concept HasSaveLoad = requires(T& t, SizeCounter& size, Reader& in) {
  Access::save(size, t);
  Access::load(in, t);
};
template <class T>
concept HasAdlSerialize = requires(T& t, SizeCounter& size, Reader& in) {
  serialize(size, t);
  serialize(in, t);
};

template <class T>
concept PathLike = requires(const T& t) {
  { t.native() } -> std::same_as<const typename T::string_type&>;
  t.lexically_normal();
};
template <class T>
concept ComplexLike = requires(const T& t) {
  { t.real() } -> std::convertible_to<typename T::value_type>;
  { t.imag() } -> std::convertible_to<typename T::value_type>;
  T(t.real(), t.imag());
};
template <class T>
concept BitsetLike = requires(T& t) {
  t.to_ullong();
  { t.test(0) } -> std::same_as<bool>;
  t.set(0);
};
template <class T>
concept ContainerLike = std::default_initializable<T> && requires(const T& t) {
  typename T::value_type;
  t.begin() != t.end();
};
template <class T>
concept SequenceLike = ContainerLike<T> && requires(T& t, typename T::value_type&& v) {
  { t.size() } -> std::convertible_to<std::size_t>;
  t.emplace_back(std::move(v));
};
template <class T>
concept ForwardLike =
    ContainerLike<T> && requires(T& t, typename T::value_type&& v) { t.insert_after(t.before_begin(), std::move(v)); };
template <class T>
concept AssociativeLike = ContainerLike<T> && requires(T& t, typename T::value_type&& v) {
  typename T::key_type;
  { t.size() } -> std::convertible_to<std::size_t>;
  t.emplace_hint(t.end(), std::move(v));
};

// Converts to whatever an aggregate's first initializer must be, if that is a base of it.
template <class T>
struct AnyBaseOf {
  template <class B>
    requires(std::is_base_of_v<B, T> && !std::same_as<B, T>)
  operator B() const;
};
template <class T>
concept PlainAggregate =
    std::is_aggregate_v<T> && !std::is_union_v<T> && !std::is_polymorphic_v<T> && !requires { T{AnyBaseOf<T>{}}; };

// Stands for any initializer of a field.
template <std::size_t>
struct AnyField {
  template <class T>
  operator T() const;
};

// Stands for an element of an array of scalars. (Not of classes: trying those would instantiate constructors.)
struct AnyScalar {
  template <class T>
    requires std::is_scalar_v<T>
  operator T() const;
};

// T has a C array at field i, which PFR takes for several fields: {x, y} initializes it, but then there are fewer
// initializers than PFR counts.
template <class T, std::size_t... before, std::size_t... after>
consteval bool has_array_at(std::index_sequence<before...>, std::index_sequence<after...>) {
  return requires {
    T{AnyField<before>()..., {AnyScalar(), AnyScalar()}};
  } && !requires {
    T{AnyField<before>()..., {AnyScalar(), AnyScalar()}, AnyField<after>()...};
  };
}
template <class T>
consteval bool has_array_member() {
  constexpr std::size_t count = boost::pfr::tuple_size_v<T>;
  return []<std::size_t... i>(std::index_sequence<i...>) {
    if constexpr (requires { T{AnyField<i>()...}; }) {
      return (has_array_at<T>(std::make_index_sequence<i>(), std::make_index_sequence<count - i - 1>()) || ...);
    } else {
      return false;
    }
  }(std::make_index_sequence<count>());
}

template <class T>
concept Stateless = std::is_empty_v<T> && (std::is_default_constructible_v<T> || std::is_trivially_copyable_v<T>);

template <class T>
consteval Kind find_kind() {
  if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) {
    return Kind::scalar;
  } else if constexpr (std::is_member_pointer_v<T>) {
    return Kind::member;
  } else if constexpr (std::is_pointer_v<T>) {
    return std::is_function_v<std::remove_pointer_t<T>> ? Kind::function : Kind::none;
  } else if constexpr (std_kind<T> != Kind::none) {
    return std_kind<T>;
  } else if constexpr (!std::is_class_v<T> || std::is_abstract_v<T>) {
    return Kind::none;
  } else if constexpr (std::is_base_of_v<detail::SharedHandle, T>) {
    return std::is_constructible_v<T, detail::ArrivedHandle> ? Kind::handle : Kind::none;
  } else if constexpr (HasSerialize<T>) {
    return Kind::serialize;
  } else if constexpr (HasSaveLoad<T>) {
    return Kind::save_load;
  } else if constexpr (HasAdlSerialize<T>) {
    return Kind::adl;
  } else if constexpr (PathLike<T>) {
    return Kind::path;
  } else if constexpr (BitsetLike<T>) {
    return Kind::bitset;
  } else if constexpr (AssociativeLike<T>) {
    return Kind::associative;
  } else if constexpr (SequenceLike<T>) {
    return Kind::sequence;
  } else if constexpr (ForwardLike<T>) {
    return Kind::forward;
  } else if constexpr (ComplexLike<T>) {
    return Kind::complex;
  } else if constexpr (Stateless<T>) {
    return Kind::stateless;
  } else if constexpr (PlainAggregate<T>) {
    return has_array_member<T>() ? Kind::none : Kind::aggregate;
  } else {
    return Kind::none;
  }
}
template <class T>
inline constexpr Kind kind_of = find_kind<T>();

}  // namespace plait::wire
