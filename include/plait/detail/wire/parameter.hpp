// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The two ends of an argument: Sent holds it, converted to its parameter's type, until it is written; Received reads it
// and hands it to the callee. Views are written from the argument itself and received as views of the message.

#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include "plait/detail/wire/containers.hpp"
#include "plait/detail/wire/signature.hpp"

namespace plait::wire {

// An argument of type Arg (with its reference) for a parameter of type P. Refers to it when it is a P already.
template <std::size_t i, class P, class Arg>
class Sent {
  using T = std::remove_cvref_t<P>;
  static constexpr bool as_it_is = std::is_same_v<T, std::remove_cvref_t<Arg>>;

 public:
  explicit Sent(std::remove_reference_t<Arg>& argument) : value_(convert(argument)) {}
  template <class Out>
  void put(Out& out) const {
    if constexpr (is_span<T>) {
      put_block(out, value_.data(), value_.size());
    } else {
      wire::put(out, value_);
    }
  }

 private:
  static decltype(auto) convert(std::remove_reference_t<Arg>& argument) {
    if constexpr (as_it_is) {
      return static_cast<const T&>(argument);
    } else {
      return static_cast<T>(static_cast<Arg&&>(argument));
    }
  }
  std::conditional_t<as_it_is, const T&, T> value_;
};

// A parameter of type P in the process that runs the call.
template <std::size_t i, class P>
class Received {
  using T = std::remove_cvref_t<P>;

 public:
  explicit Received(Reader& in) : value_(wire::get<T>(in)) {}
  T&& pass() noexcept { return std::move(value_); }

 private:
  T value_;
};

template <std::size_t i, class P>
  requires(std_kind<std::remove_cvref_t<P>> == Kind::view)
class Received<i, P> {
  using T = std::remove_cvref_t<P>;
  using C = typename T::value_type;

 public:
  explicit Received(Reader& in) : Received(get_block<C>(in)) {}
  T pass() const noexcept { return view_; }

 private:
  explicit Received(const Block& block) {
    view_ = T(reinterpret_cast<const C*>(block.data), block.count);
    if constexpr (alignof(C) > 1) {
      if (objects<C>(block) == nullptr) {
        copy_.resize(block.count);
        std::memcpy(copy_.data(), block.data, block.count * sizeof(C));
        view_ = copy_;
      }
    }
  }
  std::basic_string<C> copy_;  // of text that lies misaligned
  T view_;
};

template <std::size_t i, class P>
  requires(is_span<std::remove_cvref_t<P>>)
class Received<i, P> {
  using T = typename std::remove_cvref_t<P>::value_type;

 public:
  explicit Received(Reader& in) {
    Reader start = in;
    const Block block = get_block<T>(in);
    if (const T* data = objects<T>(block)) {
      view_ = {data, block.count};
    } else {
      copy_ = wire::get<std::vector<T>>(start);
      view_ = copy_;
    }
  }
  std::span<const T> pass() const noexcept { return view_; }

 private:
  std::vector<T> copy_;  // of elements that lie misaligned
  std::span<const T> view_;
};

}  // namespace plait::wire
