#include "tests/sim/ledger.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <utility>

namespace sim {

std::string Ledger::write(const std::string& from, Address to) {
  texts_.push_back({.from = from, .to = std::move(to), .readers = {}});
  return fmt::format("x{}", texts_.size());
}

// "x17" is the seventeenth.
std::size_t Ledger::number_of(std::string_view text) {
  return static_cast<std::size_t>(std::atoll(std::string(text.substr(1)).c_str())) - 1;
}

void Ledger::forbid(std::string_view text) {
  Text& known = texts_.at(number_of(text));
  known.is_forbidden = true;
  if (!known.readers.empty())
    fail_(fmt::format("{} is told that {} did not arrive, and it was read", known.from, text));
}

void Ledger::read(const Reader& reader, std::string_view from, std::string_view text) {
  const std::string story = fmt::format("{} reads from {}: {}", reader.name, from, text);
  const bool is_of_room = from == "room";
  if (is_of_room) {
    const auto end = text.find("> ");
    if (!text.starts_with('<') || end == text.npos) return fail_(story);
    from = text.substr(1, end - 1);
    text = text.substr(end + 2);
    if (!reader.hears_room) fail_(story + ", and is not in the room");
  }
  if (from == reader.name && reader.group == 0) fail_(story + ", himself");
  ++times_read_;
  if (!is_crossing(text)) {  // of one crowd's own
    const std::string_view token = text.substr(0, text.find(' '));
    if (!others_read_.insert(fmt::format("{} {} {}", reader.person, from, token)).second)
      fail_(story + ", twice");
    return;
  }
  if (number_of(text) >= texts_.size()) return fail_(story + ", which nobody wrote");
  Text& known = texts_[number_of(text)];
  if (known.from != from) fail_(fmt::format("{}, which is {}'s", story, known.from));
  if (known.is_forbidden) fail_(story + ", of which its sender knows that it did not arrive");
  if (!known.readers.insert(reader.name).second) fail_(story + ", twice");
  const bool is_for_him = known.to.group != 0 ? known.to.group == reader.group
                          : known.to.name == "room"
                              ? is_of_room
                              : known.to.name == reader.name && !is_of_room &&
                                    (known.to.person.empty() || known.to.person == reader.person);
  if (!is_for_him)
    fail_(fmt::format("{}, which is for {} {} {}", story, known.to.name, known.to.person,
                      known.to.group));
}

bool Ledger::is_read(std::string_view text, const std::string& reader) const {
  return texts_.at(number_of(text)).readers.contains(reader);
}

void Ledger::hold(const std::string& name, const std::string& who) {
  const auto [holder, is_new] = holders_.emplace(name, who);
  if (!is_new && holder->second != who)
    fail_(fmt::format("{} has the name {}, and so has {}", who, name, holder->second));
}

void Ledger::release(const std::string& name, const std::string& who) {
  const auto holder = holders_.find(name);
  if (holder != holders_.end() && holder->second == who) holders_.erase(holder);
}

}  // namespace sim
