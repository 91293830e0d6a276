// What readers are shown: lists, look-ups of one user, changes, each in the form that the program
// reads (docs/protocol/directory.md, "Lists" and "What a reader is shown"). Part of the HTTP core.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "registry/gateway.hpp"
#include "registry/http/api_request.hpp"
#include "registry/http/list_cache.hpp"
#include "registry/list_view.hpp"

namespace registry::http {

/// Not owned; null where there is none.
struct Gateways {
  Gateway* udp = nullptr;
  Gateway* tcp = nullptr;
};

/// Who asks, and from where.
struct Reader {
  Program program = Program::kModern;
  common::IpAddress source;  // his end of the connection
  common::IpAddress local;   // ours
};

class ReadApi {
 public:
  /// Without gateways, a user is shown only to readers who can send to him by themselves.
  ReadApi(const Directory& directory, const Hub& hub, Gateways gateways)
      : directory_(directory), hub_(hub), gateways_(gateways), lists_(directory) {}

  /// The one address that gateway ports are at; none: every address of this machine's, so that a
  /// reader is shown the one that he came in by.
  void set_gateway_address(std::optional<common::IpAddress> address) { gateway_address_ = address; }

  ApiResponse list(const ApiRequest& request);
  ApiResponse user(const ApiRequest& request, std::string_view name);
  ApiResponse changes(const ApiRequest& request, std::string_view since);

  /// The plain list for a modern program, whose answer is `plain_head`, what ends it, and the body.
  /// Null if it is empty. Valid until the next call.
  const CachedList* ready_list(const Reader& reader);

  /// One listed user for a modern program: `body` follows the head's last lines. Nothing if there
  /// is more to it: he is not there, or not shown.
  struct ReadyLookup {
    std::string head;
    std::string body;
  };
  std::optional<ReadyLookup> ready_lookup(const Reader& reader, const common::UserName& name,
                                          bool json);

 private:
  ApiResponse old_list(const ApiRequest& request);
  View view_of(const Reader& reader, bool json) const;
  /// Of readers who are shown what this view has; null if they need none.
  Gateway* gateway_of(const View& view) const;

  const Directory& directory_;
  const Hub& hub_;
  Gateways gateways_;
  std::optional<common::IpAddress> gateway_address_;
  ListCache lists_;
};

}  // namespace registry::http
