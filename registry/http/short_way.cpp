#include "registry/http/short_way.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "registry/http/text.hpp"

namespace registry::http {

std::optional<ApiRequest> read_short_post(const FramedRequest& request,
                                          const common::IpAddress& source,
                                          const common::IpAddress& local) {
  if (request.method != "POST" || is_old(request.program) || request.version_minor != 1)
    return std::nullopt;
  const auto needs_decoding = [](char c) {
    return !((c >= 'a' && c <= 'z') || c == '.' || c == '/');
  };
  if (std::any_of(request.target.begin(), request.target.end(), needs_decoding))
    return std::nullopt;
  ApiRequest read = make_api_request(request, source, local);
  read.path = request.target;
  return read;
}

ReadyForm ready_form(const FramedRequest& request) {
  if (request.method != "GET" || is_old(request.program) || request.version_minor != 1)
    return ReadyForm::kNone;
  ReadyForm form = ReadyForm::kPlain;
  for (const HeaderField& field : request.fields) {
    if (equals_ignoring_case(field.name, "Accept")) {
      if (field.value.find("application/json") != field.value.npos) form = ReadyForm::kJson;
    } else if (equals_ignoring_case(field.name, "If-None-Match") ||
               equals_ignoring_case(field.name, "Origin") ||
               starts_with_ignoring_case(field.name, "Sec-Fetch-")) {
      return ReadyForm::kNone;
    }
  }
  return form;
}

std::optional<common::UserName> read_short_lookup(std::string_view target) {
  constexpr std::string_view kPrefix = "/userlist.txt?username=";
  if (!target.starts_with(kPrefix)) return std::nullopt;
  const std::string_view text = target.substr(kPrefix.size());
  const auto needs_decoding = [](char c) {
    return !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '-' || c == '.' || c == '_');
  };
  if (std::any_of(text.begin(), text.end(), needs_decoding)) return std::nullopt;
  const auto name = common::UserName::parse(text);
  return name ? std::optional(*name) : std::nullopt;
}

std::optional<std::string> write_short(const ApiResponse& response, bool keep_alive) {
  if (response.status != 200 || !response.headers.empty()) return std::nullopt;
  std::string answer = short_head(response.content_type, response.body ? response.body->size() : 0);
  answer += head_end(keep_alive);
  if (response.body) answer += *response.body;
  return answer;
}

std::string short_head(std::string_view content_type, std::size_t body_bytes) {
  std::string head = fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n", body_bytes);
  if (!content_type.empty()) head += fmt::format("Content-Type: {}\r\n", content_type);
  return head += "X-Content-Type-Options: nosniff\r\n";
}

}  // namespace registry::http
