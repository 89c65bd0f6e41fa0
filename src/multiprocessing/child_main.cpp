// SPDX-License-Identifier: Apache-2.0
#include "multiprocessing/child_main.hpp"

#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <memory>
#include <mutex>
#include <span>
#include <string>

#include "multiprocessing/process_registry.hpp"
#include "os/output.hpp"
#include "os/process.hpp"
#include "os/signals.hpp"
#include "plait/detail/wire/exception.hpp"
#include "plait/errors.hpp"
#include "shm/heap.hpp"
#include "shm/message_block.hpp"
#include "wire/exception_text.hpp"

namespace plait::detail {
namespace {

using multiprocessing::get_logger;
using multiprocessing::Process;

void obey_interrupts(const Birth& birth, const ProcessBlock& block) {
  os::obey_interrupts_of(birth.parent_pid);
  if (block.interrupted) os::die_of_interrupt();
}

std::string own_name(ProcessState& self) {
  const std::scoped_lock lock(ProcessRegistry::get().mutex);
  return self.identity.name;
}

// Runs what `make` gives, says what leaves it, and ends the process as a program ends.
template <class Make>
[[noreturn]] void run(ProcessState& self, Make make) {
  on_exit([](int code, void*) { get_logger().info("process exiting with exitcode " + std::to_string(code & 0xff)); },
          nullptr);
  int code = 0;
  try {
    wire::call_traced([&make] {
      decltype(auto) object = make();
      get_logger().info("child process calling self.run()");
      object->run();
    });
  } catch (const SystemExit& exit) {
    code = exit.code();
  } catch (...) {
    const std::exception_ptr error = std::current_exception();
    // pthread_exit unwinds by what is no C++ exception, and cannot be stopped; but here is the end of the process.
    if (error == nullptr) std::exit(0);
    code = 1;
    os::flush_output();
    os::write_text(STDERR_FILENO, "Process " + own_name(self) + ":\n" + wire::exception_text(error).report());
  }
  get_logger().info("process shutting down");
  std::exit(code);
}

std::unique_ptr<Process> remake(const ProcessBlock& block, std::byte* payload) {
  const std::span<const std::byte> object(payload + block.object_at, block.object_size);
  wire::Reader in(object, shm::handles_in(payload, block.payload_size()));
  const wire::CodeRef code = wire::get_code(in);
  if (code.module == 0) wire::throw_decode_error("plait: these bytes are no process");
  auto process = ProcessAccess::remake(wire::resolve_code(code), in);
  in.finish();
  return process;
}

// The payload is not needed any more: all its handles have arrived. If this process is killed here, what is left of it
// is freed by its maker: a large block as one of ours, the others unless `taken` says that we did.
void free_payload(ProcessBlock& block, void* payload) noexcept {
  shm::Heap& heap = shm::Heap::get();
  heap.adopt(payload);
  block.taken.store(true, std::memory_order_release);  // pairs with the load in ProcessState::on_exit
  heap.deallocate(payload);
}

}  // namespace

Birth inheritance() {
  Birth birth;
  birth.parent_pid = os::getpid();
  birth.start_method = multiprocessing::get_start_method({.allow_none = true});
  birth.log = log_settings();
  return birth;
}

std::shared_ptr<ProcessState> become(const Birth& birth) {
  multiprocessing::set_start_method({.force = true}, birth.start_method);
  inherit_log_settings(birth.log);
  if (!birth.directory.empty()) os::change_directory(birth.directory.c_str());
  return take_identity(birth);
}

std::shared_ptr<ProcessState> take_identity(const Birth& birth) {
  auto self = std::make_shared<ProcessState>(birth.self, birth.parent_pid);
  ProcessRegistry& registry = ProcessRegistry::get();
  const std::scoped_lock lock(registry.mutex);
  registry.become(self, ProcessAccess::parent(birth.parent_name, birth.parent_pid, process::origin()->lifeline));
  return self;
}

void forked_main(std::uint64_t argument) {
  const auto& forked = *reinterpret_cast<const ForkedBirth*>(argument);
  const auto self = take_identity(*forked.birth);  // it has the rest
  obey_interrupts(*forked.birth, *forked.block);
  ProcessAccess::identify(*forked.object, self);
  run(*self, [&forked] { return forked.object; });
}

void fresh_main(std::uint64_t argument) {
  shm::Heap& heap = shm::Heap::get();
  auto& block = *static_cast<ProcessBlock*>(heap.at(argument));
  auto* const payload = static_cast<std::byte*>(heap.at(block.payload));
  const auto birth = wire::decode<Birth>(std::span(payload, block.birth_size));
  const auto self = become(birth);
  obey_interrupts(birth, block);
  std::unique_ptr<Process> object;  // is never destroyed: the process ends before
  run(*self, [&] {
    object = remake(block, payload);
    free_payload(block, payload);
    ProcessAccess::identify(*object, self);
    ProcessRegistry& registry = ProcessRegistry::get();
    const std::scoped_lock lock(registry.mutex);
    registry.next_number = 1;  // whatever the object's constructor made
    return object.get();
  });
}

}  // namespace plait::detail
