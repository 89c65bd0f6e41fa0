// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What tests of shared objects have in common.

#include <cstddef>
#include <string>
#include <thread>
#include <utility>

#include "fault_test.hpp"
#include "plait/multiprocessing/process.hpp"
#include "plait/multiprocessing/queue.hpp"
#include "plait/multiprocessing/synchronize.hpp"
#include "shm/heap.hpp"
#include "shm/process_table.hpp"

namespace plait::faults {

namespace mp = multiprocessing;

inline void hold_for_ever(mp::Lock lock, mp::Event held) {
  lock.acquire();
  held.set();
  mp::Event().wait();
}
inline void get_one_and_wait(mp::Queue<std::string> queue, mp::Event got) {
  const std::string item = queue.get();
  got.set();
  mp::Event().wait();
}

// What of the shared heap is in use; the tables of shared objects and of processes, which stay, are there.
inline std::size_t bytes_in_use() {
  static_cast<void>(mp::Event());
  const shm::OwnerId nobody = shm::Heap::get().new_owner();
  shm::announce_process(nobody, shm::Heap::root);
  shm::remove_process(nobody);
  return shm::Heap::get().bytes_in_use();
}
// The dead are reclaimed a moment after their end is told.
inline bool is_back_at(std::size_t before) {
  for (const Deadline soon = T; shm::Heap::get().bytes_in_use() > before; std::this_thread::yield()) {
    if (soon.expired()) return false;
  }
  return true;
}

class SharedObjects : public OverStartMethods {
 protected:
  template <class F, class... Args>
  static mp::Process process(F f, Args&&... args) {
    return mp::Process({.context = mp::get_context(GetParam())}, f, std::forward<Args>(args)...);
  }
  // Dead, and what it held put in order: that is done before its end is told.
  static void kill(mp::Process& process) {
    process.kill();
    process.join();
  }
};

}  // namespace plait::faults
