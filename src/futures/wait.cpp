// SPDX-License-Identifier: Apache-2.0
#include "plait/futures/wait.hpp"

#include <string>
#include <utility>

namespace plait::detail {
namespace {

// Waits until one has failed, or all are settled. The exceptions are looked at, and so decoded, by this thread.
void wait_for_exception(Completions& completions, Deadline deadline) {
  while (completions.size() > 0) {
    if (!completions.wait_for(1, deadline)) return;
    FutureState* const state = completions.pass_next();
    if (!state->cancelled() && state->exception() != nullptr) return;
  }
}

}  // namespace

SettledAndUnsettled wait_for_states(std::vector<Ref<FutureState>> states, futures::ReturnWhen return_when,
                                    Deadline deadline) {
  Completions completions(std::move(states));
  switch (completions.size() == 0 ? futures::ALL_COMPLETED : return_when) {
    case futures::FIRST_COMPLETED:
      completions.wait_for(1, deadline);
      break;
    case futures::FIRST_EXCEPTION:
      wait_for_exception(completions, deadline);
      break;
    case futures::ALL_COMPLETED:
      completions.wait_for(completions.size(), deadline);
      break;
    default:
      throw ValueError("invalid return_when " + std::to_string(return_when) +
                       "; it is FIRST_COMPLETED, FIRST_EXCEPTION or ALL_COMPLETED");
  }
  return completions.sorted();
}

}  // namespace plait::detail
