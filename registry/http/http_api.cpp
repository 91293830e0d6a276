#include "registry/http/http_api.hpp"

#include <fmt/format.h>

#include <charconv>

#include "common/owner_token.hpp"
#include "common/user_json.hpp"
#include "common/version.hpp"
#include "registry/http/http_errors.hpp"
#include "registry/http/limits.hpp"
#include "registry/http/message_api.hpp"
#include "registry/http/short_way.hpp"
#include "registry/http/text.hpp"

namespace registry::http {
namespace {

using common::WallTime;

constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::string_view kJson = "application/json";
constexpr std::string_view kListPath = "/userlist.txt";
constexpr std::string_view kAllow = "GET, HEAD, POST";

std::shared_ptr<const std::string> share(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

ApiResponse text_response(int status, std::string_view type, std::string body) {
  return {.status = status,
          .content_type = std::string(type),
          .body = share(std::move(body)),
          .headers = {}};
}

/// Head of an answer to an old program, to the byte as http_engine writes it: a list has to know
/// its length (docs/protocol/directory.md, "Old programs").
std::string old_head(std::size_t body_bytes) {
  return fmt::format(
      "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\nContent-Type: "
      "text/plain\r\n\r\n",
      body_bytes);
}

std::string old_classic_body(const Directory& directory, const View& view) {
  // The head's length depends on the digits of the body's, and that on where the filling goes.
  std::size_t head_bytes = old_head(0).size();
  for (;;) {
    std::string body = render_single_read_list(directory, view, head_bytes);
    const std::size_t actual = old_head(body.size()).size();
    if (actual > head_bytes) {
      head_bytes = actual;
      continue;
    }
    // A longer head leaves less to fill, which can make the body so much shorter that its length
    // has a digit less. More filling where the first read ends gives it the digit back.
    const std::size_t first_read = kSingleReadBytes - head_bytes;
    if (actual < head_bytes && body.size() > first_read)
      while (old_head(body.size()).size() < head_bytes) body.insert(first_read, 1, ',');
    return body;
  }
}

bool etag_matches(std::string_view if_none_match, std::string_view etag) {
  if (trim_blanks(if_none_match) == "*") return true;
  while (!if_none_match.empty()) {
    const auto comma = if_none_match.find(',');
    std::string_view item = trim_blanks(if_none_match.substr(0, comma));
    if (item.starts_with("W/")) item.remove_prefix(2);
    if (item == etag) return true;
    if (comma == if_none_match.npos) return false;
    if_none_match.remove_prefix(comma + 1);
  }
  return false;
}

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

std::string_view trim_line_end(std::string_view body) {
  while (body.ends_with('\n') || body.ends_with('\r')) body.remove_suffix(1);
  return body;
}

struct Refused {
  ApiError error;
  std::string text;
};

Refused explain(Refusal refusal, const common::ClassicRecord& record,
                const common::IpAddress& source) {
  switch (refusal) {
    case Refusal::kForeignAddress:
      return {ApiError::kForeignAddress,
              fmt::format("the address {} is not yours: you come from {}",
                          record.endpoint.address.to_string(), source.to_string())};
    case Refusal::kNameTaken:
      return {ApiError::kNameTaken, fmt::format("the name {} is taken", record.name.text())};
    case Refusal::kNotListed:
      return {ApiError::kNotListed,
              fmt::format("{} is not listed",
                          common::format_classic_record(record.name, record.endpoint))};
    case Refusal::kNotOwner:
      return {ApiError::kNotOwner,
              fmt::format("{} was registered by somebody else", record.name.text())};
    case Refusal::kAccountName:
      return {
          ApiError::kNameTaken,
          fmt::format("the name {} belongs to an account: log in to use it", record.name.text())};
    case Refusal::kBoundName:
      return {ApiError::kBoundName,
              fmt::format("the name {} obeys another key", record.name.text())};
    case Refusal::kStaleRequest:
      return {ApiError::kStaleRequest,
              fmt::format("the request's or the certificate's serial is not above the last that {} "
                          "has used",
                          record.name.text())};
    case Refusal::kFull:
      return {ApiError::kFull, "no room for another user"};
    case Refusal::kStoreDown:
      break;
  }
  return {ApiError::kStoreDown, "the registry cannot write to its disk now; try again"};
}

/// Who has signed the request, or why that does not count.
common::expected<common::Signer, std::string> verify_signer(WallTime wall,
                                                            const ApiRequest& request,
                                                            const common::UserName& name) {
  // The host is what binds the request to this registry: is_own_host() has seen it.
  if (request.host.empty() || is_old(request.program))
    return common::unexpected{std::string("a signed request needs a Host with its port")};
  auto signer = common::verify_request(request.signature,
                                       {.host = request.host,
                                        .method = request.method,
                                        .path = request.target,
                                        .body = request.body},
                                       wall);
  if (!signer) {
    return common::unexpected{
        fmt::format("the request's signature {}", common::to_string(signer.error()))};
  }
  if (!(signer->certificate.name == name)) {
    return common::unexpected{
        fmt::format("the certificate is for the name {}", signer->certificate.name.text())};
  }
  return *std::move(signer);
}

}  // namespace

std::optional<std::string_view> ApiRequest::param(std::string_view name) const {
  for (const auto& [key, value] : query)
    if (key == name) return value;
  return std::nullopt;
}

ApiRequest make_api_request(const FramedRequest& framed, const common::IpAddress& source,
                            const common::IpAddress& local) {
  ApiRequest request;
  request.method = framed.method;
  request.body = framed.body;
  request.program = framed.program;
  request.source = source;
  request.local = local;
  request.accept = framed.field_list("Accept");
  request.if_none_match = framed.field_list("If-None-Match");
  request.origin = framed.field_list("Origin");
  request.owner_token = framed.field_list("Owner-Token");
  request.endpoint_transport = framed.field_list("Endpoint-Transport");
  request.sec_fetch_site = framed.field_list("Sec-Fetch-Site");
  request.signature = {.certificate = framed.field_list(common::kCertificateField),
                       .serial = framed.field_list(common::kSerialField),
                       .signature = framed.field_list(common::kSignatureField)};
  request.host = framed.field("Host");
  request.target = framed.target;
  return request;
}

HttpApi::HttpApi(HttpApiOptions options, Directory& directory, Hub& hub, Gateways gateways,
                 RenderMetrics render_metrics)
    : options_(std::move(options)),
      directory_(directory),
      hub_(hub),
      gateways_(gateways),
      lists_(directory),
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
  if (auto refused = refuse_foreign(request)) return *std::move(refused);
  const bool json = wants_json(request);
  const bool is_read = request.method == "GET" || request.method == "HEAD";
  const bool is_post = request.method == "POST";
  const bool is_list_path = request.path == kListPath;
  if (is_post && (is_list_path || request.path == "/")) return post(now, wall, request);
  if (!is_read && !is_post) {
    auto response =
        error_response(ApiError::kMethodNotAllowed, "the method is not GET, HEAD or POST", json);
    response.headers.emplace_back("Allow", kAllow);
    return response;
  }
  if (is_read && is_list_path) {
    if (const auto name = request.param("username")) return get_user(request, *name);
    if (const auto since = request.param("since")) return get_changes(request, *since);
    return get_list(request);
  }
  if (is_post && request.path.starts_with(kMessagePath)) {
    return begin_message(request, std::string_view(request.path).substr(kMessagePath.size()),
                         directory_, hub_);
  }
  if (is_read && request.path == "/") return text_response(200, kText, help_text(request.host));
  if (is_read && request.path == "/healthz")
    return text_response(200, kJson, "{\"status\":\"ok\"}\n");
  if (is_read && request.path == "/readyz") {
    if (health_.is_draining) return error_response(ApiError::kDraining, "draining", true);
    if (!health_.is_store_up)
      return error_response(ApiError::kStoreDown, "the disk does not take changes", true);
    return text_response(200, kJson, "{\"status\":\"ready\"}\n");
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

// security: a web page in a user's browser must not act on his registry. Browsers say where a
// request comes from; a name that resolves to us but is not ours is DNS rebinding.
std::optional<ApiResponse> HttpApi::refuse_foreign(const ApiRequest& request) const {
  const bool json = wants_json(request);
  if (!is_old(request.program) && !is_own_host(request.host)) {
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

bool HttpApi::is_own_host(std::string_view host) const {
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
  return std::any_of(options_.hosts.begin(), options_.hosts.end(),
                     [&](const std::string& own) { return equals_ignoring_case(name, own); });
}

ApiResult HttpApi::post(TimePoint now, WallTime wall, const ApiRequest& request) {
  const bool json = wants_json(request);
  const std::string_view line = trim_line_end(request.body);
  const auto space = line.find(' ');
  const std::string_view verb = line.substr(0, space);
  if (space == line.npos || (verb != "REGISTER" && verb != "UPDATE" && verb != "LOGOUT")) {
    return error_response(ApiError::kUnknownVerb,
                          "the body is not REGISTER, UPDATE or LOGOUT name@ip:port", json);
  }
  const auto record = common::parse_classic_record(line.substr(space + 1));
  if (!record) return error_response(ApiError::kMalformedRecord, to_string(record.error()), json);
  if (!request.endpoint_transport.empty() && !common::parse_transport(request.endpoint_transport)) {
    return error_response(ApiError::kMalformedRecord, "the endpoint's transport is not udp or tcp",
                          json);
  }
  Caller caller{.source = request.source, .token = std::nullopt};
  if (!request.owner_token.empty()) {
    if (!common::is_owner_token(request.owner_token))
      return error_response(ApiError::kMalformedToken, "the owner token is malformed", json);
    caller.token = common::hash_owner_token(request.owner_token);
  }
  std::optional<common::Signer> signer;
  if (!request.signature.is_empty()) {
    auto verified = verify_signer(wall, request, record->name);
    if (!verified) return error_response(ApiError::kBadSignature, verified.error(), json);
    signer = *std::move(verified);
    caller.signer = &*signer;
  }
  if (verb == "LOGOUT") {
    return registered(request, *record, std::nullopt,
                      directory_.logout_user(now, record->name, record->endpoint, caller));
  }
  // An old NetChat client's UPDATE stands for a TCP listener, and so does whatever says that it
  // does; everybody else listens on UDP.
  const bool netchat = request.endpoint_transport.empty()
                           ? verb == "UPDATE" && request.program == Program::kOldNetchat
                           : request.endpoint_transport == "tcp";
  const Registration wanted{
      .name = record->name,
      .endpoint = record->endpoint,
      .transport = netchat ? common::Transport::kTcp : common::Transport::kUdp,
      .door = netchat ? common::Door::kNetchat : common::Door::kClassic,
      .since = wall};
  // With a token or a key comes the duty to refresh; without one the record has the long lease.
  const bool refreshes = caller.token || caller.signer != nullptr;
  const Duration lease = refreshes ? options_.lease : options_.classic_lease;
  return registered(request, *record, lease,
                    verb == "REGISTER" ? directory_.register_user(now, wanted, caller)
                                       : directory_.update_user(now, wanted, caller));
}

ApiResult HttpApi::registered(const ApiRequest& request, const common::ClassicRecord& record,
                              std::optional<Duration> lease, Outcome outcome) {
  const bool json = wants_json(request);
  if (const auto* waiting = std::get_if<Waiting>(&outcome)) return ParkedRequest{waiting->key};
  if (const auto* refusal = std::get_if<Refusal>(&outcome)) {
    const Refused refused = explain(*refusal, record, request.source);
    return error_response(refused.error, refused.text, json);
  }
  ApiResponse done;
  if (json) {
    using std::chrono::seconds;
    const std::string lease_member =
        lease ? fmt::format(",\"lease_s\":{}", std::chrono::duration_cast<seconds>(*lease).count())
              : std::string();
    done = text_response(200, kJson,
                         fmt::format("{{\"v\":1,\"name\":{},\"endpoint\":\"{}\"{}}}\n",
                                     common::json_string(record.name.text()),
                                     common::format_endpoint(record.endpoint), lease_member));
  }
  if (const auto* pending = std::get_if<Pending>(&outcome))
    return HeldResponse{pending->change, std::move(done)};
  return done;
}

View HttpApi::view_of(const ApiRequest& request, bool json) const {
  View view;
  if (!json) {
    view.transport =
        request.program == Program::kOldNetchat ? common::Transport::kTcp : common::Transport::kUdp;
  }
  view.with_ipv6 = !is_old(request.program);
  if (!request.source.is_loopback()) view.loopback_as = request.local;
  add_gateway(view, request.local, json);
  return view;
}

void HttpApi::add_gateway(View& view, const common::IpAddress& local, bool json) const {
  view.with_relayed = json;
  const bool has_some = gateways_.udp != nullptr || gateways_.tcp != nullptr;
  if (has_some) view.gateway_at = gateway_address_.value_or(local);
}

Gateway* HttpApi::gateway_of(const View& view) const {
  if (!view.transport) return nullptr;
  return *view.transport == common::Transport::kTcp ? gateways_.tcp : gateways_.udp;
}

ApiResponse HttpApi::get_list(const ApiRequest& request) {
  const auto format = request.param("format");
  if (format && *format != "json" && *format != "lines") {
    return error_response(ApiError::kMalformedQuery, "the format is not lines or json", false);
  }
  const bool json = wants_json(request);
  const View view = view_of(request, json);
  if (Gateway* gateway = gateway_of(view)) gateway->prepare_all();
  if (!format && request.program == Program::kOldClassic && !json) return old_list(request);
  const bool netchat = !format && request.program == Program::kOldNetchat;
  const ListCache::Key key{.form = json                            ? ListForm::kJson
                                   : netchat || format.has_value() ? ListForm::kLines
                                                                   : ListForm::kComma,
                           .view = view,
                           .netchat = netchat};
  const CachedList& rendered = lists_.get(key);
  if (key.form == ListForm::kComma && rendered.body->empty())
    return error_response(ApiError::kListEmpty, "nobody is listed", false);
  ApiResponse response;
  if (!is_old(request.program)) {
    response.headers = {
        {"Cache-Control", "no-cache"}, {"ETag", rendered.etag}, {"Vary", "Accept, User-Agent"}};
    if (!request.if_none_match.empty() && etag_matches(request.if_none_match, rendered.etag)) {
      response.status = 304;
      return response;
    }
  }
  response.content_type = is_old(request.program) ? "text/plain" : json ? kJson : kText;
  response.body = rendered.body;
  return response;
}

ApiResponse HttpApi::old_list(const ApiRequest& request) {
  std::string body = old_classic_body(directory_, view_of(request, false));
  if (body.empty()) return error_response(ApiError::kListEmpty, "nobody is listed", false);
  return text_response(200, "text/plain", std::move(body));
}

common::User HttpApi::room_user() {
  return {.name = common::UserName::room(),
          .endpoint = {},
          .transport = common::Transport::kUdp,
          .door = common::Door::kRoom,
          .since = {},
          .is_relayed = true};
}

ApiResponse HttpApi::get_user(const ApiRequest& request, std::string_view text) {
  const bool json = wants_json(request);
  const auto name = common::UserName::parse_addressee(text);
  if (!name) {
    return error_response(ApiError::kMalformedName,
                          fmt::format("the name {}", to_string(name.error())), json);
  }
  const View view = view_of(request, json);
  if (Gateway* gateway = gateway_of(view)) gateway->prepare(*name);
  const Record* record = directory_.find(*name);
  auto user = record ? show(*record, view) : std::nullopt;
  // Not listed, but our own peers find the way to it. A plain answer would have to name a port.
  if (json && name->is_room() && hub_.room().is_open()) user = room_user();
  if (!user) {
    return error_response(ApiError::kUserNotFound,
                          fmt::format("user {} is not found", name->text()), json,
                          fmt::format(",\"online\":{}", directory_.size()));
  }
  if (!json) {
    return text_response(200, is_old(request.program) ? "text/plain" : kText,
                         common::format_endpoint(user->endpoint));
  }
  std::string body;
  common::append_user_json(body, *user);
  return text_response(200, kJson, body + '\n');
}

ApiResponse HttpApi::get_changes(const ApiRequest& request, std::string_view since) {
  Version version = 0;
  const auto [end, error] = std::from_chars(since.data(), since.data() + since.size(), version);
  if (error != std::errc() || end != since.data() + since.size())
    return error_response(ApiError::kMalformedQuery, "since is not a version number", true);
  auto response =
      text_response(200, kJson, render_changes(directory_, version, view_of(request, true)));
  response.headers = {{"Cache-Control", "no-cache"}, {"Vary", "Accept, User-Agent"}};
  return response;
}

// Whether a request may be answered the short way, and in which form: anything else that could
// change the answer sends it the long way.
HttpApi::ReadyForm HttpApi::ready_form(const FramedRequest& request) const {
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
  return is_own_host(request.field("Host")) ? form : ReadyForm::kNone;
}

std::optional<HttpApi::ReadyLookup> HttpApi::ready_lookup(const FramedRequest& request,
                                                          const common::IpAddress& source,
                                                          const common::IpAddress& local) {
  constexpr std::string_view kPrefix = "/userlist.txt?username=";
  if (!request.target.starts_with(kPrefix)) return std::nullopt;
  const std::string_view text = request.target.substr(kPrefix.size());
  const auto needs_decoding = [](char c) {
    return !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '-' || c == '.' || c == '_');
  };
  if (std::any_of(text.begin(), text.end(), needs_decoding)) return std::nullopt;
  const ReadyForm form = ready_form(request);
  const auto name = common::UserName::parse(text);
  if (form == ReadyForm::kNone || !name) return std::nullopt;
  const Record* record = directory_.find(*name);
  if (record == nullptr) return std::nullopt;
  View view;
  const bool json = form == ReadyForm::kJson;
  if (!json) view.transport = common::Transport::kUdp;
  if (!source.is_loopback()) view.loopback_as = local;
  add_gateway(view, local, json);
  ReadyLookup ready;
  if (json) {
    const auto user = show(*record, view);
    if (!user) return std::nullopt;
    common::append_user_json(ready.body, *user);
    ready.body += '\n';
  } else {
    const auto endpoint = shown_endpoint(*record, view);
    if (!endpoint) return std::nullopt;
    ready.body = common::format_endpoint(*endpoint);
  }
  ready.head = short_head(json ? kJson : kText, ready.body.size());
  ++counters_.ready_lookups;
  return ready;
}

const CachedList* HttpApi::ready_list(const FramedRequest& request, const common::IpAddress& source,
                                      const common::IpAddress& local) {
  if (request.target != kListPath || ready_form(request) != ReadyForm::kPlain) return nullptr;
  ListCache::Key key;
  key.view.transport = common::Transport::kUdp;
  if (!source.is_loopback()) key.view.loopback_as = local;
  add_gateway(key.view, local, false);
  if (gateways_.udp != nullptr) gateways_.udp->prepare_all();
  const CachedList& list = lists_.get(key);
  if (list.body->empty()) return nullptr;
  ++counters_.ready_lists;
  return &list;
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
  return text_response(static_cast<int>(error), kText, std::string(text) + '\n');
}

}  // namespace registry::http
