// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The three archives of the wire format, which a user's `serialize(A& ar)` meets as its `A`: SizeCounter measures,
// Writer writes, Reader reads. Measuring and writing take the same steps, so a message is allocated once, exactly.
//
// Values stand one after another without tags or padding, in the byte order of the machine. Only arrays that are
// copied as a whole are aligned, relative to the start of the message. docs/design/wire.md has the format.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>
#include <utility>

#include "plait/detail/export.hpp"

namespace plait::wire {

[[noreturn]] PLAIT_EXPORT void throw_encode_error(const char* what);
[[noreturn]] PLAIT_EXPORT void throw_decode_error(const char* what);

// What a message takes: its bytes, and the handles of shared objects among them.
struct MessageSize {
  std::size_t bytes = 0;
  std::size_t handles = 0;
};
// Where one is written. A message that can be dropped has a list of its handles, in which they are until they arrive:
// from it their references are given back. Without a list those of a message that is dropped stay till the family ends.
struct MessageRoom {
  std::span<std::byte> bytes;
  std::span<std::uint64_t> handles;
};
// Takes the word of a handle that arrives out of the list. Throws DecodeError: it is not there.
PLAIT_EXPORT void take_from_list(std::uint64_t& entry, std::uint64_t word);

// Tells the system that this memory is about to be filled, if there is so much of it that it pays. Changes nothing
// else.
inline constexpr std::size_t large_block = std::size_t{4} << 20;
PLAIT_EXPORT void expect_large_block(void* begin, std::size_t size) noexcept;

template <class Out, class T>
void put(Out& out, const T& value);
template <class T>
T get(class Reader& in);
template <class T>
void get_into(class Reader& in, T& value);

// Classes may contain themselves (trees, lists); deeper than this they are refused, lest they overflow a stack.
inline constexpr int max_nesting = 1000;

// Measures what Writer will write.
class SizeCounter {
 public:
  static constexpr bool is_reading = false;

  template <class... Ts>
  void operator()(const Ts&... values) {
    (put(*this, values), ...);
  }

  void bytes(const void*, std::size_t size) noexcept { position_ += size; }
  void align(std::size_t alignment) noexcept { position_ = (position_ + alignment - 1) & ~(alignment - 1); }
  void pad_to(std::size_t position) noexcept {
    if (position_ < position) position_ = position;
  }
  [[nodiscard]] std::size_t position() const noexcept { return position_; }
  // A handle, which does not depart yet.
  template <class T>
  void handle(const T&) noexcept {
    position_ += sizeof(std::uint64_t);
    ++handles_;
  }
  [[nodiscard]] MessageSize size() const noexcept { return {position_, handles_}; }
  void enter() {
    if (++nesting_ > max_nesting) throw_encode_error("plait: a value is nested more than 1000 levels deep");
  }
  void leave() noexcept { --nesting_; }

 private:
  std::size_t position_ = 0;
  std::size_t handles_ = 0;
  int nesting_ = 0;
};

// Writes into bytes of somebody else. Throws EncodeError instead of passing their end.
class Writer {
 public:
  static constexpr bool is_reading = false;

  explicit Writer(std::span<std::byte> out) noexcept : Writer(MessageRoom{out, {}}) {}
  explicit Writer(const MessageRoom& out) noexcept
      : begin_(out.bytes.data()), next_(begin_), end_(begin_ + out.bytes.size()), handles_(out.handles) {}

  template <class... Ts>
  void operator()(const Ts&... values) {
    (put(*this, values), ...);
  }

  void bytes(const void* from, std::size_t size) {
    if (size > room()) throw_encode_error("plait: a serializer wrote more than it had announced");
    if (size != 0) std::memcpy(next_, from, size);
    next_ += size;
  }
  void align(std::size_t alignment) { pad_to((position() + alignment - 1) & ~(alignment - 1)); }
  void pad_to(std::size_t position_wanted) {
    while (position() < position_wanted) {
      constexpr std::byte zero{};
      bytes(&zero, 1);
    }
  }
  [[nodiscard]] std::size_t position() const noexcept { return static_cast<std::size_t>(next_ - begin_); }
  // The word that value.depart() gives. There is room for it before it has departed.
  template <class T>
  void handle(const T& value) {
    const bool is_listed = handles_.data() != nullptr;
    if (room() < sizeof(std::uint64_t) || (is_listed && handles_.empty())) {
      throw_encode_error("plait: a serializer wrote more than it had announced");
    }
    const std::uint64_t word = value.depart();
    bytes(&word, sizeof word);
    if (!is_listed) return;
    handles_.front() = word;
    handles_ = handles_.subspan(1);
  }
  void enter() noexcept {}
  void leave() noexcept {}

