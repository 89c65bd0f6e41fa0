// SPDX-License-Identifier: Apache-2.0
// Has named shared memory, and comes to an end. Standard error goes to FOLDER/errors, which outlives the program.
//   memory_family METHOD family FOLDER    says "NAME OF ITS OWN, NAME OF ITS CHILD'S, PID OF THE CHILD"; then makes one
//                                         more, "NAME-more", when FOLDER/more appears, and says so; until it is killed
//   memory_family METHOD leave HOW FOLDER says the name, and leaves: "return", "unlinked", "untracked", "_exit",
//   "abort" memory_family METHOD copy FOLDER      says the name and the pid of a copy of it by os::fork() that has it
//   mapped, ends memory_family METHOD threads FOLDER   as `family`, but there was no plait::init, and there are
//   threads: no fork server memory_family METHOD shm WHAT FOLDER  with /dev/shm small, full, read-only or absent; says
//   what came of it
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <plait/plait.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <thread>

#include "scene.hpp"

namespace {

using namespace plait::faults;
using plait::multiprocessing::Context;
using plait::multiprocessing::Process;
using plait::multiprocessing::shared_memory::SharedMemory;

void say(const std::string& line) {
  std::puts(line.c_str());
  std::fflush(stdout);
}

void errors_to(const std::string& folder) {
  const int fd = ::open((folder + "/errors").c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  ::dup2(fd, STDERR_FILENO);
  ::close(fd);
}

void make_and_hang(std::string fifo) {
  const SharedMemory memory({.create = true, .size = 100});
  tell(fifo, memory.name());
  tell_and_hang(std::move(fifo));
}

void make_more(const SharedMemory& own) {
  say(SharedMemory({.name = own.name() + "-more", .create = true, .size = 100}).name());
}

[[noreturn]] void family(const Context& context, const std::string& folder) {
  Fifo started(folder + "/started");
  const SharedMemory own({.create = true, .size = 100});
  Process child({.name = {}, .daemon = {}, .context = context}, make_and_hang, started.path());
  child.start();
  const std::string name = started.line();
  say(own.name() + " " + name + " " + started.line());
  for (;;) {
    if (std::filesystem::remove(folder + "/more")) make_more(own);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

[[noreturn]] void threads(const std::string& folder) {
  const std::thread other([] { ::pause(); });
  const SharedMemory own({.create = true, .size = 100});
  say(own.name() + " - 0");
  for (;;) {
    if (std::filesystem::remove(folder + "/more")) make_more(own);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

int leave(const std::string& how) {
  SharedMemory memory({.create = true, .size = 100, .track = how != "untracked"});
  say(memory.name());
  if (how == "unlinked") memory.unlink();
  if (how == "_exit") ::_exit(0);
  if (how == "abort") std::abort();
  return 0;
}

int copy() {
  const SharedMemory memory({.create = true, .size = 100});
  const pid_t pid = plait::os::fork();
  if (pid == 0) {
    for (;;) ::pause();
  }
  say(memory.name() + " " + std::to_string(pid));
  return 0;
}

void change_shm(const std::string& what) {
  const bool may = ::unshare(CLONE_NEWNS) == 0 && ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  bool changed = may;
  if (what == "absent") {
    changed = may && ::mount("none", "/dev", "tmpfs", 0, "mode=755") == 0 &&
              ::mknod("/dev/null", S_IFCHR | 0666, makedev(1, 3)) == 0;
  } else {
    const unsigned long flags = what == "read-only" ? MS_RDONLY : 0;
    changed = may && ::mount("none", "/dev/shm", "tmpfs", flags, "size=1m") == 0;
  }
  if (!changed) {
    std::printf("unshare or mount: %s\n", std::strerror(errno));
    std::fflush(stdout);
    std::_Exit(77);
  }
  if (what != "full") return;
  std::ofstream file("/dev/shm/fills");
  while (file << std::string(65'536, 'x') && file.flush()) {
  }
}

// Makes memory of this size, and writes to all of it; the errno of what it throws.
int make(std::size_t size) {
  try {
    const SharedMemory memory({.create = true, .size = size});
    std::ranges::fill(memory.buf(), std::byte{1});
    memory.unlink();
    return 0;
  } catch (const std::system_error& error) {
    return error.code().value();
  }
}

int shm(const std::string& what) {
  change_shm(what);
  const int small = make(1000), half = make(512 << 10), large = make(2 << 20), again = make(512 << 10);
  say(std::to_string(small) + " " + std::to_string(half) + " " + std::to_string(large) + " " + std::to_string(again));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string deed = argv[2], folder = argv[argc - 1];
  errors_to(folder);
  if (deed == "threads") threads(folder);
  plait::init(argc, argv);
  const Context context = plait::multiprocessing::get_context(argv[1]);
  if (deed == "family") family(context, folder);
  if (deed == "leave") return leave(argv[3]);
  return deed == "copy" ? copy() : shm(argv[3]);
}
