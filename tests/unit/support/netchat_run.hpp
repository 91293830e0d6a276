// Drives a NetchatClient: its registry, its correspondents and its person are the test.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "peer/netchat_client.hpp"
#include "tests/support/test_random.hpp"
#include "tests/unit/support/values.hpp"

namespace test {

/// What is told of a message that has been sent.
inline constexpr std::string_view kSent = ">>Message sent!\n";

class NetchatRun {
 public:
  using Client = peer::NetchatClient;
  using LinkId = peer::LinkId;

  static Client::Options options(std::string_view self = "alice") {
    return {.name = name(self),
            .registry = "127.0.0.1:8080",
            .owner_token = std::string(43, 't'),
            .is_terminal = false,
            .json = false,
            .command = {},
            .count = {},
            .wait = {},
            .port = 0};
  }

  explicit NetchatRun(Client::Options options = NetchatRun::options()) : client(options, random_) {
    client.start(now);
    drain();
  }

  /// As far as the prompt.
  NetchatRun& online() {
    client.handle_listening(now, 40001);
    drain();
    answer(200, R"({"v":1,"name":"alice","endpoint":"127.0.0.1:40001","lease_s":200})");
    out.clear();
    requests.clear();
    return *this;
  }

  NetchatRun& line(std::string_view text) {
    client.handle_input_line(now, text);
    drain();
    return *this;
  }
  void end_input() {
    client.handle_input_end(now);
    drain();
  }
  void stop(common::ExitStatus as) {
    client.handle_stop(now, as);
    drain();
  }
  void pass(common::Duration duration) {
    const common::TimePoint end = now + duration;
    while (const auto due = client.next_timeout()) {
      if (*due > end) break;
      now = std::max(now, *due);
      client.handle_timeout(now);
      drain();
    }
    now = end;
    drain();
  }

  /// To the oldest request without an answer. JSON if the body is.
  void answer(int http, std::string_view body = "") {
    const bool is_json = body.starts_with('{');
    give({.own = endpoint("127.0.0.1:40001"),
          .answer = peer::HttpAnswer{
              .status = http, .is_json = is_json, .etag = "", .body = std::string(body)}});
  }
  void fail_answer() {
    give({.own = {},
          .answer = common::unexpected{peer::ExchangeFailure{
              peer::ExchangeFailure::Kind::kUnreachable, "connection refused"}}});
  }
  /// A look-up of somebody at that endpoint.
  void answer_user(std::string_view user, std::string_view at, std::string_view transport = "tcp") {
    answer(200, R"({"name":")" + std::string(user) + R"(","endpoint":")" + std::string(at) +
                    R"(","transport":")" + std::string(transport) + R"(","door":"netchat"})");
  }

  /// The call under way: connected, answered with these bytes, closed by the other side.
  void connected() {
    client.handle_connected(now, call, endpoint("127.0.0.1:50000"));
    drain();
  }
  void bytes(std::string_view text) {
    client.handle_bytes(now, wall(), call, common::as_bytes(text));
    drain();
  }
  void closed(std::string_view why = "") {
    client.handle_closed(now, call, why);
    drain();
  }
  /// Sends a text to bob, whose program is an old one, or ours.
  void send_to_old(std::string_view user, std::string_view text) {
    line("SEND " + std::string(user) + " \"" + std::string(text) + '"');
    answer_user(user, "127.0.0.1:40002");
    connected();
    closed();
  }
  void send_to_ours(std::string_view user, std::string_view text) {
    line("SEND " + std::string(user) + " \"" + std::string(text) + '"');
    answer_user(user, "127.0.0.1:40002");
    connected();
    bytes("TAKEN " + last_id() + "\n");
    closed();
  }
  /// Of what was last said on a link.
  std::string last_id() const {
    const std::string& last = said.back();
    return last.substr(last.size() - common::kNetchatIdDigits);
  }

  /// Somebody connects; false if he is turned away.
  bool accept(LinkId link, std::string_view from = "127.0.0.1") {
    const bool taken = client.handle_accepted(now, link, {ip(from), 50000}, {ip(from), 40001});
    drain();
    return taken;
  }
  void hear(LinkId link, std::string_view text) {
    client.handle_bytes(now, wall(), link, common::as_bytes(text));
    drain();
  }
  void hang_up(LinkId link, std::string_view why = "") {
    client.handle_closed(now, link, why);
    drain();
  }
  /// One whole message, as an old program sends it.
  LinkId receive(std::string_view text, std::string_view from = "127.0.0.1") {
    const LinkId link = next_link();
    ENSURE(accept(link, from));
    hear(link, text);
    hang_up(link);
    return link;
  }
  LinkId next_link() {
    return LinkId{static_cast<std::uint32_t>(peer::Conversation::kAcceptedLinkMin) + ++accepted_};
  }

  common::TimePoint now = at(1h);
  bool writes = true;                     // false: nobody reads standard output
  std::string out;                        // standard output
  std::string err;                        // standard error
  std::string prompt;                     // of TakeCommands
  std::vector<std::string> requests;      // "POST / UPDATE alice@" with its port
  std::vector<std::string> said;          // bytes on links of ours
  std::vector<std::string> connects;      // endpoints
  std::map<LinkId, std::string> replies;  // on accepted links
  std::vector<LinkId> closes;             // CloseLink
  LinkId call{};                          // the last Connect
  std::optional<int> status;              // of Leave
  bool is_listening = false;

 private:
  static common::WallTime wall() { return {1'700'000'000'123}; }

  void give(const peer::Conversation::RegistryAnswer& answer) {
    client.handle_registry_answer(now, answer);
    drain();
  }

  void drain() {
    while (const auto action = client.poll_action()) {
      ENSURE(!status);  // nothing follows Leave
      carry_out(*action);
    }
  }

  void carry_out(const peer::Conversation::Action& action) {
    using C = peer::Conversation;
    if (const auto* print = std::get_if<C::Print>(&action)) {
      out += print->text;
      if (writes) client.handle_written(now, print->text.size());
    } else if (const auto* note = std::get_if<C::Note>(&action)) {
      err += note->text + '\n';
    } else if (const auto* take = std::get_if<C::TakeCommands>(&action)) {
      prompt = take->prompt;
    } else if (std::holds_alternative<C::Listen>(action)) {
      is_listening = true;
    } else if (std::holds_alternative<C::StopListening>(action)) {
      is_listening = false;
    } else if (const auto* request = std::get_if<C::RegistryRequest>(&action)) {
      std::string text = request->request.method + ' ' + request->request.target;
      if (!request->request.body.empty()) text += ' ' + request->request.body;
      if (request->own_port) text += ':' + std::to_string(*request->own_port);
      requests.push_back(text);
    } else if (const auto* connect = std::get_if<C::Connect>(&action)) {
      call = connect->link;
      connects.push_back(common::format_endpoint(connect->to));
    } else if (const auto* send = std::get_if<C::Send>(&action)) {
      if (C::is_accepted(send->link)) {
        replies[send->link] += send->bytes;
      } else {
        said.push_back(send->bytes);
      }
    } else if (const auto* close = std::get_if<C::CloseLink>(&action)) {
      closes.push_back(close->link);
    } else if (const auto* leave = std::get_if<C::Leave>(&action)) {
      status = static_cast<int>(leave->status);
    }
  }

  TestRandom random_{7};
  std::uint32_t accepted_ = 0;

 public:
  Client client;
};

}  // namespace test
