// SPDX-License-Identifier: Apache-2.0
// refused: plait: a raw pointer means nothing in another process; pass the value
#include <map>
#include "plait/wire.hpp"

struct Entry {
  int key;
#ifdef REFUSED
  int* value;
#else
  std::unique_ptr<int> value;
#endif
};
int look_up(const std::map<std::string, std::vector<Entry>>& table);

void submit(const std::map<std::string, std::vector<Entry>>& table) { (void)plait::wire::make_call(look_up, table); }
