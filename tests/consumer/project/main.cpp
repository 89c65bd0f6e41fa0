// SPDX-License-Identifier: Apache-2.0
#include <plait/deadline.hpp>
#include <plait/errors.hpp>

#include <chrono>
#include <cstdio>

const char* message_of_other();

int main() {
  try {
    throw plait::ValueError("consumer");
  } catch (const plait::Error& error) {
    std::printf("%s %s\n", error.what(), message_of_other());
  }
  return plait::Deadline(std::chrono::seconds(-1)).expired() ? 0 : 1;
}
