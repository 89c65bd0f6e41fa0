// SPDX-License-Identifier: Apache-2.0
//
// Functions of several arguments: some of them fixed by partial(), or all from tuples by starmap(). And map_async(),
// which does not wait.

#include <plait/init.hpp>
#include <plait/multiprocessing.hpp>
#include <plait/wire.hpp>

#include <cstdio>
#include <utility>
#include <vector>

namespace mp = plait::multiprocessing;

int power(int base, int exponent) {
  int result = 1;
  for (int i = 0; i < exponent; ++i) result *= base;
  return result;
}

int main(int argc, char** argv) {
  plait::init(argc, argv);
  mp::Pool pool(2);
  for (int n : pool.map(plait::partial(power, 2), std::vector{1, 2, 3})) std::printf("%d\n", n);
  for (int n : pool.starmap(power, std::vector{std::pair{2, 5}, {3, 2}})) std::printf("%d\n", n);

  auto later =
      pool.map_async({.callback = [](const std::vector<int>& all) { std::printf("%zu are done\n", all.size()); }},
                     plait::partial(power, 3), std::vector{1, 2});
  pool.close();
  pool.join();
  for (int n : later.get()) std::printf("%d\n", n);
}
