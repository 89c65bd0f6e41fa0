// SPDX-License-Identifier: Apache-2.0
#include "plait/multiprocessing/shareable_list.hpp"

#include <array>

#include "multiprocessing/list_layout.hpp"
#include "plait/errors.hpp"

namespace plait::multiprocessing::shared_memory {
namespace {

using Item = ShareableList::Item;

// An int and a float are equal if they are the same number: not if one merely rounds to the other.
bool same_number(std::int64_t integer, double real) noexcept {
  constexpr double limit = 9223372036854775808.0;  // 2^63
  return real >= -limit && real < limit && static_cast<double>(static_cast<std::int64_t>(real)) == real &&
         static_cast<std::int64_t>(real) == integer;
}

// A bool is an int here, as in Python.
bool equal(const Item& a, const Item& b) noexcept {
  if (const bool* const truth = std::get_if<bool>(&a)) return equal(std::int64_t{*truth}, b);
  if (const bool* const truth = std::get_if<bool>(&b)) return equal(a, std::int64_t{*truth});
  if (const auto* const integer = std::get_if<std::int64_t>(&a)) {
    if (const auto* const real = std::get_if<double>(&b)) return same_number(*integer, *real);
  } else if (const auto* const real = std::get_if<double>(&a)) {
    if (const auto* const other = std::get_if<std::int64_t>(&b)) return same_number(*other, *real);
  }
  return a == b;
}

const char* type_name(const Item& item) noexcept {
  static constexpr std::array<const char*, std::variant_size_v<Item>> names = {"None",    "a bool", "an int",
                                                                               "a float", "a str",  "bytes"};
  return names[item.index()];
}

// A list before it has its name.
struct List {
  const detail::ListLayout& layout;
  std::span<const Item> items;

  static void write(std::span<std::byte> memory, const void* context) {
    const List& list = *static_cast<const List*>(context);
    list.layout.write(memory);
    for (std::size_t i = 0; i < list.items.size(); ++i) list.layout.set(memory, i, list.items[i]);
  }
};

std::shared_ptr<const detail::ListLayout> layout_in(const SharedMemory& shm) {
  return std::make_shared<detail::ListLayout>(std::span<const std::byte>(shm.buf()));
}

}  // namespace

ShareableList::ShareableList() noexcept = default;
ShareableList::ShareableList(const ShareableList& other) = default;
ShareableList::ShareableList(ShareableList&& other) noexcept = default;
ShareableList& ShareableList::operator=(const ShareableList& other) = default;
ShareableList& ShareableList::operator=(ShareableList&& other) noexcept = default;
ShareableList::~ShareableList() = default;

ShareableList::ShareableList(Options options, std::span<const Item> items)
    : layout_(std::make_shared<detail::ListLayout>(items)) {
  const List list{*layout_, items};
  shm_ =
      SharedMemory({.name = std::move(options.name), .create = true, .size = layout_->size(), .track = options.track},
                   List::write, &list);
}

ShareableList::ShareableList(Options options) {
  if (options.name) {
    shm_ = SharedMemory({.name = std::move(options.name)});
    layout_ = layout_in(shm_);
  } else {
    *this = ShareableList(std::move(options), std::span<const Item>());
  }
}

void ShareableList::read_layout() { layout_ = shm_.name().empty() ? nullptr : layout_in(shm_); }

std::size_t ShareableList::size() const noexcept { return layout_ != nullptr ? layout_->count() : 0; }

std::size_t ShareableList::checked(std::ptrdiff_t index, const char* what) const {
  const auto length = static_cast<std::ptrdiff_t>(size());
  const std::ptrdiff_t position = index < 0 ? index + length : index;
  if (position >= 0 && position < length) return static_cast<std::size_t>(position);
  throw IndexError(std::string("ShareableList: ") + what + " " + std::to_string(index) +
                   " is out of range, there are " + std::to_string(length) + " items");
}

std::span<std::byte> ShareableList::memory() const {
  const std::span<std::byte> bytes = shm_.buf();
  if (bytes.empty()) throw ValueError("ShareableList: its memory was closed");
  return bytes;
}

ShareableList::Item ShareableList::get(std::ptrdiff_t index) const {
  const std::size_t position = checked(index, "index");
  return layout_->get(memory(), position);
}

void ShareableList::set(std::ptrdiff_t index, const Item& item) const {
  const std::size_t position = checked(index, "assignment index");
  layout_->set(memory(), position, item);
}

ShareableList::Reference ShareableList::operator[](std::ptrdiff_t index) const {
  return {*this, static_cast<std::ptrdiff_t>(checked(index, "index"))};
}

std::size_t ShareableList::count(const Item& item) const {
  std::size_t found = 0;
  for (const Item& each : *this) found += equal(each, item) ? 1 : 0;
  return found;
}

std::size_t ShareableList::index(const Item& item) const {
  std::size_t position = 0;
  for (const Item& each : *this) {
    if (equal(each, item)) return position;
    ++position;
  }
  throw ValueError("ShareableList::index: there is no such item in the list");
}

std::string ShareableList::format() const {
  std::string all;
  if (size() == 0) return all;
  const std::span<const std::byte> bytes = memory();
  for (std::size_t i = 0; i < size(); ++i) all += layout_->format(bytes, i);
  return all;
}

void ShareableList::throw_other_type(std::ptrdiff_t index, const Item& is, const Item& wanted) {
  throw TypeError("ShareableList: item " + std::to_string(index) + " is " + type_name(is) + ", not " +
                  type_name(wanted));
}

}  // namespace plait::multiprocessing::shared_memory
