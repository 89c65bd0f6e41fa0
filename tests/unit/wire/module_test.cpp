// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cmath>

#include "plait/errors.hpp"
#include "run.hpp"
#include "wire/module.hpp"

namespace plait::wire {
namespace {

int here(int n) { return n + 1; }

TEST(Module, ProgramIsKnownByItsNumber) {
  const CodeRef code = locate_code(reinterpret_cast<const void*>(&here));
  EXPECT_EQ(code.path_size, 0U);
  EXPECT_EQ(resolve_code(code), reinterpret_cast<const void*>(&here));
  EXPECT_EQ(find_module_by_id(code.module), find_module(reinterpret_cast<std::uintptr_t>(&here)));
}

TEST(Module, LibrariesOfTheProgramNeedNoPath) {
  const void* function = ::dlsym(RTLD_DEFAULT, "_ZSt9terminatev");
  const CodeRef code = locate_code(function);
  EXPECT_EQ(code.path_size, 0U);
  EXPECT_EQ(resolve_code(code), function);
  EXPECT_NE(code.module, locate_code(reinterpret_cast<const void*>(&here)).module);
}

TEST(Module, DataIsNoCode) {
  static int data = 0;
  EXPECT_THROW((void)locate_code(&data), EncodeError);
  CodeRef code = locate_code(reinterpret_cast<const void*>(&here));
  const Module* module = find_module_by_id(code.module);
  code.offset = reinterpret_cast<std::uintptr_t>(&data) - module->base;
  EXPECT_THROW((void)resolve_code(code), DecodeError);
  code.offset = 0xffff'ffff'ffff;
  EXPECT_THROW((void)resolve_code(code), DecodeError);
}

TEST(Module, UnknownModuleIsRefusedWithAdvice) {
  try {
    (void)resolve_code({.module = 42, .offset = 0});
    FAIL();
  } catch (const DecodeError& error) {
    EXPECT_NE(std::string_view(error.what()).find("same build of the program"), std::string_view::npos);
  }
  const std::string path = "/nonexistent/library.so";
  EXPECT_THROW((void)resolve_code({.module = 42, .offset = 0, .path = path.data(), .path_size = path.size()}),
               DecodeError);
}

TEST(Module, LibraryLoadedLaterIsLoadedByWhoeverNeedsIt) {
  void* plugin = ::dlopen(WIRE_TEST_PLUGIN, RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(plugin, nullptr) << ::dlerror();
  auto* triple = reinterpret_cast<int (*)(int)>(::dlsym(plugin, "plugin_triple"));
  ASSERT_NE(triple, nullptr);
  EXPECT_EQ(run(triple, 4), 12);
  const auto call = encoded_call(triple, 5);

  // As in a worker that has never seen it.
  ::dlclose(plugin);
  ASSERT_EQ(::dlopen(WIRE_TEST_PLUGIN, RTLD_NOW | RTLD_NOLOAD), nullptr);
  Result result;
  run_call(call, result);
  EXPECT_EQ(decode<int>(result.bytes), 15);
  EXPECT_NE(::dlopen(WIRE_TEST_PLUGIN, RTLD_NOW | RTLD_NOLOAD), nullptr);
}

}  // namespace
}  // namespace plait::wire
