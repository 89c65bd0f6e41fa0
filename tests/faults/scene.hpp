// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What fault tests are staged with: temporary folders, pipes by which tasks tell that they run, counters that survive
// their processes, and the small programs of tests/faults/programs. Used by the tests and by those programs.
//
// Nothing here sleeps to let something happen: tests wait for what a process tells, for its death, or for a future.

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace plait::faults {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool sanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif
#else
inline constexpr bool sanitized = false;
#endif

// The T of the fault list: what a fault does to others is over after it. Sanitizers slow everything down.
inline constexpr std::chrono::seconds T{sanitized ? 10 : 2};

inline constexpr std::size_t KiB = 1024, MiB = 1024 * KiB, GiB = 1024 * MiB;

// Whether the rows are to run in full, as under ctest's label "soak".
[[nodiscard]] bool soak();

// A folder below /tmp that goes with its object. Its name is none that the leak checks of other tests look for.
class TemporaryFolder {
 public:
  TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder();

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  [[nodiscard]] std::string file(const char* name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

// A named pipe on which any process that knows its path can tell() something to the one that made it.
class Fifo {
 public:
  explicit Fifo(std::string path);
  Fifo(const Fifo&) = delete;
  Fifo& operator=(const Fifo&) = delete;
  ~Fifo();

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  // The next line. Throws std::runtime_error when none has come within `limit`.
  std::string line(std::chrono::milliseconds limit = std::chrono::seconds(30));
  // The next line, which is a process id.
  pid_t pid(std::chrono::milliseconds limit = std::chrono::seconds(30));

 private:
  std::string path_;
  int fd_;
  std::string buffered_;
};

// Writes one line into the pipe; lines of several writers do not mix.
void tell(const std::string& fifo, const std::string& line);

// Maps a file shared; makes it if it does not exist, all zero.
void* map_file(const std::string& path, std::size_t size);
void unmap_file(void* address, std::size_t size) noexcept;

// A T in a file, mapped shared: what was noted there stays when the process that noted it is killed. T is a struct of
// atomics that is valid as zero bytes.
template <class T>
class Shared {
 public:
  explicit Shared(const std::string& path) : mapped_(map_file(path, sizeof(T))) {}
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  ~Shared() { unmap_file(mapped_, sizeof(T)); }

  T& operator*() const noexcept { return *static_cast<T*>(mapped_); }
  T* operator->() const noexcept { return static_cast<T*>(mapped_); }

 private:
  void* mapped_;
};

// A program of tests/faults/programs, with pipes on its standard output and standard error. Killed and reaped with its
// object if it still runs.
class Program {
 public:
  struct Options {
    bool own_group = false;  // leads a process group of its own, as a shell's job does
  };
  // What it left: how it ended, and what it had written that line() did not take.
  struct End {
    int exit_code = -1;  // -1: killed by `signal`
    int signal = 0;
    std::string output, errors;
  };

  Program(const std::string& path, std::vector<std::string> arguments, Options options);
  Program(const std::string& path, std::vector<std::string> arguments)
      : Program(path, std::move(arguments), Options{}) {}
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program();

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  // The next line of its output. Throws std::runtime_error when none has come within `limit`, or it has ended.
  std::string line(std::chrono::milliseconds limit = std::chrono::seconds(30));
  void kill(int signal) const;
  void kill_group(int signal) const;
  // Waits for the end of it. Throws std::runtime_error when it has not ended within `limit`.
  End wait(std::chrono::milliseconds limit = std::chrono::seconds(60));

 private:
  pid_t pid_ = -1;
  int output_ = -1, errors_ = -1;
  std::string buffered_;
};

// Waits until the process has died (reaped or not); false: it has not within `limit`.
[[nodiscard]] bool dies_within(pid_t pid, std::chrono::milliseconds limit);

// A text of that size of which no two parts are the same, so that nothing can be moved or lost unnoticed.
[[nodiscard]] std::string pattern(std::size_t size);

// ---- tasks ---------------------------------------------------------------------------------------------------------

int square(int x);
pid_t own_pid();
// Tells its pid to the pipe, then waits until it is killed.
void tell_and_hang(std::string fifo);
// Tells its pid to the pipe, then computes until it is killed.
void tell_and_spin(std::string fifo);
// Tells its pid to the pipe, then waits until the file exists, and returns the pid.
pid_t tell_and_wait_for(std::string fifo, std::string file);

}  // namespace plait::faults
