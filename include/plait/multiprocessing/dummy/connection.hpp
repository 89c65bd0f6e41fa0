// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Pipe and Connection between threads, with the interface of those between processes. Messages are moved, not encoded:
// anything movable will do, and a Connection<> takes what can be copied.

#include <any>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>

#include "plait/errors.hpp"
#include "plait/multiprocessing/connection.hpp"
#include "plait/threading/condition.hpp"
#include "plait/until.hpp"

namespace plait::detail {

[[noreturn]] PLAIT_EXPORT void throw_connection_error(int error, const char* what);
// The part of a message from `offset` on of `size` bytes. Throws ValueError: there is no such part.
PLAIT_EXPORT std::string_view message_part(std::string_view whole, std::ptrdiff_t offset,
                                           std::optional<std::ptrdiff_t> size);

// Messages on their way in one direction.
template <class M>
class DummyChannel {
 public:
  // False: nobody is there to receive it.
  bool put(M&& message) {
    const std::scoped_lock held(changed_);
    if (no_receiver_) return false;
    messages_.push_back(std::move(message));
    changed_.notify();
    return true;
  }
  // True: there is a message, or nobody sends any more.
  bool wait(const Until& until) {
    const std::scoped_lock held(changed_);
    return changed_.wait_for([this] { return !messages_.empty() || no_sender_; }, until);
  }
  // Waits. Throws EOFError: nobody sends any more.
  M get() {
    const std::scoped_lock held(changed_);
    changed_.wait_for([this] { return !messages_.empty() || no_sender_; });
    if (messages_.empty()) throw EOFError("the other end of the connection was closed");
    M message = std::move(messages_.front());
    messages_.pop_front();
    return message;
  }
  void leave(bool sender) {
    const std::scoped_lock held(changed_);
    (sender ? no_sender_ : no_receiver_) = true;
    changed_.notify_all();
  }

 private:
  threading::Condition changed_;  // its lock guards what follows
  std::deque<M> messages_;
  bool no_sender_ = false;
  bool no_receiver_ = false;
};

// One end: kept by its handles, and gone with the last of them.
template <class M>
struct DummyEnd {
  DummyEnd(std::shared_ptr<DummyChannel<M>> receive, std::shared_ptr<DummyChannel<M>> send)
      : in(std::move(receive)), out(std::move(send)) {}
  DummyEnd(const DummyEnd&) = delete;
  DummyEnd& operator=(const DummyEnd&) = delete;
  ~DummyEnd() {
    if (in) in->leave(false);
    if (out) out->leave(true);
  }
  std::shared_ptr<DummyChannel<M>> in, out;  // nullptr: not in that direction
};

}  // namespace plait::detail

namespace plait::multiprocessing::dummy {

// As multiprocessing::Connection, but: close() is of this handle, as each thread has one of its own where each process
// would; there is no fileno(); `send` does not wait.
template <class T = void>
class Connection {
  using Item = std::conditional_t<std::is_void_v<T>, std::any, T>;
  struct Bytes {
    std::string bytes;
  };
  using Message = std::variant<Bytes, std::conditional_t<std::is_void_v<T>, std::any, T>>;

 public:
  using End = detail::DummyEnd<Message>;
  using Channel = detail::DummyChannel<Message>;

  // A closed end.
  Connection() noexcept = default;
  // For Pipe.
  explicit Connection(std::shared_ptr<End> end) noexcept : end_(std::move(end)) {}

  // Throws std::system_error: EPIPE, EBADF.
  template <class U>
    requires(std::is_void_v<T> || std::is_convertible_v<U &&, Item>)
  void send(U&& value) const {
    if constexpr (!std::is_void_v<T>) {
      put(Message(std::in_place_index<1>, std::forward<U>(value)));
    } else if constexpr (std::is_convertible_v<U&&, std::string_view>) {
      put(Message(std::in_place_index<1>, std::string(std::string_view(value))));
    } else {
      put(Message(std::in_place_index<1>, std::forward<U>(value)));
    }
  }
  // Throws EOFError; TypeError: the message is no such value; std::system_error: EBADF.
  [[nodiscard]] Item recv() const
    requires(!std::is_void_v<T>)
  {
    return take();
  }
  template <class U>
    requires(std::is_void_v<T>)
  [[nodiscard]] U recv() const {
    std::any item = take();
    if (U* value = std::any_cast<U>(&item)) return std::move(*value);
    throw TypeError("the message is a value of another type");
  }

