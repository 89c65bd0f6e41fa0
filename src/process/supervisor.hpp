// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Knows which children live, and tells their listeners when one has ended. One thread, which exists only while children
// do (and a moment longer) or somebody will start more of them (Watching), takes no signals, and sleeps until the fork
// server has sent an exit status or a pidfd says that its process died.
//
// Of a child that has died it takes over the children, which the kernel kills with it: it watches them until they are
// dead, and puts in order what they left in shared memory (shm/process_table.hpp).
//
// Invariants: a child is in the table from before it is started until its end is reported; its end is reported once,
// after start() has its pid; no listener is called with the mutex held.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "os/epoll.hpp"
#include "os/file_descriptor.hpp"
#include "process/child_process.hpp"
#include "process/fork_server.hpp"
#include "shm/process_table.hpp"

namespace plait::process {

// Lives as long as the program, since its thread may.
class Supervisor {
 public:
  // Throws std::system_error (EMFILE, ENFILE).
  Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // From now on reads what the server reports. Throws std::system_error (ENOMEM, ENOSPC).
  void follow(std::shared_ptr<ForkServer> server);

  // A child is about to be started.
  void expect(const std::shared_ptr<ChildProcess>& child);
  // It was not.
  void forget(const ChildProcess& child) noexcept;
  // It was, and has its pid and pidfd. `server`: who reports its end; 0: it is a child of this process.
  // Throws std::system_error (EAGAIN: no thread; ENOMEM, ENOSPC); then it is as if forgotten.
  void began(const std::shared_ptr<ChildProcess>& child, std::uint64_t server);

  // Puts in order what a process held of shared objects, and takes over its children: of one that is dead, or was not
  // started after all, and has no listener that waits for its end.
  void bury(const std::shared_ptr<Estate>& dead) noexcept;

  // By a thread that has seen its death: reports it, if this can be done at once, and nobody else's.
  void hasten(const ChildProcess& child) noexcept;

  // From one to the other the thread stays, if it runs, also without children.
  void keep_thread() noexcept;
  void let_thread_go() noexcept;

  // Around a fork. In the child it is given up: its descriptors are closed.
  void lock_for_fork() { mutex_.lock(); }
  void unlock_after_fork() { mutex_.unlock(); }
  void close_inherited() noexcept;

 private:
  struct Report {
    std::shared_ptr<ChildProcess> child;
    ExitStatus status;
  };

  // The child of a dead process, until it has died, too.
  struct OrphanWatch {
    pid_t pid = 0;
    os::SinceBoot begun{};
    std::shared_ptr<Estate> estate;
    os::FileDescriptor pidfd;
  };

  void start_thread();
  void run();
  void look_at(std::uint64_t key);
  void read_exits(const std::shared_ptr<ForkServer>& server);
  void look_at_process(const std::shared_ptr<ChildProcess>& child);
  void lose(const ForkServer& server);
  void watch_process(const std::shared_ptr<ChildProcess>& child);
  void settle(std::uint64_t id, ExitStatus status);
  void report_all();
  void report(const std::vector<Report>& reports) noexcept;
  void call_thread() noexcept;
  void put_in_order(const std::shared_ptr<Estate>& dead) noexcept;
  void watch_orphan(OrphanWatch orphan) noexcept;
  bool try_to_watch(OrphanWatch& orphan);
  void look_at_orphan(shm::OwnerId process);
  void watch_unwatched();

  std::mutex looking_;  // held by who looks at what has happened; before mutex_
  std::mutex mutex_;
  os::Epoll epoll_;
  os::FileDescriptor wake_;
  // Everything below is guarded by mutex_, which is never held for long.
  std::unordered_map<std::uint64_t, std::shared_ptr<ChildProcess>> children_;
  std::unordered_map<std::uint64_t, std::shared_ptr<ForkServer>> servers_;
  std::unordered_map<shm::OwnerId, OrphanWatch> orphans_;
  std::vector<OrphanWatch> unwatched_;  // for want of a descriptor or the like: to be tried again
  std::vector<Report> reports_;
  bool runs_ = false;
  std::size_t keepers_ = 0;
};

}  // namespace plait::process
