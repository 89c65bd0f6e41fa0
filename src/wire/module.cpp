// SPDX-License-Identifier: Apache-2.0
#include "wire/module.hpp"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string_view>

#include "os/fork_handlers.hpp"
#include "plait/detail/wire/code.hpp"

namespace plait::wire {
namespace {

constexpr std::uint64_t fnv_offset = 0xcbf29ce484222325;

std::uint64_t hash(std::uint64_t seed, std::string_view bytes) noexcept {
  for (const char c : bytes) seed = (seed ^ static_cast<unsigned char>(c)) * 0x100000001b3;  // FNV-1a
  return seed;
}

// The build id that the linker put into a segment of notes; empty if there is none.
std::string_view build_id_in(const char* notes, std::size_t size, std::size_t alignment) noexcept {
  const auto padded = [alignment](std::size_t n) { return (n + alignment - 1) & ~(alignment - 1); };
  std::size_t at = 0;
  while (at + sizeof(ElfW(Nhdr)) <= size) {
    ElfW(Nhdr) note;
    std::memcpy(&note, notes + at, sizeof note);
    const std::size_t name = at + sizeof note;
    const std::size_t content = padded(name + note.n_namesz);
    if (content + note.n_descsz > size) break;
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && std::memcmp(notes + name, "GNU", 4) == 0) {
      return {notes + content, note.n_descsz};
    }
    at = padded(content + note.n_descsz);
  }
  return {};
}

// The program itself goes without a name: it may be started under several.
std::uint64_t module_id(const dl_phdr_info& info, bool is_program) noexcept {
  const std::string_view path = info.dlpi_name;
  std::uint64_t id = is_program ? fnv_offset : hash(fnv_offset, path.substr(path.rfind('/') + 1));
  std::string_view build_id;
  for (int i = 0; i < info.dlpi_phnum && build_id.empty(); ++i) {
    const ElfW(Phdr)& segment = info.dlpi_phdr[i];
    if (segment.p_type == PT_NOTE) {
      const auto* notes = reinterpret_cast<const char*>(info.dlpi_addr + segment.p_vaddr);
      build_id = build_id_in(notes, segment.p_memsz, segment.p_align == 8 ? 8 : 4);
    }
  }
  if (build_id.empty()) {  // then the sizes of its segments must do
    build_id = {reinterpret_cast<const char*>(info.dlpi_phdr), info.dlpi_phnum * sizeof(ElfW(Phdr))};
  }
  id = hash(id, build_id);
  return id != 0 ? id : 1;  // 0 means "no module"
}

// How many modules were ever loaded and unloaded: as long as that stays, so does the table.
struct Changes {
  unsigned long long loaded = 0, unloaded = 0;
  bool operator==(const Changes&) const = default;
};

// Held by who asks the loader: its own lock is not free in a child that is forked while another thread does.
constinit std::mutex asking;

[[gnu::constructor(os::registers_innermost_locks)]] void register_handlers() { os::hold_over_fork<asking>(); }

Changes current_changes() noexcept {
  Changes changes;
  const std::scoped_lock lock(asking);
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* out) {
        *static_cast<Changes*>(out) = {info->dlpi_adds, info->dlpi_subs};
        return 1;
      },
      &changes);
  return changes;
}

struct Table {
  Changes changes;
  std::vector<Module> modules;   // the program first
  const Table* older = nullptr;  // keeps it reachable, for leak checkers
};

int add_module(dl_phdr_info* info, std::size_t, void* out) {
  auto& table = *static_cast<Table*>(out);
  table.changes = {info->dlpi_adds, info->dlpi_subs};
  Module module;
  module.id = module_id(*info, table.modules.empty());
  module.base = info->dlpi_addr;
  module.path = table.modules.empty() ? "/proc/self/exe" : info->dlpi_name;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = info->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_X) == 0) continue;
    const std::uintptr_t begin = module.base + segment.p_vaddr;
    module.code.push_back({begin, begin + segment.p_memsz});
  }
  table.modules.push_back(std::move(module));
  return 0;
}

