// SPDX-License-Identifier: Apache-2.0
#include "plait/init.hpp"

#include "process/family.hpp"
#include "process/fresh_image.hpp"

namespace plait {

void init(int argc, char** argv) {
  process::remember_arguments(argc, argv);
  process::obey_orders();
  process::Family::get().take_fork_server();
}

}  // namespace plait
