// Drives a MeetClient: the registry, the partners, the person and time are the test's; what
// happened is one text.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "common/rendezvous_frame.hpp"
#include "peer/meet_client.hpp"
#include "tests/support/test_random.hpp"
#include "tests/unit/support/values.hpp"

namespace test {

// What a registry says to those who search veli, and to those who leave a chat.
inline constexpr const char* kFoundVeli =
    "&&FOUND&&|veli found. its address is ('127.0.0.1', 47010)";
inline constexpr const char* kNotFound = "&&NOTFOUND&&|user not found";
inline constexpr const char* kYouLeft = "&&CLIENTEXIT&&|you left the chat room.";

class MeetRun {
 public:
  using Client = peer::MeetClient;
  static constexpr peer::LinkId kServer = Client::kServerLink;
  static constexpr peer::LinkId kPartner = Client::kAcceptedLinkMin;

  static Client::Options options() {
    return {.name = name("ali"),
            .server = "127.0.0.1:6234",
            .hello_to = endpoint("127.0.0.1:6235"),
            .count = {},
            .wait = {}};
  }

  static Client::Options at_terminal() {
    Client::Options all = options();
    all.is_terminal = true;
    return all;
  }

  explicit MeetRun(Client::Options options = MeetRun::options())
      : random_(1), client(std::move(options), random_) {}

  MeetRun& start() {
    client.start(now);
    return drain();
  }
  MeetRun& listening(std::uint16_t port = 7820) {
    client.handle_listening(now, port);
    return drain();
  }
  /// Registered, and told so; the log is empty then.
  MeetRun& online() {
    start().listening();
    reply("&&INVALIDSEARCH&&|you can't search yourself. search for other users");
    take_log();
    notes.clear();
    return *this;
  }
  /// In a private chat with veli, whose texts come from 127.0.0.1 and who takes ours at 9001.
  MeetRun& chatting(std::string_view where = "|9001") {
    online();
    reply(
        "&&CLIENTOK&&|you have entered into a private chat with veli. you can send your message "
        "now!" +
        std::string(where));
    take_log();
    take_out();
    return *this;
  }
  /// In group chat 1.
  MeetRun& grouped() {
    online().input("GROUP CHAT veli");
    reply("&&FOUND&&|veli found. its address is ('127.0.0.1', 5)");
    reply(
        "you have added yourself to group chat 1. a request has been sent to your added friends. "
        "type EXIT GROUP to leave.");
    take_log();
    take_out();
    return *this;
  }
  MeetRun& bytes(peer::LinkId link, std::string_view text) {
    client.handle_bytes(now, {1'795'215'021'407}, link, common::as_bytes(text));
    return drain();
  }
  /// The registry says something; `cause` did it.
  MeetRun& reply(std::string_view data, std::string_view cause = "ali") {
    return bytes(kServer, common::encode_rendezvous_pair(cause, data));
  }
  bool accepted(std::string_view from = "127.0.0.1:40000", peer::LinkId link = kPartner) {
    const bool is_kept =
        client.handle_accepted(now, link, endpoint(from), endpoint("127.0.0.1:7820"));
    drain();
    return is_kept;
  }
  MeetRun& partner_says(std::string_view data, peer::LinkId link = kPartner) {
    return bytes(link, common::encode_rendezvous_frame(data));
  }
  MeetRun& closed(peer::LinkId link, std::string_view why = {}) {
    client.handle_closed(now, link, why);
    return drain();
  }
  /// Of what was sent while `takes` is false.
  MeetRun& sent(peer::LinkId link, std::size_t bytes) {
    client.handle_sent(now, link, bytes);
    return drain();
  }
  MeetRun& input(std::string_view line) {
    client.handle_input_line(now, line);
    return drain();
  }
  MeetRun& input_end() {
    client.handle_input_end(now);
    return drain();
  }
  MeetRun& output_closed() {
    client.handle_output_closed(now);
    return drain();
  }
  MeetRun& stop(common::ExitStatus status = common::ExitStatus::kInterrupted) {
    client.handle_stop(now, status);
    return drain();
  }
  MeetRun& pass(common::Duration duration) {
    const common::TimePoint end = now + duration;
    for (auto due = client.next_timeout(); due && *due <= end; due = client.next_timeout()) {
      now = std::max(now, *due);
      client.handle_timeout(now);
      drain();
    }
    now = end;
    client.handle_timeout(now);
    return drain();
  }
  MeetRun& drain() {
    while (auto action = client.poll_action()) {
      if (const auto* send = std::get_if<Client::Send>(&*action)) {
        log += fmt::format("{} {}; ", static_cast<std::uint32_t>(send->link), send->bytes);
        if (takes) client.handle_sent(now, send->link, send->bytes.size());
      } else if (const auto* print = std::get_if<Client::Print>(&*action)) {
        out += print->text;
        unwritten += print->text.size();
      } else if (const auto* note = std::get_if<Client::Note>(&*action)) {
        notes += note->text + '\n';
      } else if (const auto* take = std::get_if<Client::TakeCommands>(&*action)) {
        prompt = take->prompt;
      } else if (const auto* listen = std::get_if<Client::Listen>(&*action)) {
        log += fmt::format("LISTEN {}; ", listen->port);
      } else if (const auto* connect = std::get_if<Client::Connect>(&*action)) {
        log += fmt::format("CONNECT {} {}; ", static_cast<std::uint32_t>(connect->link),
                           common::format_endpoint(connect->to));
      } else if (const auto* close = std::get_if<Client::CloseLink>(&*action)) {
        log += fmt::format("CLOSE {}; ", static_cast<std::uint32_t>(close->link));
      } else if (const auto* datagram = std::get_if<Client::SendDatagram>(&*action)) {
        log += fmt::format("UDP {} {}; ", common::format_endpoint(datagram->to), datagram->bytes);
      } else if (const auto* leave = std::get_if<Client::Leave>(&*action)) {
        log += fmt::format("LEAVE {}; ", static_cast<int>(leave->status));
      }
      if (reads && unwritten > 0) client.handle_written(now, std::exchange(unwritten, 0));
    }
    return *this;
  }

  std::string take_log() { return std::exchange(log, {}); }
  std::string take_out() { return std::exchange(out, {}); }

  std::string log;     // "0  10  &&LOGOUT&&; CONNECT 1 127.0.0.1:9001; UDP …; LEAVE 0; "
  std::string out;     // standard output
  std::string notes;   // standard error, a line each
  std::string prompt;  // once commands are taken
  bool reads = true;   // standard output
  bool takes = true;   // the kernel, what is sent
  std::size_t unwritten = 0;
  common::TimePoint now = at(1h);

 private:
  TestRandom random_;  // before the client that draws from it

 public:
  peer::MeetClient client;
};

}  // namespace test
