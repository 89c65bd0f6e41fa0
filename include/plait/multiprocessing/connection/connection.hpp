// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Connection<T>: one end of a connection between two processes, or threads, over which messages go one by one. Python's
// multiprocessing.connection.Connection. Pipe() makes both ends.
//
//   auto [here, there] = Pipe<std::string>();
//   Process child([](Connection<std::string> end) { end.send("ready"); }, there);
//   child.start();
//   there.close();                        // the child has its own now; so its end is noticed here
//   std::string text = here.recv();       // "ready"
//   here.recv();                          // EOFError, once the child has ended
//
// What is here: ConnectionBase, what does not depend on the type of messages; Connection<T>, and Connection<>, over
// which messages of any type go.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "plait/detail/connection_core.hpp"
#include "plait/detail/export.hpp"
#include "plait/detail/wire/check.hpp"
#include "plait/detail/wire/encode.hpp"
#include "plait/errors.hpp"
#include "plait/multiprocessing/connection/bytes_view.hpp"
#include "plait/until.hpp"

namespace plait::multiprocessing {

// A handle: copies in one process share the end, and close() closes it for all of them. It can be sent anywhere, over
// connections, as an argument of Process and of tasks, into queues; what arrives is another reference of the same end,
// to be closed by itself. (How it travels is told with reduction::DupFd.)
//
// End of file: once nobody has a reference of the other end, in whatever process and whatever way they lost it (closed,
// destroyed with their last handle, ended, killed), what was sent before can still be received, then receiving throws
// EOFError, and sending throws std::system_error with std::errc::broken_pipe. So close the end that you gave away. A
// child started by fork has references of all ends that its parent had, as in Python.
//
// Messages arrive whole and in the order in which they were sent, as long as one process sends and one receives;
// several may share an end (each message is then received by one of them). A process that is killed at any moment loses
// at most the message that it was sending or receiving, and nobody waits for it.
//
// All functions may be called from several threads at a time. close() takes effect when calls of other threads on the
// same end have returned. What receives or sends may block; signals never end it. In a process forked from this one the
// handles are usable, as references of their own.
//
// Throw throughout std::system_error: EBADF: the end was closed, or cannot be used in that direction; EPIPE: sending,
// nobody is at the other end. A default-constructed handle is a closed end.
//
// An end of a Pipe() costs each process that has it three descriptors, two if it goes one way. A large message (64 KiB
// and more) is in memory three times at most: what is sent, its bytes on the way, and what was received.
//
// Differs from Python: OSError and BrokenPipeError are std::system_error; several senders don't mix up their messages;
// a large message does not wait for the other side to receive it.
class PLAIT_EXPORT ConnectionBase {
 public:
  // Sends `size` bytes from `offset` on, default all, as one message; none is a message too. Blocks while the other
  // side has not received enough of what was sent before. Throws ValueError: offset or size is negative or too large;
  // OutOfSharedMemory.
  void send_bytes(BytesView buffer, std::ptrdiff_t offset = 0, std::optional<std::ptrdiff_t> size = {}) const;

  // Waits for a message and returns its bytes. Throws EOFError; ValueError: maxlength is negative; std::system_error
  // with EMSGSIZE: it is longer than that. The end then cannot be read any more; is it for receiving only, it is
  // closed.
  [[nodiscard]] std::string recv_bytes(std::optional<std::ptrdiff_t> maxlength = {}) const;

  // Waits for a message and copies it to `buffer`, from byte `offset` on; returns its size. Throws EOFError;
  // ValueError: offset is negative or beyond the buffer; BufferTooShort: the message, which is in the exception, is
  // longer than that.
  std::size_t recv_bytes_into(WritableBytesView buffer, std::ptrdiff_t offset = 0) const;

  // Whether there is something to receive, a message or the end of file; waits for it, if it is told so. A timeout of
  // zero or less just looks, and so does poll() alone.
  [[nodiscard]] bool poll(const Until& until = std::chrono::seconds(0)) const;

  // A descriptor that can be read exactly as long as poll() would be true: for poll, epoll and wait(). It stays the
  // connection's own, and is for nothing but waiting. Of an end that only sends: one that can be read never.
  [[nodiscard]] int fileno() const;

  // Gives up this process's reference of the end. Any number of times.
  void close() const noexcept;
  [[nodiscard]] bool closed() const noexcept;
  // Which directions the end was made for. False for a closed one.
  [[nodiscard]] bool readable() const noexcept;
  [[nodiscard]] bool writable() const noexcept;

