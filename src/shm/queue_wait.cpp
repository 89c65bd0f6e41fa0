// SPDX-License-Identifier: Apache-2.0
#include "shm/queue_wait.hpp"

#include <algorithm>
#include <array>

#include "os/kill_point.hpp"

namespace plait::shm {

bool wait_for_queues(std::span<ByteQueue* const> queues, const Until& until) noexcept {
  const auto one_is_ready = [queues] {
    return std::ranges::any_of(queues, [](const ByteQueue* queue) { return queue->is_ready_for_get(); });
  };
  if (one_is_ready()) return true;
  std::array<os::FutexWord, most_queues_of_a_wait> words;  // of which as many are used as there are queues
  for (Sleep sleep(until); !sleep.is_over();) {
    std::ranges::transform(queues, words.begin(), [](ByteQueue* queue) { return queue->announce_getter(); });
    if (one_is_ready()) return true;
    PLAIT_KILL_POINT("queues.sleeping");
    sleep.on_any({words.data(), queues.size()});
    PLAIT_KILL_POINT("queues.woken");
    for (ByteQueue* const queue : queues) {
      queue->getter_has_slept();
      PLAIT_KILL_POINT("queues.passed_on");
    }
    if (one_is_ready()) return true;
  }
  return false;
}

}  // namespace plait::shm
