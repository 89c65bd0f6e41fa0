// SPDX-License-Identifier: Apache-2.0
#include "scene.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <thread>

namespace plait::faults {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

[[noreturn]] void fail(const std::string& what) { throw std::system_error(errno, std::generic_category(), what); }

int checked(int result, const std::string& what) {
  if (result < 0) fail(what);
  return result;
}

// False: not readable within the limit.
bool readable_within(int fd, Clock::time_point limit) {
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(limit - Clock::now());
    pollfd waiting{fd, POLLIN, 0};
    const int result = ::poll(&waiting, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (result >= 0) return result > 0;
    if (errno != EINTR) fail("poll");
  }
}

// Takes one line out of `buffered`, reading more as needed.
std::string next_line(int fd, std::string& buffered, milliseconds limit, const std::string& from) {
  const auto due = Clock::now() + limit;
  for (;;) {
    if (const auto end = buffered.find('\n'); end != std::string::npos) {
      std::string line = buffered.substr(0, end);
      buffered.erase(0, end + 1);
      return line;
    }
    if (!readable_within(fd, due)) throw std::runtime_error("no line came in time from " + from);
    std::array<char, 4096> bytes;
    const ssize_t count = ::read(fd, bytes.data(), bytes.size());
    if (count == 0) throw std::runtime_error("no more lines from " + from + ", after: " + buffered);
    if (count > 0) buffered.append(bytes.data(), static_cast<std::size_t>(count));
    if (count < 0 && errno != EINTR && errno != EAGAIN) fail("read from " + from);
  }
}

}  // namespace

bool soak() { return std::getenv("PLAIT_SOAK") != nullptr; }

TemporaryFolder::TemporaryFolder() {
  std::string name = "/tmp/faults-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) fail("mkdtemp");
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Fifo::Fifo(std::string path) : path_(std::move(path)) {
  checked(::mkfifo(path_.c_str(), 0666), "mkfifo " + path_);
  // Open for writing too: so opening does not wait for the other side, and there is never an end of file.
  fd_ = checked(::open(path_.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC), "open " + path_);
}

Fifo::~Fifo() {
  ::close(fd_);
  ::unlink(path_.c_str());
}

std::string Fifo::line(milliseconds limit) { return next_line(fd_, buffered_, limit, path_); }

pid_t Fifo::pid(milliseconds limit) { return static_cast<pid_t>(std::stoi(line(limit))); }

void tell(const std::string& fifo, const std::string& line) {
  const int fd = checked(::open(fifo.c_str(), O_WRONLY | O_CLOEXEC), "open " + fifo);
  const std::string text = line + "\n";
  const ssize_t written = ::write(fd, text.data(), text.size());
  ::close(fd);
  if (written != static_cast<ssize_t>(text.size())) fail("write " + fifo);
}

void* map_file(const std::string& path, std::size_t size) {
  const int fd = checked(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666), "open " + path);
  struct stat status {};
  const bool has_room = ::fstat(fd, &status) == 0 && (static_cast<std::size_t>(status.st_size) >= size ||
                                                      ::ftruncate(fd, static_cast<off_t>(size)) == 0);
  void* mapped = has_room ? ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
  const int error = errno;
  ::close(fd);
  if (mapped == MAP_FAILED) throw std::system_error(error, std::generic_category(), "map " + path);
  return mapped;
}

void unmap_file(void* address, std::size_t size) noexcept { ::munmap(address, size); }

Program::Program(const std::string& path, std::vector<std::string> arguments, Options options) {
  int output[2], errors[2];
  checked(::pipe2(output, O_CLOEXEC), "pipe2");
  checked(::pipe2(errors, O_CLOEXEC), "pipe2");
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, errors[1], STDERR_FILENO);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t none;
  ::sigemptyset(&none);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  short flags = POSIX_SPAWN_SETSIGMASK;
  if (options.own_group) flags |= POSIX_SPAWN_SETPGROUP;
  ::posix_spawnattr_setflags(&attributes, flags);
  std::vector<char*> words{const_cast<char*>(path.c_str())};
  for (std::string& argument : arguments) words.push_back(argument.data());
  words.push_back(nullptr);
  const int error = ::posix_spawn(&pid_, path.c_str(), &actions, &attributes, words.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  ::close(output[1]);
  ::close(errors[1]);
  output_ = output[0];
  errors_ = errors[0];
  if (error != 0) throw std::system_error(error, std::generic_category(), "posix_spawn " + path);
}

Program::~Program() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  ::close(output_);
  ::close(errors_);
}

std::string Program::line(milliseconds limit) {
  return next_line(output_, buffered_, limit, "process " + std::to_string(pid_));
}

void Program::kill(int signal) const { checked(::kill(pid_, signal), "kill"); }

void Program::kill_group(int signal) const { checked(::kill(-pid_, signal), "kill"); }

Program::End Program::wait(milliseconds limit) {
  // Its own pipes only: what it started may hold them open for longer, which dies_within and the leak check look at.
  const auto due = Clock::now() + limit;
  End end;
  end.output = std::move(buffered_);
  struct {
    int fd;
    std::string& text;
  } streams[]{{output_, end.output}, {errors_, end.errors}};
  const int pidfd = checked(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)), "pidfd_open");
  for (bool ended = false; !ended;) {
    std::array<pollfd, 3> waiting{{{output_, POLLIN, 0}, {errors_, POLLIN, 0}, {pidfd, POLLIN, 0}}};
    const auto left = std::chrono::ceil<milliseconds>(due - Clock::now());
    ::poll(waiting.data(), waiting.size(), static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 50)));
    ended = (waiting[2].revents & POLLIN) != 0;
    for (auto& [fd, text] : streams) {
      std::array<char, 65536> bytes;
      while (readable_within(fd, Clock::now())) {
        const ssize_t count = ::read(fd, bytes.data(), bytes.size());
        if (count <= 0) break;
        text.append(bytes.data(), static_cast<std::size_t>(count));
      }
    }
    if (!ended && Clock::now() > due) {
      ::close(pidfd);
      throw std::runtime_error("process " + std::to_string(pid_) + " has not ended in time; its output: " + end.output +
                               "; its errors: " + end.errors);
    }
  }
  ::close(pidfd);
  int status = 0;
  checked(::waitpid(pid_, &status, 0), "waitpid");
  pid_ = -1;
  if (WIFEXITED(status)) end.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) end.signal = WTERMSIG(status);
  return end;
}

bool dies_within(pid_t pid, milliseconds limit) {
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (pidfd < 0) return errno == ESRCH;
  const bool dead = readable_within(pidfd, Clock::now() + limit);
  ::close(pidfd);
  return dead;
}

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  std::uint64_t state = size + 1;
  for (std::size_t i = 0; i < size; i += sizeof state) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    std::memcpy(text.data() + i, &state, std::min(sizeof state, size - i));
  }
  return text;
}

int square(int x) { return x * x; }

pid_t own_pid() { return ::getpid(); }

void tell_and_hang(std::string fifo) {
  tell(fifo, std::to_string(::getpid()));
  for (;;) ::pause();
}

void tell_and_spin(std::string fifo) {
  tell(fifo, std::to_string(::getpid()));
  for (volatile std::uint64_t rounds = 0;;) rounds = rounds + 1;
}

pid_t tell_and_wait_for(std::string fifo, std::string file) {
  tell(fifo, std::to_string(::getpid()));
  while (!std::filesystem::exists(file)) std::this_thread::sleep_for(milliseconds(1));
  return ::getpid();
}

}  // namespace plait::faults
