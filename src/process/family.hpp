// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// This process as the head of a family: its fork server, the lifeline by which its children die with it, and the
// supervisor that watches them. Made at first use. A child made by fork, ours or the host's, has none of it and makes
// its own if it needs one.

#include <cstdint>
#include <memory>
#include <mutex>

#include "os/fork_handlers.hpp"
#include "os/lifeline.hpp"
#include "process/entry_point.hpp"
#include "process/fork_server.hpp"
#include "process/process.hpp"
#include "process/supervisor.hpp"

namespace plait::process {

class Family {
 public:
  // Throws std::system_error; RuntimeError in a process that was started anew and has not come to plait::init.
  static Family& get();

  // As process::start().
  std::shared_ptr<Child> start(StartMethod method, Entry entry, std::uint32_t owner,
                               std::shared_ptr<ExitListener> listener);

  [[nodiscard]] Supervisor& supervisor() noexcept { return supervisor_; }

  // Has the fork server start the tracker; false: this process has none now. Throws as ForkServer::start().
  static bool start_tracker_by_server();

  // Takes the fork server if there is none and this process has one thread.
  void take_fork_server();

 private:
  Family();
  ~Family() = delete;  // forked children and the supervisor's thread may see it till the end

  void start_by_fork(const std::shared_ptr<ChildProcess>& child, Entry entry, std::uint32_t owner);
  void start_by_server(const std::shared_ptr<ChildProcess>& child, Command command, Entry entry, std::uint32_t owner);
  void make_server(std::unique_lock<std::mutex>& lock);

  [[gnu::constructor(os::registers_handlers)]] static void register_handlers();
  static void before_fork() noexcept;
  static void after_fork_in_parent() noexcept;
  static void after_fork_in_child() noexcept;
  void close_inherited() noexcept;

  os::Lifeline lifeline_;
  Supervisor supervisor_;

  std::mutex mutex_;  // one request at a time. Guards all below. Taken before the supervisor's.
  std::shared_ptr<ForkServer> server_;
  bool had_server_ = false;
  std::uint64_t last_id_ = 0;
  EntryFunction entry_function_ = nullptr;  // of the last child, and where it lies
  EntryPoint entry_;
};

}  // namespace plait::process
