# SPDX-License-Identifier: Apache-2.0
"""The tasks of the Python subjects, in a module of their own so that every kind of worker can import them."""

import functools
import os
import time


def same(x):
    return x


def first(x, _y):
    return x


def pid(_x):
    time.sleep(0.01)  # lest one worker do all
    return os.getpid()


def probe(data):
    return len(data)


@functools.lru_cache(1)
def give(size):
    return bytes(size)


def is_prime(n):
    for i in range(2, int(n**0.5) + 1):
        if n % i == 0:
            return False
    return n != 1


def fib(n):
    if n <= 2:
        return 1
    return fib(n - 1) + fib(n - 2)
