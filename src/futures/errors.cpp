// SPDX-License-Identifier: Apache-2.0
#include "plait/errors.hpp"

#include <utility>

#include "os/process.hpp"

namespace plait {

RemoteError::RemoteError(std::string type_name, std::string message, std::string traceback)
    : Error(type_name + ": " + message),
      type_name_(std::move(type_name)),
      message_(std::move(message)),
      traceback_(std::move(traceback)) {}

futures::WorkerDied::WorkerDied(Cause cause, std::string task)
    : BrokenProcessPool("worker process " + std::to_string(cause.pid) + " " +
                        os::describe_end(cause.known, cause.signal, cause.exit_code) + " while it ran " + task),
      cause_(cause),
      task_(std::move(task)) {}

}  // namespace plait
