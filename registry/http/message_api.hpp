// POST /v1/to/NAME: a message for anybody whom the registry can reach, with the answer telling what
// came of it (docs/protocol/directory.md, "Messages"). Part of the HTTP core.
#pragma once

#include <string_view>
#include <variant>

#include "registry/http/api_request.hpp"
#include "registry/hub.hpp"

namespace registry::http {

/// Where such requests go: the rest of the path is the recipient's name.
inline constexpr std::string_view kMessagePath = "/v1/to/";

/// Hands the message to the hub, or says why not. Once the hub has a result,
/// message_answer says it.
ApiResult begin_message(const ApiRequest& request, std::string_view to, const Directory& directory,
                        Hub& hub);

ApiResponse message_answer(const ApiRequest& request, DeliveryOutcome outcome);

}  // namespace registry::http
