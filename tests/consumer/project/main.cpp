// SPDX-License-Identifier: Apache-2.0
#include <plait/plait.hpp>

#include <cstdio>
#include <vector>

int square(int x);  // in other.cpp

int main(int argc, char** argv) {
  plait::init(argc, argv);
  plait::futures::ThreadPoolExecutor threads({.max_workers = 2});
  plait::futures::ProcessPoolExecutor processes({.max_workers = 2});
  const std::vector<int> numbers = {1, 2, 3, 4};
  int sum = threads.submit([&] { return square(5); }).result();
  for (int n : processes.map(square, numbers)) sum += n;
  std::printf("%d\n", sum);
  return sum == 55 ? 0 : 1;
}
