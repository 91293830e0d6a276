// The short way of the most frequent requests, past cpp-httplib: what it would read and write is
// plain to see for them. Everything else goes through http_engine, which stays the measure: a fuzz
// target holds both ways' readings and answers against each other. A core.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "registry/http/api_request.hpp"

namespace registry::http {

/// A POST by a modern program to a path that needs no decoding; nothing if it is any other request.
std::optional<ApiRequest> read_short_post(const FramedRequest& request,
                                          const common::IpAddress& source,
                                          const common::IpAddress& local);

/// The form in which a GET may be answered the short way; kNone if anything else in it could change
/// the answer. Its target and its Host are the caller's to look at.
enum class ReadyForm { kNone, kPlain, kJson };
ReadyForm ready_form(const FramedRequest& request);

/// Whom a look-up by a target that needs no decoding is for; nothing if it is any other target.
std::optional<common::UserName> read_short_lookup(std::string_view target);

/// An answer's bytes, as http_engine would write them; nothing if it is not a 200 without header
/// fields of its own.
std::optional<std::string> write_short(const ApiResponse& response, bool keep_alive);

/// The same, less "Connection", the empty line and the body.
std::string short_head(std::string_view content_type, std::size_t body_bytes);

/// What ends a short head.
inline std::string_view head_end(bool keep_alive) {
  return keep_alive ? "\r\n" : "Connection: close\r\n\r\n";
}

}  // namespace registry::http
