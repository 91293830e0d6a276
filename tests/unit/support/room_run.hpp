// Drives a RoomClient: the server, the person and time are the test's; what happened is one text.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "peer/room_client.hpp"
#include "tests/support/test_random.hpp"
#include "tests/unit/support/values.hpp"

namespace test {

// What a server says to a newcomer, before his name and after it.
inline const std::string kPrompt = "Please enter your username: ";
inline const std::string kGreeting = "You are connected to chatroom.";

class RoomRun {
 public:
  using Client = peer::RoomClient;

  static Client::Options options() {
    return {
        .name = name("alice"), .server = "127.0.0.1:12000", .text = {}, .count = {}, .wait = {}};
  }

  explicit RoomRun(Client::Options options = RoomRun::options())
      : random_(1), client(std::move(options), random_) {}

  RoomRun& start() {
    client.start(now);
    return drain();
  }
  /// Up to the greeting; log and notes are empty then.
  RoomRun& enter() {
    start();
    hear(kPrompt);
    hear(kGreeting);
    log.clear();
    notes.clear();
    return *this;
  }
  RoomRun& hear(std::string_view text) {
    client.handle_bytes(now, {1'795'215'021'407}, Client::kServerLink, common::as_bytes(text));
    return drain();
  }
  RoomRun& closed(std::string_view why = {}) {
    client.handle_closed(now, Client::kServerLink, why);
    return drain();
  }
  RoomRun& input(std::string_view line) {
    client.handle_input_line(now, line);
    return drain();
  }
  RoomRun& input_end() {
    client.handle_input_end(now);
    return drain();
  }
  RoomRun& stop(common::ExitStatus status = common::ExitStatus::kInterrupted) {
    client.handle_stop(now, status);
    return drain();
  }
  RoomRun& pass(common::Duration duration) {
    now += duration;
    client.handle_timeout(now);
    return drain();
  }
  /// The kernel takes what was sent.
  RoomRun& take_sent() {
    while (unsent > 0) {
      client.handle_sent(now, Client::kServerLink, std::exchange(unsent, 0));
      drain();
    }
    return *this;
  }
  RoomRun& drain() {
    while (auto action = client.poll_action()) {
      if (const auto* send = std::get_if<Client::Send>(&*action)) {
        ENSURE(send->bytes.find('\n') + 1 == send->bytes.size());  // one line a segment
        log += "> " + send->bytes.substr(0, send->bytes.size() - 1) + "; ";
        unsent += send->bytes.size();
        if (takes) take_sent();
      } else if (const auto* print = std::get_if<Client::Print>(&*action)) {
        out += print->text;
        unwritten += print->text.size();
        if (reads) client.handle_written(now, std::exchange(unwritten, 0));
      } else if (const auto* note = std::get_if<Client::Note>(&*action)) {
        notes += note->text + '\n';
      } else if (const auto* take = std::get_if<Client::TakeCommands>(&*action)) {
        log += "COMMANDS " + take->prompt + "; ";
      } else if (const auto* leave = std::get_if<Client::Leave>(&*action)) {
        log += "LEAVE " + std::to_string(static_cast<int>(leave->status)) + "; ";
      } else {
        ENSURE(false);  // this core asks for nothing else
      }
    }
    return *this;
  }

  std::string take_log() { return std::exchange(log, {}); }
  std::string take_out() { return std::exchange(out, {}); }

  std::string log;    // "> hello; COMMANDS > ; LEAVE 0; "
  std::string out;    // standard output
  std::string notes;  // standard error, a line each
  bool reads = true;  // who reads standard output
  bool takes = true;  // the kernel, what is sent
  std::size_t unwritten = 0;
  std::size_t unsent = 0;
  common::TimePoint now = at(1h);

 private:
  TestRandom random_;  // before the client that draws from it

 public:
  peer::RoomClient client;
};

}  // namespace test
