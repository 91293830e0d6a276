#include "registry/list_view.hpp"

#include "common/classic_record.hpp"
#include "common/user_json.hpp"

namespace registry {
namespace {

/// What an old program reads of an answer, head included.
constexpr std::string_view kCommaListEnd = "\r\n\r\n";

template <typename Visit>
void for_each_shown(const Directory& directory, const View& view, Visit visit) {
  directory.for_each([&](const Record& record) {
    if (const auto user = show(record, view)) visit(*user);
  });
}

void append_record(std::string& out, const common::User& user) {
  out += user.name.text();
  out += '@';
  out += common::format_endpoint(user.endpoint);
}

void begin_json(std::string& out, Version version) {
  out += R"({"v":1,"version":)";
  out += std::to_string(version);
}

void append_users(std::string& out, const Directory& directory, const View& view) {
  out += R"(,"users":[)";
  bool first = true;
  for_each_shown(directory, view, [&](const common::User& user) {
    if (!first) out += ',';
    first = false;
    common::append_user_json(out, user);
  });
  out += ']';
}

}  // namespace

std::optional<common::Endpoint> shown_endpoint(const Record& record, const View& view) {
  // Old readers of JSON know of datagrams alone.
  const common::Transport transport = view.transport.value_or(common::Transport::kUdp);
  const bool is_his_own =
      record.session == 0 && (!view.transport || record.user.transport == transport);
  if (!is_his_own) {
    const std::uint16_t port = record.gateway_ports[transport];
    if (port != 0 && view.gateway_at && (view.with_ipv6 || !view.gateway_at->is_v6()))
      return common::Endpoint{*view.gateway_at, port};
    if (record.session != 0 && view.with_relayed) return common::Endpoint{};
    return std::nullopt;
  }
  common::Endpoint endpoint = record.user.endpoint;
  if (view.loopback_as && endpoint.address.is_loopback()) endpoint.address = *view.loopback_as;
  if (!view.with_ipv6 && endpoint.address.is_v6()) return std::nullopt;
  return endpoint;
}

std::optional<common::User> show(const Record& record, const View& view) {
  const auto endpoint = shown_endpoint(record, view);
  if (!endpoint) return std::nullopt;
  common::User user = record.user;
  user.endpoint = *endpoint;
  return user;
}

std::string render_list(const Directory& directory, ListForm form, const View& view,
                        bool last_line_ends) {
  std::string out;
  if (form == ListForm::kJson) {
    begin_json(out, directory.version());
    append_users(out, directory, view);
    out += "}\n";
    return out;
  }
  const char separator = form == ListForm::kComma ? ',' : '\n';
  for_each_shown(directory, view, [&](const common::User& user) {
    append_record(out, user);
    out += separator;
  });
  if (out.empty()) return out;
  if (form == ListForm::kComma) out += kCommaListEnd;
  if (form == ListForm::kLines && !last_line_ends) out.pop_back();
  return out;
}

std::string render_changes(const Directory& directory, Version since, const View& view) {
  std::string out;
  begin_json(out, directory.version());
  const auto changes = directory.changes_since(since);
  if (!changes) {
    out += R"(,"full":true)";
    append_users(out, directory, view);
    out += "}\n";
    return out;
  }
  out += R"(,"users":[)";
  bool first = true;
  for (const Record* record : changes->changed) {
    const auto user = show(*record, view);
    if (!user) continue;
    if (!first) out += ',';
    first = false;
    common::append_user_json(out, *user);
  }
  out += R"(],"removed":[)";
  for (std::size_t i = 0; i < changes->removed.size(); ++i) {
    if (i > 0) out += ',';
    out += common::json_string(changes->removed[i]);
  }
  out += "]}\n";
  return out;
}

std::string render_single_read_list(const Directory& directory, const View& view,
                                    std::size_t head_bytes) {
  std::string out;
  const std::size_t room = kSingleReadBytes - std::min(head_bytes, kSingleReadBytes);
  bool crossed = false;
  for_each_shown(directory, view, [&](const common::User& user) {
    std::string record;
    append_record(record, user);
    record += ',';
    // Commas are filled in once only: what lies beyond the first read no old program sees.
    if (!crossed && out.size() + record.size() > room) {
      crossed = true;
      if (out.size() < room) out.append(room - out.size(), ',');
    }
    out += record;
  });
  if (out.empty()) return out;
  // One byte left would hold the CR of the end without its LF: an old program takes it for a name.
  if (!crossed && out.size() + 1 == room) out += ',';
  out += kCommaListEnd;
  return out;
}

}  // namespace registry