  // As those of multiprocessing::Connection.
  void send_bytes(BytesView buffer, std::ptrdiff_t offset = 0, std::optional<std::ptrdiff_t> size = {}) const {
    const auto bytes = buffer.bytes();
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    put(Message(std::in_place_index<0>, std::string(detail::message_part(text, offset, size))));
  }
  [[nodiscard]] std::string recv_bytes(std::optional<std::ptrdiff_t> maxlength = {}) {
    if (maxlength && *maxlength < 0) throw ValueError("negative maxlength");
    std::string bytes = take_bytes();
    if (!maxlength || bytes.size() <= static_cast<std::size_t>(*maxlength)) return bytes;
    close();
    detail::throw_connection_error(EMSGSIZE, "recv_bytes: the message is longer than maxlength");
  }
  std::size_t recv_bytes_into(WritableBytesView buffer, std::ptrdiff_t offset = 0) const {
    const auto space = buffer.bytes();
    if (offset < 0 || static_cast<std::size_t>(offset) > space.size()) throw ValueError("no such offset in the buffer");
    std::string bytes = take_bytes();
    if (bytes.size() > space.size() - static_cast<std::size_t>(offset)) throw BufferTooShort(std::move(bytes));
    std::memcpy(space.data() + offset, bytes.data(), bytes.size());
    return bytes.size();
  }

  [[nodiscard]] bool poll(const Until& until = std::chrono::seconds(0)) const { return in().wait(until); }

  void close() noexcept { end_.reset(); }
  [[nodiscard]] bool closed() const noexcept { return end_ == nullptr; }
  [[nodiscard]] bool readable() const noexcept { return end_ != nullptr && end_->in != nullptr; }
  [[nodiscard]] bool writable() const noexcept { return end_ != nullptr && end_->out != nullptr; }

  friend bool operator==(const Connection&, const Connection&) noexcept = default;

 private:
  Channel& in() const {
    if (end_ == nullptr) detail::throw_connection_error(EBADF, "handle is closed");
    if (end_->in == nullptr) detail::throw_connection_error(EBADF, "connection is write-only");
    return *end_->in;
  }
  void put(Message&& message) const {
    if (end_ == nullptr) detail::throw_connection_error(EBADF, "handle is closed");
    if (end_->out == nullptr) detail::throw_connection_error(EBADF, "connection is read-only");
    if (!end_->out->put(std::move(message))) detail::throw_connection_error(EPIPE, "nobody is at the other end");
  }
  Item take() const {
    Message message = in().get();
    if (Item* item = std::get_if<1>(&message)) return std::move(*item);
    throw TypeError("the message is bytes: recv_bytes() receives them");
  }
  std::string take_bytes() const {
    Message message = in().get();
    if (Bytes* bytes = std::get_if<0>(&message)) return std::move(bytes->bytes);
    throw TypeError("the message is a value: recv() receives it");
  }

  std::shared_ptr<End> end_;
};

template <class T>
struct PipeEnds {
  Connection<T> first, second;
};

// As multiprocessing::Pipe.
template <class T = void>
[[nodiscard]] PipeEnds<T> Pipe(PipeOptions options = {}) {  // NOLINT(readability-identifier-naming): as in Python
  using Channel = typename Connection<T>::Channel;
  using End = typename Connection<T>::End;
  const auto to_first = std::make_shared<Channel>();
  const auto to_second = options.duplex ? std::make_shared<Channel>() : nullptr;
  return {Connection<T>(std::make_shared<End>(to_first, to_second)),
          Connection<T>(std::make_shared<End>(to_second, to_first))};
}

}  // namespace plait::multiprocessing::dummy
