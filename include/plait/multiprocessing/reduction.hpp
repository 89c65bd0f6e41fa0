// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// DupFd: a file descriptor as a value that can be sent to another process. Python's multiprocessing.reduction.DupFd,
// and what Python does with sockets.

#include <memory>
#include <utility>

#include "plait/detail/descriptor_ticket.hpp"
#include "plait/detail/export.hpp"

namespace plait::multiprocessing::reduction {

// Owns a descriptor: of a file, a socket, a pipe, anything. Can be sent over a connection, put into a queue, be
// argument of a Process and of tasks, or their result: whoever receives it has a descriptor of the same open file under
// a number of its own, close-on-exec. Copies share the descriptor; it is closed with the last of them.
//
//   DupFd log(::open("app.log", O_WRONLY | O_APPEND | O_CLOEXEC), DupFd::adopt);
//   Process(child, log).start();       // void child(DupFd log) { ::write(log.fileno(), …); }
//
// Over a connection made by Pipe() the descriptor travels with the message. Otherwise the sender keeps a duplicate
// until the receiver, when it decodes the value, has fetched it from there; while some wait the sender has a thread for
// that, which ends with the last of them. A receiver that comes too late, the sender's process having ended, gets
// std::system_error (ECONNREFUSED). What belongs to a task or a Process is taken back when that has ended.
//
// Copying, moving and destroying different objects is thread-safe; a single object is as a std::shared_ptr.
//
// Differs from Python, whose DupFd is only what the pickled form is made of.
class PLAIT_EXPORT DupFd {
 public:
  struct Adopt {};
  static constexpr Adopt adopt{};

  // Owns nothing; fileno() is -1. Travels as such.
  DupFd() noexcept = default;
  // Duplicates the descriptor; the caller keeps its own. Throws std::system_error: EBADF, EMFILE.
  explicit DupFd(int descriptor);
  // Takes over the descriptor itself, which becomes close-on-exec. Throws std::system_error: EBADF; it is not taken
  // then.
  DupFd(int descriptor, Adopt);

  // Stays the object's own.
  [[nodiscard]] int fileno() const noexcept;
  explicit operator bool() const noexcept { return fileno() >= 0; }

  // Gives the descriptor to the caller, who has to close it; a duplicate if copies of this object go on using it. The
  // object then owns nothing. Throws std::system_error: EMFILE; RuntimeError: it owns nothing.
  [[nodiscard]] int detach();

  // Of the same descriptor.
  friend bool operator==(const DupFd& a, const DupFd& b) noexcept { return a.owned_ == b.owned_; }

 private:
  friend class wire::Access;
  template <class A>
  void save(A& archive) const {
    archive(owned_ != nullptr);
    const int descriptor = fileno();
    if (owned_ != nullptr) detail::put_descriptors(archive, {&descriptor, 1});
  }
  template <class A>
  void load(A& archive) {
    bool owns = false;
    int descriptor = -1;
    archive(owns);
    if (owns) detail::get_descriptors(archive, {&descriptor, 1});
    take(descriptor);
  }
  void take(int descriptor);

  struct Owned;
  std::shared_ptr<Owned> owned_;
};

}  // namespace plait::multiprocessing::reduction
