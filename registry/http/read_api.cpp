#include "registry/http/read_api.hpp"

#include <fmt/format.h>

#include <charconv>

#include "common/user_json.hpp"
#include "registry/http/http_errors.hpp"
#include "registry/http/short_way.hpp"
#include "registry/http/text.hpp"

namespace registry::http {
namespace {

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

common::User room_user() {
  return {.name = common::UserName::room(),
          .endpoint = {},
          .transport = common::Transport::kUdp,
          .door = common::Door::kRoom,
          .since = {},
          .is_relayed = true};
}

Reader reader_of(const ApiRequest& request) {
  return {.program = request.program, .source = request.source, .local = request.local};
}

}  // namespace

ApiResponse ReadApi::list(const ApiRequest& request) {
  const auto format = request.param("format");
  if (format && *format != "json" && *format != "lines") {
    return error_response(ApiError::kMalformedQuery, "the format is not lines or json", false);
  }
  const bool json = wants_json(request);
  const View view = view_of(reader_of(request), json);
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
  response.content_type = is_old(request.program) ? "text/plain" : json ? kJsonType : kTextType;
  response.body = rendered.body;
  return response;
}

ApiResponse ReadApi::old_list(const ApiRequest& request) {
  std::string body = old_classic_body(directory_, view_of(reader_of(request), false));
  if (body.empty()) return error_response(ApiError::kListEmpty, "nobody is listed", false);
  return text_response(200, "text/plain", std::move(body));
}

ApiResponse ReadApi::user(const ApiRequest& request, std::string_view text) {
  const bool json = wants_json(request);
  const auto name = common::UserName::parse_addressee(text);
  if (!name) {
    return error_response(ApiError::kMalformedName,
                          fmt::format("the name {}", to_string(name.error())), json);
  }
  const View view = view_of(reader_of(request), json);
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
    return text_response(200, is_old(request.program) ? "text/plain" : kTextType,
                         common::format_endpoint(user->endpoint));
  }
  std::string body;
  common::append_user_json(body, *user);
  return text_response(200, kJsonType, body + '\n');
}

ApiResponse ReadApi::changes(const ApiRequest& request, std::string_view since) {
  Version version = 0;
  const auto [end, error] = std::from_chars(since.data(), since.data() + since.size(), version);
  if (error != std::errc() || end != since.data() + since.size())
    return error_response(ApiError::kMalformedQuery, "since is not a version number", true);
  auto response = text_response(
      200, kJsonType, render_changes(directory_, version, view_of(reader_of(request), true)));
  response.headers = {{"Cache-Control", "no-cache"}, {"Vary", "Accept, User-Agent"}};
  return response;
}

const CachedList* ReadApi::ready_list(const Reader& reader) {
  const View view = view_of(reader, false);
  if (Gateway* gateway = gateway_of(view)) gateway->prepare_all();
  const CachedList& list = lists_.get({.form = ListForm::kComma, .view = view});
  return list.body->empty() ? nullptr : &list;
}

std::optional<ReadApi::ReadyLookup> ReadApi::ready_lookup(const Reader& reader,
                                                          const common::UserName& name, bool json) {
  const Record* record = directory_.find(name);
  if (record == nullptr) return std::nullopt;
  const View view = view_of(reader, json);
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
  ready.head = short_head(json ? kJsonType : kTextType, ready.body.size());
  return ready;
}

View ReadApi::view_of(const Reader& reader, bool json) const {
  View view;
  view.with_relayed = json;
  if (!json) {
    view.transport =
        reader.program == Program::kOldNetchat ? common::Transport::kTcp : common::Transport::kUdp;
  }
  view.with_ipv6 = !is_old(reader.program);
  if (!reader.source.is_loopback()) view.loopback_as = reader.local;
  const bool has_some = gateways_.udp != nullptr || gateways_.tcp != nullptr;
  if (has_some) view.gateway_at = gateway_address_.value_or(reader.local);
  return view;
}

Gateway* ReadApi::gateway_of(const View& view) const {
  if (!view.transport) return nullptr;
  return *view.transport == common::Transport::kTcp ? gateways_.tcp : gateways_.udp;
}

}  // namespace registry::http
