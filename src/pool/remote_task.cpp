// SPDX-License-Identifier: Apache-2.0
#include "plait/detail/remote_task.hpp"

#include <cxxabi.h>
#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "plait/detail/message.hpp"
#include "shm/heap.hpp"

namespace plait::detail {
namespace {

std::string demangled(const char* symbol) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> name(abi::__cxa_demangle(symbol, nullptr, nullptr, &status),
                                                         &std::free);
  return status == 0 ? name.get() : symbol;
}

}  // namespace

void* Message::allocate(std::size_t size) { return shm::Heap::get().allocate(size); }

void Message::deallocate(void* block) noexcept { shm::Heap::get().deallocate(block); }

void Message::assign_inline(const std::byte* from, std::size_t size) noexcept {
  reset();
  size_ = size;
  std::copy_n(from, size, inline_);
}

void Message::take(Message& other) noexcept {
  size_ = std::exchange(other.size_, 0);
  block_ = std::exchange(other.block_, nullptr);
  if (block_ == nullptr) std::copy_n(other.inline_, size_, inline_);
}

std::string RemoteTask::describe() const {
  std::string name = name_;
  Dl_info symbol{};
  if (code_ != nullptr && dladdr(code_, &symbol) != 0 && symbol.dli_sname != nullptr && symbol.dli_saddr == code_) {
    name = demangled(symbol.dli_sname);
  }
  return name + " (task " + std::to_string(number) + ")";
}

}  // namespace plait::detail
