// SPDX-License-Identifier: Apache-2.0
// Memory shared with Python, in both directions: the same names, the same bytes.
#include <gmock/gmock.h>

#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plait/multiprocessing/shareable_list.hpp"
#include "shared_memory_fixture.hpp"

namespace plait::multiprocessing::shared_memory {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using Bytes = ShareableList::Bytes;

Bytes bytes(std::string_view text) {
  const auto all = std::as_bytes(std::span(text));
  return {all.begin(), all.end()};
}

// Without what Python's tracker does: it would unlink what it has only attached to.
const std::string prelude =
    "import sys\n"
    "from multiprocessing import resource_tracker\n"
    "from multiprocessing.shared_memory import SharedMemory, ShareableList\n"
    "resource_tracker.register = resource_tracker.unregister = lambda *_: None\n";

class PythonMemory : public Memory {
 protected:
  void SetUp() override { PLAIT_NEEDS_PYTHON(); }
};

TEST_F(PythonMemory, PythonAttachesToOurs) {
  const SharedMemory memory({.create = true, .size = 1000});
  std::memcpy(memory.buf().data(), "from plait", 10);
  const std::string output = python(prelude +
                                        "m = SharedMemory(sys.argv[1])\n"
                                        "print(m.name == sys.argv[1], m.size, bytes(m.buf[:10]), any(m.buf[10:]))\n"
                                        "m.buf[990:] = b'and python'\n"
                                        "m.close()\n",
                                    memory.name());
  EXPECT_EQ(output, "True 1000 b'from plait' False\n");
  EXPECT_EQ(std::memcmp(memory.buf().data() + 990, "and python", 10), 0);
  memory.unlink();
}

TEST_F(PythonMemory, WeAttachToPythons) {
  const std::string name = some_name("python");
  python(prelude + "m = SharedMemory(sys.argv[1], create=True, size=1000)\nm.buf[:4] = b'spam'\nm.close()\n", name);
  const SharedMemory memory({.name = name});
  EXPECT_EQ(memory.size(), 1000U);
  EXPECT_EQ(std::memcmp(memory.buf().data(), "spam", 4), 0);
  memory.unlink();
  EXPECT_EQ(python(prelude + "try: SharedMemory(sys.argv[1])\n"
                             "except FileNotFoundError as error: print('gone')\n",
                   name),
            "gone\n");
}

// A known fault of Python's, which its documentation admits: the tracker of a process that has only attached.
TEST_F(PythonMemory, EndOfAnAttachedPythonUnlinksAsIsDocumented) {
  const SharedMemory memory({.create = true, .size = 10});
  const std::string output =
      python("import sys\nfrom multiprocessing.shared_memory import SharedMemory\nSharedMemory(sys.argv[1]).close()\n",
             memory.name());
  if (exists(memory.name())) {
    memory.unlink();
  } else {
    EXPECT_THAT(output, HasSubstr("leaked shared_memory"));
  }
  EXPECT_EQ(memory.buf().size(), 10U);
}

TEST_F(PythonMemory, PythonReadsAndWritesOurList) {
  const ShareableList list({"spam", 42, 2.5, true, std::monostate(), bytes("raw"), false, "ééééééé", -1,
                            std::string("end\0\0", 5), std::string(100, 'x')});
  const std::string output = python(prelude +
                                        "l = ShareableList(name=sys.argv[1])\n"
                                        "print(list(l)[:10], len(l), l[10] == 'x' * 100)\n"
                                        "l[0], l[1], l[2], l[3], l[4] = 'eggs', -5, 0.25, None, True\n"
                                        "l[5], l[7], l[8], l[9] = b'cooked', 'eeeeeeeeeeeeeee', 'eight888', 'whole'\n"
                                        "l.shm.close()\n",
                                    list.shm().name());
  EXPECT_EQ(output, "['spam', 42, 2.5, True, None, b'raw', False, 'ééééééé', -1, 'end'] 11 True\n");
  EXPECT_THAT(std::vector(list.begin(), list.end()),
              ElementsAre("eggs", std::int64_t{-5}, 0.25, std::monostate(), true, bytes("cooked"), false,
                          "eeeeeeeeeeeeeee", "eight888", "whole", std::string(100, 'x')));
  list.shm().unlink();
}

TEST_F(PythonMemory, WeReadAndWritePythonsList) {
  const std::string name = some_name("pylist");
  python(prelude + "l = ShareableList(['spam', 42, 2.5, True, None, b'raw', -2**63, 'é', ''], name=sys.argv[1])\n",
         name);
  const ShareableList list({.name = name});
  EXPECT_THAT(std::vector(list.begin(), list.end()),
              ElementsAre("spam", std::int64_t{42}, 2.5, true, std::monostate(), bytes("raw"),
                          std::numeric_limits<std::int64_t>::min(), "é", ""));
  EXPECT_EQ(list.format(), "8sqdxxxxxxx?xxxxxx?x8sq8s8s");
  list.set(0, 7);
  list.set(1, "texts");
  list.set(2, std::monostate());
  list.set(3, 0.5);
  list.set(4, false);
  list.set(5, bytes(std::string_view("z\0", 2)));
  EXPECT_EQ(
      python(prelude + "l = ShareableList(name=sys.argv[1])\nprint(list(l)); l[5] = b'12345678'\nprint(l[5])\n", name),
      "[7, 'texts', None, 0.5, False, b'z', -9223372036854775808, 'é', '']\nb'12345678'\n");
  EXPECT_EQ(list.get<Bytes>(5), bytes("12345678"));
  list.shm().unlink();
}

// Byte for byte, where Python does not lose anything.
TEST_F(PythonMemory, ListsHaveTheBytesOfPythons) {
  const std::string name = some_name("same");
  python(prelude +
             "ShareableList(['spam', 42, 2.5, True, None, b'raw', '', b'12345678', 'x' * 1000, 0, -0.0, False],"
             " name=sys.argv[1])\nShareableList([], name=sys.argv[1] + '-0')\n",
         name);
  const ShareableList ours({"spam", 42, 2.5, true, std::monostate(), bytes("raw"), "", bytes("12345678"),
                            std::string(1000, 'x'), 0, -0.0, false});
  const SharedMemory theirs({.name = name}), empty({.name = name + "-0"});
  ASSERT_EQ(theirs.size(), ours.shm().size());
  EXPECT_EQ(std::memcmp(theirs.buf().data(), ours.shm().buf().data(), theirs.size()), 0);
  EXPECT_EQ(empty.size(), 16U);
  EXPECT_EQ(ShareableList({.name = empty.name()}).size(), 0U);
  ours.shm().unlink();
  theirs.unlink();
  empty.unlink();
}

}  // namespace
}  // namespace plait::multiprocessing::shared_memory
