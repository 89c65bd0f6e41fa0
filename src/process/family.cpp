// SPDX-License-Identifier: Apache-2.0
#include "process/family.hpp"

#include <atomic>
#include <chrono>
#include <thread>

#include "os/epoll.hpp"
#include "os/fork_generation.hpp"
#include "os/native_thread.hpp"
#include "os/output.hpp"
#include "os/pidfd.hpp"
#include "os/poll.hpp"
#include "os/process.hpp"
#include "os/signals.hpp"
#include "os/thread.hpp"
#include "plait/errors.hpp"
#include "process/child_life.hpp"
#include "process/fresh_image.hpp"
#include "shm/heap.hpp"
#include "shm/hold.hpp"
#include "shm/process_table.hpp"

namespace plait::process {
namespace {

// Guards the making of the family, and is held over every fork, so that no child inherits one half made.
constinit std::mutex making;
constinit std::atomic<Family*> family{nullptr};

// A thread that was joined a moment ago may still be counted.
bool has_one_thread() {
  constexpr int looks = 30;
  for (int look = 0; os::thread_count() > 1; ++look) {
    if (look == looks) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace

Family& Family::get() {
  // acquire: pairs with the release below
  if (Family* made = family.load(std::memory_order_acquire)) return *made;
  const std::scoped_lock lock(making);
  if (Family* made = family.load(std::memory_order_relaxed)) return *made;
  family.store(new Family, std::memory_order_release);
  return *family;
}

Family::Family() : lifeline_(os::make_lifeline()) {
  if (has_orders()) {
    throw RuntimeError(
        "plait: this process is a child that was started anew and has not come to plait::init(argc, argv) yet, so it "
        "cannot start others; make that call the first line of main");
  }
}

std::shared_ptr<Child> Family::start(StartMethod method, Entry entry, std::uint32_t owner,
                                     std::shared_ptr<ExitListener> listener) {
  std::unique_lock lock(mutex_);
  auto child = std::make_shared<ChildProcess>(++last_id_, owner, std::move(listener));
  lock.unlock();
  supervisor_.expect(child);
  try {
    shm::announce_process(owner, shm::Heap::get().self());
    switch (method) {
      case StartMethod::forkserver:
        start_by_server(child, Command::start_forked, entry, owner);
        break;
      case StartMethod::spawn:
        start_by_server(child, Command::start_spawned, entry, owner);
        break;
      case StartMethod::fork:
        start_by_fork(child, entry, owner);
        break;
    }
  } catch (...) {
    supervisor_.forget(*child);
    supervisor_.bury(child->take_estate());  // it may have lived for a moment, or been lent what we hold
    throw;
  }
  return child;
}

void Family::start_by_fork(const std::shared_ptr<ChildProcess>& child, Entry entry, std::uint32_t owner) {
  shm::Heap::get();
  os::Pipe permit = os::make_pipe();
  os::FileDescriptor lifeline = os::duplicate(lifeline_.reader.get());  // the child loses all that is the family's
  os::flush_output();
  const pid_t host = os::process_id();
  pid_t pid = 0;
  {
    const os::BlockAllSignals blocked;  // the host's handlers are not to run in the child
    shm::lend_holds(owner);
    pid = os::fork_process();
    if (pid == 0) {
      forget_signals();
      os::discard_output();  // what another thread has printed since is the parent's to write
      permit.writer.reset();
      try {
        os::detach_standard_input();
      } catch (const std::exception&) {
        report_failure("a child process has no standard input");
      }
      live({std::move(lifeline), std::move(permit.reader), host, entry.run, entry.argument}, owner);
    }
  }
  try {
    child->begin(pid, os::open_pidfd(pid));
    supervisor_.began(child, 0);
  } catch (...) {
    os::kill_child(pid);  // it has done nothing yet
    os::reap_child(pid);
    throw;
  }
  os::write_byte(permit.writer.get());
}

void Family::start_by_server(const std::shared_ptr<ChildProcess>& child, Command command, Entry entry,
                             std::uint32_t owner) {
  if (command == Command::start_spawned && program_arguments() == nullptr) {
    throw RuntimeError(
        "plait: the start method spawn needs plait::init(argc, argv) as the first line of main: there a new process "
        "leaves main and does its work");
  }
  std::unique_lock lock(mutex_);
  if (entry_function_ != entry.run) {
    entry_ = locate(entry.run);
    entry_function_ = entry.run;
  }
  const Request request{.command = command,
                        .owner = owner,
                        .id = child->id(),
                        .argument = entry.argument,
                        .offset = entry_.offset,
                        .host = os::process_id(),
                        .cpus = os::affinity()};
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (server_ == nullptr) make_server(lock);
    const std::shared_ptr<ForkServer> server = server_;
    if (auto started = server->start(request, entry_)) {
      child->begin(started->pid, std::move(started->pidfd));
      lock.unlock();
      try {
        supervisor_.began(child, server->id());
      } catch (...) {
        child->signal(SIGKILL);
        os::wait_readable(child->pidfd(), -1);
        throw;
      }
      return;
    }
    server_.reset();  // it has died, and the child with it if it was already there
  }
  throw RuntimeError("plait: the fork server dies as soon as it is asked for a process");
}

bool Family::start_tracker_by_server() {
  Family* const made = family.load(std::memory_order_acquire);  // pairs with the release in get()
  if (made == nullptr) return false;
  const std::scoped_lock lock(made->mutex_);
  if (made->server_ == nullptr) return false;
  if (made->server_->start_tracker()) return true;
  made->server_.reset();  // it has died
  return false;
}

void Family::take_fork_server() {
  std::unique_lock lock(mutex_);
  if (server_ == nullptr && has_one_thread()) make_server(lock);
}

void Family::make_server(std::unique_lock<std::mutex>& lock) {
  shm::make_process_table();
  const std::uint64_t id = ++last_id_;
  std::shared_ptr<ForkServer> server;
  if (has_one_thread()) {
    lock.unlock();  // fork takes it, and nobody else is there
    server = ForkServer::fork(id, lifeline_);
    lock.lock();
  } else if (program_arguments() != nullptr) {
    server = ForkServer::launch(id, lifeline_);
  } else {
    throw RuntimeError(std::string("plait: ") +
                       (had_server_ ? "the fork server has died, and another cannot be taken: "
                                    : "the fork server cannot be taken: ") +
                       "threads exist already, call plait::init(argc, argv) as the first line of main");
  }
  supervisor_.follow(server);
  server_ = std::move(server);
  had_server_ = true;
}

void Family::register_handlers() {
  pthread_atfork(&Family::before_fork, &Family::after_fork_in_parent, &Family::after_fork_in_child);
}

void Family::before_fork() noexcept {
  making.lock();
  if (Family* made = family.load(std::memory_order_relaxed)) {
    made->mutex_.lock();
    made->supervisor_.lock_for_fork();
  }
}

void Family::after_fork_in_parent() noexcept {
  if (Family* made = family.load(std::memory_order_relaxed)) {
    made->supervisor_.unlock_after_fork();
    made->mutex_.unlock();
  }
  making.unlock();
}

void Family::after_fork_in_child() noexcept {
  static Family* parents = nullptr;  // keeps it reachable for leak checkers: its memory is never looked at again
  if (Family* made = family.exchange(nullptr, std::memory_order_relaxed)) {
    made->close_inherited();
    made->supervisor_.unlock_after_fork();
    made->mutex_.unlock();
    parents = made;
  }
  static_cast<void>(parents);
  making.unlock();
}

void Family::close_inherited() noexcept {
  lifeline_.reader.reset();
  lifeline_.writer.reset();
  if (server_ != nullptr) server_->close_inherited();
  supervisor_.close_inherited();
}

std::shared_ptr<Child> start(StartMethod method, Entry entry, std::uint32_t owner,
                             std::shared_ptr<ExitListener> listener) {
  return Family::get().start(method, entry, owner, std::move(listener));
}

void hasten_report(Child& child, std::optional<std::chrono::steady_clock::time_point> deadline) noexcept {
  try {
    os::Watched death{.fd = child.pidfd()};
    os::wait_for_any({&death, 1}, deadline);
    if (death.ready) Family::get().supervisor().hasten(static_cast<const ChildProcess&>(child));
  } catch (const std::exception&) {
  }
}

Watching::Watching() : supervisor_(&Family::get().supervisor()), generation_(os::fork_generation()) {
  supervisor_->keep_thread();
}

Watching::~Watching() {
  if (generation_ == os::fork_generation()) supervisor_->let_thread_go();
}

}  // namespace plait::process
