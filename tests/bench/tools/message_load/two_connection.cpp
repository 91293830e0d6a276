#include "tests/bench/tools/message_load/two_connection.hpp"

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace bench {
namespace {

void ask(Load& load, std::size_t index, const std::string& line, std::string_view code) {
  Connection& connection = load.at(index);
  connection.out += line;
  load.flush(connection, index);
  load.wait_until([&] { return connection.in.find('\n') != std::string::npos; });
  if (!connection.in.starts_with(code)) {
    std::fprintf(stderr, "%s was answered %s", line.c_str(), connection.in.c_str());
    std::exit(1);
  }
  connection.in.clear();
}

/// Logs a user in; his command connection is at the place returned, the push connection behind it.
std::size_t log_in(Load& load, int listening, const std::string& name) {
  Connection& commands = load.connect(name, "");
  commands.is_ready = true;
  const std::size_t index = load.size() - 1;
  ask(load, index, "/login " + name + " pw\n", "101");
  commands.out += "/port " + std::to_string(bound_port(listening)) + '\n';
  load.flush(commands, index);
  load.accept(listening);
  ask(load, index, "", "201");
  return index;
}

constexpr std::string_view kReceipt = "302 Message receipt successful\n";

}  // namespace

Found run_two_connection(Load& load, int senders, int receivers, double seconds) {
  const std::string text = body();
  const int listening = listen_on_loopback();
  const bool is_fan = senders == 1 && receivers > 1;
  std::vector<std::string> commands;  // by sender, in the order of their connections
  for (int i = 0; i < senders; ++i) log_in(load, listening, "s" + std::to_string(i));
  for (int i = 0; i < receivers; ++i) log_in(load, listening, "r" + std::to_string(i));
  for (int i = 0; i < senders; ++i)
    commands.push_back(is_fan ? "/toall " + text + '\n'
                              : "/to r" + std::to_string(i) + ' ' + text + '\n');
  const auto is_sender = [&](std::size_t index) {
    return index % 2 == 0 && index / 2 < commands.size();
  };
  std::vector<Clock::time_point> sent(commands.size());
  const auto send = [&](std::size_t sender) {
    sent[sender] = Clock::now();
    load.at(sender * 2).out += commands[sender];
  };
  Found found;
  Watch watch(seconds);
  for (std::size_t i = 0; i < commands.size(); ++i) {
    send(i);
    load.flush(load.at(i * 2), i * 2);
  }
  while (watch.goes_on()) {
    load.step(100ms, [&](std::size_t index) {
      Connection& connection = load.at(index);
      if (!is_sender(index)) {
        for (int lines = count_and_clear(connection.in, '\n'); lines > 0; --lines)
          connection.out += kReceipt;
        return;
      }
      if (connection.in.find('\n') == std::string::npos) return;
      if (!connection.in.starts_with("303")) {
        std::fprintf(stderr, "not delivered: %s", connection.in.c_str());
        std::exit(1);
      }
      connection.in.clear();
      if (watch.counts()) {
        found.deliveries += is_fan ? receivers : 1;
        found.round_trips.push_back(microseconds_since(sent[index / 2]));
      }
      send(index / 2);
    });
  }
  found.seconds = watch.counted_seconds();
  return found;
}

void hold_two_connection(Load& load, int connections) {
  const int listening = listen_on_loopback();
  for (int i = 0; i < connections / 3; ++i) {
    log_in(load, listening, "r" + std::to_string(i));
    load.connect("", "");
  }
}

}  // namespace bench
