// Drives a TwoConnectionClient: the server, the person and time are the test's; what happened is
// one text.
#pragma once

#include <string>
#include <string_view>

#include "peer/two_connection_client.hpp"
#include "tests/support/test_random.hpp"
#include "tests/unit/support/values.hpp"

namespace test {

class TwoConnectionRun {
 public:
  using Client = peer::TwoConnectionClient;
  struct Link {
    static constexpr peer::LinkId kCommands = Client::kServerLink;
    static constexpr peer::LinkId kMessages = Client::kAcceptedLinkMin;
  };

  static Client::Options options() {
    return {.name = name("carol"),
            .password = "s3cret",
            .server = "127.0.0.1:9000",
            .server_address = ip("127.0.0.1"),
            .command = {},
            .count = {},
            .wait = {}};
  }

  explicit TwoConnectionRun(Client::Options options = TwoConnectionRun::options())
      : random_(1), client(std::move(options), random_) {}

  TwoConnectionRun& start() {
    client.start(now);
    return drain();
  }
  /// Up to 201, with the second connection; the log is empty then.
  TwoConnectionRun& online() {
    start();
    reply("101 Authentication successful");
    listening();
    ENSURE(accepted("127.0.0.1", "127.0.0.1"));
    reply("201 Build connection successful");
    take_log();
    notes.clear();
    return *this;
  }
  TwoConnectionRun& listening(std::uint16_t port = 30232) {
    client.handle_listening(now, port);
    return drain();
  }
  /// Somebody at `from` connects to our address `to`.
  [[nodiscard]] bool accepted(std::string_view from, std::string_view to) {
    return client.handle_accepted(now, Link::kMessages, {ip(from), 40000}, {ip(to), 30232});
  }
  TwoConnectionRun& bytes(peer::LinkId link, std::string_view text) {
    client.handle_bytes(now, {1'795'215'021'407}, link, common::as_bytes(text));
    return drain();
  }
  TwoConnectionRun& reply(std::string_view line) {
    return bytes(Link::kCommands, std::string(line) + '\n');
  }
  TwoConnectionRun& deliver(std::string_view line) {
    return bytes(Link::kMessages, std::string(line) + '\n');
  }
  TwoConnectionRun& closed(peer::LinkId link, std::string_view why = {}) {
    client.handle_closed(now, link, why);
    return drain();
  }
  TwoConnectionRun& input(std::string_view line) {
    client.handle_input_line(now, line);
    return drain();
  }
  TwoConnectionRun& input_end() {
    client.handle_input_end(now);
    return drain();
  }
  TwoConnectionRun& written(std::size_t size) {
    client.handle_written(now, size);
    return drain();
  }
  TwoConnectionRun& output_closed() {
    client.handle_output_closed(now);
    return drain();
  }
  TwoConnectionRun& stop(common::ExitStatus status = common::ExitStatus::kInterrupted) {
    client.handle_stop(now, status);
    return drain();
  }
  TwoConnectionRun& pass(common::Duration duration) {
    now += duration;
    client.handle_timeout(now);
    return drain();
  }
  TwoConnectionRun& drain() {
    while (auto action = client.poll_action()) {
      if (const auto* send = std::get_if<Client::Send>(&*action)) {
        log += send->link == Link::kCommands ? "a " : "b ";
        log += send->bytes.substr(0, send->bytes.find('\n')) + "; ";
        ENSURE(send->bytes.find('\n') + 1 == send->bytes.size());  // one line a segment
      } else if (const auto* print = std::get_if<Client::Print>(&*action)) {
        out += print->text;
        unwritten += print->text.size();
      } else if (const auto* note = std::get_if<Client::Note>(&*action)) {
        notes += note->text + '\n';
      } else if (const auto* ask = std::get_if<Client::Ask>(&*action)) {
        log += ask->is_secret ? "PASSWORD?; " : "NAME?; ";
      } else if (std::holds_alternative<Client::TakeCommands>(*action)) {
        log += "COMMAND?; ";
      } else if (std::holds_alternative<Client::Listen>(*action)) {
        log += "LISTEN; ";
      } else if (std::holds_alternative<Client::StopListening>(*action)) {
        log += "DEAF; ";
      } else if (const auto* leave = std::get_if<Client::Leave>(&*action)) {
        log += "LEAVE " + std::to_string(static_cast<int>(leave->status)) + "; ";
      }
      // A reader who takes all at once.
      if (reads && unwritten > 0) client.handle_written(now, std::exchange(unwritten, 0));
    }
    return *this;
  }

  std::string take_log() { return std::exchange(log, {}); }
  std::string take_out() { return std::exchange(out, {}); }

  std::string log;    // "a /list; b 302 …; NAME?; LISTEN; DEAF; LEAVE 0; "
  std::string out;    // standard output
  std::string notes;  // standard error, a line each
  bool reads = true;
  std::size_t unwritten = 0;
  common::TimePoint now = at(1h);

 private:
  TestRandom random_;  // before the client that draws from it

 public:
  peer::TwoConnectionClient client;
};

}  // namespace test
