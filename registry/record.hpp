// What is kept of a listed user. Part of the directory, a core.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "common/user.hpp"

namespace registry {

/// Hash of the secret that a registration's owner holds (common/owner_token.hpp).
using TokenHash = std::array<std::byte, 32>;
/// Names one registration: a name that is given up and claimed again gets a new one.
using RegistrationId = std::array<std::byte, 16>;
/// Of the list: goes up with each change to it and never back, restarts included.
using Version = std::uint64_t;
/// What a door knows a connected user by; never 0.
using SessionId = std::uint64_t;

constexpr std::size_t kTransportCount = 2;
/// A port of the registry's own for each transport, 0 where there is none.
class TransportPorts {
 public:
  std::uint16_t& operator[](common::Transport transport) {
    return ports_[static_cast<std::size_t>(transport)];
  }
  std::uint16_t operator[](common::Transport transport) const {
    return ports_[static_cast<std::size_t>(transport)];
  }

 private:
  std::array<std::uint16_t, kTransportCount> ports_{};
};

struct Record {
  common::User user;
  common::IpAddress source;        // where the registration came from; it owns the name
  std::optional<TokenHash> token;  // whoever knows the secret owns it too
  RegistrationId id{};
  Version version = 0;    // of the record's last change
  Version order = 0;      // of the change that claimed the name; lists are in this order
  SessionId session = 0;  // of the connection that the user is reached by; 0: he has none
  /// Where the registry takes messages for him from programs that speak another transport than his.
  TransportPorts gateway_ports = {};
};

}  // namespace registry
