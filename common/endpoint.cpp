#include "common/endpoint.hpp"

#include <arpa/inet.h>  // inet_pton and inet_ntop alone: text to bytes and back, no input or output

#include <algorithm>
#include <charconv>

namespace common {
namespace {

constexpr std::size_t kAddressTextMax = 45;  // INET6_ADDRSTRLEN less its terminator
constexpr std::size_t kHostNameMax = 253;    // RFC 1035, as text

bool is_mapped_v4(const std::array<std::uint8_t, 16>& bytes) {
  return std::all_of(bytes.begin(), bytes.begin() + 10, [](std::uint8_t b) { return b == 0; }) &&
         bytes[10] == 0xff && bytes[11] == 0xff;
}

}  // namespace

IpAddress IpAddress::v4(std::array<std::uint8_t, 4> bytes) {
  IpAddress address;
  std::copy(bytes.begin(), bytes.end(), address.bytes_.begin());
  return address;
}

IpAddress IpAddress::v6(std::array<std::uint8_t, 16> bytes) {
  if (is_mapped_v4(bytes)) return v4({bytes[12], bytes[13], bytes[14], bytes[15]});
  IpAddress address;
  address.v6_ = true;
  address.bytes_ = bytes;
  return address;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.empty() || text.size() > kAddressTextMax) return std::nullopt;
  if (text.find('\0') != text.npos) return std::nullopt;  // inet_pton would stop there
  const std::string terminated(text);
  std::array<std::uint8_t, 16> bytes{};
  if (inet_pton(AF_INET, terminated.c_str(), bytes.data()) == 1)
    return v4({bytes[0], bytes[1], bytes[2], bytes[3]});
  if (inet_pton(AF_INET6, terminated.c_str(), bytes.data()) == 1) return v6(bytes);
  return std::nullopt;
}

bool IpAddress::is_loopback() const {
  if (!v6_) return bytes_[0] == 127;
  return std::all_of(bytes_.begin(), bytes_.end() - 1, [](std::uint8_t b) { return b == 0; }) &&
         bytes_[15] == 1;
}

bool IpAddress::is_private() const {
  const auto& b = bytes_;
  if (v6_) return (b[0] & 0xfe) == 0xfc || (b[0] == 0xfe && (b[1] & 0xc0) == 0x80);
  return b[0] == 10 || (b[0] == 172 && (b[1] & 0xf0) == 16) || (b[0] == 192 && b[1] == 168) ||
         (b[0] == 169 && b[1] == 254);
}

bool IpAddress::is_unicast() const {
  if (!v6_) return bytes_[0] != 0 && bytes_[0] < 224;
  const bool unspecified =
      std::all_of(bytes_.begin(), bytes_.end(), [](std::uint8_t b) { return b == 0; });
  return !unspecified && bytes_[0] != 0xff;
}

std::string IpAddress::to_string() const {
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(v6_ ? AF_INET6 : AF_INET, bytes_.data(), text, sizeof text);
  return text;
}

std::string format_endpoint(const Endpoint& endpoint) {
  return format_host_port({endpoint.address.to_string(), endpoint.port});
}

std::optional<Endpoint> parse_endpoint(std::string_view text) {
  const bool bracketed = text.starts_with('[');
  const auto host_port = parse_host_port(text);
  if (!host_port || host_port->port == 0) return std::nullopt;
  const auto address = IpAddress::parse(host_port->host);
  if (!address) return std::nullopt;
  // Brackets stand around IPv6 text and nothing else: one spelling, so one record has one text.
  if (bracketed != (host_port->host.find(':') != std::string::npos)) return std::nullopt;
  return Endpoint{*address, host_port->port};
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return port;
}

std::optional<HostPort> parse_host_port(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == text.npos) return std::nullopt;
  const auto port = parse_port(text.substr(colon + 1));
  std::string_view host = text.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    if (host.find(':') == host.npos) return std::nullopt;  // brackets are for IPv6
  } else if (host.find_first_of(":[]") != host.npos) {
    return std::nullopt;  // IPv6 without brackets: nobody can tell where the port begins
  }
  const auto is_bad = [](char c) { return c <= ' ' || c == 0x7f || c == '/'; };
  if (!port || host.empty() || host.size() > kHostNameMax ||
      std::any_of(host.begin(), host.end(), is_bad)) {
    return std::nullopt;
  }
  return HostPort{std::string(host), *port};
}

std::string format_host_port(const HostPort& host_port) {
  const bool v6 = host_port.host.find(':') != std::string::npos;
  std::string text;
  text.reserve(host_port.host.size() + 8);
  if (v6) text += '[';
  text += host_port.host;
  if (v6) text += ']';
  text += ':';
  text += std::to_string(host_port.port);
  return text;
}

}  // namespace common
