// SPDX-License-Identifier: Apache-2.0
#include "plait/multiprocessing/process.hpp"

#include <signal.h>
#include <string.h>  // NOLINT(modernize-deprecated-headers): sigabbrev_np

#include <algorithm>
#include <filesystem>
#include <new>
#include <span>
#include <string_view>
#include <system_error>
#include <typeinfo>

#include "multiprocessing/child_main.hpp"
#include "multiprocessing/process_registry.hpp"
#include "plait/detail/descriptor_ticket.hpp"
#include "plait/detail/wire/encode.hpp"
#include "shm/message_block.hpp"
#include "shm/size_class.hpp"
#include "wire/symbols.hpp"

namespace plait::multiprocessing {
namespace {

using detail::Birth;
using detail::ProcessBlock;
using detail::ProcessRegistry;
using detail::ProcessState;
using Lock = ProcessState::Lock;
using Phase = ProcessState::Phase;

Lock lock_registry() { return Lock(ProcessRegistry::get().mutex); }

// "Spider" of "app::Spider<int>".
std::string_view short_class_name(std::string_view name) {
  name = name.substr(0, name.find('<'));
  const auto colon = name.rfind(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

std::string default_name(const Process::Options& options, const char* class_name,
                         const std::vector<std::uint32_t>& numbers) {
  std::string name;
  if (class_name != nullptr) {
    name = short_class_name(class_name);
  } else if (options.context) {
    const std::string& method = options.context->get_start_method();
    name = method == "fork" ? "ForkProcess" : method == "spawn" ? "SpawnProcess" : "ForkServerProcess";
  } else {
    name = "Process";
  }
  for (std::size_t i = 0; i < numbers.size(); ++i) name += (i == 0 ? '-' : ':') + std::to_string(numbers[i]);
  return name;
}

std::shared_ptr<ProcessState> make_state(Process::Options options, const char* class_name) {
  ProcessRegistry& registry = ProcessRegistry::get();
  const Lock lock(registry.mutex);
  detail::ProcessIdentity identity = registry.current().identity;
  identity.numbers.push_back(registry.next_number++);
  identity.name = options.name.empty() ? default_name(options, class_name, identity.numbers) : std::move(options.name);
  identity.daemon = options.daemon.value_or(identity.daemon);
  auto state = std::make_shared<ProcessState>(std::move(identity), os::getpid());
  if (options.context) state->start_method = options.context->get_start_method();
  return state;
}

process::StartMethod method_of(const std::string& name) noexcept {
  if (name == "fork") return process::StartMethod::fork;
  return name == "spawn" ? process::StartMethod::spawn : process::StartMethod::forkserver;
}

Birth make_birth(const ProcessState& state, process::StartMethod method) {
  Birth birth = detail::inheritance();
  std::error_code gone;
  if (method != process::StartMethod::fork) birth.directory = std::filesystem::current_path(gone).native();
  const Lock lock = lock_registry();
  birth.self = state.identity;
  birth.parent_name = ProcessRegistry::get().current().identity.name;
  return birth;
}

// Blocks of the shared heap on their way to a child.
class Luggage {
 public:
  Luggage() : block_(new(shm::Heap::get().allocate(sizeof(ProcessBlock))) ProcessBlock) {}
  Luggage(const Luggage&) = delete;
  Luggage& operator=(const Luggage&) = delete;
  ~Luggage() {
    if (!payload_.empty()) shm::free_message(payload_.data(), payload_.size());
    shm::Heap::get().deallocate(block_);
  }

  void pack(const Birth& birth, const Process& object) {
    constexpr std::uint64_t alignment = shm::block_alignment;
    block_->birth_size = wire::encoded_size(birth);
    block_->object_at = (block_->birth_size + alignment - 1) & ~(alignment - 1);
    const wire::MessageSize size = detail::ProcessAccess::message_size(object);
    block_->object_size = size.bytes;
    const std::uint64_t whole = block_->payload_size();
    payload_ = {static_cast<std::byte*>(shm::allocate_message(whole, size.handles)), whole};
    wire::encode(birth, payload_.first(block_->birth_size));
    detail::ProcessAccess::encode(
        object, {payload_.subspan(block_->object_at), shm::handles_in(payload_.data(), payload_.size())});
    block_->payload = shm::Heap::get().offset_of(payload_.data());
  }
  [[nodiscard]] ProcessBlock* block() const noexcept { return block_; }
  [[nodiscard]] std::span<std::byte> payload() const noexcept { return payload_; }
  // From here on the end of the child frees it.
  void hand_over() noexcept {
    block_ = nullptr;
    payload_ = {};
  }

 private:
  ProcessBlock* block_;
  std::span<std::byte> payload_;  // empty: none
};

// Throw what the callers of handles are told. Under the lock.
void check_open(const ProcessState& state) {
  if (state.phase == Phase::closed) throw ValueError("process object is closed");
}
bool is_current(const ProcessState& state) { return &state == &ProcessRegistry::get().current(); }
void check_child(const ProcessState& state, const char* deed) {
  if (!state.is_own() || is_current(state)) {
    throw AssertionError(std::string("can only ") + deed + " a child process");
  }
  check_open(state);
}
void check_started(const ProcessState& state, const char* deed) {
  check_child(state, deed);
  if (state.phase != Phase::started) throw AssertionError(std::string("can only ") + deed + " a started process");
}

std::optional<int> exit_code_of(const ProcessState& state) noexcept {
  if (!state.ended || !state.status.known) return std::nullopt;
  return state.status.signal != 0 ? -state.status.signal : state.status.code;
}

std::string describe_exit_code(int code) {
  const char* const signal = code < 0 ? sigabbrev_np(-code) : nullptr;
  return signal != nullptr ? std::string("-SIG") + signal : std::to_string(code);
}

void begin_start(const std::shared_ptr<ProcessState>& state) {
  ProcessRegistry& registry = ProcessRegistry::get();
  ProcessRegistry::Forgotten forgotten;
  const Lock lock(registry.mutex);
  if (!state->is_own()) {
    throw AssertionError("can only start a process object created by current process");
  }
  check_open(*state);
  if (state->phase != Phase::unstarted || is_current(*state)) throw AssertionError("cannot start a process twice");
  if (registry.current().identity.daemon) throw AssertionError("daemonic processes are not allowed to have children");
  forgotten = registry.forget_ended();
  state->make_waitable();
  registry.children.push_back(state);
  state->phase = Phase::starting;
}

void launch(Process& object, const std::shared_ptr<ProcessState>& state) {
  const process::StartMethod method = method_of(state->start_method ? *state->start_method : get_start_method());
  detail::end_children_at_exit();
  const Birth birth = make_birth(*state, method);
  Luggage luggage;
  shm::Heap& heap = shm::Heap::get();
  detail::ForkedBirth forked{&object, &birth, luggage.block()};
  process::Entry entry{detail::forked_main, reinterpret_cast<std::uint64_t>(&forked)};
  if (method != process::StartMethod::fork) {
    detail::PackingScope descriptors;
    luggage.pack(birth, object);
    state->deposits = descriptors.take_deposits();
    entry = {detail::fresh_main, heap.offset_of(luggage.block())};
  }
  state->owner = heap.new_owner();
  {
    const Lock lock = lock_registry();
    state->block = luggage.block();
    state->payload = luggage.payload();
  }
  auto child = process::start(method, entry, state->owner, state);
  luggage.hand_over();
  const Lock lock = lock_registry();
  state->pid = child->pid();
  state->child = std::move(child);
  state->phase = Phase::started;
}

}  // namespace

Process::Process() : Process(Options{}) {}

Process::Process(Options options) : Process(std::move(options), static_cast<const char*>(nullptr)) {}

Process::Process(Options options, const char* class_name)
    : state_(make_state(std::move(options), class_name)), owned_(state_.get()) {}

Process::Process(Options options, std::unique_ptr<detail::ProcessTarget> target) : Process(std::move(options)) {
  target_ = std::move(target);
}

Process::Process(std::shared_ptr<ProcessState> state) noexcept : state_(std::move(state)) {}

Process::Process(Process&& other) noexcept
    : state_(std::move(other.state_)),
      target_(std::move(other.target_)),
      owned_(std::exchange(other.owned_, nullptr)) {}

Process& Process::operator=(Process&& other) noexcept {
  if (this == &other) return *this;
  let_go();
  state_ = std::move(other.state_);
  target_ = std::move(other.target_);
  owned_ = std::exchange(other.owned_, nullptr);
  return *this;
}

Process::~Process() { let_go(); }

void Process::let_go() noexcept {
  if (owned_ == nullptr || !owned_->is_own()) return;
  owned_ = nullptr;
  Lock lock = lock_registry();
  if (state_->is_running()) {
    if (state_->identity.daemon) {
      state_->signal(SIGTERM);
      if (!state_->wait_for_end(lock, std::chrono::seconds(1))) state_->signal(SIGKILL);
    }
    state_->wait_for_end(lock, {});
  }
  ProcessRegistry::get().forget(*state_);
}

Process::Options Process::by_fork(Options options) {
  if (options.context && options.context->get_start_method() != "fork") {
    throw ValueError("a process that is forked cannot have the context \"" + options.context->get_start_method() +
                     "\"; leave it out");
  }
  options.context = get_context("fork");
  return options;
}

ProcessState& Process::state() const {
  if (state_ == nullptr) throw RuntimeError("this Process was moved from");
  return *state_;
}

void Process::start() {
  static_cast<void>(state());
  const std::shared_ptr<ProcessState> state = state_;
  begin_start(state);
  try {
    launch(*this, state);
  } catch (...) {
    state->deposits.withdraw();  // not under the lock, for it takes the sharer's
    const Lock lock = lock_registry();
    state->phase = Phase::unstarted;
    state->block = nullptr;
    state->payload = {};
    ProcessRegistry::get().forget(*state);
    throw;
  }
  target_.reset();
  std::shared_ptr<Process> self = weak_from_this().lock();  // let go after the lock
  const Lock lock = lock_registry();
  if (state->is_running()) state->kept = std::move(self);
}

void Process::run() {
  const auto target = std::move(target_);
  if (target != nullptr) target->call();
}

// What a Process that is no subclass travels as: remake, and its target as a message of its own, aligned as one.
template <class Out>
void Process::put_head(Out& out) const {
  wire::put_code(out, wire::locate_code(reinterpret_cast<const void*>(&remake)));
  wire::put(out, target_ != nullptr);
  if (target_ != nullptr) out.align(shm::block_alignment);
}

wire::MessageSize Process::message_size() const {
  if (typeid(*this) != typeid(Process)) refuse_subclass();
  wire::SizeCounter head;
  put_head(head);
  if (target_ == nullptr) return head.size();
  const wire::MessageSize target = target_->message_size();
  return {head.position() + target.bytes, target.handles};
}

void Process::encode(const wire::MessageRoom& out) const {
  wire::Writer writer(out);
  put_head(writer);
  if (target_ != nullptr) target_->encode({out.bytes.subspan(writer.position()), out.handles});
}

std::unique_ptr<Process> Process::remake(wire::Reader& in) {
  auto process = std::make_unique<Process>();
  if (!wire::get<bool>(in)) return process;
  in.align(shm::block_alignment);
  wire::Reader target = in.rest();
  const void* const reader = wire::resolve_code(wire::get_code(target));
  process->target_ = reinterpret_cast<detail::TargetReader*>(const_cast<void*>(reader))(target);
  target.finish();
  return process;
}

void Process::refuse_subclass() const {
  const std::string name = wire::demangle(typeid(*this).name());
  throw TypeError(name + " cannot be made again in another process: derive it from ShippableProcess<" +
                  std::string(short_class_name(name)) + ">, or start it by fork: {.context = get_context(\"fork\")}");
}

void Process::join(Deadline deadline) {
  ProcessState& state = this->state();
  Lock lock = lock_registry();
  check_started(state, "join");
  state.wait_for_end(lock, deadline);
  if (deadline.expired()) state.await_report(lock);
}

bool Process::is_alive() const {
  const ProcessState& state = this->state();
  const Lock lock = lock_registry();
  if (state.is_own() && is_current(state)) return true;
  check_child(state, "test");
  return state.phase == Phase::started && !state.has_died();
}

std::optional<int> Process::exitcode() const {
  ProcessState& state = this->state();
  Lock lock = lock_registry();
  if (state.is_own() && is_current(state)) return std::nullopt;
  check_child(state, "test");
  state.await_report(lock);
  return exit_code_of(state);
}

std::optional<pid_t> Process::pid() const {
  const ProcessState& state = this->state();
  const Lock lock = lock_registry();
  if (state.is_own() && is_current(state)) return os::getpid();
  check_open(state);
  return state.pid;
}

std::string Process::name() const {
  const ProcessState& state = this->state();
  const Lock lock = lock_registry();
  return state.identity.name;
}

void Process::set_name(std::string name) {
  ProcessState& state = this->state();
  const Lock lock = lock_registry();
  state.identity.name.swap(name);
}

bool Process::daemon() const {
  const ProcessState& state = this->state();
  const Lock lock = lock_registry();
  check_open(state);
  return state.identity.daemon;
}

void Process::set_daemon(bool daemon) {
  ProcessState& state = this->state();
  const Lock lock = lock_registry();
  check_open(state);
  if (state.phase != Phase::unstarted || is_current(state)) throw AssertionError("process has already started");
  state.identity.daemon = daemon;
}

int Process::sentinel() const {
  const ProcessState& state = this->state();
  const Lock lock = lock_registry();
  check_open(state);
  if (state.phase != Phase::started || !state.is_own()) throw ValueError("process not started");
  return state.child->pidfd();
}

std::string Process::authkey() const {
  const ProcessState& state = this->state();
  const Lock lock = lock_registry();
  check_open(state);
  return state.identity.authkey;
}

void Process::set_authkey(std::string key) {
  ProcessState& state = this->state();
  const Lock lock = lock_registry();
  check_open(state);
  state.identity.authkey.swap(key);
}

void Process::terminate() {
  const ProcessState& state = this->state();
  const Lock lock = lock_registry();
  check_started(state, "terminate");
  state.signal(SIGTERM);
}

void Process::kill() {
  const ProcessState& state = this->state();
  const Lock lock = lock_registry();
  check_started(state, "kill");
  state.signal(SIGKILL);
}

void Process::interrupt() {
  const ProcessState& state = this->state();
  const Lock lock = lock_registry();
  check_started(state, "interrupt");
  if (!state.is_running() || state.block == nullptr) return;
  state.block->interrupted = true;  // for one that is not ready to hear the signal yet
  state.signal(SIGINT);
}

void Process::close() {
  ProcessState& state = this->state();
  std::shared_ptr<process::Child> child;  // let go after the lock
  Lock lock = lock_registry();
  if (state.phase == Phase::closed) return;
  check_child(state, "close");
  state.await_report(lock);
  if (state.phase == Phase::starting || state.is_running()) {
    throw ValueError("Cannot close a process while it is still running. You should first call join() or terminate().");
  }
  state.phase = Phase::closed;
  child.swap(state.child);
}

std::string Process::repr() const {
  ProcessState& state = this->state();
  const std::string type = wire::demangle(typeid(*this).name());
  Lock lock = lock_registry();
  const char* status = "initial";
  pid_t pid = state.pid.value_or(0);  // 0: not to be shown
  std::optional<int> code;
  if (state.is_own() && is_current(state)) {
    status = "started";
    pid = os::getpid();
  } else if (state.phase == Phase::closed) {
    status = "closed";
    pid = 0;
  } else if (!state.is_own()) {
    status = "unknown";
  } else if (state.phase == Phase::started) {
    state.await_report(lock);
    code = exit_code_of(state);
    status = state.ended ? "stopped" : "started";
  }
  std::string text = '<' + std::string(short_class_name(type)) + " name='" + state.identity.name + '\'';
  if (pid != 0) text += " pid=" + std::to_string(pid);
  text += " parent=" + (state.maker ? std::to_string(*state.maker) : "None") + ' ' + status;
  if (code) text += " exitcode=" + describe_exit_code(*code);
  if (state.identity.daemon) text += " daemon";
  return text + '>';
}

}  // namespace plait::multiprocessing
