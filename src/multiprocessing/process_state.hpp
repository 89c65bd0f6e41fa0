// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What all handles of a process share, and what a child is told when it begins. docs/design/process-objects.md.

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "multiprocessing/log.hpp"
#include "os/fork_generation.hpp"
#include "plait/deadline.hpp"
#include "plait/detail/descriptor_ticket.hpp"
#include "plait/multiprocessing/process.hpp"
#include "plait/os.hpp"
#include "process/process.hpp"
#include "shm/heap.hpp"

namespace plait::detail {

struct ProcessIdentity {
  std::string name;
  std::vector<std::uint32_t> numbers;  // {1, 2}: the second object made in the first child; {}: the program
  bool daemon = false;
  std::string authkey;
};

// What a child has to know; travels.
struct Birth {
  ProcessIdentity self;
  std::string parent_name;
  pid_t parent_pid = 0;
  std::optional<std::string> start_method;  // if it is fixed
  std::string directory;                    // empty: not known
  LogSettings log;
};

// In the shared heap, as long as the child lives: what the two say to each other, and where the child's object is.
struct ProcessBlock {
  std::atomic<bool> interrupted{false};  // before it was ready to be
  std::atomic<bool> taken{false};        // the child has freed the payload, or is about to
  shm::Offset payload = 0;               // a message: the encoded Birth, and from object_at on the object's
  std::uint64_t birth_size = 0;
  std::uint64_t object_at = 0;
  std::uint64_t object_size = 0;
  [[nodiscard]] std::uint64_t payload_size() const noexcept { return object_at + object_size; }
};

class ProcessState final : public process::ExitListener, public std::enable_shared_from_this<ProcessState> {
 public:
  enum class Phase : std::uint8_t { unstarted, starting, started, closed };

  ProcessState(ProcessIdentity who, std::optional<pid_t> by) : maker(by), identity(std::move(who)) {}
  ProcessState(const ProcessState&) = delete;
  ProcessState& operator=(const ProcessState&) = delete;
  ~ProcessState();

  void on_exit(process::Child& child, process::ExitStatus status,
               std::shared_ptr<process::Estate> estate) noexcept override;

  // Made in this process, not in one that this was forked from. Whoever is not must not touch the rest, but for
  // identity.
  [[nodiscard]] bool is_own() const noexcept { return generation_ == os::fork_generation(); }

  [[nodiscard]] std::uint64_t generation() const noexcept { return generation_; }
  const std::optional<pid_t> maker;  // whose object it was

  // All that follows is guarded by the registry's mutex.
  using Lock = std::unique_lock<std::mutex>;
  // Before it is started: only then its end can be waited for. Throws std::bad_alloc.
  void make_waitable();
  [[nodiscard]] bool is_running() const noexcept { return phase == Phase::started && !ended; }
  // It has died, though that may not have been reported yet.
  [[nodiscard]] bool has_died() const noexcept;
  // False: it has not ended by then.
  bool wait_for_end(Lock& lock, Deadline deadline);
  // The report of its end follows its death at once, unless the fork server is stopped.
  void await_report(Lock& lock);
  // False: it has ended.
  bool signal(int number) const noexcept { return is_running() && child->signal(number); }

  ProcessIdentity identity;
  std::optional<std::string> start_method;  // of its context
  Phase phase = Phase::unstarted;
  bool ended = false;
  process::ExitStatus status;  // once it has ended
  std::optional<pid_t> pid;
  std::shared_ptr<process::Child> child;
  ProcessBlock* block = nullptr;
  std::span<std::byte> payload;  // the block's, as we know it: the child may write what it likes there; empty: none
  shm::OwnerId owner = 0;
  std::shared_ptr<multiprocessing::Process> kept;  // until it has ended
  Deposits deposits;                               // descriptors among its arguments; until it has ended

 private:
  const std::uint64_t generation_ = os::fork_generation();
  std::unique_ptr<std::condition_variable> end_;  // of one that is waitable
};

// For the sources of this folder.
struct ProcessAccess {
  using Process = multiprocessing::Process;

  static Process handle_of(std::shared_ptr<ProcessState> state) noexcept { return Process(std::move(state)); }
  static wire::MessageSize message_size(const Process& process) { return process.message_size(); }
  static void encode(const Process& process, const wire::MessageRoom& out) { process.encode(out); }
  // In the child: the object is this process's own, whatever it was made as.
  static void identify(Process& process, std::shared_ptr<ProcessState> self) noexcept {
    process.owned_ = nullptr;
    process.state_ = std::move(self);
  }
  static std::unique_ptr<Process> remake(const void* code, wire::Reader& in) {
    return reinterpret_cast<Process::Remake*>(const_cast<void*>(code))(in);
  }
  static multiprocessing::ParentProcess parent(std::string name, pid_t pid, int lifeline) noexcept {
    return {std::move(name), pid, lifeline};
  }
};

}  // namespace plait::detail