  // Of the same end, as this process has it.
  friend bool operator==(const ConnectionBase& a, const ConnectionBase& b) noexcept { return a.core_ == b.core_; }

 protected:
  ConnectionBase() noexcept = default;
  explicit ConnectionBase(detail::ConnectionRef core) noexcept : core_(std::move(core)) {}
  ConnectionBase(int handle, bool readable, bool writable);

  template <class T>
  void send_value(const T& value) const {
    static_assert(wire::require_value<T>());
    detail::OutgoingMessage message(core_, detail::type_number<T>(), wire::encoded_size(value));
    wire::encode(value, message.bytes());
    message.send();
  }
  template <class T>
  [[nodiscard]] T recv_value() const {
    static_assert(wire::require_value<T>());
    detail::IncomingMessage message(core_);
    return wire::decode<T>(message.encoded(detail::type_number<T>(), wire::callable_name<T>()));
  }

 private:
  friend class wire::Access;
  friend class Waitable;
  template <class A>
  void save(A& archive) const {
    archive(what_travels());
    std::array<int, most_descriptors> descriptors{};
    detail::put_descriptors(archive, travelling_descriptors(descriptors));
  }
  template <class A>
  void load(A& archive) {
    Travelling what{};
    archive(what);
    std::array<int, most_descriptors> space{};
    const std::span<int> descriptors = arriving_descriptors(what, space);
    detail::get_descriptors(archive, descriptors);
    arrive(what, descriptors);
  }

  struct Travelling {
    std::uint8_t transport, end, readable, writable;
  };
  static constexpr std::size_t most_descriptors = 4;
  [[nodiscard]] Travelling what_travels() const;
  [[nodiscard]] std::span<const int> travelling_descriptors(std::span<int> space) const;
  [[nodiscard]] static std::span<int> arriving_descriptors(const Travelling& what, std::span<int> space);
  void arrive(const Travelling& what, std::span<const int> descriptors);

 protected:
  detail::ConnectionRef core_;
};

// Messages of one type, which must be shippable (plait/wire.hpp).
template <class T = void>
class Connection : public ConnectionBase {
  static_assert(std::is_same_v<T, std::remove_cvref_t<T>>, "plait: messages of a connection are plain types");

 public:
  Connection() noexcept = default;
  explicit Connection(detail::ConnectionRef core) noexcept : ConnectionBase(std::move(core)) {}
  // The same end, which was of any type so far.
  explicit Connection(const Connection<>& other) noexcept;
  // As Connection<>'s.
  explicit Connection(int handle, bool readable = true, bool writable = true)
      : ConnectionBase(handle, readable, writable) {}

  // Sends the value as one message. Blocks while the other side has not received enough of what was sent before. Throws
  // EncodeError and what a serializer of the value throws: then nothing was sent; OutOfSharedMemory.
  void send(const T& value) const { send_value(value); }

  // Waits for a message and returns what was sent. Throws EOFError; TypeError: it was not a T (the message is lost);
  // DecodeError and what a serializer throws; std::system_error with EMFILE: descriptors came along, or a large
  // message, and this process may not have so many more (the message is still there).
  [[nodiscard]] T recv() const { return recv_value<T>(); }
};

// Messages of any type: the receiver says which it expects.
template <>
class PLAIT_EXPORT Connection<void> : public ConnectionBase {
 public:
  Connection() noexcept = default;
  explicit Connection(detail::ConnectionRef core) noexcept : ConnectionBase(std::move(core)) {}
  // Takes over a descriptor that is open already: a stream socket, a pipe, a terminal. Messages are framed as Python
  // frames them, so that a Python program may be at the other end and exchange bytes. Throws ValueError: handle is less
  // than 0, or neither direction is true; it then stays the caller's.
  //
  // Several senders or receivers of one end, and one that is killed within a message, spoil such a connection, as in
  // Python: end of file within a message is std::system_error with ECONNRESET.
  explicit Connection(int handle, bool readable = true, bool writable = true)
      : ConnectionBase(handle, readable, writable) {}

  // As Connection<T>::send(). Text travels as std::string, whatever it is given as.
  template <class T>
  void send(const T& value) const {
    if constexpr (std::is_convertible_v<const T&, std::string_view>) {
      send_value(std::string(std::string_view(value)));
    } else {
      send_value(value);
    }
  }
  // As Connection<T>::recv().
  template <class T>
  [[nodiscard]] T recv() const {
    return recv_value<T>();
  }

 private:
  template <class T>
  friend class Connection;
};

template <class T>
Connection<T>::Connection(const Connection<>& other) noexcept : ConnectionBase(other.core_) {}

}  // namespace plait::multiprocessing
