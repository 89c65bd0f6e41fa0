// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Functions as values: an address travels as a module and an offset in it, so that it is valid in every process that
// runs the same binary, wherever it is loaded.

#include <bit>

#include "plait/detail/wire/codec.hpp"

namespace plait::wire {

// Where code lies. A module that was not loaded with the program says its path, so that another process can load it.
struct CodeRef {
  std::uint64_t module = 0;  // 0: `offset` is a plain number
  std::uint64_t offset = 0;
  const char* path = nullptr;
  std::size_t path_size = 0;
};

// The code of the program itself, for the short way; empty until plait's static objects are made.
struct ProgramCode {
  std::uintptr_t begin = 0, size = 0, base = 0;
  std::uint64_t module = 0;
};
PLAIT_EXPORT extern ProgramCode program_code;

PLAIT_EXPORT CodeRef locate_library_code(const void* address);

// Throws EncodeError: the address is in no module (generated code).
inline CodeRef locate_code(const void* address) {
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  if (at - program_code.begin < program_code.size) return {program_code.module, at - program_code.base, nullptr, 0};
  return locate_library_code(address);
}

// The number itself, for module 0. Throws DecodeError: the module is not this process's and cannot be loaded, or the
// offset is not in its code.
PLAIT_EXPORT const void* resolve_code(const CodeRef& code);

// 16 bytes, and the path if there is one.
template <class Out>
void put_code(Out& out, const CodeRef& code) {
  const std::uint64_t words[] = {code.module, code.offset | std::uint64_t{code.path_size} << 48};
  out.bytes(words, sizeof words);
  if (code.path_size != 0) out.bytes(code.path, code.path_size);
}
inline CodeRef get_code(Reader& in) {
  CodeRef code;
  code.module = in.scalar<std::uint64_t>();
  const auto word = in.scalar<std::uint64_t>();
  code.offset = word & ((std::uint64_t{1} << 48) - 1);
  code.path_size = static_cast<std::size_t>(word >> 48);
  code.path = reinterpret_cast<const char*>(in.bytes(code.path_size));
  return code;
}

// Pointers to functions. Null travels as such.
template <class T>
struct Codec<T, Kind::function> {
  template <class Out>
  static void put(Out& out, T value) {
    put_code(out, value == nullptr ? CodeRef() : locate_code(reinterpret_cast<const void*>(value)));
  }
  static T get(Reader& in) {
    const CodeRef code = get_code(in);
    if (code.module == 0 && code.offset != 0) throw_decode_error("plait: a function of no module");
    return reinterpret_cast<T>(const_cast<void*>(resolve_code(code)));
  }
};

// Pointers to members, as the Itanium ABI lays them out: an offset for data; for functions an address, or an odd
// offset in the table of virtual functions, and then an adjustment of the object's address.
template <class T>
struct Codec<T, Kind::member> {
  struct Words {
    std::uintptr_t function;
    std::ptrdiff_t adjustment;
  };
  template <class Out>
  static void put(Out& out, T value) {
    if constexpr (std::is_member_object_pointer_v<T>) {
      wire::put(out, std::bit_cast<std::ptrdiff_t>(value));
    } else {
      const auto words = std::bit_cast<Words>(value);
      put_code(out, is_address(words) ? locate_code(reinterpret_cast<const void*>(words.function))
                                      : CodeRef{.offset = words.function});
      wire::put(out, words.adjustment);
    }
  }
  static T get(Reader& in) {
    if constexpr (std::is_member_object_pointer_v<T>) {
      return std::bit_cast<T>(wire::get<std::ptrdiff_t>(in));
    } else {
      const CodeRef code = get_code(in);
      const auto function = reinterpret_cast<std::uintptr_t>(resolve_code(code));
      const Words words{function, wire::get<std::ptrdiff_t>(in)};
      if (code.module == 0 && is_address(words)) throw_decode_error("plait: a member function of no module");
      return std::bit_cast<T>(words);
    }
  }
  // The function's address; nullptr for virtual and null ones.
  static const void* address(T value) noexcept {
    if constexpr (std::is_member_object_pointer_v<T>) {
      return nullptr;
    } else {
      const auto words = std::bit_cast<Words>(value);
      return is_address(words) ? reinterpret_cast<const void*>(words.function) : nullptr;
    }
  }

 private:
  static bool is_address(const Words& words) noexcept {
#if defined(__aarch64__) || defined(__arm__)
    return words.function != 0 && (words.adjustment & 1) == 0;
#else
    return words.function != 0 && (words.function & 1) == 0;
#endif
  }
};

// The code behind a callable, nullptr if it has no address of its own: for error messages.
template <class F>
const void* code_of(const F& f) noexcept {
  if constexpr (kind_of<F> == Kind::function) {
    return reinterpret_cast<const void*>(f);
  } else if constexpr (kind_of<F> == Kind::member) {
    return Codec<F>::address(f);
  } else if constexpr (kind_of<F> == Kind::partial) {
    return wire::code_of(f.func());
  } else {
    return nullptr;
  }
}

}  // namespace plait::wire
