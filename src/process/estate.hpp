// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What a dead process has left: its blocks of the shared heap and its place among the processes of the family. Who may
// still need any of it keeps the Estate: whoever looks through what the process was doing, and its children, which may
// be dying still, keep that of their parent. With the last it goes.

#include <cstdint>
#include <memory>
#include <utility>

#include "os/fork_generation.hpp"
#include "shm/heap.hpp"
#include "shm/process_table.hpp"

namespace plait::process {

class Estate {
 public:
  explicit Estate(shm::OwnerId owner, std::shared_ptr<Estate> of_parent = nullptr) noexcept
      : owner_(owner), of_parent_(std::move(of_parent)) {}
  Estate(const Estate&) = delete;
  Estate& operator=(const Estate&) = delete;
  ~Estate() {
    if (generation_ != os::fork_generation()) return;  // a forked copy of this process has nothing to do with it
    shm::Heap::get().reclaim(owner_);
    shm::remove_process(owner_);
  }

  [[nodiscard]] shm::OwnerId owner() const noexcept { return owner_; }

 private:
  const shm::OwnerId owner_;
  const std::uint64_t generation_ = os::fork_generation();
  const std::shared_ptr<Estate> of_parent_;
};

}  // namespace plait::process
