// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// SharedMemory: memory that processes share by its name, those of other programs included. Python's
// multiprocessing.shared_memory.SharedMemory; a Python process can attach to ours by name, and we to its.
//
//   using plait::multiprocessing::shared_memory::SharedMemory;
//   SharedMemory pixels({.create = true, .size = 1 << 20});
//   pool.submit(blur, pixels).result();   // void blur(SharedMemory pixels): the same memory, nothing is copied
//   pixels.unlink();
//
// Between processes of one plait program nothing needs a name: Value, Array and shared_array are simpler, and are gone
// when nobody uses them any more. docs/design/shared-memory.md tells how names are kept from being left behind.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "plait/detail/export.hpp"
#include "plait/detail/wire/archive.hpp"

namespace plait::detail {
class MemorySegment;
}

namespace plait::multiprocessing::managers {
class SharedMemoryManager;
}

namespace plait::multiprocessing::shared_memory {

// A handle of a segment of shared memory, which is a file in /dev/shm. Copies share one mapping in this process, which
// goes with the last of them; moving is free. A handle can be sent anywhere (arguments of processes and tasks, items of
// queues, messages): it travels as name and size, and is attached anew where it arrives.
//
// The memory lives as long as somebody has it mapped, in whatever process, or its name exists. The name goes by
// unlink(), which is one process's duty. If nobody has done it when all processes of the program have ended, in
// whatever way (SIGKILL included), a tracker process does, and says so on standard error: "leaked shared_memory
// objects". The first creation with `track` starts that process; it sleeps until the end of the program.
//
// Distinct handles may be used in distinct threads at the same time, also copies of one; one handle as any value. The
// bytes are for you to guard: by a multiprocessing::Lock, or std::atomic_ref. A copy of the program made by fork keeps
// its handles; what such a copy made by os::fork() creates counts as its own, and is unlinked when that copy and its
// processes have ended.
//
// Differs from Python: there is no BufferError: a span that outlives the last handle of its mapping dangles, as any
// view of memory that is gone. Pages are reserved at creation, so that a full /dev/shm is an error there and no SIGBUS
// later. A segment never exists under its name before it has its size. Attaching registers nothing with the tracker, so
// another program that only attaches never unlinks. (A Python before 3.13, or without track=False, does: the end of a
// Python process that has attached to our segment unlinks it; that is a known fault of Python's resource tracker.)
class PLAIT_EXPORT SharedMemory {
 public:
  struct Options {
    std::optional<std::string> name = {};  // default, only with .create: "psm_" and 8 random hexadecimal digits
    bool create = false;                   // default: attach to one that exists
    std::size_t size = 0;                  // with .create: bytes, at least 1; else not looked at
    bool track = true;                     // with .create: unlink it when the program has ended and nobody has
  };

  // Nothing: no name, no memory. What moving leaves.
  SharedMemory() noexcept;
  // Creates a segment of zero bytes for this user only (mode 0600), or attaches to one. Does not block. A slash before
  // the name is dropped. Throws, and leaves nothing behind:
  //   ValueError: .create with size 0; neither .create nor a name; a name with a zero in it; the segment is empty;
  //   std::system_error: EEXIST (Python's FileExistsError), ENOENT (FileNotFoundError), EACCES, EINVAL (no name for a
  //   segment, such as "a/b"), ENAMETOOLONG (over 255), ENOSPC (/dev/shm is full), ENOMEM, EFBIG (RLIMIT_FSIZE),
  //   EMFILE, and ENOENT or EROFS when /dev/shm is not there or not writable; with .track also EAGAIN: no process can
  //   be started; OutOfSharedMemory, RuntimeError: the tracker cannot be told (see RuntimeError's message).
  explicit SharedMemory(Options options);

  SharedMemory(const SharedMemory& other);
  SharedMemory(SharedMemory&& other) noexcept;
  SharedMemory& operator=(const SharedMemory& other);
  SharedMemory& operator=(SharedMemory&& other) noexcept;
  // As close().
  ~SharedMemory();

  // The memory, page-aligned; as long as a handle of this mapping is open in this process. Empty after close(), where
  // Python's is None. If somebody shrinks the file (nobody here does), touching what it lost raises SIGBUS.
  [[nodiscard]] std::span<std::byte> buf() const noexcept;
  // Without slash; empty for a handle of nothing. Stays after close().
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  // In bytes, as it was created; stays after close(). Differs from Python's only where that rounds to pages (macOS).
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  // Lets go of the memory: this handle's share of the mapping. Does nothing the second time. Name and unlink() stay.
  void close() noexcept;
  // The name goes; whoever has the memory keeps it, and a new segment of that name is another. Throws
  // std::system_error: ENOENT (it was unlinked before), EACCES; ValueError: a handle of nothing.
  void unlink() const;

  // For plait/wire.hpp. What arrives is attached: throws as the constructor (ENOENT: it was unlinked meanwhile), and
  // ValueError if the segment of that name is smaller than the one that was sent.
  template <class A>
  void serialize(A& ar) {
    ar(name_, size_);
    if constexpr (A::is_reading) attach_received();
  }

 private:
  friend class ShareableList;
  friend class managers::SharedMemoryManager;

  // Creates one that is filled before it has its name.
  using Fill = void(std::span<std::byte> memory, const void* context);
  SharedMemory(Options options, Fill* fill, const void* context);
  void attach_received();
  // As unlink(), if the name is still that of this very segment; whatever goes wrong is ignored.
  void unlink_own() const noexcept;

  std::shared_ptr<const detail::MemorySegment> segment_;  // nullptr: closed
  std::string name_;
  std::size_t size_ = 0;
  // Which file it was when it was opened: the tracker is told about that one.
  std::uint64_t device_ = 0, inode_ = 0;
};

}  // namespace plait::multiprocessing::shared_memory
