// IP addresses and ports as values: parse, print, classify. A core: no sockets, no name look-up.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace common {

/// An IPv4 or IPv6 address. An IPv4-mapped IPv6 address is always kept as the IPv4 address it
/// stands for, so that one host has one value.
class IpAddress {
 public:
  /// 0.0.0.0.
  IpAddress() = default;
  static IpAddress v4(std::array<std::uint8_t, 4> bytes);
  static IpAddress v6(std::array<std::uint8_t, 16> bytes);

  /// Strict: dotted quad without leading zeros, or IPv6 text without brackets or zone. Nothing for
  /// any other text.
  static std::optional<IpAddress> parse(std::string_view text);

  bool is_v6() const { return v6_; }
  /// Four bytes for IPv4 (in front), sixteen for IPv6, in network order.
  const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }

  bool is_loopback() const;
  /// RFC 1918, IPv4 and IPv6 link-local, and IPv6 unique local addresses.
  bool is_private() const;
  /// A single host's address: not unspecified, not multicast, not broadcast, not reserved.
  bool is_unicast() const;

  /// Dotted quad, or IPv6 in its RFC 5952 form, without brackets.
  std::string to_string() const;

  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;

 private:
  bool v6_ = false;
  std::array<std::uint8_t, 16> bytes_{};
};

struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;

  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

/// "10.0.0.5:40123" or "[2001:db8::1]:40123".
std::string format_endpoint(const Endpoint& endpoint);

/// Reads what format_endpoint writes: the address as IpAddress::parse, IPv6 in brackets, a port of
/// 1 to 65535 in digits without leading zeros. Nothing for any other text.
std::optional<Endpoint> parse_endpoint(std::string_view text);

/// 0 to 65535 in digits without sign, blanks or leading zeros; else nothing.
std::optional<std::uint16_t> parse_port(std::string_view text);

/// A host (name or address, brackets removed) and a port, as people type them. Port 0 is allowed:
/// a listener then takes a free one.
struct HostPort {
  std::string host;
  std::uint16_t port = 0;
};

/// Reads "HOST:PORT", "1.2.3.4:PORT" or "[IPV6]:PORT". Nothing when a part is missing or malformed;
/// a host has at most 253 characters, all of them printable and none a blank or a slash.
std::optional<HostPort> parse_host_port(std::string_view text);

/// The opposite of parse_host_port: brackets around a host with a colon.
std::string format_host_port(const HostPort& host_port);

}  // namespace common
