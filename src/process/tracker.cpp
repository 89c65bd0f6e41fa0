// SPDX-License-Identifier: Apache-2.0
#include "process/tracker.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>

#include "os/error.hpp"
#include "os/file_descriptor.hpp"
#include "os/file_lock.hpp"
#include "os/output.hpp"
#include "os/process.hpp"
#include "os/signals.hpp"
#include "os/thread.hpp"
#include "plait/errors.hpp"
#include "process/family.hpp"
#include "process/fresh_image.hpp"
#include "process/tracked_names.hpp"
#include "shm/chunk_table.hpp"
#include "shm/heap.hpp"

namespace plait::process {
namespace {

// Bytes of the heap's file that locks stand for, beyond its end.
constexpr std::uint64_t family_lives = std::uint64_t{1} << 62;
constexpr std::uint64_t tracker_lives = family_lives + 1;

// What the tracker is given: all of it in the memory of the process that it is a copy of.
struct Post {
  os::FileDescriptor heap;  // another open file of the shared heap than the family's
  std::byte* base;
  std::size_t size;

  explicit Post(const shm::Heap& shared)
      : heap(os::open_again(shared.fd())), base(static_cast<std::byte*>(shared.base())), size(shared.size()) {}
  [[nodiscard]] shm::Offset first_page() const noexcept {
    // acquire: pairs with the exchange in note_name()
    return reinterpret_cast<const shm::HeapHeader*>(base)->tracked_names.load(std::memory_order_acquire);
  }
};

// The text of the warning, in a place that needs no allocation: the process is a copy of one that had threads.
class Warning {
 public:
  void add(std::string_view text) noexcept {
    const std::size_t fits = text.size() < space_.size() - size_ ? text.size() : space_.size() - size_;
    std::memcpy(space_.data() + size_, text.data(), fits);
    size_ += fits;
  }
  void add(std::size_t number) noexcept {
    std::array<char, 20> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    add({digits.data(), end});
  }
  [[nodiscard]] std::string_view text() const noexcept { return {space_.data(), size_}; }

 private:
  std::array<char, 4000> space_;
  std::size_t size_ = 0;
};

// The family is gone. One write, so that lines of several families do not mix.
void unlink_what_is_left(const Post& post) noexcept {
  constexpr std::size_t shown_at_most = 10;
  std::size_t unlinked = 0, failed = 0;
  Warning names;
  for_each_noted_name(post.base, post.size, post.first_page(), [&](const char* name, os::FileIdentity file) noexcept {
    const int error = os::unlink_memory_of(name, file);
    if (error == ENOENT) return;  // it went, and whoever unlinked it was not of the family
    ++(error == 0 ? unlinked : failed);
    if (unlinked + failed > shown_at_most) return;
    names.add(unlinked + failed == 1 ? " /" : ", /");
    names.add(name);
  });
  if (unlinked + failed == 0) return;
  Warning warning;
  warning.add("plait: resource tracker: there appear to be ");
  warning.add(unlinked + failed);
  warning.add(" leaked shared_memory objects to clean up at shutdown:");
  warning.add(names.text());
  if (unlinked + failed > shown_at_most) warning.add(", ...");
  if (failed != 0) {
    warning.add("; not permitted to unlink: ");
    warning.add(failed);
  }
  warning.add("\n");
  os::write_text(STDERR_FILENO, warning.text());
}

// The life of the tracker. Whatever it does must be safe in a signal handler.
[[noreturn]] void watch(const Post& post) noexcept {
  os::block_all_signals();
  os::start_session();
  os::set_thread_name("plait-tracker");
  if (!os::try_lock(post.heap.get(), tracker_lives)) os::exit_now(0);  // there is one
  // Away with all that counts as a sign of life of the family: its mapping here, and its descriptors.
  if (!os::replace_mapping(post.heap.get(), post.base, post.size)) os::exit_now(1);
  os::leave_standard_streams();
  const std::array keep{post.heap.get()};
  os::close_all_but(keep);  // the starter's pipe, too, which tells it that we are here
  if (os::wait_for_lock(post.heap.get(), family_lives)) unlink_what_is_left(post);
  os::exit_now(0);
}

int start_watching(void* post) {
  const pid_t pid = os::try_bare_fork();
  if (pid == 0) watch(*static_cast<const Post*>(post));
  return pid < 0 ? errno : 0;
}

bool is_there(const shm::Heap& heap) noexcept { return os::is_locked_elsewhere(heap.fd(), tracker_lives); }

}  // namespace

// It is no child of this process, and no wait(-1) of the host's sees it.
void start_tracker() {
  shm::Heap& heap = shm::Heap::get();
  Post post(heap);
  os::Pipe ready = os::make_pipe();
  int error = 0;
  {
    const os::BlockAllSignals blocked;  // the host's handlers are not to run in the copy
    error = os::run_unnoticed(start_watching, &post);
  }
  ready.writer.reset();
  if (error != 0) os::throw_system_error(error, "fork", "the tracker of shared memory");
  os::read_byte(ready.reader.get());  // ends without one when the tracker has closed its copy
  if (!is_there(heap)) throw RuntimeError("plait: the tracker of shared memory ends as soon as it is started");
}

void track_name(const std::string& name, os::FileIdentity file) {
  if (has_orders()) {
    throw RuntimeError(
        "plait: this process is a child that was started anew and has not come to plait::init(argc, argv) yet, so it "
        "cannot make shared memory; make that call the first line of main");
  }
  shm::Heap& heap = shm::Heap::get();
  static_cast<void>(heap.self());  // an orphan of a fork founds its own family here
  os::lock_shared(heap.fd(), family_lives);
  if (!is_there(heap)) {
    if (!Family::start_tracker_by_server() || !is_there(heap)) start_tracker();
  }
  note_name(name, file);
}

void stand_in_for_tracker() noexcept {
  try {
    const shm::Heap& heap = shm::Heap::get();
    if (heap.header().tracked_names == 0 || is_there(heap)) return;
    const Post post(heap);
    watch(post);
  } catch (...) {  // no descriptor, no /proc: then nobody can
  }
}

}  // namespace plait::process
