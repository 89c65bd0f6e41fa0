// SPDX-License-Identifier: Apache-2.0
#include "process/supervisor.hpp"

#include <signal.h>

#include <algorithm>
#include <array>
#include <system_error>
#include <thread>
#include <utility>

#include "os/error.hpp"
#include "os/pidfd.hpp"
#include "os/signals.hpp"
#include "os/socket.hpp"
#include "os/thread.hpp"
#include "process/protocol.hpp"
#include "shm/shared_object.hpp"

namespace plait::process {
namespace {

// The thread stays so long without children: another one is often started soon, and to make a thread takes a tenth of
// what it takes to make a process.
constexpr int linger_milliseconds = 5;

// Between two tries to watch an orphan for which there was no descriptor.
constexpr int retry_milliseconds = 50;

constexpr std::uint64_t wake_key = 0;                         // ids of servers and children begin at 1
constexpr std::uint64_t orphan_bit = std::uint64_t{1} << 63;  // with it goes the number of a process

ExitStatus known(os::Ending ending) noexcept { return {.known = true, .signal = ending.signal, .code = ending.code}; }

}  // namespace

Supervisor::Supervisor() : wake_(os::make_event()) { epoll_.add(wake_.get(), wake_key); }

void Supervisor::follow(std::shared_ptr<ForkServer> server) {
  const std::scoped_lock lock(mutex_);
  const ForkServer& followed = *servers_.emplace(server->id(), std::move(server)).first->second;
  try {
    epoll_.add(followed.exits(), followed.id());
  } catch (...) {
    servers_.erase(followed.id());
    throw;
  }
}

void Supervisor::expect(const std::shared_ptr<ChildProcess>& child) {
  const std::scoped_lock lock(mutex_);
  children_.emplace(child->id(), child);
}

void Supervisor::forget(const ChildProcess& child) noexcept {
  const std::scoped_lock lock(mutex_);
  children_.erase(child.id());
  if (children_.empty()) os::raise_event(wake_.get());  // the thread, if it runs, has nothing to wait for any more
}

void Supervisor::keep_thread() noexcept {
  const std::scoped_lock lock(mutex_);
  ++keepers_;
}

void Supervisor::let_thread_go() noexcept {
  const std::scoped_lock lock(mutex_);
  if (--keepers_ == 0 && children_.empty()) os::raise_event(wake_.get());
}

void Supervisor::began(const std::shared_ptr<ChildProcess>& child, std::uint64_t server) {
  const std::scoped_lock lock(mutex_);
  start_thread();
  child->server_ = server;
  // Its server may have died since.
  if (!servers_.contains(server)) watch_process(child);
  child->began_ = true;
  if (!child->early_) return;
  reports_.push_back({child, *child->early_});
  children_.erase(child->id());
  os::raise_event(wake_.get());
}

void Supervisor::start_thread() {
  if (runs_) return;
  const os::BlockAllSignals blocked;  // the host's signals are for the host's threads
  try {
    std::thread([this] { run(); }).detach();
  } catch (const std::system_error& error) {
    os::throw_system_error(error.code().value(), "pthread_create", "the thread that watches child processes");
  }
  runs_ = true;
}

void Supervisor::run() {
  os::set_thread_name("plait-watch");
  std::array<std::uint64_t, 32> keys;
  for (int patience = -1;;) {
    const auto ready = epoll_.wait(keys, patience);
    {
      const std::scoped_lock looking(looking_);
      for (const std::uint64_t key : ready) look_at(key);
    }
    report_all();
    watch_unwatched();
    const std::scoped_lock lock(mutex_);
    const bool is_needed = !children_.empty() || !orphans_.empty() || !reports_.empty() || keepers_ != 0;
    patience = !unwatched_.empty() ? retry_milliseconds : is_needed ? -1 : linger_milliseconds;
    if (is_needed || !unwatched_.empty() || !ready.empty()) continue;
    runs_ = false;
    return;
  }
}

void Supervisor::look_at(std::uint64_t key) {
  if (key == wake_key) return os::clear_event(wake_.get());
  if ((key & orphan_bit) != 0) return look_at_orphan(static_cast<shm::OwnerId>(key & ~orphan_bit));
  std::unique_lock lock(mutex_);
  if (const auto server = servers_.find(key); server != servers_.end()) {
    const std::shared_ptr<ForkServer> followed = server->second;
    lock.unlock();
    read_exits(followed);
  } else if (const auto child = children_.find(key); child != children_.end()) {
    const std::shared_ptr<ChildProcess> watched = child->second;
    lock.unlock();
    look_at_process(watched);
  }
}

void Supervisor::hasten(const ChildProcess& child) noexcept {
  // The fork server has seen the death, too, and reports it, unless it was stopped.
  constexpr int patience_milliseconds = 2;
  {
    const std::scoped_lock looking(looking_);
    std::unique_lock lock(mutex_);
    const auto found = children_.find(child.id());
    if (found == children_.end()) return;  // is being reported
    const std::shared_ptr<ChildProcess> dead = found->second;
    const auto known = servers_.find(dead->server_);
    const std::shared_ptr<ForkServer> server = known != servers_.end() ? known->second : nullptr;
    lock.unlock();
    if (server == nullptr) {
      look_at_process(dead);
    } else if (os::wait_readable(server->exits(), patience_milliseconds)) {
      read_exits(server);
    }
  }
  std::vector<Report> reports;
  {
    const std::scoped_lock lock(mutex_);
    const auto is_its = [&child](const Report& report) { return report.child.get() == &child; };
    const auto own = std::ranges::find_if(reports_, is_its);
    if (own == reports_.end()) return;  // nothing is known yet, or the thread is telling it
    reports.push_back(std::move(*own));
    reports_.erase(own);
  }
  report(reports);
  call_thread();
}

// For what it has to do, or has not to do any more.
void Supervisor::call_thread() noexcept {
  const std::scoped_lock lock(mutex_);
  try {
    if (!reports_.empty() || !unwatched_.empty()) start_thread();
  } catch (const std::system_error&) {  // then with the next child
  }
  if (children_.empty() || !reports_.empty() || !unwatched_.empty()) os::raise_event(wake_.get());
}

void Supervisor::read_exits(const std::shared_ptr<ForkServer>& server) {
  for (;;) {
    Exit exit;
    const auto space = std::as_writable_bytes(std::span(&exit, 1));
    const os::Received received = os::receive_message(server->exits(), space, os::Waiting::forbidden);
    if (received.result == os::Received::Result::nothing_yet) return;
    if (received.result == os::Received::Result::closed) return lose(*server);
    if (received.size == sizeof exit) settle(exit.id, {.known = true, .signal = exit.signal, .code = exit.code});
  }
}

// The end of a process that no fork server reports: a direct child, or one whose server has died.
void Supervisor::look_at_process(const std::shared_ptr<ChildProcess>& child) {
  const os::ReapResult result = os::reap(child->pidfd());
  if (result.state == os::Reaped::running) return;
  epoll_.remove(child->pidfd());
  if (result.state == os::Reaped::ended) return settle(child->id(), known(result.ending));
  const auto ending = os::ending_of_reaped(child->pidfd());
  settle(child->id(), ending ? known(*ending) : ExitStatus{});
}

void Supervisor::lose(const ForkServer& server) {
  const std::scoped_lock lock(mutex_);
  epoll_.remove(server.exits());
  std::vector<std::shared_ptr<ChildProcess>> unwatchable;
  for (const auto& [id, child] : children_) {
    if (!child->began_ || child->server_ != server.id()) continue;
    try {
      watch_process(child);
    } catch (const std::system_error&) {
      unwatchable.push_back(child);
    }
  }
  for (const auto& child : unwatchable) {  // better a child lost than one whose end nobody sees
    child->signal(SIGKILL);
    os::wait_readable(child->pidfd(), -1);
    children_.erase(child->id());
    reports_.push_back({child, {}});
  }
  servers_.erase(server.id());
}

void Supervisor::watch_process(const std::shared_ptr<ChildProcess>& child) { epoll_.add(child->pidfd(), child->id()); }

void Supervisor::settle(std::uint64_t id, ExitStatus status) {
  const std::scoped_lock lock(mutex_);
  const auto child = children_.find(id);
  if (child == children_.end()) return;  // its start failed in the host
  if (!child->second->began_) {
    child->second->early_ = status;
    return;
  }
  reports_.push_back({std::move(child->second), status});
  children_.erase(child);
}

void Supervisor::report_all() {
  std::vector<Report> reports;
  {
    const std::scoped_lock lock(mutex_);
    reports.swap(reports_);
  }
  report(reports);
}

void Supervisor::report(const std::vector<Report>& reports) noexcept {
  for (const Report& report : reports) {
    std::shared_ptr<Estate> estate = report.child->take_estate();
    put_in_order(estate);  // before its listener says that it has ended
    report.child->end(report.status, std::move(estate));
  }
}

void Supervisor::bury(const std::shared_ptr<Estate>& dead) noexcept {
  put_in_order(dead);
  call_thread();
}

void Supervisor::put_in_order(const std::shared_ptr<Estate>& dead) noexcept {
  shm::recover_objects(dead->owner());
  const shm::OwnerId self = shm::Heap::get().self();
  while (const auto orphan = shm::adopt_child(dead->owner(), self)) {
    watch_orphan({orphan->pid, orphan->begun, std::make_shared<Estate>(orphan->process, dead), {}});
  }
}

void Supervisor::watch_orphan(OrphanWatch orphan) noexcept {
  try {
    if (!try_to_watch(orphan)) put_in_order(orphan.estate);
  } catch (const std::exception&) {
    const std::scoped_lock lock(mutex_);
    orphan.pidfd.reset();
    unwatched_.push_back(std::move(orphan));
  }
}

// False: it never began, or is dead already. If this throws, the orphan is as it was.
bool Supervisor::try_to_watch(OrphanWatch& orphan) {
  if (orphan.pid <= 0) return false;
  orphan.pidfd = os::open_pidfd(orphan.pid, orphan.begun);
  if (!orphan.pidfd) return false;
  const std::scoped_lock lock(mutex_);
  start_thread();
  const std::uint64_t key = orphan_bit | orphan.estate->owner();
  epoll_.add(orphan.pidfd.get(), key);  // who looks at it waits for the mutex
  orphans_.emplace(orphan.estate->owner(), std::move(orphan));
  return true;
}

void Supervisor::watch_unwatched() {
  std::vector<OrphanWatch> unwatched;
  {
    const std::scoped_lock lock(mutex_);
    unwatched.swap(unwatched_);
  }
  for (OrphanWatch& orphan : unwatched) watch_orphan(std::move(orphan));
}

void Supervisor::look_at_orphan(shm::OwnerId process) {
  OrphanWatch dead;
  {
    const std::scoped_lock lock(mutex_);
    const auto orphan = orphans_.find(process);
    if (orphan == orphans_.end()) return;
    dead = std::move(orphan->second);
    epoll_.remove(dead.pidfd.get());
    orphans_.erase(orphan);
  }
  put_in_order(dead.estate);
}

void Supervisor::close_inherited() noexcept {
  epoll_.close();
  wake_.reset();
  for (const auto& [id, server] : servers_) server->close_inherited();
  for (const auto& [id, child] : children_) child->close_inherited();
  orphans_.clear();
  unwatched_.clear();
}

}  // namespace plait::process
