// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// A value whose serializer fails, for row M3 of the fault list.

#include <signal.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "plait/detail/wire/archive.hpp"

namespace plait::faults {

enum class When : std::uint8_t { never, measured, encoded, decoded };
enum class How : std::uint8_t { throws, crashes };

inline constexpr const char* complaint = "this serializer does not like it";

inline void misbehave(How how) {
  if (how == How::throws) throw std::runtime_error(complaint);
  ::signal(SIGSEGV, SIG_DFL);  // a sanitizer's handler would make an exit of it
  ::raise(SIGSEGV);
}

// Its serializer fails in the stage and in the way that the value says.
struct Troubled {
  When when = When::never;
  How how = How::throws;
  std::string ballast = std::string(1000, 'x');

  template <class A>
  void serialize(A& ar) {
    ar(when, how, ballast);
    if (when == When::measured && std::is_same_v<A, wire::SizeCounter>) misbehave(how);
    if (when == When::encoded && std::is_same_v<A, wire::Writer>) misbehave(how);
    if (when == When::decoded && A::is_reading) misbehave(how);
  }
};

// Tasks that take one as argument, or give one as result.
inline std::size_t take(Troubled troubled) { return troubled.ballast.size(); }
inline Troubled give(When when, How how) { return {.when = when, .how = how}; }

}  // namespace plait::faults
