// SPDX-License-Identifier: Apache-2.0
#include "multiprocessing/worker_birth.hpp"

#include <mutex>
#include <utility>

#include "multiprocessing/child_main.hpp"
#include "multiprocessing/process_registry.hpp"
#include "plait/wire.hpp"

namespace plait::detail {
namespace {

// In the worker.
void begin_worker(const Birth& birth) {
  become(birth);
  multiprocessing::get_logger().info("child process calling self.run()");
}

void end_worker() {
  multiprocessing::get_logger().info("process shutting down");
  multiprocessing::get_logger().info("process exiting with exitcode 0");
}

template <class Call>
std::vector<std::byte> encoded(const Call& call) {
  std::vector<std::byte> bytes(call.size());
  call.write(bytes);
  return bytes;
}

void give_name(ProcessIdentity& identity, const char* class_name) {
  identity.name = class_name;
  for (std::size_t i = 0; i < identity.numbers.size(); ++i) {
    identity.name += (i == 0 ? '-' : ':') + std::to_string(identity.numbers[i]);
  }
}

const char* pool_worker_class(const std::string& start_method) {
  if (start_method == "fork") return "ForkPoolWorker";
  return start_method == "spawn" ? "SpawnPoolWorker" : "ForkServerPoolWorker";
}

}  // namespace

std::function<std::vector<std::byte>(std::uint32_t)> worker_birth(PoolKind kind, const std::string& start_method) {
  const char* const class_name = kind == PoolKind::pool ? pool_worker_class(start_method) : nullptr;
  return [class_name](std::uint32_t owner) {
    Birth birth = inheritance();
    {
      ProcessRegistry& registry = ProcessRegistry::get();
      const std::scoped_lock lock(registry.mutex);
      birth.self = registry.current().identity;
      birth.parent_name = birth.self.name;
      if (class_name != nullptr) {
        birth.self.numbers.push_back(registry.next_number++);
        give_name(birth.self, class_name);
      } else {
        birth.self.numbers = {owner};
        give_name(birth.self, "Worker");
      }
      birth.self.daemon = class_name != nullptr;
    }
    return encoded(wire::make_call(begin_worker, birth));
  };
}

std::vector<std::byte> worker_farewell() { return encoded(wire::make_call(end_worker)); }

}  // namespace plait::detail
