#include "tests/bench/tools/message_load/protocol.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace bench {
namespace {

class Nats final : public Protocol {
 public:
  void hello(Connection& connection) override {
    connection.out += "CONNECT {\"verbose\":false,\"pedantic\":false}\r\nSUB " + connection.topic +
                      " 1\r\nPING\r\n";
  }
  void handle_login(Connection& connection) override {
    connection.is_ready = connection.in.find("PONG\r\n") != std::string::npos;
    if (connection.is_ready) connection.in.clear();
  }
  void send(Connection& from, const std::string& to, const std::string& text) override {
    from.out += "PUB " + to + ' ' + std::to_string(text.size()) + "\r\n" + text + "\r\n";
  }
  int take(Connection& connection) override { return count_and_clear(connection.in, '|'); }
};

class Irc final : public Protocol {
 public:
  void hello(Connection& connection) override {
    connection.topic = connection.name;  // private messages
    connection.out += "NICK " + connection.name + "\r\nUSER " + connection.name + " 0 * :bench\r\n";
  }
  void handle_login(Connection& connection) override {
    for (const char* end : {" 376 ", " 422 "})  // the message of the day, or that there is none
      if (connection.in.find(end) != std::string::npos) connection.is_ready = true;
    if (connection.is_ready) connection.in.clear();
  }
  void send(Connection& from, const std::string& to, const std::string& text) override {
    from.out += "PRIVMSG " + to + " :" + text + "\r\n";
  }
  int take(Connection& connection) override { return count_and_clear(connection.in, '|'); }
};

/// MQTT 3.1.1.
class Mqtt final : public Protocol {
 public:
  explicit Mqtt(int quality) : quality_(static_cast<char>(quality)) {}

  void hello(Connection& connection) override {
    std::string connect = text("MQTT") + std::string("\x04\x02\x02\x58", 4) + text(connection.name);
    connection.out += packet('\x10', connect);
    connection.out += packet('\x82', std::string("\0\1", 2) + text(connection.topic) + quality_);
  }
  void handle_login(Connection& connection) override { take(connection); }
  void send(Connection& from, const std::string& to, const std::string& message) override {
    std::string content = text(to);
    if (quality_ != 0) {
      if (++id_ == 0) ++id_;
      content += static_cast<char>(id_ >> 8);
      content += static_cast<char>(id_ & 0xff);
    }
    from.out += packet(static_cast<char>(0x30 | (quality_ << 1)), content + message);
  }
  int take(Connection& connection) override {
    const std::string& in = connection.in;
    std::size_t at = 0;
    int messages = 0;
    while (in.size() - at >= 2) {
      std::size_t size = 0;
      std::size_t from = at + 1;
      int shift = 0;
      bool is_complete = false;
      while (from < in.size() && !is_complete) {
        const auto byte = static_cast<unsigned char>(in[from++]);
        size |= static_cast<std::size_t>(byte & 127) << shift;
        shift += 7;
        is_complete = byte < 128;
      }
      if (!is_complete || in.size() - from < size) break;
      const auto type = static_cast<unsigned char>(in[at]);
      if (type >> 4 == 9) connection.is_ready = true;  // SUBACK
      if (type >> 4 == 3) {                            // PUBLISH
        ++messages;
        if ((type >> 1 & 3) == 1) {
          const auto topic = static_cast<std::size_t>(static_cast<unsigned char>(in[from]) << 8 |
                                                      static_cast<unsigned char>(in[from + 1]));
          connection.out += "\x40\x02";
          connection.out.append(in, from + 2 + topic, 2);
        }
      }
      at = from + size;
    }
    connection.in.erase(0, at);
    return messages;
  }

 private:
  static std::string text(const std::string& value) {
    return std::string{static_cast<char>(value.size() >> 8), static_cast<char>(value.size())} +
           value;
  }
  static std::string packet(char type, const std::string& content) {
    std::string out(1, type);
    std::size_t left = content.size();
    do {
      auto byte = static_cast<unsigned char>(left & 127);
      left >>= 7;
      if (left > 0) byte |= 128;
      out += static_cast<char>(byte);
    } while (left > 0);
    return out + content;
  }

  char quality_;
  std::uint16_t id_ = 0;
};

}  // namespace

std::unique_ptr<Protocol> make_protocol(std::string_view name) {
  if (name == "nats") return std::make_unique<Nats>();
  if (name == "irc") return std::make_unique<Irc>();
  if (name == "mqtt0") return std::make_unique<Mqtt>(0);
  if (name == "mqtt1") return std::make_unique<Mqtt>(1);
  if (name == "two-connection") return nullptr;
  std::fprintf(stderr, "unknown protocol\n");
  std::exit(64);
}

}  // namespace bench
