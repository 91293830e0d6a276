#include "tests/unit/support/small_world.hpp"

#include "common/owner_token.hpp"

namespace test {

SmallWorld::Peer& SmallWorld::listen(std::string_view who, std::uint16_t port, bool with_token,
                                     bool asks) {
  Peer& peer = peers_.emplace_back();
  peer.name = who;
  peer.port = port;
  if (with_token) peer.token = common::make_owner_token(random_);
  peer::Listener::Options options{
      .name = test::name(who), .registry = "127.0.0.1:8080", .asks = asks, .count = {}, .wait = {}};
  peer.listener = std::make_unique<peer::Listener>(std::move(options), random_);
  peer.listener->start(registry.now());
  carry_out(peer);
  return peer;
}

SmallWorld::Peer& SmallWorld::listen_again(const Peer& before, std::uint16_t port) {
  Peer& peer = peers_.emplace_back();
  peer.name = before.name;
  peer.port = port;
  peer.token = before.token;
  peer::Listener::Options options{
      .name = test::name(peer.name), .registry = "127.0.0.1:8080", .count = {}, .wait = {}};
  peer.listener = std::make_unique<peer::Listener>(std::move(options), random_);
  peer.listener->start(registry.now());
  carry_out(peer);
  return peer;
}

void SmallWorld::type(Peer& peer, std::string_view line) {
  transcript.event(time(), peer.name, "types", line);
  peer.listener->handle_input_line(registry.now(), line);
  carry_out(peer);
}

void SmallWorld::stop(Peer& peer) {
  transcript.event(time(), peer.name, "is sent", "SIGINT");
  peer.listener->handle_stop(registry.now(), common::ExitStatus::kInterrupted);
  carry_out(peer);
}

void SmallWorld::kill(Peer& peer) {
  transcript.event(time(), peer.name, "is sent", "SIGKILL");
  peer.is_alive = false;
}

void SmallWorld::send(std::string_view who, const std::vector<std::string>& lines) {
  peer::Sender sender(test::name(who), "127.0.0.1:8080");
  for (const std::string& line : lines) {
    transcript.event(time(), who, "types", line);
    sender.handle_line(line);
    while (auto action = sender.poll_action()) {
      if (const auto* print = std::get_if<peer::Sender::Print>(&*action)) {
        transcript.event(time(), who, "prints", print->line);
      } else if (const auto* complain = std::get_if<peer::Sender::Complain>(&*action)) {
        transcript.event(time(), who, "complains", complain->text);
      } else if (const auto* fetch = std::get_if<peer::Sender::Fetch>(&*action)) {
        sender.handle_answer(to_answer(call(who, http_bytes(fetch->request))));
      } else if (const auto* datagrams = std::get_if<peer::Sender::SendDatagrams>(&*action)) {
        for (const auto& transmit : datagrams->datagrams) deliver(who, transmit);
        sender.handle_sent(std::vector<std::string>(datagrams->datagrams.size()));
      }
    }
  }
  transcript.event(time(), who, "leaves",
                   "status " + std::to_string(static_cast<int>(sender.status())));
}

void SmallWorld::deliver(std::string_view from, const peer::Transmit& transmit) {
  const std::string text(common::as_text(transmit.datagram));
  const auto old = old_.find(transmit.to.port);
  if (old != old_.end()) {
    transcript.datagram(time(), from, old->second, text);
    return;
  }
  for (Peer& peer : peers_) {
    if (!peer.is_alive || peer.port != transmit.to.port) continue;
    transcript.datagram(time(), from, peer.name, text);
    peer.listener->handle_datagram(registry.now(), {}, transmit.datagram);
    return carry_out(peer);
  }
  transcript.datagram(time(), from, "nobody", text);
}

void SmallWorld::carry_out(Peer& peer) {
  while (auto action = peer.listener->poll_action()) {
    if (const auto* print = std::get_if<peer::Listener::Print>(&*action)) {
      transcript.event(time(), peer.name, "prints", print->text);
    } else if (const auto* note = std::get_if<peer::Listener::Note>(&*action)) {
      transcript.event(time(), peer.name, "notes", note->text);
    } else if (const auto* leave = std::get_if<peer::Listener::Leave>(&*action)) {
      transcript.event(time(), peer.name, "leaves",
                       "status " + std::to_string(static_cast<int>(leave->status)));
      peer.is_alive = false;
    } else if (const auto* request = std::get_if<peer::Listener::Register>(&*action)) {
      const common::Endpoint own{ip("127.0.0.1"), peer.port};
      const auto http =
          peer::make_registration(request->verb, test::name(peer.name), own, peer.token);
      const auto answer = to_answer(call(peer.name, http_bytes(http)));
      peer.listener->handle_registration(registry.now(), own,
                                         peer::interpret_registration(request->verb, answer));
    }
  }
}

std::string SmallWorld::call(std::string_view who, std::string_view bytes) {
  transcript.stream(time(), who, "registry", bytes);
  const auto id = registry.connect();
  registry.send(id, bytes);
  if (!answers_probes_by_hand_) {
    const bool is_probed = registry.answer_probes(/*is_gone=*/true) > 0;
    if (is_probed) transcript.event(time(), "registry", "probes", "port unreachable");
  }
  std::string answer = registry.take_output(id);
  transcript.stream(time(), "registry", who, answer);
  return answer;
}

void SmallWorld::pass(common::Duration duration) {
  const common::TimePoint end = registry.now() + duration;
  for (;;) {
    common::TimePoint due = end;
    if (const auto next = registry.node().next_timeout()) due = std::min(due, *next);
    for (const Peer& peer : peers_) {
      if (!peer.is_alive) continue;
      if (const auto next = peer.listener->next_timeout()) due = std::min(due, *next);
    }
    registry.pass(due - registry.now());
    while (const auto event = registry.node().poll_event())
      if (event->kind == registry::DirectoryEvent::Kind::kExpired)
        transcript.event(time(), "registry", "expires", event->user.name.text());
    for (Peer& peer : peers_) {
      if (!peer.is_alive) continue;
      peer.listener->handle_timeout(registry.now());
      carry_out(peer);
    }
    if (due >= end) return;
  }
}

std::string SmallWorld::http_bytes(const peer::HttpRequest& request) const {
  std::string out = request.method + ' ' + request.target + " HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n";
  for (const auto& [name, value] : request.headers) out += name + ": " + value + "\r\n";
  if (!request.body.empty())
    out += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
  return out + "\r\n" + request.body;
}

peer::HttpAnswer SmallWorld::to_answer(const std::string& bytes) const {
  const Answer answer(bytes);
  const std::string etag = answer.field("ETag");
  return {.status = answer.status,
          .is_json = answer.field("Content-Type") == "application/json",
          .etag = etag == "(none)" ? "" : etag,
          .body = answer.body};
}

}  // namespace test
