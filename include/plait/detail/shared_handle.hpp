// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Handles of shared objects: what multiprocessing's locks, queues and values are. docs/design/shared-objects.md.

#include <cstdint>
#include <utility>

#include "plait/detail/export.hpp"

namespace plait::shm {
class Hold;
}

namespace plait::detail {

// What a handle is on its way: a word that is to be redeemed once, in whatever process of the family.
struct ArrivedHandle {
  std::uint64_t word;
};

// Refers to an object in shared memory, which lives as long as any process has a handle of it, or a message that is
// under way carries one. Copying a handle shares the object; there is no empty handle, and moving one copies it.
//
// Handles are values that travel: arguments of a Process and of tasks, also of pools that run already, results, items
// of queues, messages of connections. When a process dies, however it does, its handles are let go. So are
// those in messages that are dropped before anybody has decoded them: items of queues, arguments of processes and
// tasks, results. (A message of a connection keeps its objects until the program ends if nobody receives it.)
//
// Different handles may be used by different threads at once, whatever they refer to; a handle itself is as thread-safe
// as a std::shared_ptr. After the host's own fork() inherited handles throw RuntimeError, and can be destroyed; a child
// that plait starts by fork has them as its own.
class PLAIT_EXPORT SharedHandle {
 public:
  SharedHandle(const SharedHandle& other) noexcept;
  SharedHandle& operator=(const SharedHandle& other) noexcept;
  ~SharedHandle();

  // Of the same object.
  friend bool operator==(const SharedHandle& a, const SharedHandle& b) noexcept { return a.hold_ == b.hold_; }

  // For a message. Throws RuntimeError: the handle is inherited.
  [[nodiscard]] std::uint64_t depart() const;

 protected:
  // Takes over one handle of the hold.
  explicit SharedHandle(shm::Hold& hold) noexcept : hold_(&hold) {}

  [[nodiscard]] shm::Hold& hold() const noexcept { return *hold_; }

 private:
  shm::Hold* hold_;
};

}  // namespace plait::detail
