// SPDX-License-Identifier: Apache-2.0
#include "plait/threading/dump_traceback.hpp"

#include <pthread.h>
#include <sys/types.h>
#include <unwind.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <map>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include "os/file_descriptor.hpp"
#include "os/fork_generation.hpp"
#include "os/native_thread.hpp"
#include "os/output.hpp"
#include "os/signal_watch.hpp"
#include "os/signals.hpp"
#include "os/thread.hpp"
#include "os/thread_stacks.hpp"
#include "plait/detail/wire/exception.hpp"
#include "plait/errors.hpp"
#include "plait/threading/thread.hpp"
#include "wire/exception_text.hpp"
#include "wire/symbols.hpp"

namespace plait::threading {
namespace {

bool is_in(const void* frame, const void* function) noexcept {
  return _Unwind_FindEnclosingFunction(const_cast<void*>(frame)) == function;
}

// Without what is within dump_traceback, and what is between the system and the target of a thread that plait started.
std::span<const void* const> without_plumbing(std::span<const void* const> frames) {
  void (*const call)(void (*)(void*), void*) = &wire::call_traced;
  const auto inner = std::ranges::find_if(
      frames, [](const void* frame) { return is_in(frame, reinterpret_cast<const void*>(&dump_traceback)); });
  if (inner != frames.end()) frames = frames.subspan(static_cast<std::size_t>(inner - frames.begin()));
  const auto outer = std::ranges::find_if(frames.rbegin(), frames.rend(), [&](const void* frame) {
    return is_in(frame, reinterpret_cast<const void*>(call));
  });
  return outer != frames.rend() ? frames.first(static_cast<std::size_t>(frames.rend() - outer)) : frames;
}

void dump(int fd, bool with_this_thread) {
  const auto stacks = os::capture_stacks();
  std::map<pid_t, std::string> names;
  for (const Thread& thread : enumerate()) {
    if (const auto id = thread.native_id()) names[*id] = thread.name();
  }
  std::string text;
  for (const os::ThreadStack& stack : stacks) {
    if (!with_this_thread && stack.native_id == os::native_thread_id()) continue;
    const auto name = names.find(stack.native_id);
    if (!text.empty()) text += '\n';
    text += "Thread " + (name != names.end() ? name->second : os::thread_name(stack.native_id)) + " (native id " +
            std::to_string(stack.native_id) + ", most recent call first):\n" +
            (stack.answered ? wire::format_addresses(without_plumbing(stack.frames))
                            : "  (does not answer: it blocks signals, or is stopped)\n");
  }
  os::write_text(fd, text);
}

}  // namespace

void dump_traceback(int fd) { dump(fd, true); }

// The signal's handler raises an event, on which a thread with all signals blocked dumps.
class DumpOnSignal::Watcher {
 public:
  Watcher(int signal_number, int fd) : fd_(fd), event_(os::make_event()), signal_(signal_number, event_.get()) {
    const os::BlockAllSignals blocked;
    thread_ = os::start_thread(&main, this, 0);
  }
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;
  ~Watcher() {
    if (generation_ != os::fork_generation()) return;  // the thread is the parent's
    stopped_.store(true, std::memory_order_release);   // pairs with main()
    os::raise_event(event_.get());
    os::join_thread(thread_);
  }

 private:
  static void* main(void* watcher) {
    auto& self = *static_cast<Watcher*>(watcher);
    os::set_thread_name("plait-dump");
    for (;;) {
      os::wait_for_event(self.event_.get());
      if (self.stopped_.load(std::memory_order_acquire)) return nullptr;
      try {
        dump(self.fd_, false);
      } catch (...) {
        os::write_text(self.fd_, "plait: no dump: " + wire::exception_text(std::current_exception()).report());
      }
    }
  }

  const int fd_;
  const std::uint64_t generation_ = os::fork_generation();
  std::atomic<bool> stopped_{false};
  os::FileDescriptor event_;
  os::SignalWatch signal_;
  pthread_t thread_{};
};

DumpOnSignal::DumpOnSignal(std::unique_ptr<Watcher> watcher) noexcept : watcher_(std::move(watcher)) {}
DumpOnSignal::DumpOnSignal(DumpOnSignal&& other) noexcept = default;
DumpOnSignal& DumpOnSignal::operator=(DumpOnSignal&& other) noexcept = default;
DumpOnSignal::~DumpOnSignal() = default;

void DumpOnSignal::cancel() noexcept { watcher_.reset(); }

DumpOnSignal dump_traceback_on(int signal_number, int fd) {
  try {
    return DumpOnSignal(std::make_unique<DumpOnSignal::Watcher>(signal_number, fd));
  } catch (const std::system_error& error) {
    if (error.code().value() == EINVAL) throw ValueError(std::string("no dumps on that signal: ") + error.what());
    if (error.code().value() == EBUSY) throw RuntimeError(std::string("no dumps on that signal: ") + error.what());
    throw;
  }
}

}  // namespace plait::threading
