// The room as the hub's group (docs/protocol/room.md, "Other doors"): who is in it. Those at the
// room's own door are in it for as long as they are connected; users of other doors are its guests.
// A core.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "registry/directory.hpp"

namespace registry {

class Group {
 public:
  /// Guests at once. Each line that is said costs a message for each of them, datagrams among them.
  static constexpr std::size_t kGuestsMax = 1024;

  /// There is a door to it: before that it is not found.
  void open() { is_open_ = true; }
  bool is_open() const { return is_open_; }

  /// A user of the room's door, by his session.
  void enter(SessionId session) { sessions_.insert(session); }
  void leave(SessionId session) { sessions_.erase(session); }
  const std::set<SessionId>& sessions() const { return sessions_; }

  /// The listed user of another door is a guest from now on; false if there are too many.
  bool invite(const Directory& directory, const Record& record);
  void dismiss(const common::UserName& name) { guests_.erase(name.key()); }
  /// Calls `visit(const Record&)` for each guest, in the order of their keys. Those who are not
  /// listed any more, and whoever has their names now, are guests no more.
  template <typename Visit>
  void for_each_guest(const Directory& directory, Visit visit) {
    for (auto it = guests_.begin(); it != guests_.end();) {
      const Record* record = find(directory, it->second);
      if (record == nullptr) {
        it = guests_.erase(it);
        continue;
      }
      visit(*record);
      ++it;
    }
  }
  std::size_t guest_count() const { return guests_.size(); }

 private:
  struct Guest {
    common::UserName name;
    Version order;  // of the registration that he came with
  };
  static const Record* find(const Directory& directory, const Guest& guest);

  bool is_open_ = false;
  std::set<SessionId> sessions_;
  std::map<std::string, Guest> guests_;  // by key
};

}  // namespace registry
