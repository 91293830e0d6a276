// The addresses of a host, from the system's resolver. For shells.
#pragma once

#include <netdb.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "common/endpoint.hpp"
#include "common/expected.hpp"

namespace peer {

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

using AddressList = std::unique_ptr<addrinfo, FreeAddresses>;

/// All that TCP can connect to, or why there are none: "name or service not known", to stand inside
/// a sentence.
common::expected<AddressList, std::string> resolve_all(const std::string& host, std::uint16_t port);

/// The first address of a host, of the family `like` has if there is one.
std::optional<common::IpAddress> resolve_host(const std::string& host,
                                              const common::IpAddress& like);

}  // namespace peer
