#include "registry/http/host_rules.hpp"

#include <algorithm>

#include "registry/http/http_errors.hpp"
#include "registry/http/text.hpp"

namespace registry::http {

// security: a web page in a user's browser must not act on his registry. Browsers say where a
// request comes from; a name that resolves to us but is not ours is DNS rebinding.
std::optional<ApiResponse> refuse_foreign(const ApiRequest& request,
                                          const std::vector<std::string>& hosts) {
  const bool json = wants_json(request);
  if (!is_old(request.program) && !is_own_host(request.host, hosts)) {
    return error_response(ApiError::kForeignHost,
                          "this registry does not answer to that host name; it can be told to "
                          "with --host NAME",
                          json);
  }
  constexpr std::string_view kScheme = "http://";
  const bool is_foreign_origin =
      !request.origin.empty() &&
      !(request.origin.starts_with(kScheme) &&
        equals_ignoring_case(std::string_view(request.origin).substr(kScheme.size()),
                             request.host));
  // "none" is a person who typed the address.
  const bool is_foreign_site = !request.sec_fetch_site.empty() &&
                               request.sec_fetch_site != "same-origin" &&
                               request.sec_fetch_site != "none";
  if (is_foreign_origin || is_foreign_site)
    return error_response(ApiError::kForeignOrigin, "web pages of other origins may not ask", json);
  return std::nullopt;
}

bool is_own_host(std::string_view host, const std::vector<std::string>& hosts) {
  if (host.empty()) return true;  // HTTP/1.0; no browser leaves it out
  if (host.starts_with('[')) {
    const auto end = host.find(']');
    if (end == host.npos) return false;
    const std::string_view after = host.substr(end + 1);
    if (!after.empty() && (after[0] != ':' || !common::parse_port(after.substr(1)))) return false;
    return common::IpAddress::parse(host.substr(1, end - 1)).has_value();
  }
  const auto colon = host.find(':');
  const std::string_view name = host.substr(0, colon);
  if (colon != host.npos && !common::parse_port(host.substr(colon + 1))) return false;
  if (equals_ignoring_case(name, "localhost")) return true;
  if (common::IpAddress::parse(name)) return true;
  return std::any_of(hosts.begin(), hosts.end(),
                     [&](const std::string& own) { return equals_ignoring_case(name, own); });
}

}  // namespace registry::http