std::unique_ptr<Table> make_table() {
  auto table = std::make_unique<Table>();
  {
    const std::scoped_lock lock(asking);
    ::dl_iterate_phdr(&add_module, table.get());
  }
  for (Module& module : table->modules) {
    std::error_code ignored;  // a path that is not one (the vDSO's) stays as it is
    const auto path = std::filesystem::canonical(module.path, ignored);
    if (!ignored) module.path = path.string();
  }
  return table;
}

// The modules that every process of this program has from its start.
const Table& first_table() {
  static constinit std::atomic<const Table*> first{nullptr};
  if (const Table* table = first.load(std::memory_order_acquire)) return *table;  // pairs with the exchange below
  // Without a lock, which a fork might find held: who comes second drops what he made.
  std::unique_ptr<Table> made = make_table();
  const Table* known = nullptr;
  return first.compare_exchange_strong(known, made.get(), std::memory_order_acq_rel) ? *made.release() : *known;
}

// The newest table. Older ones are kept, for others may be reading them: there is one for each dlopen at most.
// Lock-free, so that a child forked in the middle of an update can go on.
std::atomic<const Table*> newest{nullptr};

const Table& current_table() {
  const Changes changes = current_changes();
  const Table* known = newest.load(std::memory_order_acquire);  // pairs with the exchange below
  const Table& table = known != nullptr ? *known : first_table();
  if (table.changes == changes) return table;
  std::unique_ptr<Table> next = make_table();
  for (Module& module : next->modules) {
    module.loaded_later = true;
    for (const Module& first : first_table().modules) {
      if (first.id == module.id) module.loaded_later = false;
    }
  }
  next->older = known;
  // Two threads may get here at once; then both tables are right and one of them wins.
  if (newest.compare_exchange_strong(known, next.get(), std::memory_order_acq_rel)) return *next.release();
  return *known;
}

const Module& program() { return first_table().modules.front(); }

ProgramCode code_of_program() {
  const Module& module = program();
  if (module.code.empty()) return {};
  const auto [begin, end] = module.code.front();
  return {begin, end - begin, module.base, module.id};
}

}  // namespace

constinit ProgramCode program_code;
[[maybe_unused]] const ProgramCode& taken_at_start = program_code = code_of_program();

const Module* find_module(std::uintptr_t address) {
  if (program().has_code(address)) return &program();  // never unloaded
  for (const Module& module : current_table().modules) {
    if (module.has_code(address)) return &module;
  }
  return nullptr;
}

const Module* find_module_by_id(std::uint64_t id) {
  if (program().id == id) return &program();
  for (const Module& module : current_table().modules) {
    if (module.id == id) return &module;
  }
  return nullptr;
}

CodeRef locate_library_code(const void* address) {
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  const Module* module = find_module(at);
  if (module == nullptr) throw_encode_error("plait: a function that was generated at run time cannot be sent");
  CodeRef code{.module = module->id, .offset = at - module->base};
  if (module->loaded_later && module->path.size() < 0x10000) {
    code.path = module->path.c_str();
    code.path_size = module->path.size();
  }
  return code;
}

const void* resolve_code(const CodeRef& code) {
  if (code.module == program_code.module && code.offset + program_code.base - program_code.begin < program_code.size) {
    return reinterpret_cast<const void*>(program_code.base + code.offset);
  }
  if (code.module == 0) return reinterpret_cast<const void*>(code.offset);
  const Module* module = find_module_by_id(code.module);
  if (module == nullptr && code.path_size != 0) {
    // Stays loaded as long as this process lives: other calls will need it too.
    ::dlopen(std::string(code.path, code.path_size).c_str(), RTLD_NOW | RTLD_LOCAL);
    module = find_module_by_id(code.module);
  }
  if (module == nullptr) {
    throw_decode_error(
        "plait: this call needs code that this process does not have; both sides must run the same build of the "
        "program, "
        "and libraries that were loaded later must still be where they were");
  }
  const std::uintptr_t address = module->base + code.offset;
  if (!module->has_code(address)) throw_decode_error("plait: this call leads outside the code of its module");
  return reinterpret_cast<const void*>(address);
}

}  // namespace plait::wire
