// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Codecs of strings, arrays and containers: a count of 64 bits, then the elements. Elements that are flat follow as one
// aligned block, copied at once. Others follow one after another and take at least one byte each (zeroes are
// added if they don't), so that a count can be judged by the bytes that are left.

#include "plait/detail/wire/codec.hpp"

namespace plait::wire {

template <class Out>
void put_count(Out& out, std::size_t count) {
  wire::put(out, std::uint64_t{count});
}

// `count` flat elements, written aligned. Aligned for 16 at most: that is what a message can promise.
template <class T>
inline constexpr std::size_t block_alignment = alignof(T) < 16 ? alignof(T) : 16;

template <class T, class Out>
void put_block(Out& out, const T* data, std::size_t count) {
  put_count(out, count);
  out.align(block_alignment<T>);
  out.bytes(data, count * sizeof(T));
}
struct Block {
  const std::byte* data;
  std::size_t count;
};
template <class T>
Block get_block(Reader& in) {
  const std::size_t count = in.count(sizeof(T));
  in.align(block_alignment<T>);
  return {in.bytes(count * sizeof(T)), count};
}

// The elements of a block as objects, when they lie as those must; else nullptr.
template <class T>
const T* objects(const Block& block) noexcept {
  const bool aligned = reinterpret_cast<std::uintptr_t>(block.data) % alignof(T) == 0;
  return aligned ? reinterpret_cast<const T*>(block.data) : nullptr;
}

template <class C, class Tr, class A>
struct Codec<std::basic_string<C, Tr, A>, Kind::string> {
  using T = std::basic_string<C, Tr, A>;
  template <class Out>
  static void put(Out& out, const T& value) {
    put_block(out, value.data(), value.size());
  }
  static T get(Reader& in) {
    const Block block = get_block<C>(in);
    if constexpr (alignof(C) > 1) {
      if (objects<C>(block) == nullptr) {
        T value(block.count, C());
        if (block.count != 0) std::memcpy(value.data(), block.data, block.count * sizeof(C));
        return value;
      }
    }
    return T(reinterpret_cast<const C*>(block.data), block.count);
  }
};
template <class C, class Tr>
struct Codec<std::basic_string_view<C, Tr>, Kind::view> {
  template <class Out>
  static void put(Out& out, const std::basic_string_view<C, Tr>& value) {
    put_block(out, value.data(), value.size());
  }
};

// Elements one by one, each of at least one byte.
template <class Out, class Range>
void put_elements(Out& out, const Range& range, std::size_t count) {
  put_count(out, count);
  const std::size_t begin = out.position();
  for (const auto& element : range) wire::put(out, element);
  out.pad_to(begin + count);
}
// Calls `add(in)` for each; `reserve(n)` before, with a number that the message justifies.
template <class Element, class Reserve, class Add>
void get_elements(Reader& in, const Reserve& reserve, const Add& add) {
  const std::size_t count = in.count();
  const std::size_t begin = in.position();
  reserve(in.reserve_hint<Element>(count));
  for (std::size_t i = 0; i < count; ++i) add();
  in.pad_to(begin + count);
}

template <class T, class A>
struct Codec<std::vector<T, A>, Kind::vector> {
  template <class Out>
  static void put(Out& out, const std::vector<T, A>& value) {
    if constexpr (flat<T>) {
      put_block(out, value.data(), value.size());
    } else {
      put_elements(out, value, value.size());
    }
  }
  static std::vector<T, A> get(Reader& in) {
    if constexpr (flat<T>) {
      const Block block = get_block<T>(in);
      const T* data = objects<T>(block);
      if (data == nullptr) return get_misaligned(block);
      if (block.count < large_block / sizeof(T)) return std::vector<T, A>(data, data + block.count);
      std::vector<T, A> value;
      value.reserve(block.count);
      expect_large_block(value.data(), block.count * sizeof(T));
      value.assign(data, data + block.count);
      return value;
    } else {
      std::vector<T, A> value;
      get_elements<T>(
          in, [&](std::size_t n) { value.reserve(n); }, [&] { value.push_back(wire::get<T>(in)); });
      return value;
    }
  }

