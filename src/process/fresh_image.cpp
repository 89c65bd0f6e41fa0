// SPDX-License-Identifier: Apache-2.0
#include "process/fresh_image.hpp"

#include <array>
#include <atomic>
#include <cstdlib>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "os/thread.hpp"
#include "plait/errors.hpp"
#include "process/child_life.hpp"
#include "process/server_loop.hpp"
#include "shm/heap.hpp"

namespace plait::process {
namespace {

constexpr const char* variable = shm::Heap::inheritance;

struct Arguments {
  std::vector<std::string> strings;
  std::vector<char*> pointers;
};
constinit std::atomic<Arguments*> arguments{nullptr};

std::unique_ptr<os::FreshImage> prepare(std::initializer_list<int> inherited, std::uint32_t owner,
                                        const std::string& orders) {
  const shm::Heap& heap = shm::Heap::get();
  std::vector<int> descriptors(inherited);
  descriptors.push_back(heap.fd());
  std::ostringstream text;
  text << variable << '=';
  heap.bequeath(text, owner);
  text << ' ' << orders;
  return std::make_unique<os::FreshImage>(program_arguments(), descriptors, text.str());
}

void name_after_program() {
  const std::string path = program_arguments()[0] != nullptr ? program_arguments()[0] : "";
  os::set_thread_name(path.substr(path.rfind('/') + 1).c_str());
}

os::FileDescriptor inherit(int fd) noexcept {
  os::set_close_on_exec(fd, true);
  return os::FileDescriptor(fd);
}

[[noreturn]] void obey(const std::string& text) {
  std::istringstream orders(text);
  std::string fd, base, size, kind;
  int lifeline = -1, permit = -1, requests = -1, exits = -1;
  std::uint32_t owner = 0;
  orders >> fd >> base >> size >> owner >> kind >> lifeline;
  if (!orders) throw RuntimeError("PLAIT_CHILD is for plait itself; unset it");
  if (kind == "server") {
    orders >> requests >> exits;
    serve({inherit(requests), inherit(exits), inherit(lifeline)});
  }
  Birth birth;
  EntryPoint entry;
  orders >> permit >> birth.host >> birth.argument >> entry.offset;
  orders.ignore();
  std::getline(orders, entry.module);
  birth.lifeline = inherit(lifeline);
  birth.permit = inherit(permit);
  birth.run = resolve(entry);
  forget_signals();  // what static initializers have set up
  live(std::move(birth), owner);
}

}  // namespace

void remember_arguments(int argc, char** argv) {
  if (arguments.load(std::memory_order_acquire) != nullptr) return;
  auto copy = std::make_unique<Arguments>();
  copy->strings.assign(argv, argv + argc);
  for (std::string& argument : copy->strings) copy->pointers.push_back(argument.data());
  copy->pointers.push_back(nullptr);
  Arguments* none = nullptr;
  // release: pairs with the acquire of program_arguments()
  if (arguments.compare_exchange_strong(none, copy.get(), std::memory_order_release)) static_cast<void>(copy.release());
}

char* const* program_arguments() noexcept {
  const Arguments* known = arguments.load(std::memory_order_acquire);
  return known != nullptr ? known->pointers.data() : nullptr;
}

bool has_orders() noexcept { return std::getenv(variable) != nullptr; }

void obey_orders() noexcept {
  const char* const text = std::getenv(variable);
  if (text == nullptr) return;
  try {
    const std::string orders = text;
    shm::Heap::get();  // attaches it, if no static object has
    unsetenv(variable);
    name_after_program();
    obey(orders);
  } catch (...) {
    report_failure("a process that was started anew cannot do its work");
    os::exit_now(1);
  }
}

std::unique_ptr<os::FreshImage> prepare_worker(const WorkerOrders& orders) {
  std::ostringstream text;
  text << "worker " << orders.lifeline << ' ' << orders.permit << ' ' << orders.host << ' ' << orders.argument << ' '
       << orders.entry.offset << ' ' << orders.entry.module;
  return prepare({orders.lifeline, orders.permit}, orders.owner, text.str());
}

std::unique_ptr<os::FreshImage> prepare_server(const ServerOrders& orders) {
  std::ostringstream text;
  text << "server " << orders.lifeline << ' ' << orders.requests << ' ' << orders.exits;
  return prepare({orders.lifeline, orders.requests, orders.exits}, orders.owner, text.str());
}

}  // namespace plait::process
