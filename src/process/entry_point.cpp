// SPDX-License-Identifier: Apache-2.0
#include "process/entry_point.hpp"

#include <dlfcn.h>
#include <link.h>

#include "plait/errors.hpp"

namespace plait::process {

EntryPoint locate(EntryFunction function) {
  Dl_info info{};
  link_map* module = nullptr;
  void* extra = nullptr;
  void* const address = reinterpret_cast<void*>(function);
  if (dladdr1(address, &info, &extra, RTLD_DL_LINKMAP) != 0) module = static_cast<link_map*>(extra);
  if (module == nullptr) throw RuntimeError("plait: a child process cannot start in code that is in no file");
  return {module->l_name, reinterpret_cast<std::uintptr_t>(address) - module->l_addr};
}

EntryFunction resolve(const EntryPoint& entry) {
  // Never closed: the code is going to run.
  void* const library = dlopen(entry.module.empty() ? nullptr : entry.module.c_str(), RTLD_NOW | RTLD_LOCAL);
  link_map* module = nullptr;
  if (library == nullptr || dlinfo(library, RTLD_DI_LINKMAP, &module) != 0) {
    const char* why = dlerror();
    throw RuntimeError("plait: the child's code cannot be loaded: " + std::string(why != nullptr ? why : entry.module));
  }
  return reinterpret_cast<EntryFunction>(module->l_addr + entry.offset);
}

}  // namespace plait::process
