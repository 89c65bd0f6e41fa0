// SPDX-License-Identifier: Apache-2.0
#include "multiprocessing/resource_sharer.hpp"

#include <cerrno>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>

#include "os/error.hpp"
#include "os/fork_handlers.hpp"
#include "os/poll.hpp"
#include "os/random.hpp"
#include "os/signals.hpp"
#include "os/socket.hpp"
#include "os/thread.hpp"
#include "process/family.hpp"
#include "process/process.hpp"

namespace plait::detail {
namespace {

struct Request {
  std::uint64_t number = 0;
  std::uint64_t secret = 0;
};
constexpr auto patience = std::chrono::seconds(1);  // with one who is connected and does not go on
enum class Answer : std::uint64_t { here, not_here };

std::string name_of(const std::array<std::uint64_t, 2>& address) {
  constexpr const char* digits = "0123456789abcdef";
  std::string name = "plait-";
  for (const std::uint64_t word : address) {
    for (int shift = 60; shift >= 0; shift -= 4) name += digits[(word >> shift) & 15U];
  }
  return name;
}

// One life of the thread.
struct Office {
  Office() : wake(os::make_event()) {
    os::fill_with_random(std::as_writable_bytes(std::span(address)));
    listener = os::listen_at(name_of(address));
  }
  std::array<std::uint64_t, 2> address{};
  os::FileDescriptor listener;
  os::FileDescriptor wake;
};

struct Deposit {
  std::uint64_t secret = 0;
  Fetched how_often = Fetched::once;
  std::vector<os::FileDescriptor> descriptors;
};

// Of this process. Invariant *open*: there is an office, with its thread, exactly while there are deposits.
struct State {
  std::mutex mutex;
  std::shared_ptr<Office> office;
  std::unordered_map<std::uint64_t, Deposit> deposits;
  std::uint64_t last_number = 0;
};

State& state() {
  static State* const made = new State;  // never destroyed: the thread may see the program's end
  return *made;
}

void before_fork() noexcept { state().mutex.lock(); }
void after_fork_in_parent() noexcept { state().mutex.unlock(); }
// What waits is the parent's; here it would only keep the other side from noticing an end.
void after_fork_in_child() noexcept {
  if (const auto office = std::exchange(state().office, nullptr)) {  // the thread's copy of it is left over here
    office->listener.reset();
    office->wake.reset();
  }
  state().deposits.clear();
  state().mutex.unlock();
}
// Before main(), so that no fork comes between.
[[maybe_unused]] const State& made_early = state();
[[gnu::constructor(os::registers_handlers)]] void register_handlers() {
  pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

// Under the mutex.
void close_if_empty(State& all) noexcept {
  if (!all.deposits.empty() || all.office == nullptr) return;
  os::shut_down(all.office->listener.get());  // at once, whoever has inherited it
  os::raise_event(all.office->wake.get());
  all.office.reset();
}

// What was asked for, or duplicates of that; nothing: it is not here. Throws std::system_error (EMFILE).
std::vector<os::FileDescriptor> take_deposit(const Request& request) {
  State& all = state();
  const std::scoped_lock lock(all.mutex);
  const auto found = all.deposits.find(request.number);
  if (found == all.deposits.end() || found->second.secret != request.secret) return {};
  std::vector<os::FileDescriptor> descriptors;
  if (found->second.how_often == Fetched::once) {
    descriptors = std::move(found->second.descriptors);
    all.deposits.erase(found);
  } else {
    for (const os::FileDescriptor& each : found->second.descriptors) descriptors.push_back(os::duplicate(each.get()));
  }
  return descriptors;
}

void answer(int client) {
  if (os::user_of_peer(client) != os::user_of_this_process()) return;
  os::Watched asks{.fd = client};
  os::wait_for_any({&asks, 1}, std::chrono::steady_clock::now() + patience);
  Request request;
  const auto bytes = std::as_writable_bytes(std::span(&request, 1));
  const os::Packet packet = os::receive_packet(client, bytes, {}, 0, os::Taking::take);
  if (packet.result != os::Received::Result::message || packet.size != sizeof request) return;
  std::vector<os::FileDescriptor> asked_for = take_deposit(request);
  const Answer said = asked_for.empty() ? Answer::not_here : Answer::here;
  std::vector<int> descriptors;
  descriptors.reserve(asked_for.size());
  for (const os::FileDescriptor& descriptor : asked_for) descriptors.push_back(descriptor.get());
  os::send_packet(client, std::as_bytes(std::span(&said, 1)), {}, descriptors, os::Waiting::forbidden);
  asked_for.clear();
  os::shut_down(client);  // which the client waits for
}

void serve(const std::shared_ptr<Office>& office) noexcept {
  os::set_thread_name("plait-sharer");
  for (;;) {
    try {
      std::array<os::Watched, 2> watched{os::Watched{.fd = office->listener.get()},
                                         os::Watched{.fd = office->wake.get()}};
      os::wait_for_any(watched, std::nullopt);
      if (watched[1].ready) return;
      if (const auto client = os::accept_connection(office->listener.get())) answer(client->get());
      State& all = state();
      const std::scoped_lock lock(all.mutex);
      close_if_empty(all);
    } catch (const std::exception&) {  // no descriptor or no memory for this client: perhaps for the next
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
}

// The fork server has to be taken while there is no other thread yet. Without the mutex, for which its fork waits.
void before_there_is_a_thread() {
  State& all = state();
  {
    const std::scoped_lock lock(all.mutex);
    if (all.office != nullptr) return;
  }
  if (!process::in_child()) process::Family::get().take_fork_server();
}

// Under the mutex.
void open_office(State& all) {
  auto office = std::make_shared<Office>();
  const os::BlockAllSignals blocked;  // the host's signals are for the host's threads
  std::thread([office] { serve(office); }).detach();
  all.office = std::move(office);
}

}  // namespace

SharedResource deposit(std::vector<os::FileDescriptor> descriptors, Fetched how_often) {
  std::uint64_t secret = 0;
  os::fill_with_random(std::as_writable_bytes(std::span(&secret, 1)));
  before_there_is_a_thread();
  State& all = state();
  const std::scoped_lock lock(all.mutex);
  const std::uint64_t number = ++all.last_number;
  all.deposits.emplace(number, Deposit{secret, how_often, std::move(descriptors)});
  try {
    if (all.office == nullptr) open_office(all);
  } catch (...) {
    all.deposits.erase(number);
    throw;
  }
  return {all.office->address, number, secret};
}

void withdraw(std::uint64_t number) noexcept {
  std::optional<Deposit> gone;  // closed after the lock
  State& all = state();
  const std::scoped_lock lock(all.mutex);
  const auto found = all.deposits.find(number);
  if (found == all.deposits.end()) return;
  gone = std::move(found->second);
  all.deposits.erase(found);
  close_if_empty(all);
}

std::vector<os::FileDescriptor> fetch(const SharedResource& resource, std::size_t count) {
  constexpr const char* gone = "whoever sent a descriptor has ended, or has taken it back";
  const auto throw_if_gone = [](int error) {
    if (error == ECONNREFUSED || error == EPIPE || error == ECONNRESET) {
      os::throw_system_error(ECONNREFUSED, "fetch", gone);
    }
  };
  os::FileDescriptor socket;
  try {
    socket = os::connect_to(name_of(resource.address));
  } catch (const std::system_error& error) {
    throw_if_gone(error.code().value());
    throw;
  }
  const Request request{resource.number, resource.secret};
  const int error = os::send_packet(socket.get(), std::as_bytes(std::span(&request, 1)), {}, {}, os::Waiting::allowed);
  throw_if_gone(error);
  if (error != 0) os::throw_system_error(error, "send", "a request for a descriptor");
  os::Watched answers{.fd = socket.get()};
  os::wait_for_any({&answers, 1}, std::nullopt);
  Answer said = Answer::not_here;
  os::Packet packet = os::receive_packet(socket.get(), std::as_writable_bytes(std::span(&said, 1)), {},
                                         os::most_descriptors, os::Taking::take);
  const bool came = packet.result == os::Received::Result::message && said == Answer::here;
  if (!came) os::throw_system_error(ECONNREFUSED, "fetch", gone);
  if (packet.descriptors_lost || packet.descriptors.size() != count) {
    os::throw_system_error(EMFILE, "fetch", "a descriptor");
  }
  // Until the other side has closed its copies: if this process holds the only others, their end comes with its own.
  try {
    os::Watched end{.fd = socket.get()};
    os::wait_for_any({&end, 1}, std::chrono::steady_clock::now() + patience);
  } catch (const std::exception&) {  // it is no error not to wait for that
  }
  return std::move(packet.descriptors);
}

}  // namespace plait::detail
