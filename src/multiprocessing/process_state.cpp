// SPDX-License-Identifier: Apache-2.0
#include "multiprocessing/process_state.hpp"

#include <utility>

#include "multiprocessing/process_registry.hpp"
#include "os/epoll.hpp"
#include "shm/message_block.hpp"

namespace plait::detail {

ProcessState::~ProcessState() {
  // In a forked process somebody may be waiting who is not here, and whom the destructor would wait for.
  if (!is_own()) static_cast<void>(end_.release());
}

void ProcessState::on_exit(process::Child& dead, process::ExitStatus how,
                           std::shared_ptr<process::Estate> estate) noexcept {
  ProcessBlock* its_block = nullptr;
  std::span<std::byte> its_payload;
  std::string name;
  {
    const std::scoped_lock lock(ProcessRegistry::get().mutex);
    its_block = std::exchange(block, nullptr);
    its_payload = std::exchange(payload, {});
    name = identity.name;
  }
  // acquire: pairs with the release in the child; if it did take the payload, what it did not free goes with its estate
  if (!its_payload.empty() && !its_block->taken.load(std::memory_order_acquire)) {
    shm::free_message(its_payload.data(), its_payload.size());
  }
  shm::Heap::get().deallocate(its_block);
  estate.reset();
  deposits.withdraw();
  if (how.signal != 0 || !how.known) {
    try {
      multiprocessing::get_logger().info(name + " (pid " + std::to_string(dead.pid()) + ") " + how.describe());
    } catch (...) {  // a handler's error is nobody's business here
    }
  }
  {
    const std::scoped_lock lock(ProcessRegistry::get().mutex);
    status = how;
    ended = true;
  }
  end_->notify_all();
}

void ProcessState::make_waitable() {
  if (end_ == nullptr) end_ = std::make_unique<std::condition_variable>();
}

bool ProcessState::has_died() const noexcept {
  return phase == Phase::started && (ended || os::wait_readable(child->pidfd(), 0));
}

bool ProcessState::wait_for_end(Lock& lock, Deadline deadline) {
  if (!ended) {
    const std::shared_ptr<process::Child> alive = child;
    lock.unlock();
    process::hasten_report(*alive, deadline.is_never() ? std::nullopt : std::optional(deadline.time()));
    lock.lock();
  }
  const auto has_ended = [this] { return ended; };
  if (!deadline.is_never()) return end_->wait_until(lock, deadline.time(), has_ended);
  end_->wait(lock, has_ended);
  return true;
}

void ProcessState::await_report(Lock& lock) {
  if (!ended && has_died()) wait_for_end(lock, std::chrono::seconds(1));
}

}  // namespace plait::detail
