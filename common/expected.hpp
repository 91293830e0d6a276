// A value or an error, spelled like C++23's std::expected so that this header can become
// `using std::expected;` one day. Ours warns when a result is dropped and aborts on a wrong access.
// No thread owns it: a plain value type.
#pragma once

#include <type_traits>
#include <utility>
#include <variant>

#include "common/check.hpp"

namespace common {

/// Wraps an error so that it converts to any expected<T, E>.
template <typename E>
class unexpected {
 public:
  explicit unexpected(E error) : error_(std::move(error)) {}
  const E& error() const& { return error_; }
  E&& error() && { return std::move(error_); }

 private:
  E error_;
};

/// Holds either a T (the call succeeded) or an E (why it did not).
template <typename T, typename E>
class [[nodiscard]] expected {
 public:
  // Implicit on purpose, as in the standard: `return value;` and `return unexpected{error};`.
  expected(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  template <typename G>
  requires std::is_constructible_v<E, G> expected(unexpected<G> failure)
      : state_(std::in_place_index<1>, std::move(failure).error()) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& value() & {
    ENSURE(has_value());
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    ENSURE(has_value());
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    ENSURE(has_value());
    return std::move(*std::get_if<0>(&state_));
  }
  const E& error() const {
    ENSURE(!has_value());
    return *std::get_if<1>(&state_);
  }

  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::variant<T, E> state_;
};

/// The form without a value: success, or an E.
template <typename E>
class [[nodiscard]] expected<void, E> {
 public:
  expected() = default;
  template <typename G>
  requires std::is_constructible_v<E, G> expected(unexpected<G> failure)
      : error_(std::in_place_index<1>, std::move(failure).error()) {}

  bool has_value() const { return error_.index() == 0; }
  explicit operator bool() const { return has_value(); }
  const E& error() const {
    ENSURE(!has_value());
    return *std::get_if<1>(&error_);
  }

 private:
  std::variant<std::monostate, E> error_;
};

}  // namespace common
