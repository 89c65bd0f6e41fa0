// SPDX-License-Identifier: Apache-2.0
#include "plait/futures/executor.hpp"

#include <limits>
#include <string>

namespace plait::futures {

Executor::~Executor() = default;

void Executor::post(detail::LocalTask&) { throw NotImplementedError("an Executor overrides post(), or backend()"); }

std::size_t Executor::window_of(const MapOptions& options, bool sized) {
  if (options.buffersize && *options.buffersize < 1) {
    throw ValueError("buffersize must be at least 1, not " + std::to_string(*options.buffersize) +
                     ": it is the number of tasks submitted ahead of the results taken; leave it out for the default");
  }
  if (sized && !options.buffersize) return std::numeric_limits<std::size_t>::max();
  return static_cast<std::size_t>(options.buffersize.value_or(default_buffersize));
}

void Executor::check_chunksize(std::ptrdiff_t chunksize) {
  if (chunksize >= 1) return;
  throw ValueError("chunksize must be at least 1, not " + std::to_string(chunksize) +
                   ": it is the number of calls in a task; leave it out for 1");
}

}  // namespace plait::futures
