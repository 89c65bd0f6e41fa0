// SPDX-License-Identifier: Apache-2.0
#include "plait/errors.hpp"

#include <csignal>
#include <cstring>
#include <utility>

namespace plait {
namespace {

std::string how_it_ended(const futures::WorkerDied::Cause& cause) {
  if (!cause.known) return "ended, its exit status is not known";
  if (cause.signal == 0) return "exited with code " + std::to_string(cause.exit_code);
  const char* name = ::sigabbrev_np(cause.signal);
  std::string text = "was killed by signal " + std::to_string(cause.signal);
  if (name != nullptr) text += std::string(" (SIG") + name + ")";
  return text;
}

}  // namespace

RemoteError::RemoteError(std::string type_name, std::string message, std::string traceback)
    : Error(type_name + ": " + message),
      type_name_(std::move(type_name)),
      message_(std::move(message)),
      traceback_(std::move(traceback)) {}

futures::WorkerDied::WorkerDied(Cause cause, std::string task)
    : BrokenProcessPool("worker process " + std::to_string(cause.pid) + " " + how_it_ended(cause) + " while it ran " +
                        task),
      cause_(cause),
      task_(std::move(task)) {}

}  // namespace plait
