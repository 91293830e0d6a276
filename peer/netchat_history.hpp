// What was said with whom, as READ shows it and DELETE takes it back: messages by their ids, so
// that a message that got lost does not make it hit another one (docs/protocol/netchat.md,
// "Deleting"). A core.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace peer {

/// Who a message is from, or for: what is kept under, and how he is shown.
struct Correspondent {
  std::string key;
  std::string shown;  // any bytes that a name of old programs may have
};

/// By a name as a message claims it or a person types it; `?` stands for nobody, and for `user`,
/// which marks what is our own.
Correspondent correspondent_of(std::string_view name);

class NetchatHistory {
 public:
  /// Names one entry, and never another.
  using EntryId = std::uint64_t;

  struct Sent {
    EntryId entry = 0;
    std::string id;
  };

  /// Anybody can send under any name: beyond these the oldest is forgotten, of entries that of the
  /// correspondent who takes most room, of correspondents first those who were never written to.
  static constexpr std::size_t kEntriesPerCorrespondentMax = 1000;
  static constexpr std::size_t kCorrespondentsMax = 256;
  static constexpr std::size_t kBytesMax = 8 * 1024 * 1024;

  /// `correspondent` is the key of a name, or whatever stands for those without one.
  void add_sent(const std::string& correspondent, std::string text, std::string id);
  /// `sender` is how he is shown; the id is empty in an old program's message.
  void add_received(const std::string& correspondent, std::string sender, std::string text,
                    std::string id);

  /// `text - user` or `text - SENDER`, oldest first; empty if nothing was ever said.
  std::vector<std::string> lines(const std::string& correspondent) const;

  /// Of ours to him the newest that is not deleted.
  std::optional<Sent> newest_sent(const std::string& correspondent) const;
  /// His message of that id, deleted or not; without an id, his newest that has none either and is
  /// not deleted.
  std::optional<EntryId> find_received(const std::string& correspondent, std::string_view id) const;
  /// Nothing if it is forgotten by now.
  void mark_deleted(const std::string& correspondent, EntryId entry);

  std::size_t bytes() const { return bytes_; }
  std::size_t correspondent_count() const { return talks_.size(); }

 private:
  struct Entry {
    EntryId entry = 0;
    std::string sender;  // empty: ours
    std::string text;
    std::string id;
    bool is_deleted = false;

    std::size_t bytes() const { return sizeof(Entry) + sender.size() + text.size() + id.size(); }
  };
  struct Talk {
    std::deque<Entry> entries;
    std::size_t bytes = 0;
    bool has_sent = false;
    EntryId newest = 0;
  };

  void add(const std::string& correspondent, Entry entry);
  void make_room_for(const std::string& correspondent);
  void drop_oldest(Talk& talk);

  std::map<std::string, Talk> talks_;
  EntryId last_entry_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace peer
