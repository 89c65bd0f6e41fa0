// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// How each kind of type is written and read: scalars, classes with a serializer, aggregates, and single values of the
// standard library. The containers are in containers.hpp, callables in code.hpp.
//
// A Codec has `put(out, value)` for SizeCounter and Writer alike, and `get(in)`, which makes a value of bytes that may
// be anything. put and get of the same type take the same steps, as every line here shows.

#include <bit>
#include <memory>

#include "plait/detail/shared_handle.hpp"
#include "plait/detail/wire/shippable.hpp"

namespace plait::wire {

template <class T, Kind kind = kind_of<T>>
struct Codec {
  static_assert(kind != kind,  // NOLINT(misc-redundant-expression): false, but only for a type that comes here
                "plait: this type has no serializer; make it an aggregate, or give it `template <class A> "
                "void serialize(A& ar) { ar(...); }` with all its members");
};

template <class Out, class T>
void put(Out& out, const T& value) {
  Codec<T>::put(out, value);
}
template <class T>
T get(Reader& in) {
  return Codec<T>::get(in);
}
template <class T>
void get_into(Reader& in, T& value) {
  if constexpr (requires { Codec<T>::get_into(in, value); }) {
    Codec<T>::get_into(in, value);
  } else {
    value = Codec<T>::get(in);
  }
}

// A flat value is its bytes.
template <class T>
struct FlatCodec {
  template <class Out>
  static void put(Out& out, const T& value) {
    out.bytes(std::addressof(value), sizeof(T));
  }
  static T get(Reader& in) {
    std::array<std::byte, sizeof(T)> bytes;
    std::memcpy(bytes.data(), in.bytes(sizeof(T)), sizeof(T));
    return std::bit_cast<T>(bytes);
  }
};

template <class T>
struct Codec<T, Kind::scalar> : FlatCodec<T> {};

template <>
struct Codec<bool, Kind::scalar> {
  template <class Out>
  static void put(Out& out, bool value) {
    const auto byte = static_cast<std::uint8_t>(value);
    out.bytes(&byte, 1);
  }
  static bool get(Reader& in) {
    const auto byte = in.scalar<std::uint8_t>();
    if (byte > 1) throw_decode_error("plait: neither true nor false");
    return byte == 1;
  }
};

// Classes with a serializer of their own. One function serves both ways, so it takes the value as mutable; when it
// writes it must not change it.
template <class T, Kind kind>
  requires(kind == Kind::serialize || kind == Kind::save_load || kind == Kind::adl)
struct Codec<T, kind> {
  template <class Out>
  static void put(Out& out, const T& value) {
    out.enter();
    if constexpr (kind == Kind::serialize) {
      Access::serialize(out, const_cast<T&>(value));
    } else if constexpr (kind == Kind::save_load) {
      Access::save(out, value);
    } else {
      serialize(out, const_cast<T&>(value));
    }
    out.leave();
  }
  static void get_into(Reader& in, T& value) {
    in.enter();
    if constexpr (kind == Kind::serialize) {
      Access::serialize(in, value);
    } else if constexpr (kind == Kind::save_load) {
      Access::load(in, value);
    } else {
      serialize(in, value);
    }
    in.leave();
  }
  static T get(Reader& in) {
    static_assert(
        requires { Access::construct<T>(); },
        "plait: a type with a serializer must be default-constructible to be read; a private constructor "
        "will do with `friend class plait::wire::Access;`");
    T value = Access::construct<T>();
    get_into(in, value);
    return value;
  }
};

// A word that the receiver redeems, once. (Measuring sends nothing.)
template <class T>
struct Codec<T, Kind::handle> {
  template <class Out>
  static void put(Out& out, const T& value) {
    out.handle(value);
  }
  static T get(Reader& in) { return T(detail::ArrivedHandle{in.handle()}); }
};

template <class T>
struct Codec<T, Kind::aggregate> {
  template <class Out>
  static void put(Out& out, const T& value) {
    if constexpr (flat<T>) {
      FlatCodec<T>::put(out, value);
    } else {
      out.enter();
      boost::pfr::for_each_field(value, [&out](const auto& field) { wire::put(out, field); });
      out.leave();
    }
  }
  static T get(Reader& in) {
    if constexpr (flat<T>) {
      return FlatCodec<T>::get(in);
    } else {
      in.enter();
      T value = fields(in, Parts<T>());
      in.leave();
      return value;
    }
  }

