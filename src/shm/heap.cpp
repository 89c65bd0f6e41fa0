// SPDX-License-Identifier: Apache-2.0
#include "shm/heap.hpp"

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <ostream>
#include <span>
#include <sstream>
#include <string>
#include <system_error>

#include "os/file_descriptor.hpp"
#include "os/random.hpp"
#include "os/sanitizer.hpp"
#include "os/shared_file.hpp"
#include "shm/heap_arena.hpp"

namespace plait::shm {
namespace {

// TSan shadows every byte, and has its own idea of the address space.
constexpr std::size_t preferred_size = os::under_thread_sanitizer ? std::size_t{1} << 30 : std::size_t{1} << 40;

struct Mapping {
  int fd = -1;
  std::byte* base = nullptr;
  std::size_t size = 0;
};

// At an address that is free in a spawned image too: programs, libraries, stacks and what malloc gets are far from it.
std::byte* map_far_away(int fd, std::size_t size) noexcept {
  constexpr std::uintptr_t first = 0x2000'0000'0000;
  constexpr std::uintptr_t stride = std::uintptr_t{1} << 40;
  constexpr int attempts = 16;
  for (int i = 0; i < attempts && !os::under_thread_sanitizer; ++i) {
    void* const hint = reinterpret_cast<void*>(first + static_cast<unsigned>(i) * stride);
    if (void* const base = os::map_shared_file(fd, size, hint)) return static_cast<std::byte*>(base);
    if (errno != EEXIST) break;
  }
  return static_cast<std::byte*>(os::map_shared_file(fd, size, nullptr));
}

Mapping map_new_heap(std::size_t size) {
  for (;; size /= 2) {
    const bool last = size / 2 < Heap::least_size;
    try {
      Mapping mapping{.fd = os::create_shared_file("plait-heap", size), .size = size};
      mapping.base = map_far_away(mapping.fd, size);
      if (mapping.base != nullptr) return mapping;
      const int error = errno;
      os::close_shared_file(mapping.fd);
      throw std::system_error(error, std::system_category(),
                              "mmap of " + std::to_string(size) + " bytes for the shared heap (see ulimit -v)");
    } catch (const std::system_error&) {
      if (last) throw;
    }
  }
}

std::unique_ptr<HeapArena> create_arena(std::size_t size) {
  const Mapping mapping = map_new_heap(size);
  try {
    auto arena = std::make_unique<HeapArena>(mapping.fd, mapping.base, mapping.size, true, Heap::root);
    os::fill_with_random(std::as_writable_bytes(std::span(&arena->chunks().header().family, 1)));
    return arena;
  } catch (...) {
    os::unmap(mapping.base, mapping.size);
    os::close_shared_file(mapping.fd);
    throw;
  }
}

std::atomic<Heap*> the_heap{nullptr};

}  // namespace

Heap& Heap::get() {
  // acquire: pairs with the exchange below
  if (Heap* const heap = the_heap.load(std::memory_order_acquire)) return *heap;
  if (attach_inherited()) return get();
  auto fresh = std::make_unique<Heap>(preferred_size);
  Heap* heap = nullptr;
  // Without a lock, which a fork at the wrong moment would leave locked: who comes second drops what he made.
  if (the_heap.compare_exchange_strong(heap, fresh.get(), std::memory_order_acq_rel)) heap = fresh.release();
  return *heap;
}

Heap* Heap::existing() noexcept {
  return the_heap.load(std::memory_order_acquire);
}  // pairs with the exchange in get()

void Heap::bequeath(std::ostream& orders, OwnerId self) const {
  orders << fd() << ' ' << reinterpret_cast<std::uintptr_t>(base()) << ' ' << size() << ' ' << self;
}

bool Heap::attach_inherited() {
  const char* const text = std::getenv(inheritance);
  if (text == nullptr) return false;
  std::istringstream orders(text);
  int fd = -1;
  std::uintptr_t base = 0;
  std::size_t size = 0;
  OwnerId self = 0;
  orders >> fd >> base >> size >> self;
  if (!orders) throw RuntimeError(std::string(inheritance) + " is for plait itself; unset it");
  os::set_close_on_exec(fd, true);
  attach(fd, reinterpret_cast<void*>(base), size, self);
  return true;
}

void Heap::attach(int fd, void* base, std::size_t size, OwnerId self) {
  const char* const twice = "this process has a shared heap already";
  if (the_heap.load(std::memory_order_acquire) != nullptr) throw RuntimeError(twice);
  auto* const mapped = static_cast<std::byte*>(os::map_shared_file(fd, size, base));
  if (mapped == nullptr) {
    throw std::system_error(errno, std::system_category(), "mmap of the shared heap where the parent has it");
  }
  auto heap = std::unique_ptr<Heap>(new Heap(new HeapArena(fd, mapped, size, false, self)));
  Heap* none = nullptr;
  if (!the_heap.compare_exchange_strong(none, heap.get(), std::memory_order_acq_rel)) throw RuntimeError(twice);
  static_cast<void>(heap.release());  // the_heap owns it
}

Heap::Heap(std::size_t size) : arena_(create_arena(size).release()) {}
Heap::Heap(HeapArena* arena) noexcept : arena_(arena) {}
Heap::~Heap() { delete arena_.load(std::memory_order_relaxed); }

HeapArena& Heap::arena() const noexcept {
  return *arena_.load(std::memory_order_acquire);  // pairs with the exchange in own_arena()
}

// That of this process's own family: founded here if the host forked us.
HeapArena& Heap::own_arena() {
  HeapArena* former = &arena();
  if (former->self() != 0) return *former;
  auto fresh = create_arena(preferred_size);
  if (!arena_.compare_exchange_strong(former, fresh.get(), std::memory_order_acq_rel)) return *former;
  fresh->keep(former);
  return *fresh.release();
}

void* Heap::allocate(std::size_t size) {
  if (std::byte* const block = own_arena().allocate(size)) return block;
  throw OutOfSharedMemory("no shared memory for a block of " + std::to_string(size) + " bytes: " +
                          std::to_string(bytes_in_use()) + " are in use; free some, or raise the memory limit");
}

void Heap::deallocate(void* block) noexcept {
  HeapArena& arena = this->arena();
  if (block != nullptr && arena.self() != 0) arena.deallocate(offset_of(block));
}

Offset Heap::offset_of(const void* pointer) const noexcept {
  // As numbers: of a pointer from elsewhere comes an offset that no block has.
  return reinterpret_cast<std::uintptr_t>(pointer) - reinterpret_cast<std::uintptr_t>(base());
}

void* Heap::at(Offset offset) const noexcept {
  // As numbers too: an offset that is no block's gives a pointer that may be asked about, and no more.
  return reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(base()) + offset);
}

