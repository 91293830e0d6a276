// The HTTP door's errors: one table of codes, statuses and texts (docs/protocol/directory.md,
// "Errors"). Part of the HTTP core.
#pragma once

#include <string>
#include <string_view>

#include "registry/http/api_request.hpp"

namespace registry::http {

/// The number is the `code` of the JSON form: the status, then a running number.
enum class ApiError : int {
  kMalformedRecord = 40001,
  kUnknownVerb = 40002,
  kForeignAddress = 40003,
  kNotListed = 40004,
  kMalformedName = 40005,
  kMalformedQuery = 40006,
  kListEmpty = 40007,
  kMalformedToken = 40008,
  kMalformedText = 40009,
  kBadSignature = 40010,
  kForeignOrigin = 40301,
  kForeignSender = 40302,
  kUserNotFound = 40401,
  kPathNotFound = 40402,
  kMethodNotAllowed = 40501,
  kNameTaken = 40601,
  kNotOwner = 40602,
  kBoundName = 40603,
  kStaleRequest = 40604,
  kTextTooLong = 41301,
  kForeignHost = 42101,
  kTextRefused = 42201,
  kStoreDown = 50301,
  kFull = 50302,
  kDraining = 50303,
  kRecipientBusy = 50304,
  kNoReceipt = 50401,
};

inline int status_of(ApiError error) { return static_cast<int>(error) / 100; }

/// The error as the reader wants it: JSON with `code`, `http`, `error` and `link`, else one line of
/// text. `extra_json` is put before the closing brace as it is.
ApiResponse error_response(ApiError error, std::string_view text, bool wants_json,
                           std::string_view extra_json = {});

/// True if the request asks for JSON by Accept or ?format=json.
bool wants_json(const ApiRequest& request);

}  // namespace registry::http
