// SPDX-License-Identifier: Apache-2.0
#include "plait/threading/timer.hpp"

#include "plait/until.hpp"

namespace plait::detail {

TimerTarget::TimerTarget(std::shared_ptr<threading::Event> finished, long double interval,
                         std::unique_ptr<ThreadTarget> call)
    : finished_(std::move(finished)), interval_(interval), call_(std::move(call)) {
  static_cast<void>(Deadline(interval_));  // it throws for what is not a number
}

void TimerTarget::run(const std::stop_token& stop) {
  struct SetFinished {
    threading::Event& finished;
    ~SetFinished() { finished.set(); }
  };
  const SetFinished at_the_end{*finished_};
  if (finished_->wait({interval_, stop})) return;
  if (!stop.stop_requested() && !finished_->is_set()) call_->run(stop);  // it may be cancelled since
}

}  // namespace plait::detail
