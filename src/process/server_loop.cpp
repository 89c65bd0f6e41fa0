// SPDX-License-Identifier: Apache-2.0
#include "process/server_loop.hpp"

#include <sched.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "os/cpu_count.hpp"
#include "os/epoll.hpp"
#include "os/output.hpp"
#include "os/pidfd.hpp"
#include "os/process.hpp"
#include "os/signals.hpp"
#include "os/socket.hpp"
#include "os/thread.hpp"
#include "plait/errors.hpp"
#include "process/child_life.hpp"
#include "process/fresh_image.hpp"
#include "process/protocol.hpp"
#include "process/tracker.hpp"
#include "shm/heap.hpp"

namespace plait::process {
namespace {

enum Source : std::uint64_t { requests, ended_children, exits };

// A spare child is kept while starts follow each other this closely.
constexpr std::chrono::milliseconds quick_succession{50};

class ServerLoop {
 public:
  ServerLoop(ServerEnds ends, std::string program_name)
      : ends_(std::move(ends)), program_name_(std::move(program_name)), ended_(os::make_child_signal()) {
    epoll_.add(ends_.requests.get(), Source::requests);
    epoll_.add(ended_.get(), Source::ended_children);
  }

  // Returns when the host is gone.
  void run() {
    Reply ready;
    if (!reply(ready, -1)) return;
    std::array<std::uint64_t, 4> keys;
    for (;;) {
      const auto events = epoll_.wait(keys, spare_ ? static_cast<int>(quick_succession.count()) : -1);
      if (events.empty()) spare_.reset();
      for (const std::uint64_t key : events) {
        if (key == Source::ended_children) reap();
        if (key == Source::exits) send_exits();
        if (key == Source::requests && !serve_request()) return;
      }
    }
  }

  void end_children() noexcept {
    if (spare_) os::kill_child(spare_->pid);
    for (const Running& child : running_) os::kill_child(child.pid);
    os::reap_all();
  }

 private:
  struct Running {
    std::uint64_t id;
    pid_t pid;
  };

  // A child that does nothing before it is told to; when `orders` is closed without a word, it leaves.
  struct Newborn {
    pid_t pid = 0;
    os::FileDescriptor pidfd;
    os::FileDescriptor orders;
  };

  bool serve_request() {
    std::array<std::byte, longest_request> buffer;
    const os::Received received = os::receive_message(ends_.requests.get(), buffer, os::Waiting::forbidden);
    if (received.result == os::Received::Result::nothing_yet) return true;
    Request request;
    if (received.result == os::Received::Result::closed) return false;
    if (!read_message(std::span(buffer).first(received.size), request)) return false;
    if (request.command == Command::kill) return kill(request.id);
    if (request.command == Command::start_tracker) return track();
    const char* module = reinterpret_cast<const char*>(buffer.data()) + sizeof request;
    return start(request, {std::string(module, received.size - sizeof request), request.offset});
  }

  // False: the host is gone.
  bool start(const Request& request, const EntryPoint& entry) {
    Reply answer{.id = request.id};
    Newborn child;
    move_to(request.cpus);
    const bool forks = request.command == Command::start_forked;
    try {
      running_.reserve(running_.size() + 1);
      child = forks ? take_child(entry) : spawn_child(request, entry);
      running_.push_back({request.id, child.pid});
      answer.pid = child.pid;
    } catch (const std::exception&) {
      fail_by_exception(answer);
    }
    // From here on the host knows of the child, or if it cannot be told, nobody will: the child leaves.
    if (!reply(answer, child.pidfd.get())) return false;
    if (answer.error != 0) return true;
    if (!forks) {
      os::write_byte(child.orders.get());
      return true;
    }
    os::write_bytes(child.orders.get(),
                    bytes_of(Orders{entry_function_, request.argument, request.owner, request.host}));
    child = {};
    prepare_for_the_next();
    return true;
  }

  // Children run where who asks for them does: so the server does as well.
  void move_to(const os::CpuMask& cpus) noexcept {
    if (cpus == cpus_ || cpus == os::CpuMask{}) return;
    os::set_affinity(cpus);
    cpus_ = cpus;
    spare_.reset();
  }

  // The spare child, or else a new one, which can run `entry`.
  Newborn take_child(const EntryPoint& entry) {
    if (entry_function_ == nullptr || entry != entry_) {
      if (entry.module != entry_.module) spare_.reset();  // it may lack the module
      entry_function_ = resolve(entry);
      os::discard_output();  // what a library has printed when it was loaded: its children are not to print it
      entry_ = entry;
    }
    if (spare_ && os::wait_readable(spare_->pidfd.get(), 0)) spare_.reset();  // somebody has killed it
    return spare_ ? *std::exchange(spare_, std::nullopt) : fork_child();
  }

  // Who starts children in quick succession finds the next one there already; a processor is seldom idle then but this.
  void prepare_for_the_next() noexcept {
    const auto now = std::chrono::steady_clock::now();
    if (now - std::exchange(last_start_, now) > quick_succession) return;
    sched_yield();  // to the child that has just been told to live, if it waits for this processor
    try {
      spare_ = fork_child();
    } catch (const std::exception&) {  // who needs one will be told why there is none
    }
  }

