// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What Python calls a bytes-like object: any contiguous memory, as its bytes.

#include <concepts>
#include <cstddef>
#include <ranges>
#include <span>
#include <string_view>
#include <type_traits>

namespace plait::multiprocessing {

// A view for the time of a call: of text (a literal without its terminating zero), or of a std::vector, std::array,
// std::span or the like of trivially copyable elements.
class BytesView {
 public:
  template <std::convertible_to<std::string_view> S>
  BytesView(const S& text) noexcept  // NOLINT(google-explicit-constructor)
      : bytes_(std::as_bytes(std::span(std::string_view(text)))) {}
  template <std::ranges::contiguous_range R>
    requires(std::ranges::sized_range<R> && std::is_trivially_copyable_v<std::ranges::range_value_t<R>> &&
             !std::is_array_v<std::remove_cvref_t<R>> && !std::convertible_to<const R&, std::string_view>)
  BytesView(const R& elements) noexcept  // NOLINT(google-explicit-constructor)
      : bytes_(std::as_bytes(std::span(std::ranges::data(elements), std::ranges::size(elements)))) {}

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
};

// The same, to be written to.
class WritableBytesView {
 public:
  template <std::ranges::contiguous_range R>
    requires(std::ranges::sized_range<R> && std::is_trivially_copyable_v<std::ranges::range_value_t<R>> &&
             !std::is_const_v<std::remove_reference_t<std::ranges::range_reference_t<R>>>)
  // NOLINTNEXTLINE(google-explicit-constructor,bugprone-forwarding-reference-overload): it is no range itself
  WritableBytesView(R&& elements) noexcept
      : bytes_(std::as_writable_bytes(std::span(std::ranges::data(elements), std::ranges::size(elements)))) {}

  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }

 private:
  std::span<std::byte> bytes_;
};

}  // namespace plait::multiprocessing
