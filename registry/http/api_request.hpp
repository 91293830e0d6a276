// What the HTTP core is asked, and what it answers: values. Part of the HTTP core.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "common/signed_request.hpp"
#include "registry/directory.hpp"
#include "registry/http/http_framing.hpp"
#include "registry/hub.hpp"

namespace registry::http {

struct ApiRequest {
  std::string method;
  std::string path;  // percent-decoded, without the query
  std::vector<std::pair<std::string, std::string>> query;
  std::string_view body;
  Program program = Program::kModern;
  common::IpAddress source;  // the caller's end of the connection
  common::IpAddress local;   // ours

  // Header fields, empty when absent; where there are several of a name, all of them as one list.
  std::string accept;
  std::string if_none_match;
  std::string origin;
  std::string owner_token;
  std::string endpoint_transport = {};
  common::SignatureFields signature = {};
  std::string sec_fetch_site;
  std::string_view host;
  std::string_view target = {};  // as it was sent

  std::optional<std::string_view> param(std::string_view name) const;
};

/// A request but for its path and query, which stay empty: those have to be decoded first. Its
/// views point into `framed`.
ApiRequest make_api_request(const FramedRequest& framed, const common::IpAddress& source,
                            const common::IpAddress& local);

struct ApiResponse {
  int status = 200;
  std::string content_type;  // empty: no body
  std::shared_ptr<const std::string> body;
  std::vector<std::pair<std::string, std::string>> headers;
};

inline constexpr std::string_view kTextType = "text/plain; charset=utf-8";
inline constexpr std::string_view kJsonType = "application/json";

ApiResponse text_response(int status, std::string_view type, std::string body);

/// The answer to give once the change is on disk; until then it waits at the gate.
struct HeldResponse {
  ChangeId change = 0;
  ApiResponse response;
};
/// Ask again when the directory says that this key has settled.
struct ParkedRequest {
  std::string key;
};
/// The answer depends on what comes of this delivery (message_api.hpp).
struct AwaitedDelivery {
  DeliveryId delivery = 0;
};
using ApiResult = std::variant<ApiResponse, HeldResponse, ParkedRequest, AwaitedDelivery>;

}  // namespace registry::http