  Newborn fork_child() {
    os::Pipe orders = os::make_pipe();
    const pid_t pid = os::fork_process();
    if (pid == 0) {
      orders.writer.reset();
      drop_descriptors();
      os::set_thread_name("plait-spare");
      live_when_told(std::move(ends_.lifeline), std::move(orders.reader), program_name_.c_str());
    }
    return {pid, os::open_pidfd(pid), std::move(orders.writer)};
  }

  // In a handler.
  static void fail_by_exception(Reply& answer) {
    try {
      throw;
    } catch (const std::system_error& error) {
      const std::string what = error.what();
      answer.fail(error.code().value(), what.substr(0, what.rfind(": " + error.code().message())));
    } catch (const std::exception& error) {
      answer.fail(Reply::not_of_the_system, error.what());
    }
  }

  // False: the host is gone.
  bool track() {
    Reply answer;
    try {
      start_tracker();
    } catch (const std::exception&) {
      fail_by_exception(answer);
    }
    return reply(answer, -1);
  }

  Newborn spawn_child(const Request& request, const EntryPoint& entry) {
    os::Pipe permit = os::make_pipe();
    const auto image = prepare_worker({.lifeline = ends_.lifeline.get(),
                                       .permit = permit.reader.get(),
                                       .owner = request.owner,
                                       .host = request.host,
                                       .argument = request.argument,
                                       .entry = entry});
    pid_t pid = 0;
    const int error = image->run(pid);
    if (error != 0) throw std::system_error(error, std::system_category(), "posix_spawn (/proc/self/exe)");
    return {pid, os::open_pidfd(pid), std::move(permit.writer)};
  }

  // In a child: what is the server's only.
  void drop_descriptors() noexcept {
    ends_.requests.reset();
    ends_.exits.reset();
    ended_.reset();
    epoll_.close();
  }

  // False: the host cannot be told, which ends the server; the host sees that.
  bool reply(Reply& answer, int pidfd) noexcept {
    const int error = os::send_message(ends_.requests.get(), bytes_of(answer), pidfd, os::Waiting::allowed);
    if (error == 0) return true;
    if (pidfd < 0 || error == EPIPE || error == ECONNRESET) return false;
    // The descriptor cannot travel (ETOOMANYREFS, ENOBUFS): then the child is not told to live, and leaves.
    answer.fail(error, "sendmsg (a pidfd)");
    return reply(answer, -1);
  }

  // Replies when the child has ended. False: the host is gone.
  bool kill(std::uint64_t id) noexcept {
    const auto child = std::ranges::find(running_, id, &Running::id);
    if (child != running_.end()) {
      os::kill_child(child->pid);
      os::reap_child(child->pid);
      forget(child);
    }
    Reply done{.id = id};
    return reply(done, -1);
  }

  void forget(std::vector<Running>::iterator child) noexcept {
    *child = running_.back();
    running_.pop_back();
  }

  void reap() {
    os::clear_child_signal(ended_.get());
    while (const auto ended = os::reap_any()) {
      const auto child = std::ranges::find(running_, ended->pid, &Running::pid);
      if (spare_ && spare_->pid == ended->pid) spare_.reset();
      if (child == running_.end()) continue;  // one that was never told to live
      unsent_.push_back({child->id, ended->ending.signal, ended->ending.code});
      forget(child);
    }
    send_exits();
  }

  // Never waits: the host may be waiting for a reply while it is not reading these.
  void send_exits() {
    std::size_t sent = 0;
    while (sent < unsent_.size() &&
           os::send_message(ends_.exits.get(), bytes_of(unsent_[sent]), -1, os::Waiting::forbidden) == 0) {
      ++sent;
    }
    unsent_.erase(unsent_.begin(), unsent_.begin() + static_cast<std::ptrdiff_t>(sent));
    if (unsent_.empty() != waits_for_room_) return;
    waits_for_room_ = !waits_for_room_;
    if (waits_for_room_) {
      epoll_.add(ends_.exits.get(), Source::exits, os::Epoll::Direction::writable);
    } else {
      epoll_.remove(ends_.exits.get());
    }
  }

  ServerEnds ends_;
  std::string program_name_;
  os::FileDescriptor ended_;
  os::Epoll epoll_;
  std::vector<Running> running_;
  std::optional<Newborn> spare_;
  std::chrono::steady_clock::time_point last_start_;
  std::vector<Exit> unsent_;
  bool waits_for_room_ = false;
  os::CpuMask cpus_ = os::affinity();
  EntryPoint entry_;  // of the child started last
  EntryFunction entry_function_ = nullptr;
};

}  // namespace

void serve(ServerEnds ends) noexcept {
  try {
    os::block_all_signals();
    forget_signals();
    const std::string program_name = os::thread_name();
    os::set_thread_name("plait-forkserver");
    os::discard_output();  // what the host has not written yet is the host's to write
    os::detach_standard_input();
    const std::array keep{ends.requests.get(), ends.exits.get(), ends.lifeline.get(), shm::Heap::get().fd()};
    os::close_all_but(keep);
    ServerLoop loop(std::move(ends), program_name);
    loop.run();
    loop.end_children();
    stand_in_for_tracker();
    os::exit_now(0);
  } catch (...) {
    report_failure("the fork server cannot work");
    os::exit_now(1);
  }
}

}  // namespace plait::process
