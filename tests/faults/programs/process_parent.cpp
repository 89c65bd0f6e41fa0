// SPDX-License-Identifier: Apache-2.0
// Has processes of its own, and comes to an end.
//   process_parent METHOD live starting|busy FOLDER     says so, and waits to be killed
//   process_parent METHOD leave HOW FOLDER              ends; what was not to be cut off has added to FOLDER/bytes
//   process_parent METHOD hear default|handled FOLDER   leads a process group that gets Ctrl-C; `handled`: counts
//   SIGINT
//                                                       until FOLDER/enough exists
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>
#include <plait/plait.hpp>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "scene.hpp"

namespace {

using namespace plait::faults;
using plait::multiprocessing::Context;
using plait::multiprocessing::Process;
using Processes = std::vector<std::shared_ptr<Process>>;

std::atomic<int> interrupts{0};
Processes static_processes;

void say(const std::string& line) {
  std::puts(line.c_str());
  std::fflush(stdout);
}

// Waits for the end of its maker's main(), as far as anybody can see it from here, then adds a byte.
void add_byte_late(std::string fifo, std::string file) {
  tell(fifo, std::to_string(::getpid()));
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  const int fd = ::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (::write(fd, ".", 1) != 1) ::_exit(1);
}

void ignore_sigterm_and_hang(std::string fifo) {
  ::signal(SIGTERM, SIG_IGN);
  tell_and_hang(std::move(fifo));
}

// Two that end by themselves, a daemon that does not, and one that does not listen either.
Processes start_some(const Context& context, const std::string& folder) {
  Fifo started(folder + "/started");
  Processes processes;
  for (int i = 0; i < 2; ++i) {
    processes.push_back(std::make_shared<Process>(Process::Options{.name = {}, .daemon = {}, .context = context},
                                                  add_byte_late, started.path(), folder + "/bytes"));
  }
  const Process::Options daemon{.name = {}, .daemon = true, .context = context};
  processes.push_back(std::make_shared<Process>(daemon, tell_and_hang, started.path()));
  processes.push_back(std::make_shared<Process>(daemon, ignore_sigterm_and_hang, started.path()));
  for (const auto& process : processes) process->start();
  for (const auto& process : processes) {
    static_cast<void>(process);
    started.pid();
  }
  return processes;
}

[[noreturn]] void live(const Context& context, const std::string& state, const std::string& folder) {
  Fifo started(folder + "/started");
  Processes processes;
  if (state == "starting") say(state);
  for (int i = 0; state == "starting" || i < 2; ++i) {
    processes.push_back(std::make_shared<Process>(Process::Options{.name = {}, .daemon = {}, .context = context},
                                                  i < 2 ? tell_and_spin : tell_and_hang, started.path()));
    processes.back()->start();
    if (i >= 20) break;
  }
  for (int i = 0; i < 2; ++i) started.pid();
  if (state == "busy") say(state);
  for (;;) ::pause();
}

int leave(const Context& context, const std::string& how, const std::string& folder) {
  Processes processes = start_some(context, folder);
  if (how == "return") return 0;  // the objects go out of scope
  if (how == "return_with_static_objects") {
    static_processes = std::move(processes);
    return 0;
  }
  if (how == "return_and_forget") {
    processes.clear();  // each lives until its process has ended
    return 0;
  }
  if (how == "exit") std::exit(5);
  if (how == "exit_in_other_thread") std::thread([] { std::exit(5); }).join();
  if (how == "_exit") ::_exit(6);
  if (how == "quick_exit") std::quick_exit(7);
  if (how == "abort") std::abort();
  throw std::runtime_error("nobody catches this");
}

int hear(const Context& context, const std::string& how, const std::string& folder) {
  if (how == "handled") {
    struct sigaction action {};
    action.sa_handler = [](int) { ++interrupts; };
    ::sigaction(SIGINT, &action, nullptr);
  }
  Fifo started(folder + "/started");
  Process process({.name = {}, .daemon = {}, .context = context}, tell_and_wait_for, started.path(),
                  folder + "/enough");
  process.start();
  started.pid();
  say("ready");
  for (int seen = 0; !std::filesystem::exists(folder + "/enough");) {
    if (interrupts != seen) say("interrupt " + std::to_string(++seen));
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  process.join();
  say("interrupts: " + std::to_string(interrupts));
  return process.exitcode().value_or(1);
}

}  // namespace

int main(int argc, char** argv) {
  plait::init(argc, argv);
  const Context context = plait::multiprocessing::get_context(argv[1]);
  const std::string deed = argv[2], how = argv[3], folder = argv[4];
  if (deed == "live") live(context, how, folder);
  return deed == "leave" ? leave(context, how, folder) : hear(context, how, folder);
}