bool Heap::contains_block(Offset offset, std::size_t size, OwnerId owner) const noexcept {
  return arena().contains(offset, size, owner);
}

OwnerId Heap::new_owner() {
  return own_arena().chunks().header().next_owner.fetch_add(1, std::memory_order_relaxed);  // only a number
}

OwnerId Heap::self() { return own_arena().self(); }

bool Heap::is_orphan() const noexcept { return arena().self() == 0; }

void Heap::enter_child(OwnerId self) noexcept {
  if (arena().self() != self) arena().enter(self);
}

void Heap::adopt(void* block) noexcept {
  HeapArena& arena = this->arena();
  if (block != nullptr && arena.self() != 0) arena.adopt(offset_of(block));
}

void Heap::share(void* block) noexcept {
  HeapArena& arena = this->arena();
  if (block != nullptr && arena.self() != 0) arena.share(offset_of(block));
}

void Heap::unshare(void* block, OwnerId owner) noexcept {
  HeapArena& arena = this->arena();
  if (block != nullptr && arena.self() != 0) arena.unshare(offset_of(block), owner);
}

void Heap::reclaim(OwnerId dead) noexcept {
  HeapArena& arena = this->arena();
  if (arena.self() != 0) arena.reclaim(dead);
}

void Heap::trim() noexcept {
  HeapArena& arena = this->arena();
  if (arena.self() != 0) arena.trim();
}

std::size_t Heap::bytes_in_use() const noexcept { return arena().bytes_in_use(); }
std::size_t Heap::bytes_committed() const noexcept { return os::reserved_bytes(fd()); }
HeapHeader& Heap::header() const noexcept { return arena().chunks().header(); }
int Heap::fd() const noexcept { return arena().chunks().fd(); }
void* Heap::base() const noexcept { return arena().chunks().base(); }
std::size_t Heap::size() const noexcept { return arena().chunks().size(); }

}  // namespace plait::shm
