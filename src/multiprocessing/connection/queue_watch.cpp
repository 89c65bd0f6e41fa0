// SPDX-License-Identifier: Apache-2.0
#include "multiprocessing/connection/queue_watch.hpp"

#include <algorithm>

#include "os/signals.hpp"
#include "os/thread.hpp"
#include "shm/queue_wait.hpp"

namespace plait::detail {

QueueWatch::QueueWatch(std::span<shm::ByteQueue* const> queues) : event_(os::make_event()) {
  const os::BlockAllSignals blocked;  // the host's signals are for the host's threads
  while (!queues.empty()) {
    const auto some = queues.first(std::min(queues.size(), shm::most_queues_of_a_wait));
    queues = queues.subspan(some.size());
    threads_.emplace_back([some, event = event_.get()](const std::stop_token& stop) {
      os::set_thread_name("plait-queues");
      if (shm::wait_for_queues(some, stop)) os::raise_event(event);
    });
  }
}

// All are told before the first is waited for.
QueueWatch::~QueueWatch() {
  for (std::jthread& thread : threads_) thread.request_stop();
}

}  // namespace plait::detail
