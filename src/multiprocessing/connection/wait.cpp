// SPDX-License-Identifier: Apache-2.0
#include "plait/multiprocessing/connection/wait.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <span>
#include <string>

#include "multiprocessing/connection/queue_watch.hpp"
#include "multiprocessing/connection/wait_readable.hpp"
#include "multiprocessing/shared_access.hpp"
#include "os/error.hpp"
#include "shm/queue_wait.hpp"

namespace plait::multiprocessing {
namespace {

using TimePoint = Deadline::Clock::time_point;

[[noreturn]] void throw_not_open(const Waitable& object) {
  os::throw_system_error(EBADF, "wait", "descriptor " + std::to_string(object.fileno()));
}

// The descriptors among the objects, each in its order, and two for the wait itself.
class Descriptors {
 public:
  Descriptors() : watched_(2) {}

  void add(int fd) { watched_.insert(watched_.end() - 2, os::Watched{.fd = fd}); }
  void set_stop(int fd) noexcept { watched_.end()[-2].fd = fd; }
  void set_queues(int fd) noexcept { watched_.end()[-1].fd = fd; }

  [[nodiscard]] bool empty() const noexcept { return watched_.size() == 2; }
  void wait(std::optional<TimePoint> deadline) { os::wait_for_any(watched_, deadline); }
  // As the last wait() has found them.
  [[nodiscard]] const os::Watched* begin() const noexcept { return watched_.data(); }

 private:
  std::vector<os::Watched> watched_;
};

// As far as queues are concerned, now.
std::vector<Waitable> ready_ones(const std::vector<Waitable>& objects, const Descriptors& descriptors,
                                 std::span<shm::ByteQueue* const> queues) {
  std::vector<Waitable> ready;
  const os::Watched* descriptor = descriptors.begin();
  auto queue = queues.begin();
  for (const Waitable& object : objects) {
    if (object.is_queue()) {
      if ((*queue++)->is_ready_for_get()) ready.push_back(object);
    } else {
      if (descriptor->no_descriptor) throw_not_open(object);
      if (descriptor++->ready) ready.push_back(object);
    }
  }
  return ready;
}

// Until something may have become ready.
void sleep(Descriptors& descriptors, std::span<shm::ByteQueue* const> queues, const Until& until) {
  if (descriptors.empty() && queues.size() <= shm::most_queues_of_a_wait) {
    shm::wait_for_queues(queues, until);
    return;
  }
  const detail::StopEvent stop(until.stop());
  const detail::QueueWatch watch(queues);
  descriptors.set_stop(stop.fd());
  descriptors.set_queues(watch.fd());
  descriptors.wait(detail::time_of(until.deadline()));
  descriptors.set_stop(-1);
  descriptors.set_queues(-1);
}

}  // namespace

Waitable::Waitable(const detail::SharedQueueHandle& queue) : queue_(&queue.hold()) {
  static_cast<void>(detail::readable_queue(*queue_));
}

std::vector<Waitable> connection::wait(const std::vector<Waitable>& objects, const Until& until) {
  Descriptors descriptors;
  std::vector<shm::ByteQueue*> queues;
  for (const Waitable& object : objects) {
    if (object.is_queue()) {
      queues.push_back(&detail::readable_queue(*object.queue_));
    } else {
      if (object.fileno() < 0) throw_not_open(object);
      descriptors.add(object.fileno());
    }
  }
  if (queues.empty()) {
    const detail::StopEvent stop(until.stop());
    descriptors.set_stop(stop.fd());
    descriptors.wait(detail::time_of(until.deadline()));
    return ready_ones(objects, descriptors, {});
  }
  for (;;) {
    const bool is_last_look = until.is_over();
    if (!descriptors.empty()) descriptors.wait(TimePoint::min());
    std::vector<Waitable> ready = ready_ones(objects, descriptors, queues);
    if (!ready.empty() || is_last_look) return ready;
    sleep(descriptors, queues, until);
  }
}

}  // namespace plait::multiprocessing
