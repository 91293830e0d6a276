// Which relay port a chat has: TCP ports of the registry's where a user of the rendezvous door
// writes to one of another door (docs/protocol/rendezvous.md, "Other doors"). A core.
//
// A connection says who writes, not to whom; and it may come late, when he talks with somebody else
// by then. So each chat of a user has another port than those before it.
#pragma once

#include <cstdint>
#include <list>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace registry::doors {

class RelayPorts {
 public:
  /// Ports that are open: a port comes again to one user with the chat so many chats later, or
  /// earlier by as many as are kept.
  static constexpr std::size_t kCount = 32;
  /// Names remembered, those who are gone too; beyond, who began a chat longest ago is forgotten.
  static constexpr std::size_t kNamesMax = 20'000;

  void set(std::vector<std::uint16_t> ports) { ports_ = std::move(ports); }
  bool is_open() const { return !ports_.empty(); }
  bool contains(std::uint16_t port) const;
  /// The one that SEARCH shows; 0 before there is one.
  std::uint16_t first() const { return ports_.empty() ? 0 : ports_.front(); }
  /// For the next chat of the user with this key: none of those `kept`, if there is another. There
  /// are ports.
  std::uint16_t next(const std::string& user, const std::set<std::uint16_t>& kept = {});

  std::size_t name_count() const { return users_.size(); }

 private:
  struct User {
    std::string key;
    std::size_t chats = 0;
  };

  std::vector<std::uint16_t> ports_;
  std::list<User> by_last_chat_;  // the latest first
  std::unordered_map<std::string, std::list<User>::iterator> users_;
};

}  // namespace registry::doors
