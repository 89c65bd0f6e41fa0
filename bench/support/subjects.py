# SPDX-License-Identifier: Apache-2.0
"""The Python peers, all workloads: subjects.py WORKLOAD SUBJECT ARGUMENT… prints one line of JSON like the C++ ones."""

import json
import multiprocessing
import os
import queue
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tasks  # noqa: E402


def check(right, what):
    if not right:
        sys.exit(f"wrong result: {what}")


def make_executor(subject, workers=2):
    if subject == "loky":
        from joblib.externals.loky import get_reusable_executor

        return get_reusable_executor(max_workers=workers)
    return {"python": ProcessPoolExecutor, "python-threads": ThreadPoolExecutor}[subject](workers)


def process_map(subject, count, chunksize):
    if subject == "python-pool":
        pool = multiprocessing.Pool(2)
        pool.map(tasks.same, range(4), chunksize=1)
        start = time.perf_counter()
        values = pool.map(tasks.same, range(count), chunksize=chunksize)
    else:
        pool = make_executor(subject)
        list(pool.map(tasks.same, range(4)))
        start = time.perf_counter()
        values = list(pool.map(tasks.same, range(count), chunksize=chunksize))
    check(values == list(range(count)), "the values of map")
    return (time.perf_counter() - start) / count * 1e9