 private:
  template <class... Fields>
  static T fields(Reader& in, Types<Fields...>) {
    return T{wire::get<Fields>(in)...};  // braces: in the order of the fields
  }
};

template <class T>
struct Codec<T, Kind::stateless> {
  template <class Out>
  static void put(Out&, const T&) {}
  static T get(Reader&) {
    if constexpr (std::is_default_constructible_v<T>) {
      return T();
    } else {
      return std::bit_cast<T>(std::byte());
    }
  }
};

template <class T>
struct Codec<T, Kind::tuple> {
  template <class Out>
  static void put(Out& out, const T& value) {
    std::apply([&out](const auto&... parts) { (wire::put(out, parts), ...); }, value);
  }
  static T get(Reader& in) { return parts(in, Parts<T>()); }

 private:
  template <class... Ps>
  static T parts(Reader& in, Types<Ps...>) {
    return T{wire::get<Ps>(in)...};
  }
};
template <>
struct Codec<std::tuple<>, Kind::tuple> {
  template <class Out>
  static void put(Out&, const std::tuple<>&) {}
  static std::tuple<> get(Reader&) { return {}; }
};

template <class T>
struct Codec<T, Kind::optional> {
  template <class Out>
  static void put(Out& out, const T& value) {
    wire::put(out, value.has_value());
    if (value.has_value()) wire::put(out, *value);
  }
  static T get(Reader& in) {
    if (!wire::get<bool>(in)) return std::nullopt;
    return T(wire::get<typename T::value_type>(in));
  }
};

template <class T>
struct Codec<T, Kind::pointer> {
  template <class Out>
  static void put(Out& out, const T& value) {
    wire::put(out, value != nullptr);
    if (value != nullptr) wire::put(out, *value);
  }
  static T get(Reader& in) {
    if (!wire::get<bool>(in)) return nullptr;
    return T(new typename T::element_type(wire::get<std::remove_const_t<typename T::element_type>>(in)));
  }
};

template <class... Ts>
struct Codec<std::variant<Ts...>, Kind::variant> {
  using T = std::variant<Ts...>;
  template <class Out>
  static void put(Out& out, const T& value) {
    if (value.valueless_by_exception()) throw_encode_error("plait: a std::variant without a value cannot be sent");
    wire::put(out, static_cast<std::uint32_t>(value.index()));
    std::visit([&out](const auto& held) { wire::put(out, held); }, value);
  }
  static T get(Reader& in) {
    const auto index = in.scalar<std::uint32_t>();
    if (index >= sizeof...(Ts)) throw_decode_error("plait: a std::variant has no such alternative");
    return alternative(in, index, std::index_sequence_for<Ts...>());
  }

 private:
  template <std::size_t i>
  static T held(Reader& in) {
    return T(std::in_place_index<i>, wire::get<std::remove_const_t<std::variant_alternative_t<i, T>>>(in));
  }
  template <std::size_t... i>
  static T alternative(Reader& in, std::size_t index, std::index_sequence<i...>) {
    static constexpr T (*table[])(Reader&) = {&held<i>...};
    return table[index](in);
  }
};

template <class T>
struct Codec<T, Kind::duration> {
  template <class Out>
  static void put(Out& out, const T& value) {
    wire::put(out, value.count());
  }
  static T get(Reader& in) { return T(wire::get<typename T::rep>(in)); }
};
template <class T>
struct Codec<T, Kind::time_point> {
  template <class Out>
  static void put(Out& out, const T& value) {
    wire::put(out, value.time_since_epoch());
  }
  static T get(Reader& in) { return T(wire::get<typename T::duration>(in)); }
};

template <class T>
struct Codec<T, Kind::complex> {
  using V = typename T::value_type;
  template <class Out>
  static void put(Out& out, const T& value) {
    wire::put(out, V(value.real()));
    wire::put(out, V(value.imag()));
  }
  static T get(Reader& in) {
    const V real = wire::get<V>(in);
    return T(real, wire::get<V>(in));
  }
};

template <class T>
struct Codec<T, Kind::path> {
  template <class Out>
  static void put(Out& out, const T& value) {
    wire::put(out, value.native());
  }
  static T get(Reader& in) { return T(wire::get<typename T::string_type>(in)); }
};

// Eight bits a byte, the first one lowest.
template <class T>
struct Codec<T, Kind::bitset> {
  template <class Out>
  static void put(Out& out, const T& value) {
    for (std::size_t i = 0; i < value.size(); i += 8) {
      std::uint8_t byte = 0;
      for (std::size_t j = i; j < i + 8 && j < value.size(); ++j) {
        byte = static_cast<std::uint8_t>(byte | (value.test(j) ? 1U << (j - i) : 0U));
      }
      out.bytes(&byte, 1);
    }
  }
  static T get(Reader& in) {
    T value;
    for (std::size_t i = 0; i < value.size(); i += 8) {
      const auto byte = in.scalar<std::uint8_t>();
      for (std::size_t j = i; j < i + 8 && j < value.size(); ++j) value.set(j, ((byte >> (j - i)) & 1U) != 0);
    }
    return value;
  }
};

}  // namespace plait::wire
