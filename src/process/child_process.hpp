// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The host's record of one child.

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "os/file_descriptor.hpp"
#include "os/fork_generation.hpp"
#include "os/pidfd.hpp"
#include "process/estate.hpp"
#include "process/process.hpp"
#include "shm/heap.hpp"

namespace plait::process {

class ChildProcess final : public Child {
 public:
  ChildProcess(std::uint64_t id, shm::OwnerId owner, std::shared_ptr<ExitListener> listener)
      : id_(id), listener_(std::move(listener)), estate_(std::make_shared<Estate>(owner)) {}

  [[nodiscard]] pid_t pid() const noexcept override { return pid_; }
  [[nodiscard]] int pidfd() const noexcept override { return pidfd_.get(); }
  [[nodiscard]] std::optional<ExitStatus> status() const noexcept override {
    // acquire: pairs with the release in end()
    return ended_.load(std::memory_order_acquire) ? std::optional(status_) : std::nullopt;
  }
  bool signal(int number) const noexcept override {
    return generation_ == os::fork_generation() && os::send_signal(pidfd_.get(), number);
  }

  [[nodiscard]] std::uint64_t id() const noexcept { return id_; }

  // Before anybody else sees it.
  void begin(pid_t pid, os::FileDescriptor pidfd) noexcept {
    pid_ = pid;
    pidfd_ = std::move(pidfd);
  }
  // When it has died, or was not started after all; once.
  [[nodiscard]] std::shared_ptr<Estate> take_estate() noexcept { return std::move(estate_); }
  // Once.
  void end(ExitStatus status, std::shared_ptr<Estate> estate) noexcept {
    status_ = status;
    ended_.store(true, std::memory_order_release);
    if (const auto listener = std::exchange(listener_, nullptr)) listener->on_exit(*this, status, std::move(estate));
  }
  // In a child that was forked from the host, which must not hold what is the parent's.
  void close_inherited() noexcept { pidfd_.reset(); }

 private:
  friend class Supervisor;

  const std::uint64_t id_;
  const std::uint64_t generation_ = os::fork_generation();
  pid_t pid_ = 0;
  os::FileDescriptor pidfd_;
  std::shared_ptr<ExitListener> listener_;
  std::shared_ptr<Estate> estate_;
  ExitStatus status_;
  std::atomic<bool> ended_{false};

  // The supervisor's, guarded by its mutex.
  std::uint64_t server_ = 0;         // the fork server that reports its end; 0: none does
  bool began_ = false;               // start() has got its pid
  std::optional<ExitStatus> early_;  // its end was reported before that
};

}  // namespace plait::process
