#include "registry/http/http_api.hpp"

#include <fmt/format.h>

#include "common/version.hpp"
#include "registry/http/change_api.hpp"
#include "registry/http/host_rules.hpp"
#include "registry/http/http_errors.hpp"
#include "registry/http/message_api.hpp"

namespace registry::http {
namespace {

using common::WallTime;

constexpr std::string_view kListPath = "/userlist.txt";
constexpr std::string_view kAllow = "GET, HEAD, POST";

std::string help_text(std::string_view host) {
  const std::string at = host.empty() ? "HOST:PORT" : std::string(host);
  return fmt::format(
      "registry {}: who is there, under which name, at which address\n\n"
      "  curl http://{}/userlist.txt                                      the list\n"
      "  curl http://{}/userlist.txt?format=json                          the same as JSON\n"
      "  curl http://{}/userlist.txt?username=alice                       one user's address\n"
      "  curl -d 'REGISTER alice@127.0.0.1:50001' http://{}/userlist.txt  claim a name\n"
      "  curl -d 'LOGOUT alice@127.0.0.1:50001' http://{}/userlist.txt    give it up\n"
      "  curl http://{}/healthz  /readyz  /metrics                        how it is\n",
      common::kVersion, at, at, at, at, at, at);
}

/// The operation a request counts under in /metrics. A small fixed set: a label that strangers
/// choose would grow without bound.
std::string operation_of(const ApiRequest& request) {
  if (request.method == "POST" && request.path.starts_with(kMessagePath)) return "message";
  if (request.method == "POST") {
    for (const auto& [verb, name] :
         {std::pair{"REGISTER ", "register"}, std::pair{"UPDATE ", "update"},
          std::pair{"LOGOUT ", "logout"}})
      if (request.body.starts_with(verb)) return name;
    return "other";
  }
  if (request.path == kListPath) return request.param("username") ? "lookup" : "list";
  if (request.path == "/healthz" || request.path == "/readyz" || request.path == "/metrics")
    return request.path.substr(1);
  return "other";
}

}  // namespace

HttpApi::HttpApi(HttpApiOptions options, Directory& directory, Hub& hub, Gateways gateways,
                 RenderMetrics render_metrics)
    : options_(std::move(options)),
      directory_(directory),
      hub_(hub),
      reads_(directory, hub, gateways),
      render_metrics_(std::move(render_metrics)) {}

ApiResult HttpApi::handle(TimePoint now, WallTime wall, const ApiRequest& request) {
  ApiResult result = route(now, wall, request);
  const auto* answered = std::get_if<ApiResponse>(&result);
  const auto* held = std::get_if<HeldResponse>(&result);
  if (held != nullptr) answered = &held->response;
  if (answered != nullptr) ++counters_.requests[{operation_of(request), answered->status}];
  return result;
}

ApiResult HttpApi::route(TimePoint now, WallTime wall, const ApiRequest& request) {
  if (auto refused = refuse_foreign(request, options_.hosts)) return *std::move(refused);
  const bool json = wants_json(request);
  const bool is_read = request.method == "GET" || request.method == "HEAD";
  const bool is_post = request.method == "POST";
  const bool is_list_path = request.path == kListPath;
  if (is_post && (is_list_path || request.path == "/")) {
    return begin_change(now, wall, request,
                        {.refreshed = options_.lease, .classic = options_.classic_lease},
                        directory_);
  }
  if (!is_read && !is_post) {
    auto response =
        error_response(ApiError::kMethodNotAllowed, "the method is not GET, HEAD or POST", json);
    response.headers.emplace_back("Allow", kAllow);
    return response;
  }
  if (is_read && is_list_path) {
    if (const auto name = request.param("username")) return reads_.user(request, *name);
    if (const auto since = request.param("since")) return reads_.changes(request, *since);
    return reads_.list(request);
  }
  if (is_post && request.path.starts_with(kMessagePath)) {
    return begin_message(request, std::string_view(request.path).substr(kMessagePath.size()),
                         directory_, hub_);
  }
  if (is_read && request.path == "/") return text_response(200, kTextType, help_text(request.host));
  if (is_read && request.path == "/healthz")
    return text_response(200, kJsonType, "{\"status\":\"ok\"}\n");
  if (is_read && request.path == "/readyz") {
    if (health_.is_draining) return error_response(ApiError::kDraining, "draining", true);
    if (!health_.is_store_up)
      return error_response(ApiError::kStoreDown, "the disk does not take changes", true);
    return text_response(200, kJsonType, "{\"status\":\"ready\"}\n");
  }
  if (is_read && request.path == "/metrics")
    return text_response(200, "text/plain; version=0.0.4; charset=utf-8", render_metrics_());
  if (request.path.starts_with(kMessagePath)) {
    auto response = error_response(ApiError::kMethodNotAllowed, "the method is not POST", json);
    response.headers.emplace_back("Allow", "POST");
    return response;
  }
  const bool is_known =
      request.path == "/healthz" || request.path == "/readyz" || request.path == "/metrics";
  if (is_known) {
    auto response =
        error_response(ApiError::kMethodNotAllowed, "the method is not GET or HEAD", json);
    response.headers.emplace_back("Allow", "GET, HEAD");
    return response;
  }
  return error_response(ApiError::kPathNotFound, "there is nothing under this path", json);
}

const CachedList* HttpApi::ready_list(const FramedRequest& request, const common::IpAddress& source,
                                      const common::IpAddress& local) {
  if (request.target != kListPath || own_ready_form(request) != ReadyForm::kPlain) return nullptr;
  const CachedList* list = reads_.ready_list({.source = source, .local = local});
  if (list != nullptr) ++counters_.ready_lists;
  return list;
}

std::optional<ReadApi::ReadyLookup> HttpApi::ready_lookup(const FramedRequest& request,
                                                          const common::IpAddress& source,
                                                          const common::IpAddress& local) {
  const auto name = read_short_lookup(request.target);
  if (!name) return std::nullopt;
  const ReadyForm form = own_ready_form(request);
  if (form == ReadyForm::kNone) return std::nullopt;
  auto ready =
      reads_.ready_lookup({.source = source, .local = local}, *name, form == ReadyForm::kJson);
  if (ready) ++counters_.ready_lookups;
  return ready;
}

ReadyForm HttpApi::own_ready_form(const FramedRequest& request) const {
  return is_own_host(request.field("Host"), options_.hosts) ? ready_form(request)
                                                            : ReadyForm::kNone;
}

ApiResponse HttpApi::store_down(const ApiRequest& request) {
  ++counters_.requests[{operation_of(request), 503}];
  return error_response(ApiError::kStoreDown,
                        "the registry cannot write to its disk now; try again",
                        wants_json(request));
}

ApiResponse HttpApi::delivered(const ApiRequest& request, DeliveryOutcome outcome) {
  auto response = message_answer(request, outcome);
  ++counters_.requests[{operation_of(request), response.status}];
  return response;
}

ApiResponse HttpApi::framing_error(FramingError error) {
  const auto text = [&]() -> std::string_view {
    switch (error) {
      case FramingError::kMalformed:
        return "the request is malformed";
      case FramingError::kTimeout:
        return "the request took too long";
      case FramingError::kBodyTooLarge:
        return "the body is too large";
      case FramingError::kTargetTooLong:
        return "the request line is too long";
      case FramingError::kUnsupportedBody:
        return "the body's type or encoding is not supported";
      case FramingError::kUnmetExpectation:
        return "the expectation cannot be met";
      case FramingError::kHeadTooLarge:
        return "the header fields are too large";
      case FramingError::kUnknownCoding:
        return "the transfer coding is not known";
      case FramingError::kUnknownVersion:
        return "the HTTP version is not supported";
    }
    return "the request is refused";
  }();
  return text_response(static_cast<int>(error), kTextType, std::string(text) + '\n');
}

}  // namespace registry::http
