// SPDX-License-Identifier: Apache-2.0
// The static objects of plait's functions are all made before main(): a child that is forked while another thread makes
// one finds it half made, and would wait for that thread, which it has not got, as soon as it needs the object. So each
// must be constinit, or made early. Linked with the whole library; says which are not made yet.
#include <elf.h>
#include <link.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "wire/symbols.hpp"

namespace {

std::vector<char> read_own_file() {
  std::ifstream file("/proc/self/exe", std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::uintptr_t load_address() {
  std::uintptr_t address = 0;  // what dl_iterate_phdr names first is the program
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* to) {
        *static_cast<std::uintptr_t*>(to) = info->dlpi_addr;
        return 1;
      },
      &address);
  return address;
}

template <class T>
std::span<const T> part(const std::vector<char>& file, std::size_t offset, std::size_t count) {
  return {reinterpret_cast<const T*>(file.data() + offset), count};
}

// The guard of a static object: its first byte says whether that is made (Itanium C++ ABI 3.3.2). Those of thread_local
// ones are no objects but STT_TLS.
bool is_guard(const ElfW(Sym) & symbol, std::string_view name) {
  return ELF64_ST_TYPE(symbol.st_info) == STT_OBJECT && name.starts_with("_ZGV") &&
         name.find("plait") != std::string_view::npos;
}

}  // namespace

int main() {
  const std::vector<char> file = read_own_file();
  const auto& header = part<ElfW(Ehdr)>(file, 0, 1).front();
  const auto sections = part<ElfW(Shdr)>(file, header.e_shoff, header.e_shnum);
  int early = 0, late = 0;
  for (const ElfW(Shdr) & section : sections) {
    if (section.sh_type != SHT_SYMTAB) continue;
    const char* const names = file.data() + sections[section.sh_link].sh_offset;
    for (const ElfW(Sym) & symbol : part<ElfW(Sym)>(file, section.sh_offset, section.sh_size / sizeof(ElfW(Sym)))) {
      const char* const name = names + symbol.st_name;
      if (!is_guard(symbol, name)) continue;
      if (*reinterpret_cast<const char*>(load_address() + symbol.st_value) == 1) {
        ++early;
      } else {
        ++late;
        std::printf("not made before main(): %s\n", plait::wire::demangle(name).c_str());
      }
    }
  }
  std::printf("%d static objects are made early, %d are not\n", early, late);
  return early > 0 && late == 0 ? 0 : 1;
}
