// SPDX-License-Identifier: Apache-2.0
// refused: plait: an aggregate with a C array as member has no serializer of its own; use std::array
#include "plait/wire.hpp"

struct Record {
#ifdef REFUSED
  char name[16];
#else
  std::array<char, 16> name;
#endif
  int age;
};
int age(const Record& record);

void submit(const Record& record) { (void)plait::wire::make_call(age, record); }
