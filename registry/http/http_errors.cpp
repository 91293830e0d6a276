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
  ApiResponse response;
  response.status = status_of(error);
  if (wants_json) {
    response.content_type = "application/json";
    response.body = std::make_shared<const std::string>(fmt::format(
        R"({{"code":{},"http":{},"error":{},"link":"{}"{}}})"
        "\n",
        static_cast<int>(error), response.status, common::json_string(text), kLink, extra_json));
  } else {
    response.content_type = "text/plain; charset=utf-8";
    response.body = std::make_shared<const std::string>(fmt::format("{}\n", text));
  }
  if (response.status == 503) response.headers.emplace_back("Retry-After", "1");
  return response;
}

}  // namespace registry::http
