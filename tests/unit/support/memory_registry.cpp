#include "tests/unit/support/memory_registry.hpp"

#include "registry/http/limits.hpp"
#include "registry/http/short_way.hpp"
#include "registry/http/text.hpp"

namespace test {

using registry::Node;
using registry::http::ApiRequest;
using registry::http::ApiResponse;
using registry::http::HttpFraming;

MemoryRegistry::MemoryRegistry(Settings settings)
    : settings_(std::move(settings)),
      node_({.rules = settings_.rules,
             .hosts = settings_.hosts,
             .gateway_ports = settings_.gateway_ports > 0 ? &udp_ports_ : nullptr,
             .tcp_gateway_ports = settings_.gateway_ports > 0 ? &tcp_ports_ : nullptr,
             .gateway_ports_max = settings_.gateway_ports},
            random_, [] { return std::string("registry_users 0\n"); }) {}

MemoryRegistry::Id MemoryRegistry::connect(std::string_view source, std::string_view local) {
  const Id id = ++last_id_;
  connections_.emplace(id, std::make_unique<Connection>(Connection{
                               HttpFraming(now_, settings_.port), ip(source), ip(local)}));
  return id;
}

void MemoryRegistry::send(Id id, std::string_view bytes) {
  Connection& connection = *connections_.at(id);
  ENSURE(!connection.is_waiting);  // the shell does not read then either
  if (connection.is_closed) return;
  connection.framing.handle_bytes(now_, bytes);
  process(id, connection);
}

void MemoryRegistry::end(Id id) {
  Connection& connection = *connections_.at(id);
  connection.framing.handle_end(now_);
  process(id, connection);
}

std::string MemoryRegistry::call(std::string_view bytes, std::string_view source,
                                 std::string_view local) {
  const Id id = connect(source, local);
  send(id, bytes);
  if (connections_.at(id)->out.empty()) pass(registry::http::kOldBodyGrace);
  std::string out = take_output(id);
  vanish(id);
  return out;
}

void MemoryRegistry::process(Id id, Connection& connection) {
  while (!connection.is_closed && !connection.is_waiting && step(id, connection)) {
  }
  if (settings_.commits_at_once) commit_all();
}

bool MemoryRegistry::step(Id id, Connection& connection) {
  switch (connection.framing.poll(now_)) {
    case HttpFraming::State::kNeedBytes:
      return false;
    case HttpFraming::State::kSendContinue:
      connection.out += "HTTP/1.1 100 Continue\r\n\r\n";
      return true;
    case HttpFraming::State::kRequest:
      run_request(id, connection);
      return true;
    case HttpFraming::State::kError: {
      registry::http::FramedRequest nothing{
          .method = "GET", .target = "/", .fields = {}, .body = {}};
      const auto error = connection.framing.error();
      connection.out +=
          engine_
              .run(nothing, connection.source, connection.local, false,
                   [&](const ApiRequest&) { return registry::http::HttpApi::framing_error(error); })
              .head;
      connection.is_closed = true;
      return false;
    }
    case HttpFraming::State::kEnded:
      connection.is_closed = true;
      return false;
  }
  return false;
}

void MemoryRegistry::run_request(Id id, Connection& connection) {
  const auto& framed = connection.framing.request();
  if (const auto* ready = node_.api().ready_list(framed, connection.source, connection.local)) {
    return finish(connection, ready->plain_head +
                                  std::string(registry::http::head_end(framed.keep_alive)) +
                                  *ready->body);
  }
  if (const auto ready = node_.api().ready_lookup(framed, connection.source, connection.local)) {
    return finish(
        connection,
        ready->head + std::string(registry::http::head_end(framed.keep_alive)) + ready->body);
  }
  bool is_parked = false;
  bool is_held = false;
  std::string answer = run_engine(connection, [&](const ApiRequest& parsed) -> ApiResponse {
    auto result = node_.handle(now_, wall(), id, parsed);
    if (auto* held = std::get_if<registry::http::HeldResponse>(&result)) {
      is_held = true;
      return std::move(held->response);
    }
    if (auto* done = std::get_if<ApiResponse>(&result)) return std::move(*done);
    is_parked = true;
    return {};
  });
  connection.is_waiting = is_held || is_parked;
  if (is_held) connection.held = std::move(answer);
  if (!connection.is_waiting) finish(connection, std::move(answer));
}

std::string MemoryRegistry::run_engine(Connection& connection,
                                       const registry::http::HttpEngine::Handler& handler) {
  const auto& framed = connection.framing.request();
  auto answer =
      engine_.run(framed, connection.source, connection.local, framed.keep_alive, handler);
  return answer.body ? answer.head + *answer.body : answer.head;
}

void MemoryRegistry::finish(Connection& connection, std::string answer) {
  connection.out += answer;
  if (!connection.framing.request().keep_alive) connection.is_closed = true;
  connection.framing.consume(now_);
}

void MemoryRegistry::add(std::string_view text) {
  auto parsed = record(text);
  const auto outcome = node_.directory().register_user(
      now_, {.name = std::move(parsed.name), .endpoint = parsed.endpoint, .since = wall()},
      {.source = parsed.endpoint.address, .token = std::nullopt});
  ENSURE(std::holds_alternative<registry::Pending>(outcome));
  commit_all();
}

void MemoryRegistry::commit_all() {
  std::vector<std::pair<registry::ChangeId, registry::Version>> committed;
  while (const auto change = node_.poll_change()) {
    version_ = std::max(version_, change->floor) + 1;
    committed.emplace_back(change->id, version_);
  }
  if (!committed.empty()) node_.handle_committed(now_, committed);
  release();
}

void MemoryRegistry::fail_all() {
  std::vector<registry::ChangeId> failed;
  while (const auto change = node_.poll_change()) failed.push_back(change->id);
  node_.handle_failed(now_, failed);
  release();
}

int MemoryRegistry::answer_probes(bool is_gone) {
  int count = 0;
  while (const auto probe = node_.poll_probe()) {
    node_.handle_probe_result(now_, probe->key, is_gone);
    ++count;
  }
  release();
  return count;
}

void MemoryRegistry::release() {
  node_.run_hub(now_);
  while (const auto released = node_.poll_release()) {
    const auto it = connections_.find(released->ticket);
    if (it == connections_.end()) {
      if (released->kind == Node::Release::Kind::kRerun) node_.abandon(released->ticket);
      continue;
    }
    Connection& connection = *it->second;
    connection.is_waiting = false;
    switch (released->kind) {
      case Node::Release::Kind::kCommitted:
        finish(connection, std::exchange(connection.held, {}));
        break;
      case Node::Release::Kind::kFailed:
        finish(connection, run_engine(connection, [&](const ApiRequest& parsed) {
                 return node_.api().store_down(parsed);
               }));
        break;
      case Node::Release::Kind::kRerun:
        run_request(released->ticket, connection);
        break;
      case Node::Release::Kind::kDelivered:
        finish(connection, run_engine(connection, [&](const ApiRequest& parsed) {
                 return node_.api().delivered(parsed, released->outcome);
               }));
        break;
    }
    process(released->ticket, connection);
  }
}

void MemoryRegistry::pass(common::Duration duration) {
  const common::TimePoint end = now_ + duration;
  for (;;) {
    common::TimePoint due = end;
    if (const auto next = node_.next_timeout()) due = std::min(due, *next);
    for (const auto& [id, connection] : connections_)
      if (const auto next = connection->framing.next_timeout(); next && !connection->is_closed)
        due = std::min(due, *next);
    now_ = std::max(now_, due);
    node_.handle_timeout(now_);
    for (const auto& [id, connection] : connections_) {
      const auto next = connection->framing.next_timeout();
      if (connection->is_closed || !next || *next > now_) continue;
      if (connection->framing.is_idle()) {
        connection->is_closed = true;
        continue;
      }
      connection->framing.handle_timeout(now_);
      process(id, *connection);
    }
    if (settings_.commits_at_once) commit_all();
    if (due >= end) return;
  }
}

Answer::Answer(std::string_view bytes) {
  const auto end = bytes.find("\r\n\r\n");
  if (end == bytes.npos) return;
  head = bytes.substr(0, end + 4);
  body = bytes.substr(end + 4);
  if (head.starts_with("HTTP/1.1 ") && head.size() > 12) status = std::stoi(head.substr(9, 3));
}

std::string Answer::field(std::string_view name) const {
  std::string_view rest = head;
  while (!rest.empty()) {
    const auto end = rest.find("\r\n");
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 2);
    const auto colon = line.find(": ");
    if (colon == line.npos) continue;
    if (registry::http::equals_ignoring_case(line.substr(0, colon), name))
      return std::string(line.substr(colon + 2));
  }
  return "(none)";
}

}  // namespace test
