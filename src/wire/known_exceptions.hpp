// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The exceptions that everybody knows: of the standard library and of plait.

#include <span>

#include "plait/detail/wire/exception_codec.hpp"

namespace plait::wire {

std::span<const ExceptionCodec* const> known_exceptions();

}  // namespace plait::wire
