// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Which types travel: Shippable<T> says that a way (kind.hpp) leads all the way down to values, and flat<T> that a T is
// no more than its bytes.

#include <boost/pfr/core.hpp>
#include <boost/pfr/tuple_size.hpp>
#include <cstddef>
#include <type_traits>
#include <utility>

#include "plait/detail/wire/kind.hpp"

namespace plait::wire {

template <class... Ts>
struct Types {};

// What a T is made of: the types that must travel so that it does.
template <class T, Kind = kind_of<T>>
struct PartsOf {
  using type = Types<>;
};
template <class T, Kind kind>
  requires(kind == Kind::array || kind == Kind::duration || kind == Kind::time_point || kind == Kind::complex ||
           kind == Kind::sequence || kind == Kind::forward || kind == Kind::vector || kind == Kind::std_array ||
           kind == Kind::optional || kind == Kind::pointer || kind == Kind::string)
struct PartsOf<T, kind> {
  static auto part() {
    if constexpr (kind == Kind::array) {
      return std::type_identity<std::remove_extent_t<T>>();
    } else if constexpr (kind == Kind::pointer) {
      return std::type_identity<typename T::element_type>();
    } else if constexpr (kind == Kind::duration || kind == Kind::time_point) {
      return std::type_identity<typename T::rep>();
    } else {
      return std::type_identity<typename T::value_type>();
    }
  }
  using type = Types<std::remove_const_t<typename decltype(part())::type>>;
};
template <class T>
struct PartsOf<T, Kind::associative> {
  static auto parts() {
    if constexpr (requires { typename T::mapped_type; }) {
      return Types<typename T::key_type, typename T::mapped_type>();
    } else {
      return Types<typename T::key_type>();
    }
  }
  using type = decltype(parts());
};
template <template <class...> class T, class... Ts, Kind kind>
  requires(kind == Kind::tuple || kind == Kind::variant)
struct PartsOf<T<Ts...>, kind> {
  using type = Types<std::remove_cv_t<Ts>...>;
};
template <class T, std::size_t... i>
Types<std::remove_cv_t<boost::pfr::tuple_element_t<i, T>>...> fields_of(std::index_sequence<i...>);
template <class T>
struct PartsOf<T, Kind::aggregate> {
  using type = decltype(fields_of<T>(std::make_index_sequence<boost::pfr::tuple_size_v<T>>()));
};
template <class T>
using Parts = typename PartsOf<T>::type;

template <class T>
consteval bool points_to_polymorphic() {
  if constexpr (kind_of<T> == Kind::pointer) {
    return std::is_polymorphic_v<typename T::element_type>;
  } else {
    return false;
  }
}

// `Seen` are the classes around T, so that types which contain themselves come to an end.
template <class T, class... Seen>
consteval bool travels() {
  constexpr Kind kind = kind_of<T>;
  if constexpr (kind == Kind::none || kind == Kind::view) {
    return false;
  } else if constexpr ((std::is_same_v<T, Seen> || ...)) {
    return true;
  } else if constexpr (points_to_polymorphic<T>()) {
    return false;
  } else {
    return []<class... Ps>(Types<Ps...>) {
      if constexpr (kind == Kind::aggregate) {
        return (travels<Ps, T, Seen...>() && ...);
      } else {
        return (travels<Ps, Seen...>() && ...);
      }
    }(Parts<T>());
  }
}

// T can be sent to another process: it has a serializer, or is made of parts that have.
template <class T>
concept Shippable = travels<std::remove_cv_t<T>>();

// A T is its bytes: no padding, no pointers, and every pattern of bits is a value. Arrays of such travel as one copy.
template <class T>
consteval bool is_flat() {
  constexpr Kind kind = kind_of<T>;
  if constexpr (!std::is_trivially_copyable_v<T> || std::is_same_v<T, bool>) {
    return false;
  } else if constexpr (kind == Kind::scalar) {
    return true;
  } else if constexpr (kind == Kind::std_array || kind == Kind::aggregate || kind == Kind::complex ||
                       kind == Kind::duration || kind == Kind::time_point || kind == Kind::array) {
    return []<class... Ps>(Types<Ps...>) {
      if constexpr (kind == Kind::aggregate) {
        return (is_flat<Ps>() && ...) && (sizeof(Ps) + ... + 0) == sizeof(T);
      } else {
        return (is_flat<Ps>() && ...) && sizeof(T) % (sizeof(Ps) + ...) == 0;
      }
    }(Parts<T>());
  } else {
    return false;
  }
}
template <class T>
inline constexpr bool flat = is_flat<T>();

}  // namespace plait::wire
