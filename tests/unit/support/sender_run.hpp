// Drives a Sender against a registry and a network that are a few lines of the test.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/base64.hpp"
#include "peer/sender.hpp"
#include "tests/unit/support/values.hpp"

namespace test {

/// Whom the registry lists, and how it answers: as a new registry does, or as D0.
class SenderRun {
 public:
  explicit SenderRun(std::vector<std::string> users = {}, std::string_view self = "carol",
                     peer::SendTerms terms = {})
      : users_(std::move(users)),
        sender(name(self), "127.0.0.1:8080", std::nullopt, std::move(terms)) {}

  SenderRun& line(std::string_view text) {
    sender.handle_line(text);
    drain();
    return *this;
  }
  SenderRun& words(const std::vector<std::string>& list) {
    sender.handle_words(list);
    drain();
    return *this;
  }

  int status() const { return static_cast<int>(sender.status()); }

  bool is_old_registry = false;
  /// Answers to give in place of the registry's own, first come first served.
  std::deque<peer::Sender::AnswerOrFailure> script;
  /// Why the network refuses datagrams to an endpoint.
  std::map<std::string, std::string> refusals;

  std::string out;                     // standard output
  std::string err;                     // standard error
  std::vector<std::string> datagrams;  // "127.0.0.1:50001 carol: text"
  std::vector<std::string> fetches;    // "GET /userlist.txt"
  std::vector<std::string> handed_on;  // "/v1/to/net?from=carol text"
  std::set<std::string> tcp_users;     // of all users, those who take no datagrams
  std::set<std::string> keyed;         // of all users, those with a certificate
  std::vector<std::string> sealed;     // "Ali text", "ask Ali text", with " handled" where wanted
  /// What becomes of sealed messages, by name; else they are delivered.
  std::map<std::string, peer::Delivery> deliveries;
  /// Deliveries are told by the test.
  bool is_late = false;
  std::vector<std::uint64_t> tickets;
  void tell(std::uint64_t ticket, peer::Delivery delivery) {
    sender.handle_delivery(ticket, std::move(delivery));
    drain();
  }
  void set_users(std::vector<std::string> users) {
    users_ = std::move(users);
    ++version_;
  }

 private:
  void drain() {
    while (auto action = sender.poll_action()) {
      if (const auto* print = std::get_if<peer::Sender::Print>(&*action)) {
        out += print->line + '\n';
      } else if (const auto* write = std::get_if<peer::Sender::Write>(&*action)) {
        out += write->bytes;
      } else if (const auto* seal = std::get_if<peer::Sender::SendSealed>(&*action)) {
        const std::string& to = seal->to.name.text();
        sealed.push_back((seal->is_ask ? "ask " : "") + to + ' ' + *seal->text +
                         (seal->wants_handled ? " handled" : ""));
        if (is_late) {
          tickets.push_back(seal->ticket);
        } else {
          sender.handle_delivery(seal->ticket, deliveries[to]);
        }
      } else if (const auto* complain = std::get_if<peer::Sender::Complain>(&*action)) {
        err += complain->text + '\n';
      } else if (const auto* fetch = std::get_if<peer::Sender::Fetch>(&*action)) {
        fetches.push_back(fetch->request.method + ' ' + fetch->request.target);
        if (script.empty()) {
          sender.handle_answer(answer(fetch->request));
        } else {
          auto next = std::move(script.front());
          script.pop_front();
          sender.handle_answer(std::move(next));
        }
      } else if (const auto* send = std::get_if<peer::Sender::SendDatagrams>(&*action)) {
        std::vector<peer::Sender::SendResult> results;
        for (const auto& transmit : send->datagrams) {
          const std::string to = common::format_endpoint(transmit.to);
          const auto refused = refusals.find(to);
          results.push_back(refused == refusals.end() ? "" : refused->second);
          if (refused == refusals.end())
            datagrams.push_back(to + ' ' + std::string(common::as_text(transmit.datagram)));
        }
        sender.handle_sent(results);
      }
    }
    ENSURE(sender.is_idle());
  }

  peer::HttpAnswer answer(const peer::HttpRequest& request) {
    if (request.method == "POST") {
      handed_on.push_back(request.target + ' ' + request.body);
      return {.status = 202, .is_json = true, .etag = "", .body = "{}"};
    }
    if (is_old_registry) {
      if (users_.empty()) return {.status = 400, .is_json = false, .etag = "", .body = ""};
      std::string list;
      for (const auto& user : users_) list += user + ',';
      return {.status = 200, .is_json = false, .etag = "", .body = list + "\r\n\r\n"};
    }
    const auto query = request.target.find("?username=");
    if (query != request.target.npos) return look_up(request.target.substr(query + 10));
    const std::string etag = '"' + std::to_string(version_) + '"';
    for (const auto& [field, value] : request.headers)
      if (field == "If-None-Match" && value == etag)
        return {.status = 304, .is_json = false, .etag = etag, .body = ""};
    std::string body = R"({"v":1,"version":1,"users":[)";
    for (const auto& user : users_) {
      if (&user != &users_.front()) body += ',';
      body += object(record(user));
    }
    return {.status = 200, .is_json = true, .etag = etag, .body = body + "]}"};
  }

  peer::HttpAnswer look_up(std::string_view wanted) const {
    for (const auto& user : users_) {
      const auto known = record(user);
      if (known.name.key() == wanted || known.name.text() == wanted)
        return {.status = 200, .is_json = true, .etag = "", .body = object(known)};
    }
    return {.status = 404,
            .is_json = true,
            .etag = "",
            .body = R"({"code":40401,"http":404,"error":"x","online":)" +
                    std::to_string(users_.size()) + '}'};
  }

  std::string object(const common::ClassicRecord& user) const {
    return R"({"name":")" + user.name.text() + R"(","endpoint":")" +
           common::format_endpoint(user.endpoint) + R"(","transport":")" +
           (tcp_users.contains(user.name.text()) ? "tcp" : "udp") + '"' +
           (keyed.contains(user.name.text())
                ? R"(,"certificate":")" + common::encode_base64(common::ByteVector(152)) + '"'
                : "") +
           '}';
  }

  std::vector<std::string> users_;
  int version_ = 1;

 public:
  peer::Sender sender;
};

}  // namespace test