def pool(_subject, what, count, chunksize=None):
    workers = multiprocessing.Pool(2)
    check(workers.map(tasks.same, range(10), chunksize=1) == list(range(10)), "the values of map")
    pairs = [(i, i) for i in range(count)]
    start = time.perf_counter()
    if what == "map":
        total = sum(workers.map(tasks.same, range(count), chunksize))
    elif what == "starmap":
        total = sum(workers.starmap(tasks.first, pairs, chunksize))
    elif what == "imap_unordered":
        total = sum(workers.imap_unordered(tasks.same, range(count), chunksize or 1))
    else:
        total = sum(workers.apply(tasks.same, (i,)) for i in range(count))
    check(total == count * (count - 1) // 2, "sum of the results")
    return (time.perf_counter() - start) / count * 1e9


def pool_memory(subject, count):
    with multiprocessing.get_context(subject.removeprefix("python-")).Pool(count) as workers:
        pids = set()
        while len(pids) < count:  # until each has done a task
            pids.update(workers.map(tasks.pid, range(4 * count), chunksize=1))
        wait_for_measuring(sorted(pids))


def roundtrip(subject, count):
    executor = make_executor(subject)
    for i in range(10):
        executor.submit(tasks.same, i).result()
    start = time.perf_counter()
    for i in range(count):
        check(executor.submit(tasks.same, i).result() == i, "a result")
    return (time.perf_counter() - start) / count * 1e9


def echo_over_pipe(end, count):
    for _ in range(count):
        end.send_bytes(end.recv_bytes())


def pipe_roundtrip(_subject, count):
    here, there = multiprocessing.Pipe()
    child = multiprocessing.Process(target=echo_over_pipe, args=(there, count))
    child.start()
    message = bytes(8)
    start = time.perf_counter()
    for _ in range(count):
        here.send_bytes(message)
        check(here.recv_bytes() == message, "an echo")
    elapsed = time.perf_counter() - start
    child.join()
    return elapsed * 1e9 / count


def submit(subject, count, _futures=1):
    executor = make_executor(subject)
    executor.submit(tasks.same, 0).result()
    start = time.perf_counter()
    futures = [executor.submit(tasks.same, i) for i in range(count)]
    check(sum(future.result() for future in futures) == count * (count - 1) // 2, "sum of the results")
    return (time.perf_counter() - start) / count * 1e9


def traffic(items, pairs, count):
    """bench/thread-queue/traffic.hpp, in M items/s."""
    share = count // pairs
    sums = [0] * pairs

    def put(pair):
        for i in range(pair * share, (pair + 1) * share):
            items.put(i)

    def get(pair):
        sums[pair] = sum(items.get() for _ in range(share))

    threads = [threading.Thread(target=target, args=(pair,)) for pair in range(pairs) for target in (put, get)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - start
    total = share * pairs
    check(sum(sums) == total * (total - 1) // 2, "sum of the items")
    return total / seconds / 1e6


def thread_queue(_subject, pairs, count, maxsize):
    return traffic(queue.Queue(maxsize), pairs, count)


def thread_simplequeue(_subject, pairs, count):
    return traffic(queue.SimpleQueue(), pairs, count)


def thread_queue_roundtrip(_subject, count):
    there, back = queue.Queue(), queue.Queue()

    def echo():
        for _ in range(count + 1):
            back.put(there.get())

    def run(i):
        there.put(i)
        check(back.get() == i, "an item")

    thread = threading.Thread(target=echo)
    thread.start()
    run(0)
    start = time.perf_counter()
    for i in range(count):
        run(i)
    seconds = time.perf_counter() - start
    thread.join()
    return seconds / count * 1e9


def payload(subject, direction, size, count):
    executor = make_executor(subject, 1)
    data = tasks.give(size)
    executor.submit(tasks.give, size).result()
    start = time.perf_counter()
    for _ in range(count):
        if direction == "argument":
            check(executor.submit(tasks.probe, data).result() == size, "size of the argument")
        else:
            check(len(executor.submit(tasks.give, size).result()) == size, "size of the result")
    return size * count / (time.perf_counter() - start) / 1e9


def worker_start(subject, count):
    def run_pool():
        with multiprocessing.Pool(1) as pool:
            check(pool.apply(tasks.same, (1,)) == 1, "a result")

    def run_process():
        process = context.Process(target=tasks.same, args=(1,))
        process.start()
        process.join()
        check(process.exitcode == 0, "exit code")

    if subject == "python-pool":
        run = run_pool
    else:
        context = multiprocessing.get_context(subject.removeprefix("python-"))
        run = run_process
    run()
    start = time.perf_counter()
    for _ in range(count):
        run()
    return (time.perf_counter() - start) / count * 1e6


def wait_for_measuring(worker=0):
    """The rest is done by bench/probe.py, from outside, until it closes our standard input."""
    print(json.dumps({"ready": worker}), flush=True)
    sys.stdin.read()


def worker_memory(subject):
    context = multiprocessing.get_context(subject.removeprefix("python-"))
    with ProcessPoolExecutor(1, mp_context=context) as executor:
        wait_for_measuring(executor.submit(os.getpid).result())


def idle(subject):
    with make_executor(subject) as executor:
        check(list(executor.map(tasks.same, range(100))) == list(range(100)), "the values of map")
        wait_for_measuring()


def primes(subject, numbers_file):
    with open(numbers_file) as file:
        numbers = [int(line) for line in file]
    start = time.perf_counter()
    with make_executor(subject, 16) as executor:
        check(sum(executor.map(tasks.is_prime, numbers)) == 60, "number of primes")
    return time.perf_counter() - start


def fib(subject, first, last):
    calls = 0
    start = time.perf_counter()
    with make_executor(subject, 3) as executor:
        for future in as_completed([executor.submit(tasks.fib, n) for n in range(first, last + 1)]):
            calls += 2 * future.result() - 1
    return (time.perf_counter() - start) / calls * 1e9


def in_two_threads(first, second):
    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - start


def lock_and_unlock(_subject, kind, count, threads):
    lock = getattr(threading, kind)()

    def run():
        for _ in range(count):
            with lock:
                pass

    if threads == 2:
        return in_two_threads(run, run) / (2 * count) * 1e9
    start = time.perf_counter()
    run()
    return (time.perf_counter() - start) / count * 1e9


def ping_pong(_subject, kind, rounds):
    if kind == "Event":
        there, back = threading.Event(), threading.Event()

        def call():
            for _ in range(rounds):
                there.set()
                back.wait()
                back.clear()

        def echo():
            for _ in range(rounds):
                there.wait()
                there.clear()
                back.set()

        return in_two_threads(call, echo) / rounds * 1e9
    if kind == "Barrier":
        barrier = threading.Barrier(2)

        def meet():
            for _ in range(rounds):
                barrier.wait()

        return in_two_threads(meet, meet) / rounds * 1e9
    condition, turn = threading.Condition(), [0]

    def play(mine):
        for _ in range(rounds):
            with condition:
                condition.wait_for(lambda: turn[0] == mine)
                turn[0] = 1 - mine
                condition.notify()

    return in_two_threads(lambda: play(0), lambda: play(1)) / rounds * 1e9


def counter(_subject, count):
    lock, total = threading.RLock(), [0]

    def add(step):
        for _ in range(count):
            with lock:
                total[0] += step

    seconds = in_two_threads(lambda: add(1), lambda: add(-1))
    check(total[0] == 0, "the counter is 0 in the end")
    return seconds / (2 * count) * 1e9


def put_numbers(items, start, stop):
    for i in range(start, stop):
        items.put(i)


def get_numbers(items, count, sums):
    sums.put(sum(items.get() for _ in range(count)))


def process_queue(_subject, pairs, count):
    items, sums = multiprocessing.Queue(), multiprocessing.Queue()
    share = count // pairs
    processes = [
        multiprocessing.Process(target=put_numbers, args=(items, i * share, (i + 1) * share)) for i in range(pairs)
    ]
    processes += [multiprocessing.Process(target=get_numbers, args=(items, share, sums)) for _ in range(pairs - 1)]
    for process in processes:
        process.start()
    total = items.get()
    start = time.perf_counter()
    total += sum(items.get() for _ in range(share - 1))
    total += sum(sums.get() for _ in range(pairs - 1))
    seconds = time.perf_counter() - start
    for process in processes:
        process.join()
    check(total == share * pairs * (share * pairs - 1) // 2, "sum of the items")
    return share * pairs / seconds / 1e6


def put_bytes(items, size, count):
    item = bytes(size)
    for _ in range(count):
        items.put(item)


def process_queue_bytes(_subject, size, count):
    items = multiprocessing.Queue(16)
    putter = multiprocessing.Process(target=put_bytes, args=(items, size, count))
    putter.start()
    items.get()
    start = time.perf_counter()
    for _ in range(count - 1):
        check(len(items.get()) == size, "size of an item")
    seconds = time.perf_counter() - start
    putter.join()
    return size * (count - 1) / seconds / 1e9


def echo_over_queues(there, back, count):
    for _ in range(count):
        back.put(there.get())


def queue_roundtrip(_subject, count):
    there, back = multiprocessing.Queue(), multiprocessing.Queue()
    child = multiprocessing.Process(target=echo_over_queues, args=(there, back, count + 1))
    child.start()
    there.put(0)
    back.get()
    start = time.perf_counter()
    for i in range(count):
        there.put(i)
        check(back.get() == i, "an echo")
    seconds = time.perf_counter() - start
    child.join()
    return seconds / count * 1e9


def take_lock(lock, count):
    for _ in range(count):
        lock.acquire()
        lock.release()


def process_lock(_subject, processes, count):
    lock = multiprocessing.Lock()
    other = multiprocessing.Process(target=take_lock, args=(lock, count))
    start = time.perf_counter()
    if processes == 2:
        other.start()
    take_lock(lock, count)
    if processes == 2:
        other.join()
    return (time.perf_counter() - start) / (count * processes) * 1e9


def count_up(value, count):
    for _ in range(count):
        with value.get_lock():
            value.value += 1


def shared_value(_subject, count):
    value = multiprocessing.Value("i", 0)
    processes = [multiprocessing.Process(target=count_up, args=(value, count // 2)) for _ in range(2)]
    start = time.perf_counter()
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    seconds = time.perf_counter() - start
    check(value.value == count, "the value")
    return count / seconds / 1e6


def process_start(_subject, method, count):
    return worker_start("python-" + method, count)


WORKLOADS = {
    "process-queue": process_queue,
    "process-queue-bytes": process_queue_bytes,
    "queue-roundtrip": queue_roundtrip,
    "process-lock": process_lock,
    "value": shared_value,
    "process-start": process_start,
    "process-map": process_map,
    "process-map-chunked": process_map,
    "pool": pool,
    "pool-memory": pool_memory,
    "process-roundtrip": roundtrip,
    "pipe-roundtrip": pipe_roundtrip,
    "process-submit": submit,
    "process-payload": payload,
    "thread-submit": submit,
    "thread-roundtrip": roundtrip,
    "thread-queue": thread_queue,
    "thread-queue-roundtrip": thread_queue_roundtrip,
    "thread-simplequeue": thread_simplequeue,
    "worker-start": worker_start,
    "worker-memory": worker_memory,
    "idle": idle,
    "primes": primes,
    "fib": fib,
    "thread-lock": lock_and_unlock,
    "thread-sync": ping_pong,
    "counter": counter,
}

if __name__ == "__main__":
    workload, subject, *arguments = sys.argv[1:]
    arguments = [int(text) if text.isdigit() else text for text in arguments]
    value = WORKLOADS[workload](subject, *arguments)
    if value is not None:
        print(json.dumps({"value": value}))
