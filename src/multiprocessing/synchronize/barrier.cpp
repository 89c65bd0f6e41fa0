// SPDX-License-Identifier: Apache-2.0
#include "plait/multiprocessing/synchronize/barrier.hpp"

#include <cstring>
#include <string>

#include "multiprocessing/shared_access.hpp"
#include "plait/wire.hpp"

namespace plait::multiprocessing {
namespace {

using shm::BarrierState;
using shm::SharedBarrier;

int checked(int parties) {
  if (parties < 1) throw ValueError("a barrier needs 1 party or more, not " + std::to_string(parties));
  return parties;
}

void keep_action(SharedBarrier& barrier, void (*action)()) {
  shm::Heap& heap = shm::Heap::get();
  const std::vector<std::byte> code = wire::dumps(action);
  void* const block = heap.allocate(code.size());
  std::memcpy(block, code.data(), code.size());
  heap.share(block);
  barrier.action_size = code.size();
  barrier.action = heap.offset_of(block);
}

void run_action(const SharedBarrier& barrier) {
  if (barrier.action == 0) return;
  const auto* const code = static_cast<const std::byte*>(shm::Heap::get().at(barrier.action));
  wire::loads<void (*)()>(std::span(code, barrier.action_size))();
}

}  // namespace

Barrier::Barrier(const Options& options, int parties)
    : SharedHandle(detail::make_shared_object<SharedBarrier>(0, checked(parties),
                                                             options.timeout ? options.timeout->count() : -1)) {
  if (options.action != nullptr) keep_action(detail::shared_object<SharedBarrier>(hold()), options.action);
}

Barrier::Barrier(detail::ArrivedHandle arrived)
    : SharedHandle(shm::Hold::arrive(arrived.word, SharedBarrier::its_kind)) {}

int Barrier::wait() const {
  const std::int64_t timeout = detail::shared_object<SharedBarrier>(hold()).timeout;
  return timeout < 0 ? wait(Until()) : wait(Until(std::chrono::nanoseconds(timeout)));
}

int Barrier::wait(const Until& until) const {
  auto& it = detail::shared_object<SharedBarrier>(hold());
  const shm::OwnerId self = hold().owner();
  const BarrierState::Arrival arrival = it.state.arrive(self, until);
  switch (arrival.came) {
    case BarrierState::Came::broken:
      throw BrokenBarrierError("the barrier is broken; reset() mends it");
    case BarrierState::Came::waits:
      if (it.state.await(self, arrival, until)) return arrival.index;
      throw BrokenBarrierError("the barrier was broken while this one waited at it, or others did not come in time");
    case BarrierState::Came::last:
      break;
  }
  try {
    run_action(it);
  } catch (...) {
    it.state.finish_round(self, true);
    throw;
  }
  it.state.finish_round(self, false);
  return arrival.index;
}

void Barrier::reset() const { detail::shared_object<SharedBarrier>(hold()).state.reset(hold().owner()); }
void Barrier::abort() const { detail::shared_object<SharedBarrier>(hold()).state.abort(hold().owner()); }
int Barrier::parties() const { return detail::shared_object<SharedBarrier>(hold()).state.parties(); }
int Barrier::n_waiting() const { return detail::shared_object<SharedBarrier>(hold()).state.n_waiting(); }
bool Barrier::broken() const { return detail::shared_object<SharedBarrier>(hold()).state.broken(); }

}  // namespace plait::multiprocessing
