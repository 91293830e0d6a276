#include "registry/http/message_api.hpp"

#include <fmt/format.h>

#include "common/owner_token.hpp"
#include "common/user_json.hpp"
#include "registry/http/http_errors.hpp"
#include "registry/message_text.hpp"

namespace registry::http {
namespace {

ApiResponse success(const ApiRequest& request, int status, std::string_view word) {
  const std::string_view to = std::string_view(request.path).substr(kMessagePath.size());
  if (!wants_json(request)) return text_response(status, kTextType, fmt::format("{}\n", word));
  return text_response(
      status, kJsonType,
      fmt::format("{{\"v\":1,\"to\":{},\"outcome\":\"{}\"}}\n", common::json_string(to), word));
}

}  // namespace

ApiResult begin_message(const ApiRequest& request, std::string_view to, const Directory& directory,
                        Hub& hub) {
  const bool json = wants_json(request);
  const auto fail = [&](ApiError error, std::string_view text) {
    return error_response(error, text, json);
  };
  const auto name = common::UserName::parse_addressee(to);
  if (!name) {
    return fail(ApiError::kMalformedName, fmt::format("the name {}", to_string(name.error())));
  }
  const auto from = common::UserName::parse(request.param("from").value_or(""));
  if (!from) {
    return fail(ApiError::kMalformedQuery,
                fmt::format("the sender's name, ?from=NAME, {}", to_string(from.error())));
  }
  Caller caller{.source = request.source, .token = std::nullopt};
  if (!request.owner_token.empty()) {
    if (!common::is_owner_token(request.owner_token))
      return fail(ApiError::kMalformedToken, "the owner token is malformed");
    caller.token = common::hash_owner_token(request.owner_token);
  }
  if (!directory.may_speak_as(*from, caller)) {
    return fail(ApiError::kForeignSender,
                fmt::format("the name {} is registered or has an account: it counts only from "
                            "its owner's address",
                            from->text()));
  }
  if (request.body.size() > kMessageBytesMax) {
    return fail(ApiError::kTextTooLong,
                fmt::format("the text has more than {} bytes", kMessageBytesMax));
  }
  auto text = one_line_text(request.body);
  if (!text)
    return fail(ApiError::kMalformedText,
                "the text is empty, not UTF-8, or has a control character");
  const auto message =
      std::make_shared<const Message>(Message{from->text(), *std::move(text), false});
  return AwaitedDelivery{hub.deliver(Asker::http(), 0, message, *name)};
}

ApiResponse message_answer(const ApiRequest& request, DeliveryOutcome outcome) {
  const bool json = wants_json(request);
  const auto fail = [&](ApiError error, std::string_view text) {
    return error_response(error, text, json);
  };
  switch (outcome) {
    case DeliveryOutcome::kDelivered:
      return success(request, 200, "delivered");
    case DeliveryOutcome::kSent:
      return success(request, 202, "sent");
    case DeliveryOutcome::kUnknown:
    case DeliveryOutcome::kSkipped:
      break;
    case DeliveryOutcome::kRefused:
      return fail(ApiError::kTextRefused, "the recipient's program cannot be given this text");
    case DeliveryOutcome::kBusy:
      return fail(ApiError::kRecipientBusy, "too many messages wait for the recipient; try again");
    case DeliveryOutcome::kTimedOut:
      return fail(ApiError::kNoReceipt, "the recipient gave no receipt in time");
    case DeliveryOutcome::kLeft:
      return fail(ApiError::kNoReceipt, "the recipient left before giving a receipt");
  }
  const std::string_view to = std::string_view(request.path).substr(kMessagePath.size());
  return fail(ApiError::kUserNotFound, fmt::format("user {} is not found", to));
}

}  // namespace registry::http