  // Throws EncodeError when there is room left: the bytes after the last value would be anything.
  void finish() const {
    if (room() != 0) throw_encode_error("plait: a serializer wrote less than it had announced");
  }

 private:
  [[nodiscard]] std::size_t room() const noexcept { return static_cast<std::size_t>(end_ - next_); }

  std::byte* begin_;
  std::byte* next_;
  std::byte* end_;
  std::span<std::uint64_t> handles_;  // the rest of the list
};

// Reads bytes that may be anything. Throws DecodeError instead of passing their end.
class Reader {
 public:
  static constexpr bool is_reading = true;

  // `handles`: the message's list, if it has one.
  explicit Reader(std::span<const std::byte> in, std::span<std::uint64_t> handles = {}) noexcept
      : begin_(in.data()), next_(begin_), end_(begin_ + in.size()), handles_(handles) {}

  template <class... Ts>
  void operator()(Ts&... values) {
    (get_into(*this, values), ...);
  }

  // The next `size` bytes, in place.
  const std::byte* bytes(std::size_t size) {
    if (size > remaining()) throw_decode_error("plait: the message is cut short");
    const std::byte* here = next_;
    next_ += size;
    return here;
  }
  template <class T>
  T scalar() {
    static_assert(std::is_trivially_copyable_v<T>);
    T value;
    std::memcpy(&value, bytes(sizeof(T)), sizeof(T));
    return value;
  }
  // The word of a handle, which the caller is to redeem.
  std::uint64_t handle() {
    const auto word = scalar<std::uint64_t>();
    if (handles_.data() == nullptr) return word;
    if (handles_.empty()) throw_decode_error("plait: there are more handles in the message than in its list");
    take_from_list(handles_.front(), word);
    handles_ = handles_.subspan(1);
    return word;
  }
  // All that is left, as a message of its own.
  Reader rest() {
    const std::size_t size = remaining();
    return Reader({bytes(size), size}, std::exchange(handles_, {}));
  }
  void align(std::size_t alignment) { bytes(-position() & (alignment - 1)); }
  void pad_to(std::size_t position_wanted) {
    if (position() < position_wanted) bytes(position_wanted - position());
  }
  [[nodiscard]] std::size_t position() const noexcept { return static_cast<std::size_t>(next_ - begin_); }
  [[nodiscard]] std::size_t remaining() const noexcept { return static_cast<std::size_t>(end_ - next_); }
  void enter() {
    if (++nesting_ > max_nesting) throw_decode_error("plait: a value is nested more than 1000 levels deep");
  }
  void leave() noexcept { --nesting_; }

  // A number of elements, which take `element_size` bytes each or more (at least one: see Codec of containers).
  std::size_t count(std::size_t element_size = 1) {
    const auto n = scalar<std::uint64_t>();
    if (n > remaining() / element_size) throw_decode_error("plait: a count is larger than the message");
    return static_cast<std::size_t>(n);
  }
  // How many elements to make room for at once when `count` of them are announced: as much memory as the rest of
  // the message takes, and a little more for small ones.
  template <class T>
  [[nodiscard]] std::size_t reserve_hint(std::size_t announced) const noexcept {
    const std::size_t justified = remaining() / sizeof(T) + 16;
    return announced < justified ? announced : justified;
  }

  void finish() const {
    if (remaining() != 0) throw_decode_error("plait: the message is longer than what it should hold");
  }

 private:
  const std::byte* begin_;
  const std::byte* next_;
  const std::byte* end_;
  std::span<std::uint64_t> handles_;  // the rest of the list
  int nesting_ = 0;
};

// Friend of classes whose `serialize` (or `save` and `load`) or default constructor is private.
class Access {
 public:
  template <class A, class T>
  static auto serialize(A& archive, T& value) -> decltype(value.serialize(archive)) {
    return value.serialize(archive);
  }
  template <class A, class T>
  static auto save(A& archive, const T& value) -> decltype(value.save(archive)) {
    return value.save(archive);
  }
  template <class A, class T>
  static auto load(A& archive, T& value) -> decltype(value.load(archive)) {
    return value.load(archive);
  }
  template <class T>
  static auto construct() -> decltype(T()) {
    return T();
  }
};

}  // namespace plait::wire
