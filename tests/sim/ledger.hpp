// All texts that cross from door to door in the lab, and all names that are held: who may read
// what, how often, and that no two have one name.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace sim {

class Ledger {
 public:
  /// Whom a text is for.
  struct Address {
    std::string name;         // "room": all who hear it
    std::string person = {};  // not empty: him alone, whoever has the name by now
    std::uint32_t group = 0;  // not 0: its members, and `name` is nobody's
  };
  struct Reader {
    std::string name;
    std::string person;
    bool hears_room = false;
    std::uint32_t group = 0;
  };

  explicit Ledger(std::function<void(std::string)> fail) : fail_(std::move(fail)) {}

  /// A new text, as it is to be sent: "x17".
  std::string write(const std::string& from, Address to);
  /// What is known of a text's number once its sender was told that it did not arrive, by a door
  /// that knows for certain.
  void forbid(std::string_view text);
  /// He is shown this, from `from`; of what the room passes on, from `room` with its beginning.
  void read(const Reader& reader, std::string_view from, std::string_view text);
  bool is_read(std::string_view text, const std::string& reader) const;
  bool is_crossing(std::string_view text) const { return text.starts_with('x'); }

  /// From now on the registry has that name for him, as far as it has told him.
  void hold(const std::string& name, const std::string& who);
  void release(const std::string& name, const std::string& who);

  std::uint64_t written() const { return texts_.size(); }
  std::uint64_t times_read() const { return times_read_; }

 private:
  struct Text {
    std::string from;
    Address to;
    std::set<std::string> readers;
    bool is_forbidden = false;
  };
  static std::size_t number_of(std::string_view text);

  std::function<void(std::string)> fail_;
  std::vector<Text> texts_;
  std::set<std::string> others_read_;  // texts that are not of the ledger
  std::map<std::string, std::string> holders_;
  std::uint64_t times_read_ = 0;
};

}  // namespace sim
