// SPDX-License-Identifier: Apache-2.0
#include "process/entry_point.hpp"

#include <dlfcn.h>
#include <sys/mman.h>

#include "child_helper.hpp"
#include "plait/errors.hpp"

namespace plait::process {
namespace {

void here(std::uint64_t) {}

TEST(EntryPoint, OfTheProgramHasNoPath) {
  const EntryPoint entry = locate(here);
  EXPECT_TRUE(entry.module.empty());
  EXPECT_EQ(resolve(entry), &here);
}

TEST(EntryPoint, OfALibraryHasItsPath) {
  void* const plugin = dlopen(PLAIT_PLUGIN, RTLD_NOW);
  ASSERT_NE(plugin, nullptr) << dlerror();
  const auto function = reinterpret_cast<EntryFunction>(dlsym(plugin, "plugin_entry"));
  const EntryPoint entry = locate(function);
  EXPECT_EQ(entry.module, PLAIT_PLUGIN);
  EXPECT_EQ(resolve(entry), function);
}

TEST(EntryPoint, OfAMissingLibraryThrows) { EXPECT_THROW(resolve({"/no/such/library.so", 16}), RuntimeError); }

TEST(EntryPoint, OutsideOfAnyFileThrows) {
  void* const page = mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  EXPECT_THROW(locate(reinterpret_cast<EntryFunction>(page)), RuntimeError);
  munmap(page, 4096);
}

class EntryPointInChild : public EveryMethod {};
PLAIT_FOR_EVERY_METHOD(EntryPointInChild);

// The fork server was taken before the library was loaded.
TEST_P(EntryPointInChild, CodeOfALibraryLoadedLateRuns) {
  void* const plugin = dlopen(PLAIT_PLUGIN, RTLD_NOW);
  ASSERT_NE(plugin, nullptr) << dlerror();
  const auto function = reinterpret_cast<EntryFunction>(dlsym(plugin, "plugin_entry"));
  EXPECT_EQ(start_child(GetParam(), function, 55).end->wait().code, 55);
}

// The next child may be there already, without the library.
TEST_P(EntryPointInChild, CodeOfLibrariesAndOfTheProgramInTurnRuns) {
  const auto function = reinterpret_cast<EntryFunction>(dlsym(dlopen(PLAIT_PLUGIN, RTLD_NOW), "plugin_entry"));
  for (int round = 0; round < 3; ++round) {
    for (int n = 0; n < 3; ++n) EXPECT_EQ(start_child(GetParam(), here, 0).end->wait().code, 0);
    for (int n = 0; n < 3; ++n) EXPECT_EQ(start_child(GetParam(), function, 56).end->wait().code, 56);
  }
}

}  // namespace
}  // namespace plait::process
