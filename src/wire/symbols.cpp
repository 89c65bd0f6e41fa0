// SPDX-License-Identifier: Apache-2.0
#include "wire/symbols.hpp"

#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>
#include <link.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <string_view>
#include <vector>

#include "plait/detail/wire/call.hpp"
#include "wire/module.hpp"

namespace plait::wire {
namespace {

// The functions in a file's symbol table. Read once for each file; never freed, so no lock is needed that a
// forked child could inherit.
struct SymbolTable {
  struct Function {
    std::uint64_t begin, size;
    std::size_t name;
  };
  std::string path;
  std::vector<Function> functions;  // by address
  std::vector<char> names;
  const SymbolTable* next = nullptr;
};

std::atomic<const SymbolTable*> symbol_tables{nullptr};

template <class T>
std::vector<T> read_array(std::ifstream& file, std::uint64_t offset, std::uint64_t size) {
  constexpr std::uint64_t limit = std::uint64_t{1} << 28;  // larger tables are not worth an error message
  std::vector<T> items(size <= limit ? static_cast<std::size_t>(size / sizeof(T)) : 0);
  file.seekg(static_cast<std::streamoff>(offset));
  file.read(reinterpret_cast<char*>(items.data()), static_cast<std::streamsize>(items.size() * sizeof(T)));
  if (!file) items.clear();
  return items;
}

void read_symbols(SymbolTable& table) {
  std::ifstream file(table.path, std::ios::binary);
  ElfW(Ehdr) header{};
  file.read(reinterpret_cast<char*>(&header), sizeof header);
  if (!file || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return;
  const auto sections = read_array<ElfW(Shdr)>(file, header.e_shoff, header.e_shnum * sizeof(ElfW(Shdr)));
  const auto symbols = std::ranges::find(sections, ElfW(Word){SHT_SYMTAB}, &ElfW(Shdr)::sh_type);
  if (symbols == sections.end() || symbols->sh_link >= sections.size()) return;
  const ElfW(Shdr)& names = sections[symbols->sh_link];
  table.names = read_array<char>(file, names.sh_offset, names.sh_size);
  if (table.names.empty() || table.names.back() != '\0') return;
  for (const ElfW(Sym) & symbol : read_array<ElfW(Sym)>(file, symbols->sh_offset, symbols->sh_size)) {
    if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_shndx == SHN_UNDEF) continue;
    if (symbol.st_name >= table.names.size()) continue;
    table.functions.push_back({symbol.st_value, symbol.st_size, symbol.st_name});
  }
  std::ranges::sort(table.functions, {}, &SymbolTable::Function::begin);
}

const SymbolTable& symbols_of(const std::string& path) {
  const SymbolTable* const head = symbol_tables.load(std::memory_order_acquire);  // pairs with the push below
  for (const SymbolTable* table = head; table != nullptr; table = table->next) {
    if (table->path == path) return *table;
  }
  auto table = std::make_unique<SymbolTable>();
  table->path = path;
  read_symbols(*table);
  table->next = head;  // two threads may both add one; then one of them is never found
  while (!symbol_tables.compare_exchange_weak(table->next, table.get(), std::memory_order_acq_rel)) {
  }
  return *table.release();
}

// The mangled name of the function at an offset in a module; empty if unknown.
std::string symbol_at(const Module& module, std::uint64_t offset) {
  Dl_info info;
  if (::dladdr(reinterpret_cast<const void*>(module.base + offset), &info) != 0 && info.dli_sname != nullptr) {
    const ElfW(Sym)* symbol = nullptr;
    void* extra = nullptr;
    ::dladdr1(reinterpret_cast<const void*>(module.base + offset), &info, &extra, RTLD_DL_SYMENT);
    symbol = static_cast<const ElfW(Sym)*>(extra);
    const auto begin = reinterpret_cast<std::uintptr_t>(info.dli_saddr) - module.base;
    if (symbol != nullptr && offset < begin + symbol->st_size) return info.dli_sname;
  }
  const SymbolTable& table = symbols_of(module.path);
  const auto after = std::ranges::upper_bound(table.functions, offset, {}, &SymbolTable::Function::begin);
  if (after == table.functions.begin()) return {};
  const SymbolTable::Function& function = *std::prev(after);
  if (offset >= function.begin + std::max<std::uint64_t>(function.size, 1)) return {};
  return table.names.data() + function.name;
}

std::string_view file_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string hex(std::uint64_t number) {
  char digits[17];
  std::snprintf(digits, sizeof digits, "%llx", static_cast<unsigned long long>(number));
  return std::string("0x") + digits;
}

// Frames between call_traced and the callee.
bool is_plumbing(const std::string& function) {
  for (const char* part :
       {"plait::wire::Runner<", "plait::wire::call_traced", "plait::wire::run_call(", "plait::detail::run_chunk<",
        "plait::detail::ThreadCall<", "plait::detail::ThreadState::", "plait::threading::Thread::run()",
        "plait::detail::ShippableTarget<", "plait::detail::ForkedTarget<", "plait::multiprocessing::Process::run()",
        "plait::detail::fresh_main", "plait::detail::forked_main", "std::__apply_impl", "std::apply<", "std::__invoke",
        "std::invoke"}) {
    if (function.find(part) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

std::string demangle(const char* name) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> readable(abi::__cxa_demangle(name, nullptr, nullptr, &status),
                                                        &std::free);
  return readable != nullptr ? readable.get() : name;
}

std::string function_name(const CodeRef& code) {
  const Module* module = find_module_by_id(code.module);
  if (module == nullptr) return {};
  const std::string symbol = symbol_at(*module, code.offset);
  return symbol.empty() ? symbol : demangle(symbol.c_str());
}

std::string format_trace(std::span<const CodeRef> frames) {
  std::vector<std::string> names;
  for (const CodeRef& frame : frames) names.push_back(function_name(frame));
  while (names.size() > 1 && is_plumbing(names.back())) names.pop_back();  // one stays: the callee may be inlined in it
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const CodeRef& frame = frames[i];
    const Module* module = find_module_by_id(frame.module);
    const std::string_view path = module != nullptr ? module->path : std::string_view(frame.path, frame.path_size);
    text += "  " + (names[i].empty() ? "??" : names[i]) + " in " + std::string(path.empty() ? "?" : file_name(path)) +
            '+' + hex(frame.offset) + '\n';
  }
  return text;
}

std::string format_addresses(std::span<const void* const> frames) {
  std::vector<CodeRef> code;
  for (const void* frame : frames) {
    const auto address = reinterpret_cast<std::uintptr_t>(frame);
    code.push_back(find_module(address) != nullptr ? locate_code(frame) : CodeRef{.offset = address});
  }
  return format_trace(code);
}

std::string describe_callable(const char* name, const void* code) {
  const auto address = reinterpret_cast<std::uintptr_t>(code);
  const Module* module = code != nullptr ? find_module(address) : nullptr;
  if (module == nullptr) return name;
  std::string function = function_name({.module = module->id, .offset = address - module->base});
  if (function.empty()) return name;
  // Without the list of parameters: from the last ')' back to the '(' that it closes.
  std::size_t at = function.rfind(')');
  for (int depth = 0; at != std::string::npos && at-- > 0;) {
    if (function[at] == ')') ++depth;
    if (function[at] == '(' && depth-- == 0) return function.substr(0, at);
  }
  return function;
}

}  // namespace plait::wire
