// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// wait(): until at least one of several connections, queues, processes, sockets, descriptors is ready. Python's
// multiprocessing.connection.wait.
//
//   for (const Waitable& ready : connection::wait({pipe, queue, process, socket}, 2s)) {
//     if (ready == pipe) show(pipe.recv());
//     if (ready == queue) show(queue.get());
//     if (ready == process) process.join();
//   }

#include <concepts>
#include <initializer_list>
#include <memory>
#include <ranges>
#include <type_traits>
#include <vector>

#include "plait/detail/export.hpp"
#include "plait/detail/shared_queue.hpp"
#include "plait/multiprocessing/connection/connection.hpp"
#include "plait/multiprocessing/connection/pipe.hpp"
#include "plait/multiprocessing/process.hpp"
#include "plait/until.hpp"

namespace plait::multiprocessing {

// Has a descriptor that can be read when it is ready.
template <class T>
concept HasFileno = requires(const T& object) {
  { object.fileno() } -> std::same_as<int>;
};

class Waitable;

namespace connection {
PLAIT_EXPORT std::vector<Waitable> wait(const std::vector<Waitable>& objects, const Until& until);
}

// What can be waited for, as a value: a descriptor or a queue, and whose it is. Made from a connection (ready: a
// message or the end of file), a Queue, JoinableQueue or SimpleQueue (a get would not wait: there is an item, or it was
// shut down), a Process or its sentinel (it has ended), a descriptor, or anything with `int fileno() const`. It is no
// owner: what it was made from must live, and stay open, while it is waited for.
//
// Making one throws what fileno() or sentinel() throws; of a queue std::system_error (EBADF: closed in this process)
// and RuntimeError (inherited by fork).
class Waitable {
 public:
  Waitable(int descriptor) noexcept : descriptor_(descriptor) {}         // NOLINT(google-explicit-constructor)
  Waitable(const Process& process) : descriptor_(process.sentinel()) {}  // NOLINT(google-explicit-constructor)
  template <HasFileno T>
  Waitable(const T& object) : descriptor_(object.fileno()) {}     // NOLINT(google-explicit-constructor)
  PLAIT_EXPORT Waitable(const detail::SharedQueueHandle& queue);  // NOLINT(google-explicit-constructor)

  // -1: of a queue, which has none.
  [[nodiscard]] int fileno() const noexcept { return descriptor_; }
  [[nodiscard]] bool is_queue() const noexcept { return queue_ != nullptr; }

  // Of the same descriptor, or the same queue.
  friend bool operator==(const Waitable& a, const Waitable& b) noexcept = default;

 private:
  friend std::vector<Waitable> connection::wait(const std::vector<Waitable>& objects, const Until& until);

  int descriptor_ = -1;
  const shm::Hold* queue_ = nullptr;
};

namespace connection {

using multiprocessing::Connection;
using multiprocessing::Pipe;
using multiprocessing::Waitable;

// Those which are ready, in the order in which they were given; waits until there is one, or until the time has come:
// then none. A timeout of zero or less just looks; of nothing at all waits for the time alone. Blocks; signals don't
// end it.
//
// Nothing is taken from what is ready, so where others receive or get, too, they may be faster: use try_get(). They do
// not suffer from it either: a getter that sleeps beside a wait() gets its item, and goes on when a process is killed
// in here. Waiting for queues and descriptors at once, or for over 127 queues, takes a descriptor and a thread for each
// 127 queues, which have gone when it returns, and 50 to 100 µs. Before Linux 5.16 a wait for several queues, or for
// queues with a stop_token, looks again every 50 ms.
//
// Throws std::system_error: EBADF (one of them is closed), EINVAL (more than this process may have descriptors), for
// queues also EMFILE and EAGAIN (there is no descriptor or thread to be had); RuntimeError: a queue was inherited by
// fork.
[[nodiscard]] PLAIT_EXPORT std::vector<Waitable> wait(const std::vector<Waitable>& objects, const Until& until = {});
[[nodiscard]] inline std::vector<Waitable> wait(std::initializer_list<Waitable> objects, const Until& until = {}) {
  return wait(std::vector<Waitable>(objects), until);
}

// Objects of one copyable type: those of them which are ready.
template <std::ranges::forward_range R>
  requires(std::convertible_to<std::ranges::range_reference_t<R>, Waitable> &&
           !std::same_as<std::ranges::range_value_t<R>, Waitable> && std::copyable<std::ranges::range_value_t<R>>)
[[nodiscard]] std::vector<std::ranges::range_value_t<R>> wait(R&& objects, const Until& until = {}) {
  const std::vector<Waitable> all(std::ranges::begin(objects), std::ranges::end(objects));
  const std::vector<Waitable> ready = wait(all, until);
  std::vector<std::ranges::range_value_t<R>> result;
  auto next = ready.begin();
  for (auto object = std::ranges::begin(objects); next != ready.end(); ++object) {
    if (Waitable(*object) == *next) {
      result.push_back(*object);
      ++next;
    }
  }
  return result;
}

}  // namespace connection
}  // namespace plait::multiprocessing
