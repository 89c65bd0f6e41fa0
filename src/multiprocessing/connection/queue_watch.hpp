// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Queues as a descriptor, while it is needed. They have none, since their sleepers sleep on words of shared memory; so
// threads sleep there, as many as the words demand, for the one who has to sleep on descriptors.

#include <span>
#include <thread>
#include <vector>

#include "os/file_descriptor.hpp"
#include "shm/byte_queue.hpp"

namespace plait::detail {

class QueueWatch {
 public:
  // The queues, and what the span is of, must live longer. Throws std::system_error (EMFILE, EAGAIN), std::bad_alloc.
  explicit QueueWatch(std::span<shm::ByteQueue* const> queues);
  QueueWatch(const QueueWatch&) = delete;
  QueueWatch& operator=(const QueueWatch&) = delete;
  // Ends the threads.
  ~QueueWatch();

  // Can be read once one of the queues was ready.
  [[nodiscard]] int fd() const noexcept { return event_.get(); }

 private:
  os::FileDescriptor event_;
  std::vector<std::jthread> threads_;
};

}  // namespace plait::detail
