// SPDX-License-Identifier: Apache-2.0
#include "multiprocessing/process_registry.hpp"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <new>
#include <utility>

#include "os/at_exit.hpp"
#include "os/random.hpp"

namespace plait::detail {
namespace {

// How long a daemonic process has to end after SIGTERM.
constexpr std::chrono::seconds grace{1};

ProcessIdentity first_identity() {
  std::array<std::byte, 32> key;
  os::fill_with_random(key);
  ProcessIdentity identity;
  identity.name = "MainProcess";
  identity.authkey.assign(reinterpret_cast<const char*>(key.data()), key.size());
  return identity;
}

}  // namespace

ProcessRegistry& ProcessRegistry::get() noexcept {
  alignas(ProcessRegistry) static std::byte memory[sizeof(ProcessRegistry)];
  static ProcessRegistry* const registry = [] {
    auto* const made = new (memory) ProcessRegistry;
    pthread_atfork([] { get().mutex.lock(); }, [] { get().mutex.unlock(); }, &ProcessRegistry::after_fork_in_child);
    return made;
  }();
  return *registry;
}

namespace {
// Made before there are threads, so that no fork finds it half made.
[[maybe_unused]] const ProcessRegistry& made_early = ProcessRegistry::get();
}  // namespace

void ProcessRegistry::after_fork_in_child() noexcept {
  ProcessRegistry& registry = get();
  auto& lost = registry.parents_children_;
  lost.insert(lost.end(), registry.children.begin(), registry.children.end());
  registry.children.clear();
  registry.mutex.unlock();
}

// A child that is no Process's: a worker of a pool.
void ProcessRegistry::become_worker(const process::Origin& origin) {
  ProcessIdentity identity = current_ != nullptr ? current_->identity : first_identity();
  parent = ProcessAccess::parent(std::move(identity.name), origin.host, origin.lifeline);
  identity.name = "Worker-" + std::to_string(origin.owner);
  identity.numbers = {origin.owner};
  identity.daemon = false;
  current_ = std::make_shared<ProcessState>(std::move(identity), origin.host);
  next_number = 1;
}

std::shared_ptr<ProcessState> ProcessRegistry::current_shared() {
  const process::Origin* const origin = process::origin();
  if (origin != nullptr && (current_ == nullptr || current_->generation() < origin->generation)) {
    become_worker(*origin);
  } else if (current_ == nullptr) {
    current_ = std::make_shared<ProcessState>(first_identity(), std::nullopt);
  } else if (!current_->is_own()) {
    current_ = std::make_shared<ProcessState>(current_->identity, current_->maker);
  }
  return current_;
}

ProcessState& ProcessRegistry::current() { return *current_shared(); }

void ProcessRegistry::become(std::shared_ptr<ProcessState> self, multiprocessing::ParentProcess starter) noexcept {
  current_ = std::move(self);
  parent = std::move(starter);
  next_number = 1;
}

ProcessRegistry::Forgotten ProcessRegistry::forget_ended() {
  Forgotten forgotten;
  for (const auto& child : children) {
    if (child->ended && child->kept != nullptr) forgotten.push_back(std::move(child->kept));
  }
  std::erase_if(children, [](const auto& child) { return child->ended; });
  return forgotten;
}

void ProcessRegistry::forget(const ProcessState& child) noexcept {
  std::erase_if(children, [&child](const auto& one) { return one.get() == &child; });
}

namespace {

void end_children() {
  ProcessRegistry& registry = ProcessRegistry::get();
  multiprocessing::Logger& logger = multiprocessing::get_logger();
  logger.info("process shutting down");
  ProcessState::Lock lock(registry.mutex);
  const auto find_running = [&registry](bool daemon) {
    const auto found = std::ranges::find_if(registry.children, [daemon](const auto& child) {
      return child->is_own() && child->is_running() && child->identity.daemon == daemon;
    });
    return found != registry.children.end() ? *found : nullptr;
  };
  for (const auto& child : registry.children) {
    if (child->is_own() && child->identity.daemon) child->signal(SIGTERM);
  }
  const Deadline limit = grace;
  while (const auto child = find_running(false)) child->wait_for_end(lock, {});
  // Those that do not end by then are killed when this process is gone.
  while (const auto child = find_running(true)) {
    if (!child->wait_for_end(lock, limit)) return;
  }
}

}  // namespace

void end_children_at_exit() {
  static std::atomic<std::uint64_t> registered_in{~std::uint64_t{0}};
  const std::uint64_t generation = os::fork_generation();
  // A forked process may have the handler already, from its parent; to be called twice does no harm.
  if (registered_in.load() == generation) return;
  os::at_exit([] { end_children(); });
  registered_in.store(generation);
}

}  // namespace plait::detail