 private:
  static std::vector<T, A> get_misaligned(const Block& block) {
    std::vector<T, A> value;
    value.reserve(block.count);
    Reader in({block.data, block.count * sizeof(T)});
    for (std::size_t i = 0; i < block.count; ++i) value.push_back(FlatCodec<T>::get(in));
    return value;
  }
};

// Eight to a byte, the first one lowest.
template <class A>
struct Codec<std::vector<bool, A>, Kind::vector> {
  template <class Out>
  static void put(Out& out, const std::vector<bool, A>& value) {
    put_count(out, value.size());
    for (std::size_t i = 0; i < value.size(); i += 8) {
      std::uint8_t byte = 0;
      for (std::size_t j = i; j < i + 8 && j < value.size(); ++j) {
        byte = static_cast<std::uint8_t>(byte | (value[j] ? 1U << (j - i) : 0U));
      }
      out.bytes(&byte, 1);
    }
  }
  static std::vector<bool, A> get(Reader& in) {
    const auto count = in.scalar<std::uint64_t>();
    if (count / 8 > in.remaining()) throw_decode_error("plait: a count is larger than the message");
    std::vector<bool, A> value(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < value.size(); i += 8) {
      const unsigned byte = in.scalar<std::uint8_t>();
      for (std::size_t j = i; j < i + 8 && j < value.size(); ++j) value[j] = ((byte >> (j - i)) & 1U) != 0;
    }
    return value;
  }
};

template <class T>
struct Codec<T, Kind::sequence> {
  template <class Out>
  static void put(Out& out, const T& value) {
    put_elements(out, value, value.size());
  }
  static T get(Reader& in) {
    using V = typename T::value_type;
    T value;
    const auto reserve = [&](std::size_t n) {
      if constexpr (requires { value.reserve(n); }) value.reserve(n);
    };
    get_elements<V>(in, reserve, [&] { value.emplace_back(wire::get<V>(in)); });
    return value;
  }
};

template <class T>
struct Codec<T, Kind::forward> {
  template <class Out>
  static void put(Out& out, const T& value) {
    std::size_t count = 0;
    for (auto i = value.begin(); i != value.end(); ++i) ++count;
    put_elements(out, value, count);
  }
  static T get(Reader& in) {
    using V = typename T::value_type;
    T value;
    auto last = value.before_begin();
    get_elements<V>(
        in, [](std::size_t) {}, [&] { last = value.insert_after(last, wire::get<V>(in)); });
    return value;
  }
};

template <class T>
struct Codec<T, Kind::associative> {
  template <class Out>
  static void put(Out& out, const T& value) {
    put_elements(out, value, value.size());
  }
  static T get(Reader& in) {
    T value;
    const auto reserve = [&](std::size_t n) {
      if constexpr (requires { value.reserve(n); }) value.reserve(n);
    };
    get_elements<typename T::value_type>(in, reserve, [&] { add(in, value); });
    return value;
  }

 private:
  static void add(Reader& in, T& value) {
    if constexpr (requires { typename T::mapped_type; }) {
      auto key = wire::get<typename T::key_type>(in);
      value.emplace_hint(value.end(), std::move(key), wire::get<typename T::mapped_type>(in));
    } else {
      value.emplace_hint(value.end(), wire::get<typename T::key_type>(in));
    }
  }
};

// Arrays of fixed size have no count.
template <class T, std::size_t n>
struct Codec<std::array<T, n>, Kind::std_array> {
  template <class Out>
  static void put(Out& out, const std::array<T, n>& value) {
    if constexpr (flat<T>) {
      out.bytes(value.data(), n * sizeof(T));
    } else {
      for (const T& element : value) wire::put(out, element);
    }
  }
  static std::array<T, n> get(Reader& in) {
    if constexpr (flat<T>) {
      return FlatCodec<std::array<T, n>>::get(in);
    } else {
      return elements(in, std::make_index_sequence<n>());
    }
  }

 private:
  template <std::size_t... i>
  static std::array<T, n> elements(Reader& in, std::index_sequence<i...>) {
    return {((void)i, wire::get<T>(in))...};
  }
};
template <class T>
struct Codec<std::array<T, 0>, Kind::std_array> {
  template <class Out>
  static void put(Out&, const std::array<T, 0>&) {}
  static std::array<T, 0> get(Reader&) { return {}; }
};
template <class T, std::size_t n>
struct Codec<T[n], Kind::array> {
  template <class Out>
  static void put(Out& out, const T (&value)[n]) {
    for (const T& element : value) wire::put(out, element);
  }
  static void get_into(Reader& in, T (&value)[n]) {
    for (T& element : value) wire::get_into(in, element);
  }
};

}  // namespace plait::wire
