#include "registry/http/http_errors.hpp"

#include <fmt/format.h>

#include "common/user_json.hpp"

namespace registry::http {
namespace {

constexpr std::string_view kLink = "docs/protocol/directory.md#errors";

}  // namespace

bool wants_json(const ApiRequest& request) {
  if (const auto format = request.param("format")) return *format == "json";
  return request.accept.find("application/json") != request.accept.npos;
}

ApiResponse error_response(ApiError error, std::string_view text, bool wants_json,
                           std::string_view extra_json) {
  const int status = status_of(error);
  ApiResponse response =
      wants_json ? text_response(status, kJsonType,
                                 fmt::format(R"({{"code":{},"http":{},"error":{},"link":"{}"{}}})"
                                             "\n",
                                             static_cast<int>(error), status,
                                             common::json_string(text), kLink, extra_json))
                 : text_response(status, kTextType, fmt::format("{}\n", text));
  if (status == 503) response.headers.emplace_back("Retry-After", "1");
  return response;
}

}  // namespace registry::http
