// SPDX-License-Identifier: Apache-2.0
#include "plait/multiprocessing/connection/wait.hpp"

#include <cerrno>
#include <string>

#include "multiprocessing/connection/wait_readable.hpp"
#include "os/error.hpp"

namespace plait::multiprocessing {

std::vector<Waitable> connection::wait(const std::vector<Waitable>& objects, const Until& until) {
  const detail::StopEvent stop(until.stop());
  std::vector<os::Watched> watched;
  watched.reserve(objects.size() + 1);
  for (const Waitable& object : objects) {
    if (object.fileno() < 0) os::throw_system_error(EBADF, "wait", "descriptor " + std::to_string(object.fileno()));
    watched.push_back({.fd = object.fileno()});
  }
  watched.push_back({.fd = stop.fd()});
  os::wait_for_any(watched, detail::time_of(until.deadline()));
  std::vector<Waitable> ready;
  for (std::size_t i = 0; i < objects.size(); ++i) {
    if (watched[i].no_descriptor) {
      os::throw_system_error(EBADF, "wait", "descriptor " + std::to_string(objects[i].fileno()));
    }
    if (watched[i].ready) ready.push_back(objects[i]);
  }
  return ready;
}

}  // namespace plait::multiprocessing
